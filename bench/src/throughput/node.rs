//! Runs clients that call through node-postgres, and reads their result.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use super::Who;

/// Where node is, and the server.
pub struct Node {
    pub program: PathBuf,
    pub socket: String,
    pub port: u16,
}

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/main.ts");

impl Node {
    /// Calls per second of so many clients. `what` is a statement for `$1`, the user's number, or the name
    /// of a library that main.ts knows.
    pub fn run(
        &self,
        what: &str,
        who: Who,
        clients: u32,
        is_durable: bool,
        seconds: u32,
    ) -> Result<f64, Box<dyn Error>> {
        let commit = if is_durable { "on" } else { "off" };
        let numbers = [who.users(), clients, seconds].map(|number| number.to_string());
        let output = Command::new(&self.program)
            .args([CLIENTS, what])
            .args(numbers)
            .args([self.socket.as_str(), &self.port.to_string(), commit])
            .output()?;
        let (told, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match output.status.success() {
            true => Ok(told.trim().parse()?),
            false => Err(format!("node failed: {errors}").into()),
        }
    }
}
