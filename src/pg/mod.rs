//! Access to Postgres, independent of the product. The only module with `unsafe` code.

pub mod argument;
mod backtrace;
pub mod clock;
mod executor;
pub mod hash;
pub mod invalidation;
pub mod jsonb;
pub mod jsonb_text;
pub mod role;
pub mod row;
pub mod snapshot;
pub mod statement;
pub mod subtransaction;
pub mod table;
pub mod zone;
