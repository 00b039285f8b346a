//! The measured clusters. `dev/bench` starts them, with the extension in template1.

use std::error::Error;

use postgres::{Client, Config, NoTls};

use crate::{PERIOD, USERS};

/// The libraries that a cluster preloads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Libraries {
    Plain,
    /// `pg_stat_statements`, `pgaudit` and `auto_explain`, with Supabase's settings.
    Preloaded,
}

/// The revision of the extension that a cluster runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    Current,
    /// The revision of `--against`.
    Old,
}

pub struct Address {
    pub revision: Revision,
    pub libraries: Libraries,
    pub config: Config,
}

pub struct Cluster {
    pub revision: Revision,
    pub libraries: Libraries,
    pub db: Client,
}

impl Cluster {
    pub fn prepare(address: &Address) -> Result<Self, Box<dyn Error>> {
        let Address { revision, libraries, config } = address;
        Ok(Self { revision: *revision, libraries: *libraries, db: prepare(config)? })
    }
}

/// Creates a database with the extension and the hand-written functions, and connects to it.
pub fn prepare(config: &Config) -> Result<Client, Box<dyn Error>> {
    let mut admin = config.clone().dbname("postgres").connect(NoTls)?;
    admin.batch_execute("DROP DATABASE IF EXISTS bench")?;
    admin.batch_execute("CREATE DATABASE bench")?;
    let mut db = connect(config)?;
    db.batch_execute(include_str!("../hand_written.sql"))?;
    let tables = include_str!("../tables.sql");
    db.batch_execute(&tables.replace("USERS", &USERS.to_string()).replace("PERIOD", PERIOD))?;
    db.batch_execute("VACUUM ANALYZE")?;
    Ok(db)
}

pub fn connect(config: &Config) -> Result<Client, postgres::Error> {
    config.clone().dbname("bench").connect(NoTls)
}
