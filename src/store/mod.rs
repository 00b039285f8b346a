//! The tables: what their rows mean, and the statements that read and write them.
//!
//! [`statements`] holds the SQL texts. The registry makes them once per backend; everything else
//! here executes them.

pub mod batch;
pub mod counter;
pub mod entitlement;
pub mod idempotency;
pub mod registry;
pub mod reservations;
mod statements;
pub mod summary;
mod tables;
pub mod users;
