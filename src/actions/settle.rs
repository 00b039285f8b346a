//! Settling a reservation: commit after success, release after failure.
//!
//! The reservation is locked first, what it is counted in second. Expiry locks the counter first, but
//! skips locked reservations, so the two never deadlock.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::ledger::Kind;
use domain::reservation::{Change, Reservation, Settlement};
use domain::settlement::{Request, Settled, Subject};
use pgrx::Uuid;

use super::charge;
use super::counts::{Counts, Keys};
use super::lock::{self, Again, Target};
use super::terms::{Unusable, current_calendar};
use super::windows::Sums;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::snapshot::Snapshot;
use crate::store::counter::{Counted, Counter};
use crate::store::ledger::Cause;
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::{Locked, open_of};
use crate::store::{registry, reservations, users, windows};

/// Settles a reservation. With a user, only a reservation of that user is found.
pub fn settle(reservation_id: Uuid, user_id: Option<Uuid>, request: Request) -> Settled {
    let registry = registry::current();
    registry.tables.lock_first();
    lock_user(&registry, reservation_id, request);
    let mut locked = Locked::find(&registry, reservation_id, user_id);
    let subject = Subject {
        reservation_id: reservation_id.to_string(),
        feature_type: locked.holding.own.feature_type.clone(),
        period: locked.holding.own.period.clone(),
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
            change_counts(&registry, &mut locked, &change);
            Settled::done(request, subject, change.status, change.actual, change.late)
        }
    }
}

/// Locks the user before the reservation if a commit may have to insert rows that reference the user:
/// alerts, and counters that have been deleted.
fn lock_user(registry: &Registry, reservation_id: Uuid, request: Request) {
    let may_insert = matches!(request, Request::Commit(_))
        && registry.features.iter().any(|registered| registered.is_governed);
    if may_insert && registry.has_user_references() {
        let owners = reservations::owners(registry, reservation_id);
        users::lock(registry, &owners);
    }
}

fn change_counts(registry: &Rc<Registry>, locked: &mut Locked, change: &Change) {
    let delta = i64::from(change.delta);
    let governed = registry.find(&locked.holding.own.feature_type).cloned();
    let is_in_other_rows = locked.holding.is_in_other_rows();
    let governed = governed.filter(|registered| registered.is_governed || is_in_other_rows);
    match governed {
        _ if delta == 0 => locked.settle(registry, change),
        None => {
            if !change_plain(registry, locked, change) {
                change_counts(&registry::current(), locked, change);
            }
        }
        Some(registered) if delta < 0 => give_back(registry, &registered, locked, change),
        Some(registered) => count_more(registry, &registered, locked, change),
    }
}

/// Changes the counter of a feature without rules or grants. Returns false, with nothing changed, if the
/// first rule or grant was committed while this waited for the counter.
fn change_plain(registry: &Rc<Registry>, locked: &Locked, change: &Change) -> bool {
    let counter = locked.counter(registry);
    let row = counter.lock();
    let registered = registry.find(&locked.holding.own.feature_type);
    if registered.is_some_and(|registered| !registry::still_has(registry, registered)) {
        return false;
    }
    let returned = match change.delta {
        ..=-1 => returnable(&counter, row, locked, (-change.delta).into()),
        _ => 0,
    };
    // Before the counter, so that a user-defined trigger on it finds nothing to give back.
    locked.settle(registry, change);
    if change.delta > 0 {
        counter.increment(change.delta);
    } else if returned > 0 {
        counter.subtract(returned);
    }
    true
}

/// How much of an amount that the reservation held a locked counter can give back: nothing if its row
/// does not count the reservation.
fn returnable(counter: &Counter, row: Option<Counted>, locked: &Locked, amount: i64) -> i64 {
    let key = counter.name();
    let row = row.filter(|row| locked.holding.parts_in(&key, row).next().is_some());
    row.map_or(0, |row| {
        reservations::held(counter, &row, Snapshot::Latest).returnable(row.count, amount)
    })
}

/// Gives back what was reserved and not used, to the sources and in the windows that it came from, even
/// if they are over.
fn give_back(
    registry: &Rc<Registry>,
    registered: &Registered,
    locked: &mut Locked,
    change: &Change,
) {
    let mut counts = Counts::new(registry);
    counts.lock_counters(&locked.holding.counters());
    // After the counters are locked, which new windows begin with.
    add_sums(registry, registered, locked);
    counts.lock_windows(&locked.holding.windows());
    let open = open_of(registry, locked.holding.owner, Snapshot::Latest);
    let kind = if change.actual.is_some() { Kind::Commit } else { Kind::Release };
    let cause = Cause::of_reservation(kind, locked.reservation_id);
    let back = locked.holding.give_back((-change.delta).into());
    let grant_ids: BTreeSet<uuid::Uuid> =
        back.split.grants().map(|(grant_id, _)| grant_id).collect();
    if !grant_ids.is_empty() {
        counts.lock_grants(&grant_ids);
    }
    counts.give_back(&open, &[(&back, cause)]);
    // Before the counters, so that a user-defined trigger on them finds nothing to give back.
    locked.settle(registry, change);
    counts.write();
}

/// Adds the windows that have begun with what the reservation had counted.
fn add_sums(registry: &Registry, registered: &Registered, locked: &mut Locked) {
    let owner = locked.holding.owner;
    let paid = locked.holding.paid.as_ref().and_then(|paid| registry.find(&paid.feature_type));
    for registered in [Some(registered), paid.map(AsRef::as_ref)].into_iter().flatten() {
        let calendar = current_calendar(registry, registered, owner, Unusable::IsIgnored);
        let sums = Sums::of(registry, registered, owner, &calendar, Snapshot::Latest);
        sums.extend(&mut locked.holding, locked.since);
    }
}

/// Counts what was used beyond what is held, drawn afresh from the sources of now. It is counted in the
/// period and the windows of the reservation; what has been pruned of them is made again.
fn count_more(
    registry: &Rc<Registry>,
    registered: &Rc<Registered>,
    locked: &mut Locked,
    change: &Change,
) {
    let amount = i64::from(change.delta);
    let period = locked.period(registered);
    let done = lock::attempts(Some(Keys::of(&locked.holding)), |wanted| {
        add_sums(registry, registered, locked);
        let stored = Keys::of(&locked.holding);
        Counts::new(registry).insert_counters(&stored.counters);
        let missing: BTreeMap<_, i64> = stored.windows.iter().map(|key| (key.clone(), 0)).collect();
        windows::insert_missing(registry, &missing, false);
        let target = Target {
            registry,
            registered,
            owner: locked.holding.owner,
            period: Some(period),
            unusable: Unusable::IsIgnored,
            settled: Some(locked),
        };
        let (mut account, mut counts, open) = charge::locked(&target, wanted, amount)?;
        let unlocked = counts.unlocked(&stored);
        if !unlocked.is_empty() {
            return Err(Again::Expired(unlocked));
        }
        let split = charge::split(registry, &mut account, &mut counts, &open, amount);
        let mut drawn = account.holding(split, locked.holding.own.row_id);
        drawn.own.windows.clone_from(&locked.holding.own.windows);
        if let (Some(before), Some(now)) = (&locked.holding.paid, &mut drawn.paid)
            && before.feature_type == now.feature_type
        {
            now.windows.clone_from(&before.windows);
        }
        account.tell(&drawn.split, &mut counts);
        counts.take(&drawn, &Cause::of_reservation(Kind::Commit, locked.reservation_id));
        locked.settle(registry, change);
        counts.write();
        Ok(())
    });
    if done.is_none() {
        CountingError::Contention.raise();
    }
}
