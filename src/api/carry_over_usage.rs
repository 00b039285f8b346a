use domain::granting::Carried;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use pgrx::{Uuid, pg_sys};

use super::arguments::{only_owner, required};
use crate::actions::carry::{Wanted, carry_over};
use crate::pg::jsonb::Jsonb;

/// Grants what is left of the allowance of a period that is over, at most `p_max` units, until the end
/// of the current period: once per user or pool, feature and period. For the webhook of a renewal, the moment
/// at which an app knows that it was paid.
///
/// Open reservations count as used. Returns `{"carried", "grant_id"}`, without `grant_id` if nothing is
/// left; a repetition returns the same grant, with `replayed`.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the feature, the period or the maximum is NULL |
/// | 22007 | the period is none of the feature |
/// | 22023 | there is neither a user nor a pool, or both, the feature is unknown, its period a total or not over, its limit unlimited, an amount negative, or the expiry not in the future |
#[pg_extern(volatile)]
fn carry_over_usage(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_period: Option<&str>,
    p_max: Option<i64>,
    p_expires_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    p_allowance: default!(Option<i64>, "NULL"),
    p_pool_id: default!(Option<Uuid>, "NULL"),
) -> Jsonb<Carried> {
    Jsonb(carry_over(&Wanted {
        owner: only_owner(p_user_id, p_pool_id),
        feature_type: required(p_feature_type, "p_feature_type"),
        period: required(p_period, "p_period"),
        most: required(p_max, "p_max"),
        expires_at: p_expires_at.map(pg_sys::TimestampTz::from),
        allowance: p_allowance,
    }))
}
