//! The database side: the registry of features, the statements, and the only code that calls SPI.

pub mod clock;
pub mod executor;
pub mod invalidation;
pub mod registry;
mod spi;
mod statements;
pub mod usage;
