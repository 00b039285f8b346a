//! Reservations: written down, settled, expired.
//!
//! Whoever changes the status of a reservation changes the counter, in the same transaction: so
//! nothing is given back twice. Who settles a reservation locks it first and its counter after it;
//! who lets reservations expire locks the counter first, and passes over those that are locked. So
//! nobody waits for a reservation while holding a counter.

use std::collections::BTreeSet;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::clock;
use super::counter::Counter;
use super::executor::Row;
use super::registry::Registry;
use super::spi::Argument;
use crate::domain::period::Period;
use crate::domain::reservation::{Reservation, Status};
use crate::error::Error;

/// A reservation, locked until the end of the transaction.
pub struct Locked {
    pub user_id: pgrx::Uuid,
    pub feature_type: String,
    pub period: String,
    /// As it was before it was settled.
    pub reservation: Reservation,
}

impl Locked {
    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            user_id: row.get(0)?,
            feature_type: row.get(1)?,
            period: row.get(2)?,
            reservation: Reservation {
                amount: row.get(3)?,
                status: Status::from_name(&row.get::<String>(4)?)?,
                is_past: row.get(5)?,
                actual: row.get(6),
            },
        })
    }

    /// The counter that it counts in: that of its own period, also after midnight.
    pub fn counter(&self, registry: &Rc<Registry>) -> Counter {
        let feature_type = &self.feature_type;
        let Some(registered) = registry.find(feature_type) else {
            Error::UnknownFeature { feature_type, known: registry.feature_types() }.raise();
        };
        let feature = &registered.feature;
        let Some(period) = Period::parse(feature.period, &self.period) else {
            Error::InvalidPeriod { feature, key: &self.period }.raise();
        };
        Counter::new(registry, registered, self.user_id, period)
    }
}

/// What the open reservations of a counter hold.
#[derive(Clone, Copy, Default)]
pub struct Held {
    pub live: i64,
    /// Held by reservations whose time is over, and not given back yet.
    pub past: i64,
}

impl Held {
    /// What is used of a count: what is past is not, whoever gives it back.
    pub fn without_past(self, counted: i64) -> i64 {
        (counted - self.past).max(0)
    }
}

/// An open reservation.
pub struct Open {
    pub feature_type: String,
    pub period: String,
    pub amount: i64,
    pub is_past: bool,
}

/// The open reservations of a user, in the caller's view. Time goes on while a call waits for a
/// lock, so it is the clock's.
pub fn open_of(registry: &Registry, user_id: pgrx::Uuid) -> Vec<Open> {
    let now = clock::since_2000(clock::wall());
    let lookup = &registry.statements.reservations.open;
    let rows = registry.look_up(lookup, &[Argument::Uuid(user_id)], |row| {
        let is_open = row.get::<String>(4)? == Status::Reserved.name();
        let (feature_type, period) = (row.get(0)?, row.get(1)?);
        let (amount, is_past) = (row.integer(2)?, row.instant(3)? <= now);
        is_open.then_some(Open { feature_type, period, amount, is_past })
    });
    rows.into_iter().flatten().collect()
}

/// What is held now, if there may be anything.
pub fn held_if(has_reservations: bool, counter: &Counter) -> Held {
    if !has_reservations {
        return Held::default();
    }
    let open = open_of(&counter.registry, counter.user_id);
    let own = open.into_iter().filter(|open| counter.is_of(&open.feature_type, &open.period));
    own.fold(Held::default(), |held, open| match open.is_past {
        true => Held { past: held.past + open.amount, ..held },
        false => Held { live: held.live + open.amount, ..held },
    })
}

/// Writes down what a counter now holds, for so long; gives the id and the end.
pub fn write_down(counter: &Counter, amount: i32, microseconds: i64) -> (Uuid, DateTime<Utc>) {
    // Ids that ascend with time go to the same page of the index.
    let reservation_id = Uuid::now_v7();
    let end = clock::wall() + TimeDelta::microseconds(microseconds);
    let [user_id, key, feature_type] = counter.arguments_with_feature();
    let arguments = [
        user_id,
        key,
        feature_type,
        Argument::Integer(amount),
        Argument::Uuid(pgrx::Uuid::from_bytes(reservation_id.into_bytes())),
        Argument::Instant(end),
    ];
    let statement = &counter.registry.statements.reservations.reserve;
    if counter.registry.on_tables(|| statement.write(&arguments)) == 0 {
        Error::NotReserved.raise();
    }
    (reservation_id, end)
}

