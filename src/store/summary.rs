//! Reads for `get_user_limits`: a user's plan, and the current count of every feature.

use std::rc::Rc;

use domain::period::Period;
use domain::period_kind::PeriodKind;
use domain::summary::Plan;
use pgrx::Uuid;

use super::counter::{Counted, RowId};
use super::entitlement::at_most_one;
use super::increments::Appended;
use super::owner::Owner;
use super::registry::{Registered, Registry};
use super::reservations::{held_of, open_of};
use crate::pg::argument::Argument;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;

/// A user's plan, if it is known and active, and the count of each feature in its own current
/// period.
pub fn read(
    registry: &Registry,
    user_id: Uuid,
    current: impl Fn(PeriodKind) -> Period,
) -> (Option<Plan>, Vec<i64>) {
    let statement = &registry.statements.summary;
    let kinds = &statement.columns.kinds;
    let keys: Vec<String> = kinds.iter().map(|kind| current(*kind).to_string()).collect();
    let mut arguments = vec![Argument::Uuid(user_id)];
    arguments.extend(keys.iter().map(|key| Argument::Text(key)));
    let rows = registry.on_tables(|| {
        let read = |row: &Row| (plan(registry, row), counters(registry, row));
        statement.read.rows(&arguments, Snapshot::Caller, read)
    });
    let Some((plan, counters)) = at_most_one(rows, user_id) else {
        return (None, vec![0; registry.features.len()]);
    };
    let has_reservations = counters.iter().any(|row| row.has_reservations);
    let open = if has_reservations {
        open_of(registry, Owner::User(user_id), Snapshot::Caller)
    } else {
        Vec::new()
    };
    let appended = Appended::to_rows(registry, user_id, counters.iter(), Snapshot::Caller);
    let usage = registry.features.iter().zip(&counters).map(|(registered, row)| {
        let feature = &registered.feature;
        let place = kinds.iter().position(|kind| *kind == feature.period).unwrap_or(0);
        let key = Owner::User(user_id).counter(&feature.feature_type, &keys[place]);
        let held = held_of(&open, &key, row);
        held.usage(appended.count(row, &key.feature_type, &key.period))
    });
    (plan, usage.collect())
}

/// The position of the first feature column.
fn first_feature(registry: &Registry) -> usize {
    3 + 3 * registry.statements.summary.columns.kinds.len()
}

fn plan(registry: &Registry, row: &Row) -> Option<Plan> {
    if row.get(2) != Some(true) {
        return None;
    }
    let first = first_feature(registry);
    let limit = |place: usize| row.integer(first + 2 * place);
    let flags = &registry.statements.summary.columns.flags;
    let first_flag = first + 2 * registry.features.len();
    let flag =
        |(place, name): (usize, &String)| (name.clone(), row.get(first_flag + place) == Some(true));
    Some(Plan {
        plan_id: row.get(0),
        plan_name: row.get(1),
        limits: (0..registry.features.len()).map(limit).collect(),
        flags: flags.iter().enumerate().map(flag).collect(),
    })
}

/// The counter of each feature, in its own current period.
fn counters(registry: &Registry, row: &Row) -> Vec<Counted> {
    let kinds = &registry.statements.summary.columns.kinds;
    let first = first_feature(registry);
    let counter = |(place, registered): (usize, &Rc<Registered>)| {
        let kind = kinds.iter().position(|kind| *kind == registered.feature.period).unwrap_or(0);
        Counted {
            count: row.integer(first + 2 * place + 1).unwrap_or(0),
            has_reservations: row.get(3 + 3 * kind) == Some(true),
            has_increments: row.get(4 + 3 * kind) == Some(true),
            id: RowId::read(row, 5 + 3 * kind),
        }
    };
    registry.features.iter().enumerate().map(counter).collect()
}
