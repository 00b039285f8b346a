use domain::summary::Summary;
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::required;
use crate::actions::summarize::summarize;
use crate::pg::jsonb::Jsonb;

/// Returns the limits of a user's plan, and the usage of every feature in its own current period, as
/// a [`Summary`]. A NULL user is an error (22004). Reads only.
#[pg_extern(stable)]
fn get_user_limits(p_user_id: Option<Uuid>) -> Jsonb<Summary> {
    Jsonb(summarize(required(p_user_id, "p_user_id")))
}
