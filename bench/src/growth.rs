//! What calls cost, and what a row and a call write, as the table of counters grows.

use std::error::Error;

use postgres::Client;

use crate::statistics::Spread;
use crate::throughput::{By, CALLS, Call, Pgbench, Setting, Who, script};

pub struct Size {
    pub rows: u32,
    /// Per row.
    pub table_bytes: f64,
    pub index_bytes: f64,
    pub calls: Vec<Cost>,
}

pub struct Cost {
    pub call: &'static Call,
    /// Calls per second of all clients, one figure per round.
    pub rates: Vec<f64>,
    /// What a call writes to the log.
    pub wal_bytes: f64,
}

const SIZES: [u32; 3] = [10_000, 1_000_000, 10_000_000];

const ROUNDS: usize = 3;
const SECONDS: u32 = 3;

/// With `synchronous_commit` off, which leaves the disk out.
const SETTING: Setting = Setting { who: Who::Many, is_durable: false, clients: 8 };

/// Measures calls for users at random, of as many users as there are rows.
pub fn run(db: &mut Client, pgbench: &Pgbench) -> Result<Vec<Size>, Box<dyn Error>> {
    // That in which calls without a period count.
    let period = db.query_one("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')", &[])?;
    let period: String = period.get(0);
    let size = |rows: &u32| {
        fill(db, *rows, &period)?;
        println!("    {rows} rows");
        measure(db, pgbench, *rows, &period)
    };
    SIZES.iter().map(size).collect()
}

/// One row per user, written as users come: in no order of their ids.
fn fill(db: &mut Client, rows: u32, period: &str) -> Result<(), postgres::Error> {
    db.batch_execute(&format!(
        "TRUNCATE feature_usage, user_plans;
         INSERT INTO user_plans (user_id, plan_id)
         SELECT md5(number::text)::uuid, 'free' FROM generate_series(0, {rows} - 1) AS number;
         INSERT INTO feature_usage (user_id, period)
         SELECT md5(number::text)::uuid, '{period}' FROM generate_series(0, {rows} - 1) AS number"
    ))?;
    db.batch_execute("VACUUM FREEZE ANALYZE feature_usage")?;
    db.batch_execute("VACUUM FREEZE ANALYZE user_plans")?;
    db.batch_execute("CHECKPOINT")
}

fn measure(
    db: &mut Client,
    pgbench: &Pgbench,
    rows: u32,
    period: &str,
) -> Result<Size, Box<dyn Error>> {
    let size = "SELECT pg_table_size('feature_usage'), pg_indexes_size('feature_usage')";
    let row = db.query_one(size, &[])?;
    let [table_bytes, index_bytes] =
        [0, 1].map(|column| row.get::<_, i64>(column) as f64 / f64::from(rows));
    let scripted = |call: &'static Call| match call.by {
        By::Pgbench(statements) => {
            let cost = Cost { call, rates: Vec::new(), wal_bytes: 0.0 };
            Some((script(statements, rows, period), cost))
        }
        _ => None,
    };
    let mut calls: Vec<(String, Cost)> = CALLS.iter().filter_map(scripted).collect();
    for _ in 0..ROUNDS {
        for (script, Cost { rates, wal_bytes, .. }) in &mut calls {
            let before = written(db)?;
            let outcome = pgbench.run(script, SETTING, SECONDS)?;
            *wal_bytes = (written(db)? - before) as f64 / outcome.runs.max(1) as f64;
            rates.push(outcome.rate);
        }
    }
    let calls = calls.into_iter().map(|(_, cost)| cost).collect();
    Ok(Size { rows, table_bytes, index_bytes, calls })
}

/// The bytes that the server has written to its log.
fn written(db: &mut Client) -> Result<i64, postgres::Error> {
    let row = db.query_one("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint", &[])?;
    Ok(row.get(0))
}

impl Cost {
    pub fn spread(&self) -> Spread {
        Spread::of(&self.rates)
    }
}
