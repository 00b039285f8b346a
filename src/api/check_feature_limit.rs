use domain::answer::Answer;
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::required;
use crate::actions::check::check;
use crate::pg::jsonb::Jsonb;

/// Says whether a user may use an amount of a feature in a period, by default the current one:
/// NULL, blank and `current` mean that.
///
/// Returns an [`Answer`]; [`decide`](domain::decision::decide) has the rules. Wrong arguments are
/// denials, so that a caller who looks at `allowed` only is never let through; only a NULL user is an
/// error (22004). It writes nothing and assigns no transaction id, so it also runs on a standby.
#[pg_extern(stable)]
fn check_feature_limit(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_requested_amount: default!(Option<i32>, 1),
    p_period: default!(Option<&str>, "NULL"),
) -> Jsonb<Answer> {
    let user_id = required(p_user_id, "p_user_id");
    Jsonb(check(user_id, p_feature_type, p_requested_amount, p_period))
}
