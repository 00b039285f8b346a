//! What the summary reads of the counters: every count of a user.

use pgrx::Uuid;
use serde_json::{Map, Value};

use super::plans::object;
use super::registry::{Registered, Registry};
use super::spi::Argument;
use crate::domain::period::{Period, PeriodKind};

/// The user's count of every feature, each in its own current period.
pub fn current_counts(
    registry: &Registry,
    user_id: Uuid,
    current: impl Fn(PeriodKind) -> Period,
) -> Vec<i64> {
    let (day, month) =
        (current(PeriodKind::Day).to_string(), current(PeriodKind::Month).to_string());
    let arguments = [Argument::Uuid(user_id), Argument::Text(&day), Argument::Text(&month)];
    let statement = &registry.statements.counters.counts;
    let rows: Vec<(Option<String>, Map<String, Value>, bool)> = registry.on_tables(|| {
        statement.read(&arguments, |row| {
            (row.get(0), row.get(1).map(object).unwrap_or_default(), row.get(2) == Some(true))
        })
    });
    let past = match rows.iter().any(|(.., has_reservations)| *has_reservations) {
        true => past_amounts(registry, user_id),
        false => Vec::new(),
    };
    let count = |registered: &Registered| {
        let feature = &registered.feature;
        let key = current(feature.period).to_string();
        let row = rows.iter().find(|(period, ..)| period.as_deref() == Some(key.as_str()));
        let counted = row.and_then(|(_, columns, _)| columns.get(&feature.usage_column)?.as_i64());
        let of_counter = |(feature_type, period, _): &&(String, String, i64)| {
            *feature_type == feature.feature_type && *period == key
        };
        let past: i64 = past.iter().filter(of_counter).map(|(.., amount)| amount).sum();
        (counted.unwrap_or(0) - past).max(0)
    };
    registry.features.iter().map(count).collect()
}

/// What expired reservations of the user still hold, with feature and period.
fn past_amounts(registry: &Registry, user_id: Uuid) -> Vec<(String, String, i64)> {
    let statement = &registry.statements.reservations.past;
    let rows = registry.on_tables(|| {
        statement.read(&[Argument::Uuid(user_id)], |row| {
            Some((row.get(0)?, row.get(1)?, row.get::<i32>(2)?.into()))
        })
    });
    rows.into_iter().flatten().collect()
}
