//! Counting, and reading what a decision needs.

use pgrx::{JsonB, Uuid};
use serde_json::{Map, Value};

use super::executor::View;
use super::registry::{Registered, Registry};
use super::spi::{Argument, on_tables};
use super::statements;
use crate::domain::decision::Standing;
use crate::domain::period::{Period, PeriodKind};
use crate::domain::subscription::Subscription;
use crate::domain::summary::Plan;
use crate::error::Error;

/// How an error names our tables, or a column of one by the alias that the statements use.
const TABLES: &[&str] = &["feature_usage", "plan_limits", "user_plans", "fu", "pl", "up"];

/// Adds to the user's count of the period, in one atomic step.
///
/// The row nearly always exists, and an UPDATE costs two thirds of an INSERT … ON CONFLICT. Where
/// the UPDATE finds none, the upsert is exact on its own, whoever inserts the row meanwhile.
pub fn increment(
    registry: &Registry,
    registered: &Registered,
    user_id: Uuid,
    period: Period,
    amount: i32,
) {
    let key = period.to_string();
    let arguments = [Argument::Uuid(user_id), Argument::Text(&key), Argument::Integer(amount)];
    let statements = &registered.statements;
    let is_counted = on_tables(&registry.schema, TABLES, || {
        statements.update.write(&arguments) > 0 || statements.upsert.write(&arguments) > 0
    });
    if !is_counted {
        let feature = &registered.feature;
        let current_usage =
            standing(registry, registered, user_id, period, View::Latest).current_usage;
        if current_usage + i64::from(amount) > i64::from(i32::MAX) {
            Error::CountOverflow { feature, amount }.raise();
        }
        Error::NotCounted { feature }.raise();
    }
}

/// What is known of the user, the plan and the count of this feature in this period.
pub fn standing(
    registry: &Registry,
    registered: &Registered,
    user_id: Uuid,
    period: Period,
    view: View,
) -> Standing {
    let key = period.to_string();
    let arguments = [Argument::Uuid(user_id), Argument::Text(&key)];
    let rows = on_tables(&registry.schema, TABLES, || {
        registered.statements.standing.collect(&arguments, view, |row| Standing {
            subscription: Subscription {
                plan_id: row.get(0),
                is_active: row.get(1),
                status: row.get(2),
                trial_end: row.get(3),
            },
            plan_is_known: row.get(4) == Some(true),
            limit: row.get(5),
            current_usage: row.get(6).unwrap_or(0),
        })
    });
    only(rows, user_id)
}

/// The user's plan, if it is one that is known and active.
pub fn plan(registry: &Registry, user_id: Uuid) -> Option<Plan> {
    let rows = on_tables(&registry.schema, TABLES, || {
        statements::plan(&registry.schema).read(&[Argument::Uuid(user_id)], |row| {
            let columns = row.get(0).map(object)?;
            Some(Plan { columns, boolean_columns: row.get(1).unwrap_or_default() })
        })
    });
    only(rows, user_id)
}

/// The user's count of every feature, each in its own current period.
pub fn current_counts(
    registry: &Registry,
    user_id: Uuid,
    current: impl Fn(PeriodKind) -> Period,
) -> Vec<i64> {
    let (day, month) =
        (current(PeriodKind::Day).to_string(), current(PeriodKind::Month).to_string());
    let arguments = [Argument::Uuid(user_id), Argument::Text(&day), Argument::Text(&month)];
    let rows: Vec<(Option<String>, Map<String, Value>)> =
        on_tables(&registry.schema, TABLES, || {
            statements::counts(&registry.schema)
                .read(&arguments, |row| (row.get(0), row.get(1).map(object).unwrap_or_default()))
        });
    let count = |registered: &Registered| {
        let feature = &registered.feature;
        let key = current(feature.period).to_string();
        let row = rows.iter().find(|(period, _)| period.as_deref() == Some(key.as_str()));
        row.and_then(|(_, columns)| columns.get(&feature.usage_column)?.as_i64()).unwrap_or(0)
    };
    registry.features.iter().map(count).collect()
}

/// The statements join from the user on, so there is one row: more mean more than one plan.
fn only<T>(mut rows: Vec<T>, user_id: Uuid) -> T {
    match rows.pop() {
        Some(row) if rows.is_empty() => row,
        _ => Error::AmbiguousPlan { user_id: user_id.to_string() }.raise(),
    }
}

fn object(JsonB(value): JsonB) -> Map<String, Value> {
    match value {
        Value::Object(columns) => columns,
        _ => Map::new(),
    }
}
