//! The rules as a SQL function, so that the statement that counts asks them of the row it counts in.

use pgrx::Uuid;
use pgrx::prelude::*;

use crate::domain::period::Period;
use crate::store::counter::Counter;
use crate::store::{admission, registry};

/// Not for callers: part of the statement of consume and reserve. Says whether the user's plan has
/// room for the amount beside what the row has counted.
#[pg_extern(volatile)]
fn feature_usage_admits(
    p_user_id: Option<Uuid>,
    p_period: Option<&str>,
    p_feature_type: Option<&str>,
    p_amount: Option<i32>,
    p_current_usage: Option<i32>,
    p_has_reservations: Option<bool>,
) -> bool {
    let registry = registry::current();
    let is_admitted = || {
        let registered = registry.find(p_feature_type?)?;
        let period = Period::parse(registered.feature.period, p_period?)?;
        let counter = Counter::new(&registry, registered, p_user_id?, period);
        let (counted, has_reservations) = (p_current_usage?, p_has_reservations?);
        Some(admission::decide_for_row(&counter, p_amount?, counted, has_reservations))
    };
    is_admitted().unwrap_or(false)
}
