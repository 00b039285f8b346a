use pgrx::prelude::*;

use super::arguments::required;
use crate::actions::record::record;
use crate::pg::jsonb_text::JsonbText;

/// Counts a batch of usage events, all or none of them, without checking limits:
/// `[{"user_id", "feature_type", "amount", "period"?, "idempotency_key"?}, …]`.
/// An event without a period, or with the period `current`, is counted in the current one.
///
/// Returns how many events were counted now, without those whose idempotency key was used before.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the argument is NULL |
/// | 22023 | it is not an array, or an event is invalid: the error names its index, from 0 |
/// | 22003 | a count does not fit into its column; the error names the index |
/// | 40001 | other calls kept using and deleting its idempotency keys: try again |
#[pg_extern(volatile)]
fn record_usage(p_events: Option<JsonbText>) -> i32 {
    let JsonbText(text) = required(p_events, "p_events");
    record(&text)
}
