//! Consume: check and count in one atomic step.

use pgrx::Uuid;
use pgrx::prelude::*;
use serde_json::json;

use super::admission::Call;
use super::arguments::required;
use super::jsonb::Jsonb;
use super::once::{Outcome, once};
use crate::store::admission::Purpose;
use crate::store::registry;

/// Counts an amount of the current period if the user's plan allows it, in one atomic step: of any
/// number of callers, no more than the limit are admitted.
///
/// The answer is that of a check, with the count afterwards, and `consumed`: the amount, or 0 where
/// it was denied. With a key, a retry is counted once and answered alike, with `replayed`.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the user is NULL |
/// | 22003 | an unlimited count would be over 2147483647 |
/// | 22023 | the key is empty or longer than 255 bytes |
/// | 40001 | at REPEATABLE READ or SERIALIZABLE, somebody else was first: try again |
#[pg_extern(volatile)]
fn consume_feature(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_amount: default!(Option<i32>, 1),
    p_idempotency_key: default!(Option<&str>, "NULL"),
) -> Jsonb<Outcome> {
    let user_id = required(p_user_id, "p_user_id");
    let registry = registry::current();
    let call = match Call::new(&registry, user_id, p_feature_type, p_amount) {
        Ok(call) => call,
        Err(denied) => return Jsonb(denied.with_consumed(0).into()),
    };
    let arguments = || json!({"feature_type": p_feature_type, "amount": p_amount});
    let work = || call.admit(Purpose::Consumption).with_consumed(call.amount);
    let mismatch = || call.mismatch().with_consumed(0);
    Jsonb(once(&call, p_idempotency_key, "consume", arguments, work, mismatch))
}
