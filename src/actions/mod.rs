//! The use cases: the only place that knows the order of steps.
//!
//! Everything that decides does it in one way: lock, read, decide, write. The decision itself is the
//! domain's.

pub mod admit;
pub mod check;
pub mod expire;
pub mod increment;
pub mod record;
pub mod replay;
pub mod settle;
mod subject;
pub mod summarize;
