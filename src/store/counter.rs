//! One user's counter of one feature in one period.

use std::rc::Rc;

use domain::feature::Feature;
use domain::period::Period;
use pgrx::Uuid;

use super::increments::{self, Appended};
use super::owner::{Owner, nobody};
use super::registry::{Registered, Registry};
use super::statements::{EntitlementStatements, FeatureCounterStatements};
use super::windows::WindowKey;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::argument::Argument;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;
use crate::pg::statement::Statement;

pub struct Counter {
    pub registry: Rc<Registry>,
    registered: Rc<Registered>,
    pub user_id: Uuid,
    key: String,
}

/// Names a counter. Its order is that in which counters are locked: users' before pools', and by their
/// rows first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CounterKey {
    /// Zero for a user's own, which `feature_usage` counts; `usage_counters` counts those of pools.
    pub pool_id: Uuid,
    /// Zero for a pool's.
    pub user_id: Uuid,
    /// The period key.
    pub period: String,
    pub feature_type: String,
}

impl CounterKey {
    /// The name of its row, in the order in which rows are locked: users' own have one for all features.
    pub fn row(&self) -> (Uuid, Uuid, &str, &str) {
        let feature_type = if self.is_of_pool() { self.feature_type.as_str() } else { "" };
        (self.pool_id, self.user_id, &self.period, feature_type)
    }

    pub fn is_of_pool(&self) -> bool {
        self.pool_id != nobody()
    }

    /// The row that says what grants, currency and overage cover of the count. Of a pool's counter, it
    /// is the counter itself.
    pub fn cover(&self) -> WindowKey {
        let Self { pool_id, user_id, .. } = *self;
        let (feature_type, period) = (self.feature_type.clone(), self.period.clone());
        WindowKey { pool_id, user_id, feature_type, period }
    }
}

/// A row of `feature_usage`, as read for one feature.
#[derive(Clone, Copy)]
pub struct Counted {
    pub count: i64,
    /// Whether reservations may hold a part of this row's counts, of any feature.
    pub has_reservations: bool,
    /// Whether increments of this row, of any feature, may be appended instead of waiting for it.
    pub has_increments: bool,
    /// Distinguishes the row from one inserted after it was deleted.
    pub id: RowId,
}

/// The column `id` of a row. In a table that existed before the extension its type may not be uuid;
/// then rows are not distinguished.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowId(Option<Uuid>);

/// Stored for an unknown id.
const UNKNOWN: [u8; 16] = [0; 16];

impl RowId {
    /// Belongs to any row.
    pub const UNKNOWN: Self = Self(None);

    pub fn of(id: Option<uuid::Uuid>) -> Self {
        Self(id.map(|id| Uuid::from_bytes(*id.as_bytes())))
    }

    pub fn id(self) -> Option<uuid::Uuid> {
        self.0.map(|id| uuid::Uuid::from_bytes(*id.as_bytes()))
    }

    pub fn read(row: &Row, column: usize) -> Self {
        Self(row.get(column).filter(|id: &Uuid| *id.as_bytes() != UNKNOWN))
    }

    /// Whether a reservation that stored this id was counted in the row with id `row`. A
    /// reservation with an unknown id belongs to any row.
    pub fn is_of(self, row: Self) -> bool {
        self.0.is_none() || row.0.is_none() || self == row
    }

    pub fn argument(self) -> Argument<'static> {
        Argument::Uuid(self.0.unwrap_or_else(|| Uuid::from_bytes(UNKNOWN)))
    }
}

impl Counted {
    pub fn read(row: &Row, first_column: usize) -> Self {
        Self {
            count: row.integer(first_column).unwrap_or(0),
            has_reservations: row.get(first_column + 1) == Some(true),
            has_increments: row.get(first_column + 2) == Some(true),
            id: RowId::read(row, first_column + 3),
        }
    }
}

impl Counter {
    pub fn new(
        registry: &Rc<Registry>,
        registered: &Rc<Registered>,
        user_id: Uuid,
        period: Period,
    ) -> Self {
        let (registry, registered) = (Rc::clone(registry), Rc::clone(registered));
        Self { registry, registered, user_id, key: period.to_string() }
    }

    /// The counter of a user's key. `None` if its feature is not registered, or its period is none of
    /// the feature.
    pub fn of(registry: &Rc<Registry>, key: &CounterKey) -> Option<Self> {
        let registered = registry.find(&key.feature_type)?;
        let period = Period::parse(registered.feature.period, &key.period).ok()?;
        Some(Self::new(registry, registered, key.user_id, period))
    }

    pub fn name(&self) -> CounterKey {
        Owner::User(self.user_id).counter(&self.feature().feature_type, &self.key)
    }

    /// The period key.
    pub fn period(&self) -> &str {
        &self.key
    }

    pub fn feature(&self) -> &Feature {
        &self.registered.feature
    }

    pub fn entitlement_statements(&self) -> &EntitlementStatements {
        &self.registered.statements.entitlement
    }

    pub fn statements(&self) -> &FeatureCounterStatements {
        &self.registered.statements.counter
    }

    /// The user and the period key, the first arguments of all statements of a counter.
    pub fn arguments(&self) -> [Argument<'_>; 2] {
        [Argument::Uuid(self.user_id), Argument::Text(&self.key)]
    }

