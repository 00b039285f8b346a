//! The rules as a SQL function, so that the statement that counts asks them of the row it counts in.

use pgrx::prelude::*;

use crate::store::admission;

/// Not for callers: part of the statement of consume and reserve. Says whether the call in hand is
/// admitted to a row that has counted so much; outside of such a call nothing is.
#[pg_extern(volatile)]
fn feature_usage_admits(p_current_usage: Option<i32>, p_has_reservations: Option<bool>) -> bool {
    match (p_current_usage, p_has_reservations) {
        (Some(counted), Some(has_reservations)) => admission::admits(counted, has_reservations),
        _ => false,
    }
}
