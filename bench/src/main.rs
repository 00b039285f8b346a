//! Measures the extension against hand-written PL/pgSQL, on the same table, in the same run.
//!
//! The machine is noisy, so contenders take turns and what counts is the ratio of their medians.
//! Arguments: the folder of the server's socket, its port, and the folder for the plot.

mod contest;
mod memory;
mod plot;
mod updates;

use std::error::Error;
use std::path::Path;

use postgres::{Client, Config, NoTls};

/// Users in the tables; each call is about one of them.
const USERS: u32 = 10_000;

/// The period that counts go to where it can be chosen; otherwise it is the current one.
const PERIOD: &str = "2025-02-10";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, port, folder] = arguments.as_slice() else {
        return Err("usage: bench SOCKET_FOLDER PORT PLOT_FOLDER".into());
    };
    let mut config = Config::new();
    config.host_path(socket).port(port.parse()?).user("postgres");

    let mut db = prepare(&config)?;
    let increments = contest::run(&mut db, &contest::INCREMENTS)?;
    let checks = contest::run(&mut db, &contest::CHECKS)?;
    let consumption = contest::run(&mut db, &contest::CONSUMPTION)?;
    let batches = contest::run(&mut db, &contest::BATCHES)?;
    let reservations = contest::run(&mut db, &contest::RESERVATIONS)?;
    let outcomes = [increments, checks, consumption, reservations, batches];
    plot::draw(&Path::new(folder).join("cost.svg"), &outcomes)?;
    updates::run(&mut db)?;
    drop(db);
    // Tables that have grown cost every backend memory of its own.
    drop(prepare(&config)?);
    memory::run(&config)?;
    Ok(())
}

/// A database of its own, with the hand-written functions beside ours.
fn prepare(config: &Config) -> Result<Client, Box<dyn Error>> {
    let mut admin = config.clone().dbname("postgres").connect(NoTls)?;
    admin.batch_execute("DROP DATABASE IF EXISTS bench")?;
    admin.batch_execute("CREATE DATABASE bench")?;
    let mut db = connect(config)?;
    db.batch_execute("CREATE EXTENSION feature_usage")?;
    db.batch_execute(include_str!("../hand_written.sql"))?;
    db.batch_execute(&format!(
        "CREATE TABLE users AS
             SELECT gen_random_uuid() AS id, number FROM generate_series(0, {USERS} - 1) AS number;
         INSERT INTO user_plans (user_id, plan_id) SELECT id, 'free' FROM users;
         CREATE VIEW few_users AS SELECT * FROM users LIMIT 20;
         CREATE TABLE batches AS
             SELECT jsonb_agg(jsonb_build_object(
                        'user_id', id, 'feature_type', 'image_generation', 'amount', 1)) AS events
               FROM users GROUP BY number / 1000;
         INSERT INTO feature_usage (user_id, period)
             SELECT id, period
               FROM users, (VALUES ('{PERIOD}'),
                                   (to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'))) AS p (period);
         UPDATE plan_limits SET image_generation_daily_limit = 2000000000"
    ))?;
    db.batch_execute("VACUUM ANALYZE")?;
    Ok(db)
}

pub fn connect(config: &Config) -> Result<Client, postgres::Error> {
    config.clone().dbname("bench").connect(NoTls)
}
