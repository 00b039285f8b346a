//! The rules, without a database: what a period is, what a plan allows, what an answer contains.
//!
//! This is a crate of its own so that the compiler keeps pgrx and SPI out of it, and so that all of
//! it is tested by plain `cargo test`.

pub mod alert;
pub mod answer;
pub mod burn;
pub mod calendar;
pub mod cap;
pub mod correction;
pub mod decision;
pub mod denial;
pub mod event;
pub mod excerpt;
pub mod feature;
pub mod grant;
pub mod granting;
pub mod idempotency;
pub mod ledger;
pub mod period;
pub mod period_kind;
pub mod rate;
pub mod reservation;
pub mod rule;
pub mod settlement;
pub mod shortage;
pub mod sources;
pub mod status;
pub mod subscription;
pub mod summary;
pub mod timestamp;
