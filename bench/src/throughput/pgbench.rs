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

impl Pgbench {
    /// Calls per second of so many clients, with prepared statements.
    pub fn run(
        &self,
        script: &str,
        clients: u32,
        is_durable: bool,
        seconds: u32,
    ) -> Result<f64, Box<dyn Error>> {
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
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = "));
        match rate.and_then(|rate| rate.split(' ').next()) {
            Some(rate) if output.status.success() => Ok(rate.parse()?),
            _ => Err(format!("pgbench failed: {told}{errors}").into()),
        }
    }
}
