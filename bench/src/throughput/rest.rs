//! Runs clients that call through the gateway and the REST server, and reads their result.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use super::Setting;
use super::program::told_by;

/// Where node is, and the script that starts the REST server.
pub struct Rest {
    pub node: PathBuf,
    pub script: PathBuf,
}

/// The REST server that has been started.
pub struct Gateway<'a> {
    node: &'a PathBuf,
    address: String,
    key: String,
}

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/rest.ts");

impl Rest {
    /// Starts it on the database with the functions, which it reads once. `dev/bench` stops it.
    pub fn start(&self) -> Result<Gateway<'_>, Box<dyn Error>> {
        let told = told_by(Command::new(&self.script).arg("start"))?;
        let (address, key) = told.trim().split_once(' ').ok_or("no address")?;
        Ok(Gateway { node: &self.node, address: address.to_owned(), key: key.to_owned() })
    }
}

impl Gateway<'_> {
    /// Calls per second of all clients. `requests` is what rest.ts reads.
    pub fn run(
        &self,
        requests: &str,
        setting: Setting,
        seconds: u32,
    ) -> Result<f64, Box<dyn Error>> {
        let numbers = [setting.who.users(), setting.clients, seconds];
        let mut command = Command::new(self.node);
        command
            .args([CLIENTS, requests])
            .args(numbers.map(|number| number.to_string()))
            .args([&self.address, &self.key]);
        Ok(told_by(&mut command)?.trim().parse()?)
    }
}
