//! Counting, and reading what a decision needs.

use pgrx::{JsonB, Uuid};
use serde_json::{Map, Value};

use super::registry::{Registered, Registry};
use super::spi::{Argument, Rows, on_tables};
use super::statements;
use crate::domain::decision::Standing;
use crate::domain::period::{Period, PeriodKind};
use crate::domain::subscription::Subscription;
use crate::domain::summary::Plan;
use crate::error::Error;

const TABLES: &[&str] = &["feature_usage", "plan_limits", "user_plans"];

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
        Error::CountOverflow { feature: &registered.feature, amount }.raise();
    }
}

/// What is known of the user, the plan and the count of this feature in this period.
pub fn standing(
    registry: &Registry,
    registered: &Registered,
    user_id: Uuid,
    period: Period,
) -> Standing {
    let key = period.to_string();
    let arguments = [Argument::Uuid(user_id), Argument::Text(&key)];
    on_tables(&registry.schema, TABLES, || {
        registered.statements.standing.read(&arguments, |rows| {
            require_one_plan(rows, user_id);
            Standing {
                subscription: Subscription {
                    plan_id: rows.get(0, 0),
                    is_active: rows.get(0, 1),
                    status: rows.get(0, 2),
                    trial_end: rows.get(0, 3),
                },
                plan_is_known: rows.get(0, 4) == Some(true),
                limit: rows.get(0, 5),
                current_usage: rows.get(0, 6).unwrap_or(0),
            }
        })
    })
}

/// The user's plan, if it is one that is known and active.
pub fn plan(registry: &Registry, user_id: Uuid) -> Option<Plan> {
    on_tables(&registry.schema, TABLES, || {
        statements::plan(&registry.schema).read(&[Argument::Uuid(user_id)], |rows| {
            require_one_plan(rows, user_id);
            Some(Plan {
                columns: object(rows.get(0, 0)?),
                boolean_columns: rows.get(0, 1).unwrap_or_default(),
            })
        })
    })
}

/// The user's count of every feature, each in its own current period.
pub fn current_counts(
    registry: &Registry,
    user_id: Uuid,
    current: impl Fn(PeriodKind) -> Period,
) -> Vec<i64> {
    let (day, month) = (current(PeriodKind::Day).to_string(), current(PeriodKind::Month).to_string());
    let arguments = [Argument::Uuid(user_id), Argument::Text(&day), Argument::Text(&month)];
    let rows: Vec<(Option<String>, Map<String, Value>)> =
        on_tables(&registry.schema, TABLES, || {
            statements::counts(&registry.schema).read(&arguments, |rows| {
                (0..rows.len())
                    .map(|row| (rows.get(row, 0), rows.get(row, 1).map(object).unwrap_or_default()))
                    .collect()
            })
        });
    let count = |registered: &Registered| {
        let feature = &registered.feature;
        let key = current(feature.period).to_string();
        let row = rows.iter().find(|(period, _)| *period == Some(key.clone()));
        row.and_then(|(_, columns)| columns.get(&feature.usage_column)?.as_i64()).unwrap_or(0)
    };
    registry.features.iter().map(count).collect()
}

/// The statements join from the user on, so there is one row: more mean more than one plan.
fn require_one_plan(rows: &Rows, user_id: Uuid) {
    if rows.len() != 1 {
        Error::AmbiguousPlan { user_id: user_id.to_string() }.raise();
    }
}

fn object(JsonB(value): JsonB) -> Map<String, Value> {
    match value {
        Value::Object(columns) => columns,
        _ => Map::new(),
    }
}
