//! The rules, without a database: what a period is, what a plan allows, what the answer says.
//!
//! Nothing here knows pgrx or SPI, so all of it is tested with plain `cargo test`.

pub mod answer;
pub mod decision;
pub mod event;
pub mod feature;
pub mod idempotency;
pub mod period;
pub mod reservation;
pub mod settled;
pub mod subscription;
pub mod summary;
pub mod timestamp;
