use domain::period::Period;
use domain::timestamp::iso8601;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use pgrx::{Uuid, pg_sys};
use serde::Serialize;

use super::arguments::{owner, required};
use crate::actions::period::period_at;
use crate::actions::usable;
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::pg::jsonb::Jsonb;

/// A period with its beginning and end, in the order of jsonb.
#[derive(Serialize)]
struct Named {
    period: String,
    reset_at: Option<String>,
    starts_at: Option<String>,
}

/// Returns the period of a user and a feature at an instant, by default now: its period key, its
/// beginning and its end, `{"period", "starts_at", "reset_at"}`. The total has neither.
///
/// It is in the time zone and begins at the anchor of the user, or of the pool if one is given, else the
/// plan's. Reads only.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the user and the pool, the feature or the instant is NULL |
/// | 22023 | the feature or the time zone is unknown, the instant or the anchor outside the years 1 to 9999 |
#[pg_extern(stable)]
fn usage_period(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_at: default!(Option<TimestampWithTimeZone>, "now()"),
    p_pool_id: default!(Option<Uuid>, "NULL"),
) -> Jsonb<Named> {
    let owner = owner(p_user_id, p_pool_id);
    let feature_type = required(p_feature_type, "p_feature_type");
    let instant = pg_sys::TimestampTz::from(required(p_at, "p_at"));
    // At either end of these years, a period of some zones and anchors would have no key.
    let span = usable(instant)
        .map(|instant| period_at(owner, feature_type, instant))
        .filter(|span| Period::parse(span.period.kind(), &span.period.to_string()).is_ok())
        .unwrap_or_else(|| ArgumentError::InvalidInstant { name: "p_at" }.raise());
    Jsonb(Named {
        period: span.period.to_string(),
        reset_at: span.reset_at.map(iso8601),
        starts_at: span.starts_at.map(iso8601),
    })
}
