//! The command's arguments.

use std::path::PathBuf;

use postgres::Config;

use crate::cluster::{Address, Libraries, Revision};
use crate::throughput::{Clients, Node, Pgbench, Redis, Rest};

const USAGE: &str = "usage: bench [--quick] PORT FOLDER REVISION PGBENCH NODE REST REDIS_SOCKET DURABLE_SOCKET \
                     PLAIN_SOCKET PRELOADED_SOCKET [OLD_REVISION OLD_PLAIN_SOCKET OLD_PRELOADED_SOCKET]";

const ROUNDS: usize = 9;
const QUICK_ROUNDS: usize = 2;

pub struct Options {
    /// Few rounds; skips HOT updates and memory.
    pub is_quick: bool,
    pub rounds: usize,
    /// The folder for the plot and the figures.
    pub folder: PathBuf,
    /// The measured revision, as named by `git describe`.
    pub revision: String,
    /// The revision to compare with.
    pub old_revision: Option<String>,
    /// The first is the plain cluster of the current revision.
    pub clusters: Vec<Address>,
    /// A cluster that writes its log to the disk.
    pub durable: Config,
    /// What calls the durable cluster, and Redis beside it.
    pub clients: Clients,
}

impl Options {
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (flags, rest): (Vec<_>, Vec<_>) = arguments.partition(|word| word.starts_with("--"));
        let is_quick = match flags.as_slice() {
            [] => false,
            [flag] if flag == "--quick" => true,
            _ => return Err(USAGE.into()),
        };
        let [port, folder, revision, pgbench, node, rest, redis, durable, sockets @ ..] =
            rest.as_slice()
        else {
            return Err(USAGE.into());
        };
        let port: u16 = port.parse().map_err(|_| USAGE)?;
        let config = |socket: &String| {
            let mut config = Config::new();
            config.host_path(socket).port(port).user("postgres");
            config
        };
        let pair = |revision, plain: &String, preloaded: &String| {
            [(plain, Libraries::Plain), (preloaded, Libraries::Preloaded)]
                .map(|(socket, libraries)| Address { revision, libraries, config: config(socket) })
        };
        let (clusters, old_revision) = match sockets {
            [plain, preloaded] => (pair(Revision::Current, plain, preloaded).into(), None),
            [plain, preloaded, old, old_plain, old_preloaded] => {
                let mut clusters = Vec::from(pair(Revision::Current, plain, preloaded));
                clusters.extend(pair(Revision::Old, old_plain, old_preloaded));
                (clusters, Some(old.clone()))
            }
            _ => return Err(USAGE.into()),
        };
        Ok(Self {
            is_quick,
            rounds: if is_quick { QUICK_ROUNDS } else { ROUNDS },
            folder: folder.into(),
            revision: revision.clone(),
            old_revision,
            clusters,
            durable: config(durable),
            clients: Clients {
                pgbench: Pgbench {
                    program: pgbench.into(),
                    socket: durable.clone(),
                    port,
                    folder: folder.into(),
                },
                node: Node { program: node.into(), socket: durable.clone(), port },
                rest: Rest { node: node.into(), script: rest.into() },
                redis: Redis { socket: redis.clone() },
            },
        })
    }
}
