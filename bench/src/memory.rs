//! The memory growth of a backend over a million calls.

use std::error::Error;
use std::fs;

use postgres::{Client, Config};

use crate::machine::Machine;
use crate::{PERIOD, USERS, connect};

const CALLS: u32 = 1_000_000;
const WARM_UP: u32 = 100_000;

pub fn run(config: &Config, machine: &Machine) -> Result<(), Box<dyn Error>> {
    println!(
        "\nGrowth of one backend over {CALLS} calls, after {WARM_UP} warm-up calls, in KiB\n({machine})"
    );
    let increment =
        format!("PERFORM increment_images_generated(ids[1 + i % {USERS}], 1, '{PERIOD}')");
    let check = format!(
        "PERFORM check_feature_limit(ids[1 + i % {USERS}], 'image_generation', 1, '{PERIOD}')"
    );
    let update = format!(
        "UPDATE feature_usage SET images_generated = images_generated + 1, updated_at = now()
          WHERE user_id = ids[1 + i % {USERS}] AND period = '{PERIOD}'"
    );
    let read = format!(
        "PERFORM up.plan_id, pl.image_generation_daily_limit, fu.images_generated
            FROM plan_limits AS pl
            LEFT JOIN user_plans AS up ON up.user_id = ids[1 + i % {USERS}]
            LEFT JOIN feature_usage AS fu ON fu.user_id = ids[1 + i % {USERS}] AND fu.period = '{PERIOD}'
           WHERE pl.plan_id = coalesce(up.plan_id, 'free')"
    );
    for (name, body, plain) in [("increments", &increment, &update), ("checks", &check, &read)] {
        let (grown, by_plain) = (growth(config, body, true)?, growth(config, plain, true)?);
        report(&format!("{name}, each a transaction"), grown, by_plain);
    }
    for (name, body, plain) in [("increments", &increment, &update), ("checks", &check, &read)] {
        let (grown, by_plain) = (growth(config, body, false)?, growth(config, plain, false)?);
        report(&format!("{name}, one transaction"), grown, by_plain);
    }
    Ok(())
}

/// Prints the growth, and whether it is at most 1024 KiB more than that of plain SQL: Postgres itself
/// keeps memory for buffers that were pinned and for the transaction's commands.
fn report(name: &str, grown: i64, by_plain: i64) {
    let at_most = by_plain + 1024;
    let kept = if grown <= at_most { "kept" } else { "NOT KEPT" };
    println!("  {name:<32} {grown:>8}   plain SQL {by_plain:>8}   at most {at_most}: {kept}");
}

/// The growth in KiB of a new backend while it runs the loop, after a warm-up of the same loop.
fn growth(config: &Config, body: &str, commits: bool) -> Result<i64, Box<dyn Error>> {
    let mut db = connect(config)?;
    db.batch_execute("VACUUM feature_usage")?;
    let pid: i32 = db.query_one("SELECT pg_backend_pid()", &[])?.get(0);
    // Prepare all statements, and prepare them again as after an ANALYZE: both need memory
    // temporarily, which the allocator does not return to the system.
    repeat(&mut db, body, commits, WARM_UP / 2)?;
    db.batch_execute("VACUUM ANALYZE feature_usage")?;
    repeat(&mut db, body, commits, WARM_UP / 2)?;
    let before = private_memory(pid)?;
    let mut transaction = db.transaction()?;
    let within = if commits {
        transaction.rollback()?;
        repeat(&mut db, body, commits, CALLS)?;
        private_memory(pid)?
    } else {
        // Measure before the transaction ends, which frees the memory that it has used.
        transaction.batch_execute(&a_loop(body, commits, CALLS))?;
        private_memory(pid)?
    };
    Ok(within - before)
}

fn repeat(db: &mut Client, body: &str, commits: bool, times: u32) -> Result<(), postgres::Error> {
    db.batch_execute(&a_loop(body, commits, times))
}

fn a_loop(body: &str, commits: bool, times: u32) -> String {
    let commit = if commits { "COMMIT;" } else { "" };
    format!(
        "DO $$
         DECLARE
             ids constant uuid[] := ARRAY(SELECT id FROM users);
         BEGIN
             FOR i IN 1..{times} LOOP {body}; {commit} END LOOP;
         END $$"
    )
}

/// The private memory of the backend in KiB, without shared buffers.
fn private_memory(pid: i32) -> Result<i64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no RssAnon")?;
    Ok(number.parse()?)
}
