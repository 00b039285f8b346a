//! The use cases: the only modules that know the order of steps.
//!
//! Every admission works in one way: lock, read, decide, write. The decision itself is in the
//! domain.

mod account;
pub mod admit;
mod admit_governed;
mod admit_plain;
pub mod carry;
mod charge;
pub mod check;
mod contended;
pub mod correct;
mod counts;
pub mod expire;
pub mod grant;
pub mod increment;
mod lock;
pub mod period;
pub mod record;
pub mod replay;
pub mod settle;
pub mod status;
mod subject;
pub mod summarize;
mod terms;
mod usage;
mod windows;

pub use terms::usable;
