//! Shared by the tests: private clusters, new databases, sessions, the features and their calls.

mod caller;
pub mod choices;
mod cluster;
mod contest;
mod counters;
mod features;
pub mod frozen;
mod judge;
pub mod ledger;
pub mod model;
pub mod model_pool;
pub mod pages;
mod random;
mod round;
pub mod sequential;
pub mod sequential_in_pools;
mod sessions;
mod shards;
mod subject;
mod team;

pub use caller::{Caller, FUNCTIONS, Functions, reservation_id};
pub use cluster::{Clock, Cluster, Database, Settings, program};
pub use contest::{Contest, Tally};
pub use counters::{
    Counter, Counts, add, counts, counts_of, require_explained, require_none, require_parts, usage,
};
pub use features::{FEATURES, Feature, check, counted, increment, limits, user};
pub use random::{Random, seed};
pub use sessions::{
    at_once, backend_pid, is_to_be_retried, poll, refusal, repetitions, sqlstate, together,
    wait_until_blocked,
};
pub use shards::Shards;
pub use subject::{Subject, Who};
