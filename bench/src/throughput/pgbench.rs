//! Runs pgbench, and reads its result.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Setting;
use super::program::told_by;

/// A server, and the folder for scripts.
pub struct Pgbench {
    pub program: PathBuf,
    pub socket: String,
    pub port: u16,
    pub folder: PathBuf,
}

pub struct Outcome {
    /// Runs of the script per second.
    pub rate: f64,
    pub runs: u64,
}

impl Pgbench {
    /// Each client runs the script again and again, with prepared statements.
    pub fn run(
        &self,
        script: &str,
        setting: Setting,
        seconds: u32,
    ) -> Result<Outcome, Box<dyn Error>> {
        let path = self.folder.join("throughput.sql");
        std::fs::write(&path, script)?;
        let clients = setting.clients;
        let mut command = Command::new(&self.program);
        command
            .env("PGOPTIONS", format!("-c synchronous_commit={}", setting.synchronous_commit()))
            .args(["--no-vacuum", "--protocol=prepared", "--username=postgres"])
            .args(["--host", &self.socket, "--port", &self.port.to_string()])
            .args(["--client", &clients.to_string(), "--jobs", &clients.min(2).to_string()])
            .args(["--time", &seconds.to_string(), "--file"])
            .args([Path::new(&path), Path::new("bench")]);
        let told = told_by(&mut command)?;
        let number = |before: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(before))?;
            line.split(' ').next()
        };
        let runs = number("number of transactions actually processed: ");
        match number("tps = ").zip(runs) {
            Some((rate, runs)) => Ok(Outcome { rate: rate.parse()?, runs: runs.parse()? }),
            None => Err(format!("pgbench told no rate: {told}").into()),
        }
    }
}
