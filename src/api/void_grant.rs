use domain::granting::Voided;
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::required;
use crate::actions::grant::void;
use crate::pg::jsonb::Jsonb;

/// Ends the grants of a source, such as a payment that was refunded. What is used of them stays used.
///
/// The reason is added to that of the grant. Without a feature, all grants of the source are voided, and `grants` lists them. Returns `{"voided":
/// true, "source_ref", "amount", "used", "forfeited"}`; a repetition also has `replayed`, and an
/// unknown source `voided` false and `UNKNOWN_GRANT`. With a user, only grants of that user are found.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the source is NULL |
/// | 22023 | the feature is unknown |
#[pg_extern(volatile)]
fn void_grant(
    p_source_ref: Option<&str>,
    p_feature_type: default!(Option<&str>, "NULL"),
    p_reason: default!(Option<&str>, "NULL"),
    p_user_id: default!(Option<Uuid>, "NULL"),
) -> Jsonb<Voided> {
    let source_ref = required(p_source_ref, "p_source_ref");
    Jsonb(void(source_ref, p_feature_type, p_reason, p_user_id))
}
