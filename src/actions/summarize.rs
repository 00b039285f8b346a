//! The summary of a user's plan and usage, for a page that shows both.

use domain::summary::Summary;
use pgrx::Uuid;

use super::subject::current_period;
use crate::store::{registry, summary};

pub fn summarize(user_id: Uuid) -> Summary {
    let registry = registry::current();
    let (plan, usage) = summary::read(&registry, user_id, current_period);
    let features = registry.features.iter().map(|registered| &registered.feature);
    Summary::new(plan, features, &usage)
}
