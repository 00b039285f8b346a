//! Increments of a contended counter: each is a row of `usage_increments`, until somebody who has locked
//! the counter adds them to it.
//!
//! `has_increments` of the counter's row says whether to look for them. It is set under the lock of the
//! row, stays set as long as the row lives, and nothing is appended before it is committed. So whoever
//! has locked a row, or reads it in a snapshot, knows by the row whether there may be more.

use std::collections::BTreeMap;

use pgrx::Uuid;

use super::counter::{Counted, Counter, CounterKey};
use super::owner::Owner;
use super::registry::Registry;
use crate::pg::argument::Argument;
use crate::pg::snapshot::Snapshot;

/// What was appended to the counters of a user, by feature type and period key.
pub struct Appended(BTreeMap<(String, String), i64>);

/// Appends an amount without waiting for the counter. Returns false, with nothing written, if its row
/// does not allow it, or if it counts more than half of what the column holds.
pub fn append(counter: &Counter, amount: i32) -> bool {
    let [user_id, key, amount] = counter.arguments_with_amount(amount.into());
    let arguments = [user_id, key, amount, Argument::Text(&counter.feature().feature_type)];
    let append = &counter.statements().append;
    counter.registry.on_tables(|| append.write(&arguments)) > 0
}

/// Allows increments of a locked row to be appended. What a deleted row of the same user and period has
/// left is not its own.
pub fn allow(counter: &Counter) {
    let arguments = counter.arguments();
    let statements = &counter.registry.statements;
    counter.registry.on_tables(|| {
        if counter.statements().allow_appending.write(&arguments) > 0 {
            statements.increments.forget.write(&arguments);
        }
    });
}

/// Removes what was appended to a locked counter, and returns its sum.
pub fn take(counter: &Counter) -> i64 {
    let take = &counter.registry.statements.increments.take;
    let amounts: Vec<Option<i64>> = counter.registry.on_tables(|| {
        take.rows(&counter.arguments_with_feature(), Snapshot::Command, |row| row.integer(0))
    });
    amounts.into_iter().flatten().sum()
}

/// Adds to a locked row what was appended to it.
pub fn fold(counter: &Counter, row: Counted) -> Counted {
    if !row.has_increments {
        return row;
    }
    let sum = take(counter);
    if sum > 0 && counter.feature().has_room(row.count, sum) {
        counter.add(sum);
    } else if sum > 0 {
        // What callers were told is counted stays counted, here if the column can't hold it.
        let insert = &counter.registry.statements.increments.insert;
        let [user_id, key, feature_type] = counter.arguments_with_feature();
        let arguments = [user_id, key, feature_type, Argument::Bigint(sum)];
        counter.registry.on_tables(|| insert.write(&arguments));
    }
    Counted { count: row.count.saturating_add(sum), ..row }
}

/// A row as read in a snapshot, with what was appended to its counter.
pub fn add(counter: &Counter, row: Counted, snapshot: Snapshot) -> Counted {
    if !row.has_increments {
        return row;
    }
    let sum = &counter.registry.statements.increments.sum;
    let sums = counter.registry.on_tables(|| {
        sum.rows(&counter.arguments_with_feature(), snapshot, |row| row.integer(0).unwrap_or(0))
    });
    Counted { count: row.count.saturating_add(sums.into_iter().sum()), ..row }
}

/// Up to `limit` counters to which something was appended, as committed now.
pub fn counters(registry: &Registry, limit: i32) -> Vec<CounterKey> {
    let counters = &registry.statements.increments.counters;
    let rows = registry.on_tables(|| {
        counters.rows(&[Argument::Bigint(limit.into())], Snapshot::Latest, |row| {
            let (period, feature_type): (String, String) = (row.get(1)?, row.get(2)?);
            Some(Owner::User(row.get(0)?).counter(&feature_type, &period))
        })
    });
    rows.into_iter().flatten().collect()
}

impl Appended {
    /// Reads what was appended to the counters in these rows, in the snapshot in which the rows were read.
    pub fn to_rows<'a>(
        registry: &Registry,
        user_id: Uuid,
        mut rows: impl Iterator<Item = &'a Counted>,
        snapshot: Snapshot,
    ) -> Self {
        if !rows.any(|row| row.has_increments) {
            return Self(BTreeMap::new());
        }
        let sums = &registry.statements.increments.sums_of_user;
        let rows = registry.on_tables(|| {
            sums.rows(&[Argument::Uuid(user_id)], snapshot, |row| {
                Some(((row.get(0)?, row.get(1)?), row.integer(2)?))
            })
        });
        Self(rows.into_iter().flatten().collect())
    }

    /// The count of a feature's row, with what was appended to it.
    pub fn count(&self, row: &Counted, feature_type: &str, period: &str) -> i64 {
        let name = (feature_type.to_owned(), period.to_owned());
        let appended = self.0.get(&name).filter(|_| row.has_increments);
        row.count.saturating_add(appended.copied().unwrap_or(0))
    }
}
