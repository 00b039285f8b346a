use domain::status::Status;
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::owner;
use crate::actions::status::status;
use crate::pg::jsonb::Jsonb;

/// Returns everything that a page shows of a user: the plan, and for one feature or for each the
/// limit in force, the usage, what remains, and the caps, as a [`Status`].
///
/// With a pool, it is that of the pool, in which the user is a member; `member_usage` is the user's part.
/// Without a user, it is that of the pool alone.
///
/// `error_code` says what a consume of 0 would be denied with. Reads only.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the user and the pool are NULL |
/// | 22023 | the feature or the user's time zone is unknown |
#[pg_extern(stable)]
fn usage_status(
    p_user_id: Option<Uuid>,
    p_feature_type: default!(Option<&str>, "NULL"),
    p_pool_id: default!(Option<Uuid>, "NULL"),
) -> Jsonb<Status> {
    Jsonb(status(owner(p_user_id, p_pool_id), p_feature_type))
}
