//! Settling a reservation: commit after success, release after failure.
//!
//! The reservation is locked first, its counter second. Expiry locks the counter first, but skips
//! locked reservations, so the two never deadlock.

use std::collections::BTreeSet;

use domain::reservation::{Reservation, Settlement};
use domain::settlement::{Request, Settled, Subject};
use pgrx::Uuid;

use super::terms::{Unusable, current_calendar};
use super::windows::Sums;
use crate::pg::snapshot::Snapshot;
use crate::store::counter::Counter;
use crate::store::registry::Registry;
use crate::store::reservations::Locked;
use crate::store::windows::{self, Change, WindowKey};
use crate::store::{registry, reservations};

/// Settles a reservation. With a user, only a reservation of that user is found.
pub fn settle(reservation_id: Uuid, user_id: Option<Uuid>, request: Request) -> Settled {
    let registry = registry::current();
    registry.tables.lock_first();
    let mut locked = Locked::find(&registry, reservation_id, user_id);
    let subject = Subject {
        reservation_id: reservation_id.to_string(),
        feature_type: locked.feature_type.clone(),
        period: locked.period.clone(),
        amount: locked.reservation.amount,
    };
    let settlement = match request {
        Request::Commit(actual) => locked.reservation.commit(actual),
        Request::Release => locked.reservation.release(),
    };
    let Reservation { status, actual, is_past, .. } = locked.reservation;
    match settlement {
        Settlement::Finalized => Settled::finalized(request, subject, status),
        Settlement::Repeat => Settled::done(request, subject, status, actual, is_past),
        Settlement::Change(change) => {
            let counter = || locked.counter(&registry);
            let returned = match change.delta {
                ..=-1 => returnable(&counter(), &locked, (-change.delta).into()),
                _ => 0,
            };
            // Before the counter, so that a user-defined trigger on it finds nothing to give back.
            locked.settle(&registry, &change);
            if change.delta > 0 {
                counter().increment(change.delta);
            } else if returned > 0 {
                counter().subtract(returned);
            }
            if change.delta != 0 {
                // After the counter is locked, which new windows begin with.
                count_in_sums(&registry, &mut locked);
                settle_windows(&registry, &locked.windows(), change.delta.into());
            }
            Settled::done(request, subject, change.status, change.actual, change.late)
        }
    }
}

/// Adds the windows that have begun with what the reservation had counted.
fn count_in_sums(registry: &Registry, locked: &mut Locked) {
    let governed = registry.find(&locked.feature_type).filter(|found| found.is_governed);
    let Some(registered) = governed else { return };
    let user_id = locked.user_id();
    let calendar = current_calendar(registry, registered, user_id, Unusable::IsIgnored);
    let sums = Sums::read(registry, registered, user_id, &calendar, Snapshot::Latest);
    let period = locked.period.clone();
    sums.extend(&period, locked.counted_in());
}

/// Changes the windows in which a reservation is counted, even if they are over. What is added to a
/// deleted window inserts it again.
fn settle_windows(registry: &Registry, keys: &BTreeSet<WindowKey>, delta: i64) {
    if delta > 0 {
        let missing = keys.iter().map(|key| (key.clone(), 0)).collect();
        windows::insert_missing(registry, &missing, false);
    }
    let locked = windows::lock(registry, keys).into_keys();
    let changes = locked.map(|key| (key, Change::Add(delta))).collect();
    windows::change(registry, &changes, false);
}

/// Locks the counter, and returns how much of an amount that the reservation held it can give back:
/// nothing if its row does not count the reservation.
fn returnable(counter: &Counter, locked: &Locked, amount: i64) -> i64 {
    let row = counter.lock().filter(|row| locked.is_counted_in(row));
    row.map_or(0, |row| {
        reservations::held(counter, &row, Snapshot::Latest).returnable(row.count, amount)
    })
}
