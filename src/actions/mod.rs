//! The use cases: the only modules that know the order of steps.
//!
//! Every admission works in one way: lock, read, decide, write. The decision itself is in the
//! domain.

pub mod admit;
pub mod check;
pub mod expire;
pub mod increment;
pub mod record;
pub mod replay;
pub mod settle;
mod subject;
pub mod summarize;
