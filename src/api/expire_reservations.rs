use pgrx::prelude::*;

use super::arguments::required;
use crate::actions::expire;
use crate::error::Report;
use crate::error::argument::ArgumentError;

/// Expires up to `p_limit` reservations whose time is over, and returns their number.
/// Also adds what was appended to counters. Meant for a scheduler; a user's next call does both for
/// that user anyway. NULL is 22004, a negative maximum 22023.
#[pg_extern(volatile)]
fn expire_reservations(p_limit: default!(Option<i32>, 1000)) -> i32 {
    match required(p_limit, "p_limit") {
        maximum @ ..=-1 => ArgumentError::NegativeMaximum { name: "p_limit", maximum }.raise(),
        limit => expire::of_any(limit),
    }
}
