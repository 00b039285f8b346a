use domain::reservation::ttl_in_microseconds;
use pgrx::Uuid;
use pgrx::datum::Interval;
use pgrx::prelude::*;

use super::arguments::{acting, required};
use crate::actions::admit::{self, Noted};
use crate::actions::replay::Outcome;
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::pg::jsonb::Jsonb;
use crate::pg::jsonb_text::JsonbText;

/// Counts an amount like a consume, and reserves it for work that is slow or may fail.
///
/// Returns the answer of a consume, with `reservation_id` and `expires_at` in place of `consumed`;
/// `reserved` is the part of the count that open reservations hold. A reservation that is not
/// settled within its time to live, 1 second to 24 hours, expires.
///
/// A replay returns the original answer, even if the reservation has ended since;
/// `commit_reservation` reports that.
///
/// Errors are those of a consume; 22004 also for a NULL time to live, and 22023 for one out of range.
#[pg_extern(volatile)]
fn reserve_feature(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_amount: default!(Option<i32>, 1),
    p_ttl: default!(Option<Interval>, "'5 minutes'"),
    p_idempotency_key: default!(Option<&str>, "NULL"),
    p_pool_id: default!(Option<Uuid>, "NULL"),
    p_metadata: default!(Option<JsonbText>, "NULL"),
) -> Jsonb<Outcome> {
    let who = acting(p_user_id, p_pool_id);
    let ttl = required(p_ttl, "p_ttl");
    let ttl = ttl_in_microseconds(ttl.months(), ttl.days(), ttl.micros())
        .unwrap_or_else(|| ArgumentError::InvalidTtl.raise());
    let metadata = p_metadata.as_ref().map(|JsonbText(text)| text.as_str());
    let noted = Noted { idempotency_key: p_idempotency_key, metadata };
    Jsonb(admit::reserve(who, p_feature_type, p_amount, ttl, noted))
}
