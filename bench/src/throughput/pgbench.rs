//! Runs pgbench, and reads its result.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// So many clients run a script, with prepared statements.
    pub fn run(
        &self,
        script: &str,
        clients: u32,
        is_durable: bool,
        seconds: u32,
    ) -> Result<Outcome, Box<dyn Error>> {
        let path = self.folder.join("throughput.sql");
        std::fs::write(&path, script)?;
        let commit = if is_durable { "on" } else { "off" };
        let output = Command::new(&self.program)
            .env("PGOPTIONS", format!("-c synchronous_commit={commit}"))
            .args(["--no-vacuum", "--protocol=prepared", "--username=postgres"])
            .args(["--host", &self.socket, "--port", &self.port.to_string()])
            .args(["--client", &clients.to_string(), "--jobs", &clients.min(2).to_string()])
            .args(["--time", &seconds.to_string(), "--file"])
            .args([Path::new(&path), Path::new("bench")])
            .output()?;
        let (told, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let number = |before: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(before))?;
            line.split(' ').next()
        };
        let runs = number("number of transactions actually processed: ");
        match number("tps = ").zip(runs) {
            Some((rate, runs)) if output.status.success() => {
                Ok(Outcome { rate: rate.parse()?, runs: runs.parse()? })
            }
            _ => Err(format!("pgbench failed: {told}{errors}").into()),
        }
    }
}
