//! What the caps of rules have counted: windows of the calendar and buckets of rates, the rows of
//! `usage_counters`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use pgrx::Uuid;

use super::registry::Registry;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::argument::Argument;
use crate::pg::clock;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;
use crate::pg::statement::Statement;

/// A row, in the order in which rows are locked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowKey {
    /// Zero for a user's own.
    pub pool_id: Uuid,
    /// Zero for a pool's own; the member's otherwise.
    pub user_id: Uuid,
    pub feature_type: String,
    /// The period key of a window, or the name of a rate.
    pub period: String,
}

impl WindowKey {
    fn arguments(&self) -> [Argument<'_>; 4] {
        [
            Argument::Uuid(self.pool_id),
            Argument::Uuid(self.user_id),
            Argument::Text(&self.feature_type),
            Argument::Text(&self.period),
        ]
    }

    fn argument_and(&self, argument: Argument<'static>) -> [Argument<'_>; 5] {
        let [pool_id, user_id, feature_type, period] = self.arguments();
        [pool_id, user_id, feature_type, period, argument]
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    pub used: i64,
    /// When the bucket of a rate is full again, in microseconds from 1970.
    pub tat: Option<i64>,
    /// Whether reservations may hold a part of it.
    pub has_reservations: bool,
    /// Of a period of the feature itself: what grants and a currency covered.
    pub drawn: i64,
    /// Of a period of the feature itself: what was used beyond everything else.
    pub overage: i64,
}

/// What a call changes of a row.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Adds to what is used of a window; may be negative.
    Add(i64),
    /// Sets when the bucket of a rate is full again.
    Fill(i64),
}

pub type Windows = BTreeMap<WindowKey, Window>;

/// Reads the rows that exist, in the current snapshot.
pub fn read(registry: &Registry, keys: &BTreeSet<WindowKey>) -> Windows {
    rows(registry, &registry.statements.windows.read, keys, Snapshot::Caller)
}

/// Locks the rows that exist, one after the other, until the end of the transaction.
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
    let row = |key: &WindowKey| {
        let rows = registry.on_tables(|| statement.rows(&key.arguments(), snapshot, window));
        rows.into_iter().next().map(|window| (key.clone(), window))
    };
    keys.iter().filter_map(row).collect()
}

fn window(row: &Row) -> Window {
    Window {
        used: row.integer(0).unwrap_or(0),
        tat: row.instant(1).map(clock::from_1970),
        has_reservations: row.get(2) == Some(true),
        drawn: row.integer(3).unwrap_or(0),
        overage: row.integer(4).unwrap_or(0),
    }
}

/// Inserts rows unless they exist, with what is used of each, and whether reservations may hold a part
/// of it. Call it before any row is locked.
pub fn insert_missing(
    registry: &Registry,
    rows: &BTreeMap<WindowKey, i64>,
    has_reservations: bool,
) {
    for (key, used) in rows {
        let [pool_id, user_id, feature_type, period, used] =
            key.argument_and(Argument::Bigint(*used));
        let has_reservations = Argument::Boolean(has_reservations);
        let arguments = [pool_id, user_id, feature_type, period, used, has_reservations];
        registry.on_tables(|| registry.statements.windows.insert.write(&arguments));
    }
}

/// The months, years and the total of a pool, a user and a feature by period key, each with the instant
/// at which its row was made, in microseconds from 2000.
pub fn sums(
    registry: &Registry,
    ids: (Uuid, Uuid),
    feature_type: &str,
    snapshot: Snapshot,
) -> Vec<(String, i64)> {
    let sums = &registry.statements.windows.sums;
    of_feature(registry, sums, ids, feature_type, snapshot, |row| row.get(0).zip(row.instant(1)))
}

/// All windows of a pool, a user and a feature in this snapshot, with what is used of them.
pub fn all_counts(
    registry: &Registry,
    ids: (Uuid, Uuid),
    feature_type: &str,
    snapshot: Snapshot,
) -> Vec<(String, i64)> {
    let counts = &registry.statements.windows.all_counts;
    of_feature(registry, counts, ids, feature_type, snapshot, |row| row.get(0).zip(row.integer(1)))
}

fn of_feature(
    registry: &Registry,
    statement: &Statement,
    (pool_id, user_id): (Uuid, Uuid),
    feature_type: &str,
    snapshot: Snapshot,
    read: fn(&Row) -> Option<(String, i64)>,
) -> Vec<(String, i64)> {
    let arguments =
        [Argument::Uuid(pool_id), Argument::Uuid(user_id), Argument::Text(feature_type)];
    let rows = registry.on_tables(|| statement.rows(&arguments, snapshot, read));
    rows.into_iter().flatten().collect()
}

/// Changes locked rows. What is subtracted never makes a count negative.
pub fn change(registry: &Registry, changes: &BTreeMap<WindowKey, Change>, is_reserved: bool) {
    let statements = &registry.statements.windows;
    for (key, change) in changes {
        let written = registry.on_tables(|| match *change {
            Change::Add(amount) => {
                let [pool_id, user_id, feature_type, period, amount] =
                    key.argument_and(Argument::Bigint(amount));
                let is_reserved = Argument::Boolean(is_reserved);
                let arguments = [pool_id, user_id, feature_type, period, amount, is_reserved];
                statements.add.write(&arguments)
            }
            Change::Fill(full_at) => {
                let full_at = DateTime::from_timestamp_micros(full_at).unwrap_or_default();
                statements.fill.write(&key.argument_and(Argument::Instant(full_at)))
            }
        });
        if written == 0 {
            CountingError::WindowSuppressed.raise();
        }
    }
}

/// Adds to what grants, currency and overage covered of a period of the feature itself, whose counter
/// is locked. Inserts the row if there is none: whoever else would has to lock the counter first.
pub fn cover(registry: &Registry, key: &WindowKey, drawn: i64, overage: i64) {
    let [pool_id, user_id, feature_type, period] = key.arguments();
    let (drawn, overage) = (Argument::Bigint(drawn), Argument::Bigint(overage));
    let arguments = [pool_id, user_id, feature_type, period, drawn, overage];
    let written = registry.on_tables(|| registry.statements.windows.cover.write(&arguments));
    if written == 0 {
        CountingError::WindowSuppressed.raise();
    }
}
