use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::{not_negative, required};
use crate::actions;

/// Adds to any registered feature, like the increment function of that feature. An unknown feature
/// is 22023; the hint lists the known ones.
#[pg_extern(volatile)]
fn increment_feature_usage(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_amount: Option<i32>,
    p_period: Option<&str>,
) {
    let feature_type = required(p_feature_type, "p_feature_type");
    increment(feature_type, p_user_id, ("p_amount", p_amount), p_period);
}

/// The common part of all increments. `name` is the amount's argument name in the SQL function.
pub fn increment(
    feature_type: &str,
    user_id: Option<Uuid>,
    (name, amount): (&'static str, Option<i32>),
    period: Option<&str>,
) {
    let user_id = required(user_id, "p_user_id");
    let amount = required(amount, name);
    let key = required(period, "p_period");
    actions::increment::increment(user_id, feature_type, not_negative(amount, name), key);
}
