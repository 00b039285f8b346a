use domain::status::Status;
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::required;
use crate::actions::status::status;
use crate::pg::jsonb::Jsonb;

/// Returns everything that a page shows of a user: the plan, and for one feature or for each the
/// limit in force, the usage, what remains, and the caps, as a [`Status`].
///
/// `error_code` says what a consume of 0 would be denied with. Reads only.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the user is NULL |
/// | 22023 | the feature or the user's time zone is unknown |
#[pg_extern(stable)]
fn usage_status(
    p_user_id: Option<Uuid>,
    p_feature_type: default!(Option<&str>, "NULL"),
) -> Jsonb<Status> {
    Jsonb(status(required(p_user_id, "p_user_id"), p_feature_type))
}
