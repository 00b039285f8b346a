//! What the tests share: private clusters, fresh databases, sessions, and the features.

mod cluster;
mod features;
mod random;
mod sessions;

pub use cluster::{Cluster, Database, program};
pub use features::{FEATURES, Feature, check, increment, limits, user};
pub use random::Random;
pub use sessions::{at_once, backend_pid, poll, refusal, sqlstate, wait_until_blocked};
