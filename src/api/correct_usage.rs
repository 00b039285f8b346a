use domain::correction::Corrected;
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::{owner, required};
use crate::actions::correct::{Wanted, correct};
use crate::actions::replay::Outcome;
use crate::pg::jsonb::Jsonb;

/// Adds an amount to a counter, or takes it off if it is negative, with a reason for the ledger; of the
/// current period by default. For what was counted by mistake.
///
/// What is taken off is overage first, then what the allowance covered. What grants or a currency
/// covered, and what open reservations hold, stays: `EXCEEDS_USAGE`. Give a grant for that. The windows
/// of caps do not change. With an idempotency key, a retry corrects once.
///
/// With a pool, the counter is the pool's, and with a user as well, that user's part of it is corrected
/// too. A pool that does not exist is `UNKNOWN_POOL`.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22003 | the count does not fit into the column |
/// | 22004 | the user and the pool, the feature, the amount or the reason is NULL |
/// | 22007 | the period is none of the feature |
/// | 22023 | the feature is unknown, the reason blank, or the idempotency key empty, too long, or without a user |
/// | 40001 | another transaction was first: try again |
#[pg_extern(volatile)]
fn correct_usage(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_amount: Option<i64>,
    p_reason: Option<&str>,
    p_period: default!(Option<&str>, "NULL"),
    p_pool_id: default!(Option<Uuid>, "NULL"),
    p_idempotency_key: default!(Option<&str>, "NULL"),
) -> Jsonb<Outcome<Corrected>> {
    Jsonb(correct(&Wanted {
        owner: owner(p_user_id, p_pool_id),
        feature_type: required(p_feature_type, "p_feature_type"),
        amount: required(p_amount, "p_amount"),
        reason: required(p_reason, "p_reason"),
        period: p_period,
        idempotency_key: p_idempotency_key,
    }))
}
