//! Checks that all functions make of their arguments.

use crate::error::Report;
use crate::error::argument::ArgumentError;

/// An argument that must be given.
pub fn required<T>(value: Option<T>, name: &'static str) -> T {
    value.unwrap_or_else(|| ArgumentError::Null { name }.raise())
}

/// An amount that is not negative.
pub fn not_negative(amount: i32, name: &'static str) -> i32 {
    if amount < 0 {
        ArgumentError::NegativeAmount { name, amount }.raise();
    }
    amount
}
