//! The summary of a user's plan and usage, for a page that shows both.

use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};

use super::arguments::{current_period, required};
use crate::domain::summary::Summary;
use crate::store::{registry, usage};

#[pg_extern(stable)]
fn get_user_limits(p_user_id: Option<Uuid>) -> JsonB {
    let user_id = required(p_user_id, "p_user_id");
    let registry = registry::current();
    let plan = usage::plan(&registry, user_id);
    let counts = usage::current_counts(&registry, user_id, current_period);
    let features = registry.features.iter().map(|registered| &registered.feature);
    let summary = Summary::new(plan, features.zip(counts));
    JsonB(serde_json::to_value(summary).expect("a summary is JSON"))
}
