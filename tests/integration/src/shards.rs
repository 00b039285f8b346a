//! A router with shards, started by `dev/shards`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::cluster::remove_at_exit;
use crate::{Cluster, Database, poll, program};

/// The most shards of a test, after its splits.
const MOST: u32 = 4;

pub struct Shards {
    name: String,
}

impl Shards {
    /// `None`, with the reason printed, if this Postgres has no PL/Proxy.
    pub fn create(name: &str, shards: u32) -> Option<Self> {
        if !has_plproxy() {
            eprintln!("skipped: this Postgres has no PL/Proxy (postgresql-15-plproxy)");
            return None;
        }
        // Registered before they exist, so that they go even if one of them does not start.
        let clusters = (0..MOST).map(|number| format!("{name}_{number}"));
        for cluster in clusters.chain([format!("{name}_router")]) {
            remove_at_exit(&cluster);
        }
        let shards_of_name = Self { name: name.to_owned() };
        let output = shards_of_name.run("shards", &[&shards.to_string()], &[]);
        assert!(output.status.success(), "dev/shards failed:\n{}", errors(&output));
        Some(shards_of_name)
    }

    pub fn router(&self) -> Database {
        Cluster::running(&format!("{}_router", self.name)).existing("app")
    }

    pub fn shard(&self, number: u32) -> Database {
        Cluster::running(&format!("{}_{number}", self.name)).existing("app")
    }

    pub fn shards(&self, shards: u32) -> Vec<Database> {
        (0..shards).map(|number| self.shard(number)).collect()
    }

    /// Runs `dev/shards` or `dev/split`.
    pub fn run(&self, command: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev")).join(command);
        let mut command = Command::new(path);
        command.args(arguments).env("NAME", &self.name).env("SKIP_BUILD", "1");
        command.envs(environment.iter().copied()).output().expect("a command that runs")
    }

    /// The whole split.
    pub fn split(&self) -> String {
        let output = self.run("split", &[], &[]);
        assert!(output.status.success(), "dev/split failed:\n{}", errors(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// What a command that fails says.
    pub fn error_of(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments, &[]);
        assert!(!output.status.success(), "{command} {arguments:?} succeeded");
        errors(&output)
    }

    /// Waits until a query on each of these shards says true: plans arrive by replication.
    pub fn wait_for(&self, shards: u32, query: &str) {
        for number in 0..shards {
            let mut shard = self.shard(number).connect();
            poll(query, || {
                let row = shard.query_one(query, &[]).expect(query);
                row.get::<_, bool>(0).then_some(())
            });
        }
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn has_plproxy() -> bool {
    let output = Command::new(program("pg_config")).arg("--sharedir").output();
    let folder = String::from_utf8(output.expect("pg_config").stdout).expect("UTF-8");
    PathBuf::from(folder.trim()).join("extension/plproxy.control").exists()
}
