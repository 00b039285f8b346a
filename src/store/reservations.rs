//! Reservations: written down, settled, expired.
//!
//! Whoever changes the status of a reservation changes the counter, in the same transaction and
//! after it: so nothing is given back twice. Nobody waits for a reservation while holding a counter.

use std::collections::BTreeMap;

use pgrx::Uuid;

use super::counter::Counter;
use super::executor::{Row, View};
use super::registry::Registry;
use super::spi::Argument;
use crate::domain::period::Period;
use crate::domain::reservation::{Reservation, Status};
use crate::error::Error;

/// A reservation, locked until the end of the transaction.
pub struct Locked {
    pub user_id: Uuid,
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
    pub fn counter<'a>(&self, registry: &'a Registry) -> Counter<'a> {
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
    /// From the amounts of reservations, which are negative where their time is over.
    pub fn from_amounts(amounts: impl IntoIterator<Item = i32>) -> Self {
        amounts.into_iter().map(i64::from).fold(Self::default(), |held, amount| match amount {
            ..0 => Self { past: held.past - amount, ..held },
            0.. => Self { live: held.live + amount, ..held },
        })
    }

    /// What is used of a count: what is past is not, whoever gives it back.
    pub fn without_past(self, counted: i64) -> i64 {
        (counted - self.past).max(0)
    }
}

pub fn held(counter: &Counter, view: View) -> Held {
    let statement = &counter.registry.statements.reservations.held;
    let arguments = counter.arguments_with_feature();
    let amounts: Vec<Option<i32>> =
        counter.registry.on_tables(|| statement.collect(&arguments, view, |row| row.get(0)));
    Held::from_amounts(amounts.into_iter().flatten())
}

/// Writes down what a counter now holds; gives the id, and the end in seconds since 1970.
pub fn open(counter: &Counter, amount: i32, microseconds: i64) -> (Uuid, f64) {
    let [user_id, key, feature_type] = counter.arguments_with_feature();
    let (amount, ttl) = (Argument::Integer(amount), Argument::BigInteger(microseconds));
    let statement = &counter.registry.statements.reservations.reserve;
    let rows = counter.registry.on_tables(|| {
        let arguments = [user_id, key, feature_type, amount, ttl];
        statement.command(&arguments, |row| row.get(0).zip(row.get(1)))
    });
    let written = rows.into_iter().flatten().next();
    written.unwrap_or_else(|| Error::NotReserved.raise())
}

/// Settles a reservation that is open, in one step; gives what it was.
pub fn settle_open(
    registry: &Registry,
    reservation_id: Uuid,
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
pub fn lock(registry: &Registry, reservation_id: Uuid) -> Locked {
    let statement = &registry.statements.reservations.lock;
    let rows =
        registry.on_tables(|| statement.command(&[Argument::Uuid(reservation_id)], Locked::read));
    rows.into_iter().flatten().next().unwrap_or_else(|| {
        Error::UnknownReservation { reservation_id: reservation_id.to_string() }.raise()
    })
}

/// Settles a reservation that had expired.
pub fn settle_late(registry: &Registry, reservation_id: Uuid, status: Status, actual: Option<i32>) {
    let statement = &registry.statements.reservations.settle_late;
    registry.on_tables(|| statement.write(&arguments(reservation_id, status, actual)));
}

/// No amount is -1.
fn arguments(reservation_id: Uuid, status: Status, actual: Option<i32>) -> [Argument<'static>; 3] {
    let actual = Argument::Integer(actual.unwrap_or(-1));
    [Argument::Uuid(reservation_id), Argument::Text(status.name()), actual]
}

/// Gives back what expired reservations of this counter held; gives the amount.
pub fn expire_own(counter: &Counter) -> i64 {
    let statement = &counter.registry.statements.reservations.expire_own;
    let arguments = counter.arguments_with_feature();
    let amounts: Vec<Option<i32>> =
        counter.registry.on_tables(|| statement.command(&arguments, |row| row.get(0)));
    let given_back = amounts.into_iter().flatten().map(i64::from).sum();
    give_back(counter, given_back);
    given_back
}

/// Gives back what expired reservations of anybody's held, at most so many; gives their number.
pub fn expire_any(registry: &Registry, limit: i32) -> i32 {
    let statement = &registry.statements.reservations.expire_any;
    let expired: Vec<Option<(Uuid, String, String, i32)>> = registry.on_tables(|| {
        statement.command(&[Argument::Integer(limit)], |row| {
            Some((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
    });
    let number = expired.len() as i32;
    // Counters are locked in the order of their keys, as by everybody who locks more than one.
    let mut counters: BTreeMap<(Uuid, String, String), i64> = BTreeMap::new();
    for (user_id, feature_type, key, amount) in expired.into_iter().flatten() {
        *counters.entry((user_id, key, feature_type)).or_default() += i64::from(amount);
    }
    for ((user_id, key, feature_type), amount) in counters {
        // A feature that is not registered any more has no counter.
        let Some(registered) = registry.find(&feature_type) else { continue };
        let Some(period) = Period::parse(registered.feature.period, &key) else { continue };
        give_back(&Counter::new(registry, registered, user_id, period), amount);
    }
    number
}

/// A counter that the owner has lowered may hold less than its reservations say, never more.
fn give_back(counter: &Counter, amount: i64) {
    if amount > 0 {
        counter.give_back(i32::try_from(amount).unwrap_or(i32::MAX));
    }
}
