//! The summary of a user's plan and usage, for a page that shows both.

use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::{current_period, required};
use super::jsonb::Jsonb;
use crate::domain::summary::Summary;
use crate::store::{plans, registry, summary};

/// Gives the limits of a user's plan, and the usage of every feature in its own current period, as
/// a [`Summary`]. A NULL user is an error (22004). Reads only.
#[pg_extern(stable)]
fn get_user_limits(p_user_id: Option<Uuid>) -> Jsonb<Summary> {
    let user_id = required(p_user_id, "p_user_id");
    let registry = registry::current();
    let plan = plans::plan(&registry, user_id);
    let counts = summary::current_counts(&registry, user_id, current_period);
    let features = registry.features.iter().map(|registered| &registered.feature);
    Jsonb(Summary::new(plan, features.zip(counts)))
}
