//! Expiry: releases reservations whose time is over. Always done with the counter locked.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::period::Period;
use domain::reservation::Held;
use pgrx::Uuid;

use crate::pg::argument::Argument;
use crate::pg::snapshot::Snapshot;
use crate::store::counter::{Counted, Counter};
use crate::store::registry::Registry;
use crate::store::{registry, reservations};

/// Expires the reservations of a counter whose row is locked. Returns the row afterwards, and the
/// amount that live reservations hold.
pub fn of_locked(counter: &Counter, row: Counted) -> (Counted, i64) {
    let held = reservations::held(counter, &row, Snapshot::Latest);
    if held.past == 0 {
        return (row, held.live);
    }
    let expired = reservations::mark_expired(counter, Some(&row), i32::MAX);
    (give_back(counter, row, held, expired.amount), held.live)
}

/// Expires up to `limit` reservations of all counters, and returns their number. Locked counters
/// are skipped: the call that has locked one, or the next call, expires its reservations.
pub fn of_any(limit: i32) -> i32 {
    let registry = registry::current();
    registry.tables.lock_first();
    // In the order of the unique key, like every call that locks several counters.
    let counters: BTreeSet<_> = reservations::past_of_any(&registry, limit).into_iter().collect();
    let mut number = 0;
    for (user_id, key, feature_type) in &counters {
        number += of_counter(&registry, *user_id, key, feature_type, limit - number);
    }
    number
}

fn of_counter(
    registry: &Rc<Registry>,
    user_id: Uuid,
    key: &str,
    feature_type: &str,
    limit: i32,
) -> i32 {
    let counter = registry.find(feature_type).and_then(|registered| {
        let period = Period::parse(registered.feature.period, key).ok()?;
        Some(Counter::new(registry, registered, user_id, period))
    });
    let Some(counter) = counter else {
        // A feature that is no longer registered has no counter.
        let names = [Argument::Uuid(user_id), Argument::Text(key), Argument::Text(feature_type)];
        return reservations::mark_expired_of(registry, names, None, limit).number;
    };
    let Some(row) = counter.lock_if_free() else {
        if counter.count(Snapshot::Latest).is_some() {
            return 0;
        }
        // A deleted row has nothing to subtract from.
        return reservations::mark_expired(&counter, None, limit).number;
    };
    let held = reservations::held(&counter, &row, Snapshot::Latest);
    let expired = reservations::mark_expired(&counter, Some(&row), limit);
    give_back(&counter, row, held, expired.amount);
    expired.number
}

/// Subtracts from the row what the expired reservations held.
fn give_back(counter: &Counter, row: Counted, held: Held, amount: i64) -> Counted {
    let returned = held.returnable(row.count, amount);
    if returned > 0 {
        counter.subtract(returned);
    }
    Counted { count: row.count - returned, ..row }
}
