//! Calls per second of many clients on a server that writes its log to the disk.

mod calls;
mod node;
mod pgbench;
mod program;
mod redis;
mod rest;

use std::error::Error;
use std::time::Instant;

use postgres::Client;

pub use calls::Client as By;
pub use calls::{CALLS, Call, EMPTY_REQUEST, Who, script};
pub use node::Node;
pub use pgbench::Pgbench;
pub use redis::Redis;
use rest::Gateway;
pub use rest::Rest;

use crate::PERIOD;
use crate::statistics::Spread;

/// One way to call, measured for each call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub who: Who,
    /// Whether a call waits until its commit is on the disk.
    pub is_durable: bool,
    pub clients: u32,
}

impl Setting {
    /// The parameter of Postgres.
    fn synchronous_commit(self) -> &'static str {
        if self.is_durable { "on" } else { "off" }
    }
}

pub struct Rate {
    pub call: &'static Call,
    pub setting: Setting,
    /// Calls per second, one figure per round.
    pub rounds: Vec<f64>,
}

pub struct Rates(pub Vec<Rate>);

const ROUNDS: usize = 3;
const SECONDS: u32 = 2;
pub const CLIENTS: [u32; 3] = [1, 8, 32];

/// In a quick run: once, and only what differs most.
const QUICK: [Setting; 2] = [
    Setting { who: Who::Many, is_durable: true, clients: 32 },
    Setting { who: Who::One, is_durable: true, clients: 32 },
];

fn settings(is_quick: bool) -> Vec<Setting> {
    if is_quick {
        return QUICK.into();
    }
    let mut settings = Vec::new();
    for who in Who::ALL {
        for is_durable in [true, false] {
            let setting = |clients| Setting { who, is_durable, clients };
            settings.extend(CLIENTS.map(setting));
        }
    }
    settings
}

/// What makes the calls.
pub struct Clients {
    pub pgbench: Pgbench,
    pub node: Node,
    pub redis: Redis,
    pub rest: Rest,
}

impl Clients {
    /// Calls per second.
    fn run(
        &self,
        call: &Call,
        gateway: &Gateway,
        setting: Setting,
        seconds: u32,
    ) -> Result<f64, Box<dyn Error>> {
        let node = |what: &str| self.node.run(what, setting, seconds);
        match call.by {
            By::Pgbench(statements) => {
                let script = script(statements, setting.who.users(), PERIOD);
                Ok(self.pgbench.run(&script, setting, seconds)?.rate)
            }
            By::NodePostgres(statement) => node(&statement.replace("{period}", PERIOD)),
            By::RateLimiterFlexible => node("rate-limiter-flexible"),
            By::Rest(requests) => {
                gateway.run(&requests.replace("{period}", PERIOD), setting, seconds)
            }
            By::RedisBenchmark => self.redis.run(setting, seconds),
        }
    }
}

/// In each round, every call is measured in every setting; calls take turns within a setting.
pub fn run(db: &mut Client, by: &Clients, is_quick: bool) -> Result<Rates, Box<dyn Error>> {
    let (rounds, seconds) = if is_quick { (1, 1) } else { (ROUNDS, SECONDS) };
    let gateway = by.rest.start()?;
    let settings = settings(is_quick);
    let rate = |setting: &Setting| {
        let setting = *setting;
        let calls = CALLS.iter().filter(move |call| call.is_measured_in(setting));
        calls.map(move |call| Rate { call, setting, rounds: Vec::new() })
    };
    let mut rates: Vec<Rate> = settings.iter().flat_map(rate).collect();
    // The first call finds files that have yet to grow.
    by.run(&CALLS[0], &gateway, settings[0], seconds)?;
    for round in 1..=rounds {
        let begun = Instant::now();
        for Rate { call, setting, rounds } in &mut rates {
            // Dead rows of one call must not slow down the next.
            db.batch_execute("VACUUM feature_usage")?;
            rounds.push(by.run(call, &gateway, *setting, seconds)?);
        }
        println!("    round {round} of {rounds}: {} s", begun.elapsed().as_secs());
    }
    Ok(Rates(rates))
}

impl Rates {
    /// Calls per second.
    pub fn spread(&self, call: &Call, setting: Setting) -> Option<Spread> {
        let of = |rate: &&Rate| rate.call.name == call.name && rate.setting == setting;
        self.0.iter().find(of).map(|rate| Spread::of(&rate.rounds))
    }

    /// The rate of a request, divided by that of the empty one.
    pub fn of_empty_request(&self, call: &Call, setting: Setting) -> Option<Spread> {
        let rounds = |name: &str| {
            let of = |rate: &&Rate| rate.call.name == name && rate.setting == setting;
            self.0.iter().find(of).map(|rate| &rate.rounds)
        };
        let (rates, floors) = rounds(call.name).zip(rounds(EMPTY_REQUEST))?;
        let ratios: Vec<f64> = rates.iter().zip(floors).map(|(rate, floor)| rate / floor).collect();
        Some(Spread::of(&ratios))
    }
}
