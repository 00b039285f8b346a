//! The tables: the meaning of their rows, and the statements that read and write them.
//!
//! [`statements`] has the SQL texts. The registry prepares them once per backend; the other modules
//! execute them.

pub mod alerts;
pub mod batch;
pub mod counter;
pub mod entitlement;
pub mod grants;
pub mod holding;
pub mod idempotency;
pub mod increments;
pub mod ledger;
pub mod owner;
pub mod pools;
pub mod registry;
pub mod reservations;
pub mod rules;
mod statements;
pub mod summary;
mod tables;
pub mod users;
pub mod windows;
