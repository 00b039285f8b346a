//! Runs clients that call through node-postgres, and reads their result.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use super::Setting;
use super::program::told_by;

/// Where node is, and the server.
pub struct Node {
    pub program: PathBuf,
    pub socket: String,
    pub port: u16,
}

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/main.ts");

impl Node {
    /// Calls per second of all clients. `what` is a statement for `$1`, the user's number, or the name of a
    /// library that main.ts knows.
    pub fn run(&self, what: &str, setting: Setting, seconds: u32) -> Result<f64, Box<dyn Error>> {
        let numbers = [setting.who.users(), setting.clients, seconds];
        let mut command = Command::new(&self.program);
        command
            .args([CLIENTS, what])
            .args(numbers.map(|number| number.to_string()))
            .args([&self.socket, &self.port.to_string()])
            .arg(setting.synchronous_commit());
        Ok(told_by(&mut command)?.trim().parse()?)
    }
}
