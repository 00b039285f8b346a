//! Shared by the tests: private clusters, new databases, sessions, the features and their calls.

mod caller;
mod cluster;
mod contest;
mod counters;
mod features;
pub mod frozen;
mod judge;
pub mod ledger;
pub mod model;
pub mod pages;
mod random;
mod round;
mod sessions;

pub use caller::{Caller, FUNCTIONS, Functions, reservation_id};
pub use cluster::{Clock, Cluster, Database, Settings, program};
pub use contest::{Contest, Tally};
pub use counters::{Counter, Counts, counts, counts_of, require_explained, require_none};
pub use features::{FEATURES, Feature, check, counted, increment, limits, user};
pub use random::{Random, seed};
pub use sessions::{
    at_once, backend_pid, is_to_be_retried, poll, refusal, repetitions, sqlstate, together,
    wait_until_blocked,
};
