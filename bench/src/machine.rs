//! The machine and time of the measurement.

use std::error::Error;
use std::fmt;
use std::fs;

use postgres::Client;
use serde::Serialize;

#[derive(Serialize)]
pub struct Machine {
    cpu: String,
    cores: usize,
    postgres: String,
    /// In UTC.
    date: String,
    /// Over the last minute; other work on the machine makes the figures worse.
    load_at_begin: f64,
}

impl Machine {
    pub fn read(db: &mut Client) -> Result<Self, Box<dyn Error>> {
        let row = db.query_one(
            "SELECT current_setting('server_version'),
                    to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')",
            &[],
        )?;
        let cpus = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.map_or("unknown", |line| line.trim_start_matches([' ', '\t', ':']));
        Ok(Self {
            cpu: model.to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            postgres: row.get(0),
            date: row.get(1),
            load_at_begin: load()?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { cpu, cores, postgres, date, load_at_begin } = self;
        write!(f, "{cores} cores of {cpu}, PostgreSQL {postgres}, {date} UTC, load {load_at_begin}")
    }
}

/// The average number of processes that run or wait for a processor.
pub fn load() -> Result<f64, Box<dyn Error>> {
    let loads = fs::read_to_string("/proc/loadavg")?;
    Ok(loads.split(' ').next().ok_or("no load")?.parse()?)
}
