//! What the summary reads of the counters: every count of a user.

use std::rc::Rc;

use pgrx::Uuid;
use serde_json::{Map, Value};

use super::plans::object;
use super::registry::{Registered, Registry};
use super::reservations::{Open, open_of};
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
    let has_reservations = rows.iter().any(|(.., has_reservations)| *has_reservations);
    let open = if has_reservations { open_of(registry, user_id) } else { Vec::new() };
    let count = |registered: &Rc<Registered>| {
        let feature = &registered.feature;
        let key = current(feature.period).to_string();
        let row = rows.iter().find(|(period, ..)| period.as_deref() == Some(key.as_str()));
        let counted = row.and_then(|(_, columns, _)| columns.get(&feature.usage_column)?.as_i64());
        let is_given_back = |open: &&Open| {
            open.is_past && open.feature_type == feature.feature_type && open.period == key
        };
        let past: i64 = open.iter().filter(is_given_back).map(|open| open.amount).sum();
        (counted.unwrap_or(0) - past).max(0)
    };
    registry.features.iter().map(count).collect()
}
