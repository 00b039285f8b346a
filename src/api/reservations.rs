//! Reserve, commit, release, expire: for work that is slow or may fail.

use pgrx::Uuid;
use pgrx::datum::Interval;
use pgrx::prelude::*;
use serde_json::json;

use super::admission::Call;
use super::arguments::required;
use super::jsonb::Jsonb;
use super::once::{Outcome, once};
use crate::domain::reservation::{Reservation, Settlement, Status, ttl_in_microseconds};
use crate::domain::settled::{Request, Settled, Subject};
use crate::domain::timestamp::iso8601;
use crate::error::Error;
use crate::store::admission::Purpose;
use crate::store::{registry, reservations};

/// Counts an amount as a consume does, and holds it for work that is slow or may fail.
///
/// The answer is that of a consume, with `reservation_id` and `expires_at` in place of `consumed`;
/// `reserved` is how much of the count is held. What is neither committed nor released within the
/// time to live, from 1 second to 24 hours, is given back.
///
/// A replay is the answer of then, also where the reservation has been settled or has expired since:
/// its commit says so.
///
/// Errors are those of a consume; 22004 also for a time to live that is NULL, 22023 also for one
/// that is too short or too long.
#[pg_extern(volatile)]
fn reserve_feature(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_amount: default!(Option<i32>, 1),
    p_ttl: default!(Option<Interval>, "'5 minutes'"),
    p_idempotency_key: default!(Option<&str>, "NULL"),
) -> Jsonb<Outcome> {
    let user_id = required(p_user_id, "p_user_id");
    let ttl = required(p_ttl, "p_ttl");
    let ttl = ttl_in_microseconds(ttl.months(), ttl.days(), ttl.micros())
        .unwrap_or_else(|| Error::InvalidTtl.raise());
    let registry = registry::current();
    let call = match Call::new(&registry, user_id, p_feature_type, p_amount) {
        Ok(call) => call,
        Err(denied) => return Jsonb((*denied).into()),
    };
    let arguments = || json!({"feature_type": p_feature_type, "amount": p_amount, "ttl": ttl});
    let work = || {
        let answer = call.admit(Purpose::Reservation);
        if !answer.is_allowed() {
            return answer;
        }
        let (reservation_id, end) = reservations::write_down(&call.counter, call.amount, ttl);
        answer.with_reservation(reservation_id.to_string(), iso8601(end), call.amount)
    };
    Jsonb(once(&call, p_idempotency_key, "reserve", arguments, work, || call.mismatch()))
}

/// Ends a reservation after success, and counts what was really used: by default, what was
/// reserved. Less gives the rest back; more is counted in full, and the next call is denied.
///
/// It counts in the period of the reservation, also when that or the reservation is over, which
/// the answer calls `late`. The same commit again has the same answer; another one has `committed`
/// false and `RESERVATION_FINALIZED`.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the id is NULL |
/// | 22023 | the amount is negative |
/// | P0002 | there is no such reservation |
/// | 22003 | the count would be over 2147483647 |
#[pg_extern(volatile)]
fn commit_reservation(
    p_reservation_id: Option<Uuid>,
    p_actual: default!(Option<i32>, "NULL"),
) -> Jsonb<Settled> {
    if let Some(amount @ ..=-1) = p_actual {
        Error::NegativeAmount { name: "p_actual", amount }.raise();
    }
    Jsonb(settle(required(p_reservation_id, "p_reservation_id"), Request::Commit(p_actual)))
}

/// Ends a reservation after failure, and gives all of it back. The same release again has the same
/// answer; one after a commit has `released` false and `RESERVATION_FINALIZED`. A NULL id is 22004,
/// an unknown one P0002.
#[pg_extern(volatile)]
fn release_reservation(p_reservation_id: Option<Uuid>) -> Jsonb<Settled> {
    Jsonb(settle(required(p_reservation_id, "p_reservation_id"), Request::Release))
}

/// Gives back what expired reservations hold, at most so many of them, and gives their number. For
/// a scheduler: a user's own are given back at their next call anyway. NULL is 22004, a negative
/// limit 22023.
#[pg_extern(volatile)]
fn expire_reservations(p_limit: default!(Option<i32>, 1000)) -> i32 {
    match required(p_limit, "p_limit") {
        limit @ ..=-1 => Error::NegativeLimit { name: "p_limit", limit }.raise(),
        limit => reservations::expire_any(&registry::current(), limit),
    }
}

/// Nearly always the reservation is open, and one statement settles it; only where it is not, it is
/// locked first and its state decides.
fn settle(reservation_id: Uuid, request: Request) -> Settled {
    let registry = registry::current();
    let (status, actual) = match request {
        Request::Commit(actual) => (Status::Committed, actual),
        Request::Release => (Status::Released, None),
    };
    let open = reservations::settle_open(&registry, reservation_id, status, actual);
    let is_settled = open.is_some();
    let locked = open.unwrap_or_else(|| reservations::lock(&registry, reservation_id));
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
    let Reservation { status: before, actual: counted, is_past, .. } = locked.reservation;
    match settlement {
        Settlement::Finalized => Settled::finalized(request, subject, before),
        Settlement::Repeat => Settled::done(request, subject, before, counted, is_past),
        Settlement::Change(change) => {
            if !is_settled {
                reservations::settle_late(&registry, reservation_id, change.status, change.actual);
            }
            match change.delta {
                0 => {}
                more @ 1.. => locked.counter(&registry).increment(more),
                less => locked.counter(&registry).give_back(-less),
            }
            Settled::done(request, subject, change.status, change.actual, change.late)
        }
    }
}
