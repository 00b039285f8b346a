//! What a user's plan is, and what it allows.

use pgrx::{JsonB, Uuid};
use serde_json::{Map, Value};

use super::executor::Row;
use super::registry::{Registered, Registry};
use super::spi::Argument;
use super::statements::PlanStatements;
use crate::domain::decision::Standing;
use crate::domain::subscription::Subscription;
use crate::domain::summary::Plan;
use crate::error::Error;

/// What the user's plan says of a feature, with nothing used yet. A user without a row has no
/// subscription, and so the plan free.
pub fn standing(registry: &Registry, registered: &Registered, user_id: Uuid) -> Standing {
    let statements = &registered.statements;
    let allowance = |row: &Row, column| (row.get(column) == Some(true), row.get(column + 1));
    let rows = registry.on_tables(|| {
        statements.entitlement.read(&[Argument::Uuid(user_id)], |row| {
            (subscription_in(row), allowance(row, SUBSCRIPTION_COLUMNS))
        })
    });
    let (subscription, (plan_is_known, limit)) = at_most_one(rows, user_id).unwrap_or_else(|| {
        let rows = registry.on_tables(|| statements.free_plan.read(&[], |row| allowance(row, 0)));
        (Subscription::default(), at_most_one(rows, user_id).unwrap_or_default())
    });
    Standing { subscription, plan_is_known, limit, ..Standing::default() }
}

const SUBSCRIPTION_COLUMNS: usize = 4;

fn subscription_in(row: &Row) -> Subscription {
    Subscription {
        plan_id: row.get(0),
        is_active: row.get(1),
        status: row.get(2),
        trial_end: row.get(3),
    }
}

/// The user's plan, if it is one that is known and active.
pub fn plan(registry: &Registry, user_id: Uuid) -> Option<Plan> {
    let PlanStatements { subscription, plan } = &registry.statements.plans;
    let rows =
        registry.on_tables(|| subscription.read(&[Argument::Uuid(user_id)], subscription_in));
    let subscription = at_most_one(rows, user_id).unwrap_or_default();
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
