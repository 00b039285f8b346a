//! The summary of a user's plan and usage, for a page that shows both.

use domain::calendar::Calendar;
use domain::rule::{Holder, InForce};
use domain::summary::{Plan, Summary};
use pgrx::Uuid;

use super::terms::{Unusable, read_calendar};
use crate::pg::clock;
use crate::store::owner::Owner;
use crate::store::registry::Registry;
use crate::store::{registry, rules, summary};

pub fn summarize(user_id: Uuid) -> Summary {
    let registry = registry::current();
    let zoned = registry.features.iter().find(|registered| registered.reads_calendar);
    let calendar = zoned.map_or_else(Calendar::default, |registered| {
        read_calendar(&registry, registered, Owner::User(user_id), Unusable::IsRefused)
    });
    let current = |kind| calendar.period_at(kind, clock::now());
    let (mut plan, usage) = summary::read(&registry, user_id, current);
    if let Some(plan) = &mut plan {
        apply_rules(&registry, user_id, plan);
    }
    let features = registry.features.iter().map(|registered| &registered.feature);
    Summary::new(plan, features, &usage)
}

/// Puts the limits in force in place of the plan's. A blocked feature has 0.
fn apply_rules(registry: &Registry, user_id: Uuid, plan: &mut Plan) {
    if !registry.features.iter().any(|registered| registered.is_governed) {
        return;
    }
    let rules = rules::read_all(registry, user_id, plan.plan_id.as_deref().unwrap_or_default());
    let now = clock::wall_in_microseconds();
    for (registered, limit) in registry.features.iter().zip(&mut plan.limits) {
        if let Some(rules) = rules.get(&registered.feature.feature_type) {
            let in_force = InForce::of(rules, now, Holder::User);
            *limit = if in_force.is_denied { Some(0) } else { in_force.limit(*limit) };
        }
    }
}
