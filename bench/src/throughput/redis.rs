//! Runs redis-benchmark on a script that consumes units of a limit, and reads its result.

use std::error::Error;
use std::process::Command;

use super::program::told_by;
use super::{Setting, Who};
use crate::USERS;

/// A server that appends what it does to a file.
pub struct Redis {
    pub socket: String,
}

/// Counts ARGV[1] of KEYS[1], unless it would be more than ARGV[2].
const CONSUME: &str = "\
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return {0, used} end
return {1, redis.call('INCRBY', KEYS[1], ARGV[1])}";

/// About what a client can do in a second, as redis-benchmark wants a number of calls.
const DURABLE_CALLS: u32 = 500;
const OTHER_CALLS: u32 = 5_000;

impl Redis {
    /// Calls per second of all clients. A durable call is on the disk before it is answered.
    pub fn run(&self, setting: Setting, seconds: u32) -> Result<f64, Box<dyn Error>> {
        let Setting { who, is_durable, clients } = setting;
        let (appends, calls) =
            if is_durable { ("always", DURABLE_CALLS) } else { ("everysec", OTHER_CALLS) };
        self.ask("redis-cli", &["CONFIG", "SET", "appendfsync", appends])?;
        let script = self.ask("redis-cli", &["SCRIPT", "LOAD", CONSUME])?;
        let user = match who {
            Who::Many => "images:__rand_int__",
            Who::One => "images",
        };
        let calls = (seconds * clients * calls).to_string();
        let (clients, users) = (clients.to_string(), USERS.to_string());
        let arguments = ["-c", &clients, "-n", &calls, "-r", &users, "--csv"];
        let call = ["EVALSHA", script.trim(), "1", user, "1", "2000000000"];
        let told = self.ask("redis-benchmark", &[&arguments[..], &call[..]].concat())?;
        // The name of the test, which has no comma, is followed by the rate.
        let line = told.lines().last().unwrap_or_default();
        let rate = line.rsplit("\",\"").nth(6).ok_or_else(|| format!("no rate: {told}"))?;
        Ok(rate.parse().map_err(|_| format!("no rate: {told}"))?)
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        let told = told_by(Command::new(program).args(["-s", &self.socket]).args(arguments))?;
        // redis-cli succeeds even so.
        match told.starts_with("ERR") {
            true => Err(format!("{program} failed: {told}").into()),
            false => Ok(told),
        }
    }
}