/// Settles a reservation that is open, in one step; gives what it was.
pub fn settle_open(
    registry: &Registry,
    reservation_id: pgrx::Uuid,
    status: Status,
    actual: Option<i32>,
) -> Option<Locked> {
    let [reservation_id, status, actual] = arguments(reservation_id, status, actual);
    let arguments = [reservation_id, status, actual, Argument::Text(Status::Reserved.name())];
    let statement = &registry.statements.reservations.settle_open;
    let rows = registry.on_tables(|| statement.command(&arguments, Locked::read));
    rows.into_iter().flatten().next()
}

/// Locks a reservation in whatever state; others that settle it wait.
pub fn lock(registry: &Registry, reservation_id: pgrx::Uuid) -> Locked {
    let statement = &registry.statements.reservations.lock;
    let rows =
        registry.on_tables(|| statement.command(&[Argument::Uuid(reservation_id)], Locked::read));
    rows.into_iter().flatten().next().unwrap_or_else(|| {
        Error::UnknownReservation { reservation_id: reservation_id.to_string() }.raise()
    })
}

/// Settles a reservation that had expired.
pub fn settle_late(
    registry: &Registry,
    reservation_id: pgrx::Uuid,
    status: Status,
    actual: Option<i32>,
) {
    let statement = &registry.statements.reservations.settle_late;
    let arguments = arguments(reservation_id, status, actual);
    if registry.on_tables(|| statement.write(&arguments)) == 0 {
        Error::NotReserved.raise();
    }
}

/// No amount is -1.
fn arguments(
    reservation_id: pgrx::Uuid,
    status: Status,
    actual: Option<i32>,
) -> [Argument<'static>; 3] {
    let actual = Argument::Integer(actual.unwrap_or(-1));
    [Argument::Uuid(reservation_id), Argument::Text(status.name()), actual]
}

/// Gives back what expired reservations of the counter hold; gives the amount.
///
/// One that is being settled in this moment is left alone: it may have been in time.
pub fn expire(counter: &Counter) -> i64 {
    counter.lock();
    let amounts = mark_expired(&counter.registry, counter.arguments_with_feature(), i32::MAX);
    give_back(counter, &amounts)
}

/// Gives back what expired reservations of anybody's hold, at most so many; gives their number.
/// Counters that are in use are left alone: whoever uses them gives back, or the next call does.
pub fn expire_any(registry: &Rc<Registry>, limit: i32) -> i32 {
    let statement = &registry.statements.reservations.past_of_any;
    let rows: Vec<Option<(pgrx::Uuid, String, String)>> = registry.on_tables(|| {
        let row = |row: &Row| Some((row.get(0)?, row.get(1)?, row.get(2)?));
        statement.command(&[Argument::Integer(limit)], row)
    });
    // In the order of their keys, as everybody does who locks more than one.
    let counters: BTreeSet<_> = rows.into_iter().flatten().collect();
    let mut number = 0;
    for (user_id, key, feature_type) in counters {
        let arguments =
            [Argument::Uuid(user_id), Argument::Text(&key), Argument::Text(&feature_type)];
        let registered = registry.find(&feature_type);
        let counter = registered.and_then(|registered| {
            let period = Period::parse(registered.feature.period, &key)?;
            Some(Counter::new(registry, registered, user_id, period))
        });
        if counter.as_ref().is_some_and(|counter| !counter.lock_if_free()) {
            continue;
        }
        let amounts = mark_expired(registry, arguments, limit - number);
        number += amounts.len() as i32;
        // A feature that is not registered any more has no counter.
        if let Some(counter) = &counter {
            give_back(counter, &amounts);
        }
    }
    number
}

fn mark_expired(registry: &Registry, counter: [Argument; 3], limit: i32) -> Vec<i32> {
    let [user_id, key, feature_type] = counter;
    let arguments = [user_id, key, feature_type, Argument::Integer(limit)];
    let statement = &registry.statements.reservations.expire;
    let amounts: Vec<Option<i32>> =
        registry.on_tables(|| statement.command(&arguments, |row| row.get(0)));
    amounts.into_iter().flatten().collect()
}

/// A counter that the owner has lowered may hold less than its reservations say, never more.
fn give_back(counter: &Counter, amounts: &[i32]) -> i64 {
    let amount: i64 = amounts.iter().copied().map(i64::from).sum();
    if amount > 0 {
        counter.give_back(i32::try_from(amount).unwrap_or(i32::MAX));
    }
    amount
}
