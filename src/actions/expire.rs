//! Expiry: releases reservations whose time is over. Always done with the counter locked.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::reservation::Held;

use super::counts::{Counts, Keys};
use super::terms::{Unusable, current_calendar};
use super::windows::{Sums, extend_each};
use crate::pg::snapshot::{self, Snapshot};
use crate::store::counter::{Counted, Counter, CounterKey};
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::Open;
use crate::store::{registry, reservations};

/// Expires the reservations of a counter whose row is locked. Returns the row afterwards, and the
/// amount that live reservations hold.
pub fn of_locked(counter: &Counter, row: Counted) -> (Counted, i64) {
    let held = reservations::held(counter, &row, Snapshot::Latest);
    if held.past == 0 {
        return (row, held.live);
    }
    let expired = reservations::mark_expired(counter, Some(&row), i32::MAX);
    (subtract(counter, row, held, expired.amount), held.live)
}

/// Expires up to `limit` reservations of all counters, and returns their number. Locked counters
/// are skipped: the call that has locked one, or the next call, expires its reservations.
pub fn of_any(limit: i32) -> i32 {
    let registry = registry::current();
    registry.tables.lock_first();
    // In the order of the unique key, like every call that locks several counters.
    let counters: BTreeSet<_> = reservations::past_of_any(&registry, limit).into_iter().collect();
    let mut number = 0;
    for key in &counters {
        number += of_counter(&registry, key, limit - number);
    }
    number
}

fn of_counter(registry: &Rc<Registry>, key: &CounterKey, limit: i32) -> i32 {
    let registered = registry.find(&key.feature_type);
    // A feature that is no longer registered has no counter, but may have been paid in another one.
    let counter = Counter::of(registry, key).filter(|_| !key.is_of_pool());
    let counter = match (counter, registered) {
        (Some(counter), Some(registered)) if !registered.is_governed => counter,
        _ => return of_rows(registry, registered.map(AsRef::as_ref), key, limit),
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
    subtract(&counter, row, held, expired.amount);
    expired.number
}

/// The same for a feature whose reservations may be counted in other rows as well. Whatever another
/// transaction has locked is left to it: waiting for it here could deadlock.
fn of_rows(
    registry: &Rc<Registry>,
    registered: Option<&Registered>,
    key: &CounterKey,
    limit: i32,
) -> i32 {
    let owner = key.owner();
    let mut counts = Counts::new(registry);
    counts.lock_counters_if_free(&BTreeSet::from([key.clone()]));
    let read_open = || {
        let mut open = reservations::open_of(registry, owner, Snapshot::Latest);
        if let Some(registered) = registered {
            let calendar = current_calendar(registry, registered, owner, Unusable::IsIgnored);
            extend_each(open.iter_mut().filter(|open| open.is_past), |owner| {
                Sums::of(registry, registered, owner, &calendar, Snapshot::Latest)
            });
        }
        open
    };
    let is_due = |open: &&Open| open.is_past && open.holding.own.counter(owner) == *key;
    let before = read_open();
    let due: Vec<&Open> = before.iter().filter(is_due).take(limit.max(0) as usize).collect();
    let keys = Keys::of_all(due.iter().map(|open| Keys::of(&open.holding)));
    let grant_ids: BTreeSet<uuid::Uuid> = due.iter().flat_map(|open| grants_of(open)).collect();
    let mut existing = Counts::new(registry);
    snapshot::latest(|| {
        existing.read(&keys);
        existing.read_grants(&grant_ids);
    });
    let gone = existing.unlocked(&keys);
    counts.lock_counters_if_free(&keys.counters);
    counts.lock_windows_if_free(&keys.windows);
    counts.lock_grants_if_free(&grant_ids);
    let missing = counts.unlocked(&keys).without(&gone);
    // Some may have been settled before their counters were locked.
    let open = read_open();
    let is_locked = |grant_id: uuid::Uuid| {
        counts.grants().contains_key(&grant_id) || !existing.grants().contains_key(&grant_id)
    };
    let is_covered = |open: &&&Open| {
        let of_open = Keys::of(&open.holding);
        of_open.without(&missing) == of_open && grants_of(open).all(is_locked)
    };
    let covered: Vec<&&Open> = due.iter().filter(is_covered).collect();
    let marked = reservations::mark_these_expired(registry, covered.iter().map(|open| **open));
    let is_marked = |open: &&Open| marked.contains(&open.reservation_id);
    let expired: Vec<&Open> = covered.into_iter().copied().filter(is_marked).collect();
    counts.expire(&open, &expired);
    counts.write();
    marked.len() as i32
}

fn grants_of(open: &Open) -> impl Iterator<Item = uuid::Uuid> + '_ {
    open.holding.split.grants().map(|(grant_id, _)| grant_id)
}

/// Subtracts from the row what the expired reservations held.
fn subtract(counter: &Counter, row: Counted, held: Held, amount: i64) -> Counted {
    let returned = held.returnable(row.count, amount);
    if returned > 0 {
        counter.subtract(returned);
    }
    Counted { count: row.count - returned, ..row }
}
