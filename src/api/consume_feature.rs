use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::acting;
use crate::actions::admit::{self, Noted};
use crate::actions::replay::Outcome;
use crate::pg::jsonb::Jsonb;
use crate::pg::jsonb_text::JsonbText;

/// Counts an amount in the current period if the user's plan allows it, in one atomic step:
/// concurrent calls never admit more than the limit. With a pool, in the name of the pool, whose plan
/// and counters are the only ones that count.
///
/// Returns the answer of a check, with the count afterwards, and `consumed`: the amount, or 0 if it
/// was denied. With an idempotency key, a retry counts once and returns the same answer, with
/// `replayed`. The ledger keeps `p_metadata`, if the feature is logged; a retry may have another.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the user is NULL |
/// | 22003 | the count does not fit into the column |
/// | 22023 | the idempotency key is empty or longer than 255 bytes, or an id of a call in a pool zero |
/// | 40001 | at REPEATABLE READ or SERIALIZABLE, another transaction was first: try again |
#[pg_extern(volatile)]
fn consume_feature(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_amount: default!(Option<i32>, 1),
    p_idempotency_key: default!(Option<&str>, "NULL"),
    p_pool_id: default!(Option<Uuid>, "NULL"),
    p_metadata: default!(Option<JsonbText>, "NULL"),
) -> Jsonb<Outcome> {
    let who = acting(p_user_id, p_pool_id);
    let metadata = p_metadata.as_ref().map(|JsonbText(text)| text.as_str());
    let noted = Noted { idempotency_key: p_idempotency_key, metadata };
    Jsonb(admit::consume(who, p_feature_type, p_amount, noted))
}
