//! The database side: the registry of features, the statements, and the only code that calls SPI.

pub mod admission;
pub mod batch;
pub mod clock;
pub mod counter;
pub mod executor;
pub mod idempotency;
pub mod invalidation;
mod lookup;
pub mod plans;
pub mod registry;
pub mod reservations;
mod spi;
mod statements;
pub mod summary;
