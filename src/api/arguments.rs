//! What all functions ask of their arguments.

use crate::domain::period::{Period, PeriodKind};
use crate::error::Error;
use crate::store::clock;

/// An argument that must be given.
pub fn required<T>(value: Option<T>, name: &'static str) -> T {
    value.unwrap_or_else(|| Error::NullArgument { name }.raise())
}

/// The period of this kind in which the transaction began.
pub fn current_period(kind: PeriodKind) -> Period {
    Period::containing(kind, clock::now())
}
