//! Expiry: releases reservations whose time is over. Always done with the counter locked.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::period::Period;
use domain::reservation::Held;
use pgrx::Uuid;

use super::terms::{Unusable, current_calendar};
use super::windows::Sums;
use crate::pg::argument::Argument;
use crate::pg::snapshot::{self, Snapshot};
use crate::store::counter::{Counted, Counter};
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::Open;
use crate::store::windows::{Change, WindowKey, Windows};
use crate::store::{registry, reservations, windows};

/// The locked rows in which reservations of a user and a feature are counted.
#[derive(Default)]
pub struct Locked {
    pub counters: BTreeMap<Period, (Counter, Counted)>,
    pub windows: Windows,
    /// Periods and windows whose rows have been deleted: there is nothing to give back to.
    pub gone_periods: BTreeSet<String>,
    pub gone_windows: BTreeSet<WindowKey>,
}

impl Locked {
    pub fn has_reservations(&self) -> bool {
        self.counters.values().any(|(_, row)| row.has_reservations)
            || self.windows.values().any(|window| window.has_reservations)
    }

    /// The amount of a period's counter that live reservations hold.
    pub fn live(&self, open: &[Open], period: Period) -> i64 {
        self.counters.get(&period).map_or(0, |(counter, row)| held(open, counter, row).live)
    }

    /// Whether everything is locked that a reservation is counted in.
    fn covers(&self, open: &Open) -> bool {
        let counted =
            |(counter, _): &(Counter, Counted)| counter.is_of(&open.feature_type, &open.period);
        let covers =
            |key: &WindowKey| self.windows.contains_key(key) || self.gone_windows.contains(key);
        (self.counters.values().any(counted) || self.gone_periods.contains(&open.period))
            && open.windows().iter().all(covers)
    }
}

/// What open reservations hold of a counter.
pub fn held(open: &[Open], counter: &Counter, row: &Counted) -> Held {
    if !row.has_reservations {
        return Held::default();
    }
    let of_row =
        |open: &&Open| counter.is_of(&open.feature_type, &open.period) && open.is_counted_in(row);
    open.iter().filter(of_row).fold(Held::default(), Open::add_to)
}

/// Expires those of a user's open reservations that are over and are counted in locked rows only,
/// and subtracts them there. Those that another transaction is settling stay. Returns their number.
pub fn give_back(
    registry: &Registry,
    user_id: Uuid,
    open: &[Open],
    locked: &mut Locked,
    limit: usize,
) -> usize {
    let is_due = |open: &&Open| open.is_past && locked.covers(open);
    let due = open.iter().filter(is_due).map(|open| open.reservation_id);
    let due: Vec<Uuid> = due.take(limit).collect();
    if due.is_empty() {
        return 0;
    }
    let marked = reservations::mark_these_expired(registry, user_id, &due);
    let expired = || open.iter().filter(|open| marked.contains(&open.reservation_id));
    for (counter, row) in locked.counters.values_mut() {
        let of_row = |open: &&Open| {
            counter.is_of(&open.feature_type, &open.period) && open.is_counted_in(row)
        };
        let amount: i64 = expired().filter(of_row).map(|open| open.amount).sum();
        let returned = held(open, counter, row).returnable(row.count, amount);
        if returned > 0 {
            counter.subtract(returned);
            row.count -= returned;
        }
    }
    let mut changes: BTreeMap<WindowKey, Change> = BTreeMap::new();
    for (key, window) in &mut locked.windows {
        let amount: i64 =
            expired().filter(|open| open.is_in_window(key)).map(|open| open.amount).sum();
        if amount > 0 {
            window.used = (window.used - amount).max(0);
            changes.insert(key.clone(), Change::Add(-amount));
        }
    }
    windows::change(registry, &changes, false);
    marked.len()
}

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
    if let Some(registered) = registry.find(feature_type).filter(|found| found.is_governed) {
        return of_governed(registry, registered, counter, limit);
    }
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

/// The same for a feature whose reservations may be counted in windows as well. Whatever another
/// transaction has locked is left to it: waiting for it here could deadlock.
fn of_governed(registry: &Registry, registered: &Registered, counter: Counter, limit: i32) -> i32 {
    let row = counter.lock_if_free();
    if row.is_none() && counter.count(Snapshot::Latest).is_some() {
        return 0;
    }
    let user_id = counter.user_id;
    let mut open = reservations::open_of(registry, user_id, Snapshot::Latest);
    open.retain(|open| counter.is_of(&open.feature_type, &open.period));
    let calendar = current_calendar(registry, registered, user_id, Unusable::IsIgnored);
    let sums = Sums::read(registry, registered, user_id, &calendar, Snapshot::Latest);
    sums.extend_all(&mut open);
    let wanted: BTreeSet<WindowKey> =
        open.iter().filter(|open| open.is_past).flat_map(Open::windows).collect();
    let existing = snapshot::latest(|| windows::read(registry, &wanted));
    let windows = windows::lock_if_free(registry, &wanted);
    let gone_windows = wanted.into_iter().filter(|key| !existing.contains_key(key)).collect();
    let mut locked = Locked { windows, gone_windows, ..Locked::default() };
    match (Period::parse(counter.feature().period, counter.key()), row) {
        (Ok(period), Some(row)) => drop(locked.counters.insert(period, (counter, row))),
        _ => drop(locked.gone_periods.insert(counter.key().to_owned())),
    }
    let limit = usize::try_from(limit).unwrap_or(0);
    give_back(registry, user_id, &open, &mut locked, limit) as i32
}

/// Subtracts from the row what the expired reservations held.
fn subtract(counter: &Counter, row: Counted, held: Held, amount: i64) -> Counted {
    let returned = held.returnable(row.count, amount);
    if returned > 0 {
        counter.subtract(returned);
    }
    Counted { count: row.count - returned, ..row }
}
