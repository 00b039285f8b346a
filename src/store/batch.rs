//! Many rows of `feature_usage` at once, in the order of their unique key.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::period::Period;
use pgrx::Uuid;

use super::counter::Counter;
use super::registry::Registry;
use crate::pg::argument::Argument;
use crate::pg::snapshot::Snapshot;
use crate::pg::statement::Statement;

/// A user and a period key.
pub type RowKey = (Uuid, String);

/// The amounts to add to a row, by the position of their feature in the registry.
pub type Amounts = BTreeMap<usize, i64>;

/// Inserts missing rows. Call it before any row is locked: inserting and locking at the same time
/// can deadlock.
pub fn insert_missing(registry: &Registry, rows: &BTreeSet<RowKey>) {
    let (user_ids, keys): (Vec<Uuid>, Vec<String>) = rows.iter().cloned().unzip();
    let arguments = [Argument::Uuids(&user_ids), Argument::Texts(&keys)];
    let insert_many = &registry.statements.counters.insert_many;
    registry.on_tables(|| insert_many.write(&arguments));
}

/// Locks the rows, in the order of their unique key, until the end of the transaction.
pub fn lock(registry: &Registry, rows: &BTreeSet<RowKey>) {
    let (user_ids, keys): (Vec<Uuid>, Vec<String>) = rows.iter().cloned().unzip();
    let arguments = [Argument::Uuids(&user_ids), Argument::Texts(&keys)];
    let lock_many = &registry.statements.counters.lock_many;
    registry.on_tables(|| lock_many.rows(&arguments, Snapshot::Command, |_| ()));
}

/// Adds to existing rows, in the order of their unique key. Returns false if one was not counted,
/// because it has no room or a user-defined trigger suppressed it.
pub fn add(registry: &Registry, rows: &BTreeMap<RowKey, Amounts>) -> bool {
    let (user_ids, keys): (Vec<Uuid>, Vec<String>) = rows.keys().cloned().unzip();
    let used: BTreeSet<usize> = rows.values().flat_map(|amounts| amounts.keys().copied()).collect();
    let (statement, features) = statement_for(registry, &used);
    let of_feature = |feature: usize| -> Vec<i64> {
        rows.values().map(|amounts| amounts.get(&feature).copied().unwrap_or(0)).collect()
    };
    let amounts: Vec<Vec<i64>> = features.into_iter().map(of_feature).collect();
    let mut arguments = vec![Argument::Uuids(&user_ids), Argument::Texts(&keys)];
    arguments.extend(amounts.iter().map(|amounts| Argument::Bigints(amounts)));
    registry.on_tables(|| statement.write(&arguments)) == rows.len() as u64
}

/// The statement that adds to these features, and the positions of the features it takes.
///
/// There is one per feature, and one for all features that have a column; one per set of features
/// would be too many. A feature without its column gets its own, whose error reports that.
fn statement_for<'a>(
    registry: &'a Registry,
    used: &BTreeSet<usize>,
) -> (&'a Statement, Vec<usize>) {
    let without_column = used.iter().find(|feature| !registry.features[**feature].has_counter);
    let only = used.first().filter(|_| used.len() == 1);
    match without_column.or(only) {
        Some(feature) => (&registry.features[*feature].statements.counter.add_many, vec![*feature]),
        None => {
            let all = registry.features.iter().enumerate();
            let counted = all.filter(|(_, registered)| registered.has_counter);
            (&registry.statements.counters.add_many, counted.map(|(place, _)| place).collect())
        }
    }
}

/// The count of a feature as it was before the caller's statement, or 0 if there was no row.
pub fn counted(registry: &Rc<Registry>, (user_id, key): &RowKey, feature: usize) -> i64 {
    let registered = &registry.features[feature];
    let period = Period::parse(registered.feature.period, key).ok();
    let counter = period.map(|period| Counter::new(registry, registered, *user_id, period));
    counter.and_then(|counter| counter.read(Snapshot::Caller)).map_or(0, |row| row.count)
}