    /// The user, the period key and the feature, for tables with one row per feature.
    pub fn arguments_with_feature(&self) -> [Argument<'_>; 3] {
        let [user_id, key] = self.arguments();
        [user_id, key, Argument::Text(&self.feature().feature_type)]
    }

    /// Locks the row, if there is one, until the end of the transaction, and adds to it what was
    /// appended.
    pub fn lock(&self) -> Option<Counted> {
        self.row(&self.statements().lock, Snapshot::Command).map(|row| increments::fold(self, row))
    }

    /// The same unless another transaction has locked the row. `None` if it has, or if there is no row.
    pub fn lock_if_free(&self) -> Option<Counted> {
        let row = self.row(&self.statements().lock_if_free, Snapshot::Command);
        row.map(|row| increments::fold(self, row))
    }

    /// The row in a snapshot, with what was appended to it, locked or not.
    pub fn read(&self, snapshot: Snapshot) -> Option<Counted> {
        let row = self.row(&self.statements().read, snapshot);
        row.map(|row| increments::add(self, row, snapshot))
    }

    fn row(&self, statement: &Statement, snapshot: Snapshot) -> Option<Counted> {
        let read = |row: &Row| Counted::read(row, 0);
        self.registry.on_tables(|| statement.rows(&self.arguments(), snapshot, read)).pop()
    }

    /// The user's counts of the feature in all periods, with their period keys, in this snapshot.
    pub fn all_counts(&self, snapshot: Snapshot) -> Vec<(String, i64)> {
        let all_counts = &self.statements().all_counts;
        let read = |row: &Row| Some((row.get(4)?, Counted::read(row, 0)));
        let rows: Vec<Option<(String, Counted)>> = self
            .registry
            .on_tables(|| all_counts.rows(&[Argument::Uuid(self.user_id)], snapshot, read));
        let rows: Vec<(String, Counted)> = rows.into_iter().flatten().collect();
        let counted = rows.iter().map(|(_, row)| row);
        let appended = Appended::to_rows(&self.registry, self.user_id, counted, snapshot);
        let count = |(period, row): (String, Counted)| {
            let count = appended.count(&row, &self.feature().feature_type, &period);
            (period, count)
        };
        rows.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
    }

    /// Inserts the row unless it exists.
    pub fn insert(&self) {
        let insert = &self.registry.statements.counters.insert;
        self.registry.on_tables(|| insert.write(&self.arguments()));
    }

    /// Adds to a locked row.
    pub fn add(&self, amount: i64) {
        let add = || self.statements().add.write(&self.arguments_with_amount(amount));
        self.require_counted(self.registry.on_tables(add));
    }

    /// Subtracts from a locked row, which counts at least the amount.
    pub fn subtract(&self, amount: i64) {
        let subtract = || self.statements().subtract.write(&self.arguments_with_amount(amount));
        self.require_counted(self.registry.on_tables(subtract));
    }

    /// Adds to a locked row, for a reservation.
    pub fn add_reserved(&self, amount: i64) {
        let statement = &self.statements().add_reserved;
        let add = || statement.write(&self.arguments_with_amount(amount));
        self.require_counted(self.registry.on_tables(add));
    }

    /// Adds in one atomic step, without checking the limit; inserts the row if there is none.
    ///
    /// The row nearly always exists, and an UPDATE costs two thirds of an INSERT … ON CONFLICT. If
    /// the UPDATE finds no row, the upsert is correct on its own, even if another call inserts the
    /// row meanwhile.
    pub fn increment(&self, amount: i32) {
        let FeatureCounterStatements { add, upsert, .. } = self.statements();
        let arguments = self.arguments_with_amount(amount.into());
        let written = self.registry.on_tables(|| match add.write(&arguments) {
            0 => upsert.write(&arguments),
            written => written,
        });
        if written == 0 {
            let counted = self.lock().map_or(0, |row| row.count);
            self.require_room(counted, amount.into());
        }
        self.require_counted(written);
    }

    /// Locks the row unless another transaction has locked it, and adds the amount and what was
    /// appended. Returns false, with nothing written, if another transaction has, or if there is no row.
    pub fn increment_if_free(&self, amount: i32) -> bool {
        let row = self.row(&self.statements().lock_if_free, Snapshot::Command);
        let Some(row) = row else { return false };
        let amount = i64::from(amount);
        let appended = if row.has_increments { increments::take(self) } else { 0 };
        self.require_room(row.count.saturating_add(appended), amount);
        self.add(amount + appended);
        true
    }

    /// Raises an error if the column has no room for the amount in addition to this count.
    pub fn require_room(&self, counted: i64, amount: i64) {
        if !self.feature().has_room(counted, amount) {
            CountingError::Overflow { feature: self.feature(), amount }.raise();
        }
    }

    fn require_counted(&self, written: u64) {
        if written == 0 {
            CountingError::Suppressed { feature: self.feature() }.raise();
        }
    }

    /// The amount in the type of the column, which saves a cast. It fits, because the counter has
    /// room for it or counts at least the amount.
    pub fn arguments_with_amount(&self, amount: i64) -> [Argument<'_>; 3] {
        let [user_id, key] = self.arguments();
        let amount = match i32::try_from(amount) {
            Ok(amount) if self.feature().max_count == i64::from(i32::MAX) => {
                Argument::Integer(amount)
            }
            _ => Argument::Bigint(amount),
        };
        [user_id, key, amount]
    }
}
