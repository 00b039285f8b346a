//! Batches of events that have happened: counted all or not at all, without asking the limit.

use pgrx::prelude::*;

use super::arguments::{current_period, required};
use super::jsonb_text::JsonbText;
use crate::domain::event::{BadBatch, read_batch};
use crate::error::Error;
use crate::store::{batch, registry};

/// Counts events, `[{"user_id", "feature_type", "amount", "period"?, "idempotency_key"?}, …]`, and
/// gives how many were counted now; events whose key was counted before are not counted again.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the argument is NULL |
/// | 22023 | it is not an array, or an event is not one: the error names its index, from 0 |
/// | 22003 | a count would be over 2147483647; the error names the index |
/// | 40001 | a key was pruned in the same moment: try again |
#[pg_extern(volatile)]
fn record_usage(p_events: Option<JsonbText>) -> i32 {
    let JsonbText(text) = required(p_events, "p_events");
    let events = read_batch(&text).unwrap_or_else(|bad| match bad {
        BadBatch::NotAnArray => Error::InvalidBatch.raise(),
        BadBatch::Event { index, problem } => Error::InvalidEvent { index, problem }.raise(),
    });
    batch::record(&registry::current(), &events, current_period)
}
