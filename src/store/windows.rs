//! What the caps of rules have counted: windows of the calendar and buckets of rates, the rows of
//! `usage_counters`.

use std::collections::{BTreeMap, BTreeSet};

use pgrx::Uuid;

use super::registry::Registry;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::argument::Argument;
use crate::pg::clock;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;
use crate::pg::statement::Statement;

/// A row of a user, in the order in which rows are locked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowKey {
    pub user_id: Uuid,
    pub feature_type: String,
    /// The period key of a window, or the name of a rate.
    pub period: String,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    pub used: i64,
    /// When the bucket of a rate is full again, in microseconds from 1970.
    pub tat: Option<i64>,
    /// Whether reservations may hold a part of it.
    pub has_reservations: bool,
}

/// What a call changes of a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// May be negative.
    pub amount: i64,
    /// When the bucket is full again afterwards.
    pub tat: Option<i64>,
}

pub type Windows = BTreeMap<WindowKey, Window>;

/// Reads the rows that exist, in the current snapshot.
pub fn read(registry: &Registry, keys: &BTreeSet<WindowKey>) -> Windows {
    rows(registry, &registry.statements.windows.read, keys, Snapshot::Caller)
}

/// Locks the rows that exist until the end of the transaction.
pub fn lock(registry: &Registry, keys: &BTreeSet<WindowKey>) -> Windows {
    rows(registry, &registry.statements.windows.lock, keys, Snapshot::Command)
}

/// Locks the rows that exist, except those that another transaction has locked.
pub fn lock_if_free(registry: &Registry, keys: &BTreeSet<WindowKey>) -> Windows {
    rows(registry, &registry.statements.windows.lock_if_free, keys, Snapshot::Command)
}

fn rows(
    registry: &Registry,
    statement: &Statement,
    keys: &BTreeSet<WindowKey>,
    snapshot: Snapshot,
) -> Windows {
    if keys.is_empty() {
        return Windows::new();
    }
    let [user_ids, features, periods] = &arrays(keys.iter());
    let arguments = [user_ids, features, periods].map(Array::argument);
    let rows = registry.on_tables(|| statement.rows(&arguments, snapshot, window));
    rows.into_iter().flatten().collect()
}

fn window(row: &Row) -> Option<(WindowKey, Window)> {
    let key = WindowKey { user_id: row.get(0)?, feature_type: row.get(1)?, period: row.get(2)? };
    let window = Window {
        used: row.integer(3).unwrap_or(0),
        tat: row.instant(4).map(clock::from_1970),
        has_reservations: row.get(5) == Some(true),
    };
    Some((key, window))
}

/// Inserts rows unless they exist, with what is used of each. Call it before any row is locked.
pub fn insert_missing(registry: &Registry, rows: &BTreeMap<WindowKey, i64>) {
    if rows.is_empty() {
        return;
    }
    let [user_ids, features, periods] = &arrays(rows.keys());
    let used: Vec<i64> = rows.values().copied().collect();
    let [user_ids, features, periods] = [user_ids, features, periods].map(Array::argument);
    let arguments = [user_ids, features, periods, Argument::Bigints(&used)];
    registry.on_tables(|| registry.statements.windows.insert.write(&arguments));
}

/// Changes locked rows. What is subtracted never makes a count negative.
pub fn change(registry: &Registry, changes: &BTreeMap<WindowKey, Change>, is_reserved: bool) {
    if changes.is_empty() {
        return;
    }
    let [user_ids, features, periods] = &arrays(changes.keys());
    let amounts: Vec<i64> = changes.values().map(|change| change.amount).collect();
    let full_at: Vec<Option<i64>> = changes.values().map(|change| change.tat).collect();
    let [user_ids, features, periods] = [user_ids, features, periods].map(Array::argument);
    let (amounts, full_at) = (Argument::Bigints(&amounts), Argument::Instants(&full_at));
    let is_reserved = Argument::Boolean(is_reserved);
    let arguments = [user_ids, features, periods, amounts, full_at, is_reserved];
    let add = &registry.statements.windows.add;
    if registry.on_tables(|| add.write(&arguments)) != changes.len() as u64 {
        CountingError::WindowSuppressed.raise();
    }
}

enum Array {
    Uuids(Vec<Uuid>),
    Texts(Vec<String>),
}

impl Array {
    fn argument(&self) -> Argument<'_> {
        match self {
            Self::Uuids(uuids) => Argument::Uuids(uuids),
            Self::Texts(texts) => Argument::Texts(texts),
        }
    }
}

fn arrays<'a>(keys: impl Iterator<Item = &'a WindowKey> + Clone) -> [Array; 3] {
    [
        Array::Uuids(keys.clone().map(|key| key.user_id).collect()),
        Array::Texts(keys.clone().map(|key| key.feature_type.clone()).collect()),
        Array::Texts(keys.map(|key| key.period.clone()).collect()),
    ]
}
