//! Settling a reservation: commit after success, release after failure.
//!
//! The reservation is locked first, its counter second. Expiry locks the counter first, but skips
//! locked reservations, so the two never deadlock.

use std::rc::Rc;

use domain::reservation::{Reservation, Settlement};
use domain::settlement::{Request, Settled, Subject};
use pgrx::Uuid;

use crate::pg::snapshot::Snapshot;
use crate::store::registry::Registry;
use crate::store::reservations::Locked;
use crate::store::{registry, reservations};

/// Settles a reservation. With a user, only a reservation of that user is found.
pub fn settle(reservation_id: Uuid, user_id: Option<Uuid>, request: Request) -> Settled {
    let registry = registry::current();
    registry.tables.lock_first();
    let locked = Locked::find(&registry, reservation_id, user_id);
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
            match change.delta {
                0 => {}
                more @ 1.. => locked.counter(&registry).increment(more),
                less => give_back(&registry, &locked, -less),
            }
            locked.settle(&registry, &change);
            Settled::done(request, subject, change.status, change.actual, change.late)
        }
    }
}

/// Subtracts the reserved amount from the counter, if the counter's row still includes it.
fn give_back(registry: &Rc<Registry>, locked: &Locked, amount: i32) {
    let counter = locked.counter(registry);
    let Some(row) = counter.lock().filter(|row| locked.is_counted_in(row)) else { return };
    let held = reservations::held(&counter, &row, Snapshot::Latest);
    match held.returnable(row.count, amount.into()) {
        0 => {}
        returned => counter.subtract(returned),
    }
}
