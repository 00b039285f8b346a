use pgrx::prelude::*;

use super::arguments::required;
use crate::actions::expire;
use crate::error::Report;
use crate::error::argument::ArgumentError;

/// Gives back what expired reservations hold, at most so many of them, and returns their number. For
/// a scheduler: a user's own are given back at their next call anyway. NULL is 22004, a negative
/// limit 22023.
#[pg_extern(volatile)]
fn expire_reservations(p_limit: default!(Option<i32>, 1000)) -> i32 {
    match required(p_limit, "p_limit") {
        maximum @ ..=-1 => ArgumentError::NegativeMaximum { name: "p_limit", maximum }.raise(),
        limit => expire::of_any(limit),
    }
}
