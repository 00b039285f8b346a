//! What a user's plan is, and what it allows.

use pgrx::{JsonB, Uuid};
use serde_json::{Map, Value};

use super::clock;
use super::registry::{Registered, Registry};
use super::spi::Argument;
use crate::domain::decision::Standing;
use crate::domain::subscription::Subscription;
use crate::domain::summary::Plan;
use crate::error::Error;

/// The user's subscription. A user without a row has none.
fn subscription(registry: &Registry, user_id: Uuid) -> Subscription {
    let lookup = &registry.statements.plans.subscription;
    let rows = registry.look_up(lookup, &[Argument::Uuid(user_id)], |row| Subscription {
        plan_id: row.get(0),
        is_active: row.get(1),
        status: row.get(2),
        trial_end: row.instant(3).map(clock::epoch_of),
    });
    at_most_one(rows, user_id).unwrap_or_default()
}

/// What the user's plan says of a feature, with nothing used yet.
pub fn standing(registry: &Registry, registered: &Registered, user_id: Uuid) -> Standing {
    let subscription = subscription(registry, user_id);
    let plan = [Argument::Text(subscription.plan_id())];
    let rows = registry.look_up(&registered.statements.limit, &plan, |row| {
        (row.get(0) == Some(true), row.integer(1))
    });
    let (plan_is_known, limit) = at_most_one(rows, user_id).unwrap_or_default();
    Standing { subscription, plan_is_known, limit, ..Standing::default() }
}

/// The user's plan, if it is one that is known and active.
pub fn plan(registry: &Registry, user_id: Uuid) -> Option<Plan> {
    let subscription = subscription(registry, user_id);
    let plan = &registry.statements.plans.plan;
    let rows = registry.on_tables(|| {
        plan.read(&[Argument::Text(subscription.plan_id())], |row| {
            let columns = row.get(0).map(object)?;
            Some(Plan { columns, boolean_columns: row.get(1).unwrap_or_default() })
        })
    });
    at_most_one(rows, user_id).flatten()
}

/// The only row of a key. A view has no key, and so may have more.
pub fn at_most_one<T>(mut rows: Vec<T>, user_id: Uuid) -> Option<T> {
    if rows.len() > 1 {
        Error::AmbiguousPlan { user_id: user_id.to_string() }.raise();
    }
    rows.pop()
}

/// A row as jsonb.
pub fn object(JsonB(value): JsonB) -> Map<String, Value> {
    match value {
        Value::Object(columns) => columns,
        _ => Map::new(),
    }
}
