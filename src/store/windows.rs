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
    let keys = Keys::of(keys.iter());
    let rows = registry.on_tables(|| statement.rows(&keys.arguments(), snapshot, window));
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
    let keys = Keys::of(rows.keys());
    let used: Vec<i64> = rows.values().copied().collect();
    let [pool_ids, user_ids, features, periods] = keys.arguments();
    let arguments = [pool_ids, user_ids, features, periods, Argument::Bigints(&used)];
    registry.on_tables(|| registry.statements.windows.insert.write(&arguments));
}

/// Changes locked rows. What is subtracted never makes a count negative.
pub fn change(registry: &Registry, changes: &BTreeMap<WindowKey, Change>, is_reserved: bool) {
    if changes.is_empty() {
        return;
    }
    let keys = Keys::of(changes.keys());
    let amounts: Vec<i64> = changes.values().map(|change| change.amount).collect();
    let full_at: Vec<Option<i64>> = changes.values().map(|change| change.tat).collect();
    let mut arguments = keys.arguments().to_vec();
    arguments.push(Argument::Bigints(&amounts));
    arguments.push(Argument::Instants(&full_at));
    arguments.push(Argument::Boolean(is_reserved));
    let add = &registry.statements.windows.add;
    if registry.on_tables(|| add.write(&arguments)) != changes.len() as u64 {
        CountingError::WindowSuppressed.raise();
    }
}

/// The key columns of rows.
struct Keys {
    pool_ids: Vec<Uuid>,
    user_ids: Vec<Uuid>,
    features: Vec<String>,
    periods: Vec<String>,
}

impl Keys {
    fn of<'a>(keys: impl Iterator<Item = &'a WindowKey> + Clone) -> Self {
        Self {
            // Rows of users themselves.
            pool_ids: keys.clone().map(|_| Uuid::from_bytes([0; 16])).collect(),
            user_ids: keys.clone().map(|key| key.user_id).collect(),
            features: keys.clone().map(|key| key.feature_type.clone()).collect(),
            periods: keys.map(|key| key.period.clone()).collect(),
        }
    }

    fn arguments(&self) -> [Argument<'_>; 4] {
        [
            Argument::Uuids(&self.pool_ids),
            Argument::Uuids(&self.user_ids),
            Argument::Texts(&self.features),
            Argument::Texts(&self.periods),
        ]
    }
}
