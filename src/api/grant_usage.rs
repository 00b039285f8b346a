use domain::granting::Granted;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use pgrx::{Uuid, pg_sys};

use super::arguments::{only_owner, required};
use crate::actions::grant::{Wanted, grant};
use crate::pg::jsonb::Jsonb;

/// Grants units of a feature beside the allowance, to a user or to a pool, such as a credit pack that was
/// paid: once per source and feature, however often it is called.
///
/// The units are used once the allowance is used up, those with the lower priority first, then those
/// that expire first. Returns `{"granted": true, "grant_id", "feature_type", "amount", "used",
/// "effective_at", "expires_at", "source_ref"}`; a repetition also has `replayed`, and one with other
/// terms `granted` false and `GRANT_MISMATCH`; a pool that does not exist `UNKNOWN_POOL`.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the feature, the amount, the source or the priority is NULL |
/// | 22023 | there is neither a user nor a pool, or both, the feature is unknown, the amount below 1, the source empty or longer than 255 bytes, the priority outside 0 to 32767, the expiry not after the beginning and now, or an instant outside the years 1 to 9999 |
/// | 23503 | there is no such user, if users are referenced |
#[pg_extern(volatile)]
#[expect(clippy::too_many_arguments, reason = "SQL has named arguments with defaults")]
fn grant_usage(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_amount: Option<i64>,
    p_source_ref: Option<&str>,
    p_expires_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    p_effective_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    p_priority: default!(Option<i32>, 100),
    p_pool_id: default!(Option<Uuid>, "NULL"),
    p_reason: default!(Option<&str>, "NULL"),
) -> Jsonb<Granted> {
    Jsonb(grant(&Wanted {
        owner: only_owner(p_user_id, p_pool_id),
        feature_type: required(p_feature_type, "p_feature_type"),
        amount: required(p_amount, "p_amount"),
        source_ref: required(p_source_ref, "p_source_ref"),
        expires_at: p_expires_at.map(pg_sys::TimestampTz::from),
        effective_at: p_effective_at.map(pg_sys::TimestampTz::from),
        priority: required(p_priority, "p_priority"),
        reason: p_reason,
    }))
}
