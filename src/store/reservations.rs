//! Reservations. Changing the status of a reservation and its counter happens in one transaction,
//! so that no amount is subtracted twice.

use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::period::Period;
use domain::reservation::{Change, Held, Reservation, Status};
use domain::sources::{Stored, WindowNames};
use pgrx::JsonB;
use uuid::Uuid;

use super::counter::{Counted, Counter, CounterKey, RowId};
use super::holding::{CountedAt, Holding};
use super::owner::Owner;
use super::registry::{Registered, Registry};
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::error::reservation::ReservationError;
use crate::pg::argument::Argument;
use crate::pg::clock;
use crate::pg::hash::uuid_hash;
use crate::pg::jsonb::Document;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;
use crate::pg::statement::Statement;

/// A new reservation.
pub struct New {
    pub id: Uuid,
    pub expires_at: DateTime<Utc>,
}

impl New {
    /// A reservation that expires after `ttl` microseconds.
    ///
    /// Ids ascend with time, so that new ones go to the same page of the index. Their last 16 bits
    /// are those of `uuid_hash` of the pool or, without one, of the user: where its counters are, so
    /// that a router for several databases can find the reservation by its id alone.
    pub fn of_owner(owner: Owner, ttl: i64) -> Self {
        let mut id = Uuid::now_v7().into_bytes();
        let place = owner.pool_id().or(owner.user_id()).map_or(0, uuid_hash);
        id[14..].copy_from_slice(&place.to_be_bytes()[2..]);
        let expires_at = clock::wall() + TimeDelta::microseconds(ttl);
        Self { id: Uuid::from_bytes(id), expires_at }
    }

    /// Inserts it, for an amount that is counted here.
    pub fn insert(&self, registry: &Registry, of: &Reserved) {
        let mut arguments = vec![
            Argument::Uuid(of.user_id),
            Argument::Text(of.period),
            Argument::Text(of.feature_type),
            Argument::Integer(of.amount),
            Argument::Uuid(pgrx::Uuid::from_bytes(self.id.into_bytes())),
            Argument::Instant(self.expires_at),
            of.row_id.argument(),
        ];
        let statements = &registry.statements.reservations;
        let insert = if of.sources.is_none() && of.pool_id.is_none() {
            &statements.insert
        } else {
            let sources = of.sources.map(|sources| Argument::Jsonb(Document::of(sources)));
            arguments.push(sources.unwrap_or(Argument::NoJsonb));
            arguments.push(of.pool_id.map_or(Argument::NoUuid, Argument::Uuid));
            &statements.insert_with_sources
        };
        require_written(registry.on_tables(|| insert.write(&arguments)));
    }
}

/// What a new reservation holds: an amount of a counter, and of what `sources` names.
pub struct Reserved<'a> {
    pub user_id: pgrx::Uuid,
    pub pool_id: Option<pgrx::Uuid>,
    pub feature_type: &'a str,
    /// The period key of the counter.
    pub period: &'a str,
    /// The row of the counter.
    pub row_id: RowId,
    pub amount: i32,
    pub sources: Option<&'a Stored>,
}

/// The users who have a reservation with this id; ids that the extension makes are unique.
pub fn owners(registry: &Registry, reservation_id: pgrx::Uuid) -> Vec<pgrx::Uuid> {
    let owners = &registry.statements.reservations.owners;
    let arguments = [Argument::Uuid(reservation_id)];
    let rows = registry
        .on_tables(|| owners.rows(&arguments, Snapshot::Latest, |row| row.get::<pgrx::Uuid>(0)));
    rows.into_iter().flatten().collect()
}

/// A reservation, locked until the end of the transaction.
pub struct Locked {
    pub reservation_id: pgrx::Uuid,
    /// Who made it.
    pub user_id: pgrx::Uuid,
    pub reservation: Reservation,
    /// What it holds, or held before it expired.
    pub holding: Holding,
    /// When it was made, in microseconds from 2000.
    pub since: i64,
}

impl Locked {
    /// Locks a reservation, open or not; concurrent calls that settle it wait. With a user, only a
    /// reservation of that user is found.
    pub fn find(
        registry: &Registry,
        reservation_id: pgrx::Uuid,
        user_id: Option<pgrx::Uuid>,
    ) -> Self {
        let statements = &registry.statements.reservations;
        let by_id = Argument::Uuid(reservation_id);
        let read = |row: &Row| Self::read(reservation_id, row);
        let rows = registry.on_tables(|| match user_id {
            Some(user_id) => {
                let arguments = [by_id, Argument::Uuid(user_id)];
                statements.lock_of_user.rows(&arguments, Snapshot::Command, read)
            }
            None => statements.lock.rows(&[by_id], Snapshot::Command, read),
        });
        let reservation_id = reservation_id.to_string();
        let mut found = rows.into_iter().flatten();
        match (found.next(), found.next()) {
            (Some(locked), None) => locked,
            (None, _) => ReservationError::Unknown { reservation_id }.raise(),
            (Some(_), Some(_)) => ReservationError::Ambiguous { reservation_id }.raise(),
        }
    }

    fn read(reservation_id: pgrx::Uuid, row: &Row) -> Option<Self> {
        let is_past = row.instant(5)? <= clock::since_2000(clock::wall());
        let amount: i32 = row.get(3)?;
        let own = CountedAt {
            feature_type: row.get(1)?,
            period: row.get(2)?,
            windows: WindowNames::default(),
            row_id: RowId::read(row, 8),
        };
        let owner = Owner::of(row.get(0)?, row.get(11));
        Some(Self {
            reservation_id,
            user_id: row.get(0)?,
            reservation: Reservation {
                amount,
                status: Status::from_name(&row.get::<String>(4)?)?,
                is_past: row.get(6).unwrap_or(is_past),
                actual: row.get(7),
            },
            holding: Holding::of_stored(owner, amount.into(), sources(row, 9), own),
            since: row.instant(10)?,
        })
    }

    /// The period of the reservation, even after midnight.
    pub fn period(&self, registered: &Registered) -> Period {
        let (feature, text) = (&registered.feature, &self.holding.own.period);
        Period::parse(feature.period, text).unwrap_or_else(|problem| {
            ArgumentError::InvalidPeriod { feature, text, problem }.raise()
        })
    }

    /// The counter of the reservation's own period, if it was not made in a pool.
    pub fn counter(&self, registry: &Rc<Registry>) -> Counter {
        let feature_type = &self.holding.own.feature_type;
        let Some(registered) = registry.find(feature_type) else {
            let known = registry.feature_types();
            ArgumentError::UnknownFeature { feature_type, known }.raise();
        };
        let period = self.period(registered);
        Counter::new(registry, registered, self.user_id, period)
    }

    /// Stores the status after settling.
    pub fn settle(&self, registry: &Registry, change: &Change) {
        let statements = &registry.statements.reservations;
        let reservation = [Argument::Uuid(self.reservation_id), Argument::Uuid(self.user_id)];
        let [reservation_id, user_id] = reservation;
        let (status, late) = (Argument::Text(change.status.name()), Argument::Boolean(change.late));
        let written = registry.on_tables(|| match change.actual {
            Some(actual) => {
                let actual = Argument::Integer(actual);
                statements.commit.write(&[reservation_id, user_id, status, late, actual])
            }
            None => statements.release.write(&[reservation_id, user_id, status, late]),
        });
        require_written(written);
    }
}

/// An open reservation.
#[derive(Clone)]
pub struct Open {
    pub reservation_id: pgrx::Uuid,
    /// Who made it.
    pub user_id: pgrx::Uuid,
    pub is_past: bool,
    pub holding: Holding,
    /// When it was made, in microseconds from 2000.
    pub since: i64,
}

/// The open reservations of a user, or of all members of a pool.
pub fn open_of(registry: &Registry, owner: Owner, snapshot: Snapshot) -> Vec<Open> {
    let statements = &registry.statements.reservations;
    let (statement, id) = match owner {
        Owner::User(user_id) => (&statements.open, user_id),
        Owner::Pool { pool_id, .. } => (&statements.open_of_pool, pool_id),
    };
    open(registry, statement, Argument::Uuid(id), snapshot)
}

/// The reservations of all users and pools that expired first, as far as committed.
pub fn past_of_any(registry: &Registry, limit: i32) -> Vec<Open> {
    let past = &registry.statements.reservations.past_of_any;
    open(registry, past, Argument::Integer(limit), Snapshot::Latest)
}

/// Whether they have expired depends on the clock, not on the start of the transaction, because a call
/// may have waited for a lock.
fn open(
    registry: &Registry,
    statement: &Statement,
    argument: Argument,
    snapshot: Snapshot,
) -> Vec<Open> {
    let now = clock::since_2000(clock::wall());
    let read = |row: &Row| {
        let amount: i32 = row.get(2)?;
        let own = CountedAt {
            feature_type: row.get(0)?,
            period: row.get(1)?,
            windows: WindowNames::default(),
            row_id: RowId::read(row, 4),
        };
        let user_id = row.get(8)?;
        let owner = Owner::of(user_id, row.get(9));
        Some(Open {
            reservation_id: row.get(5)?,
            user_id,
            is_past: row.instant(3)? <= now,
            holding: Holding::of_stored(owner, amount.into(), sources(row, 6), own),
            since: row.instant(7)?,
        })
    };
    let rows = registry.on_tables(|| statement.rows(&[argument], snapshot, read));
    rows.into_iter().flatten().collect()
}

/// The sources of a reservation. Those that nobody can read are taken for the allowance.
fn sources(row: &Row, column: usize) -> Stored {
    let stored = row.get::<JsonB>(column).map(|JsonB(sources)| sources);
    stored.and_then(|sources| serde_json::from_value(sources).ok()).unwrap_or_default()
}

/// Marks those of these open reservations that have expired, and returns the ids of those it marked.
/// Skips one that another transaction has locked, because that may be a commit before its expiry.
/// What they are counted in must be locked.
pub fn mark_these_expired<'a>(
    registry: &Registry,
    open: impl Iterator<Item = &'a Open>,
) -> Vec<pgrx::Uuid> {
    let (user_ids, reservation_ids): (Vec<pgrx::Uuid>, Vec<pgrx::Uuid>) =
        open.map(|open| (open.user_id, open.reservation_id)).unzip();
    let expire = &registry.statements.reservations.expire_these;
    let arguments = [Argument::Uuids(&user_ids), Argument::Uuids(&reservation_ids)];
    let rows = registry
        .on_tables(|| expire.rows(&arguments, Snapshot::Command, |row| row.get::<pgrx::Uuid>(0)));
    rows.into_iter().flatten().collect()
}

/// The amounts that open reservations hold of a counter.
pub fn held(counter: &Counter, row: &Counted, snapshot: Snapshot) -> Held {
    if !row.has_reservations {
        return Held::default();
    }
    let open = open_of(&counter.registry, Owner::User(counter.user_id), snapshot);
    held_of(&open, &counter.name(), row)
}

/// The amounts that these reservations hold of a counter.
pub fn held_of(open: &[Open], key: &CounterKey, row: &Counted) -> Held {
    if !row.has_reservations {
        return Held::default();
    }
    let amount =
        |open: &Open| -> i64 { open.holding.parts_in(key, row).map(|part| part.amount).sum() };
    open.iter().fold(Held::default(), |held, open| match open.is_past {
        true => Held { past: held.past + amount(open), ..held },
        false => Held { live: held.live + amount(open), ..held },
    })
}

/// Marks the reservations of a counter that have expired, and returns the amount of its row, which must
/// be locked, that they held. Skips one that another transaction has locked, because that may be a commit
/// before its expiry.
pub fn mark_expired(counter: &Counter, row: &Counted) -> i64 {
    let registry = &counter.registry;
    let expire = &registry.statements.reservations.expire;
    let marked: Vec<(i64, RowId)> = registry.on_tables(|| {
        expire.rows(&counter.arguments_with_feature(), Snapshot::Command, |row| {
            (row.integer(0).unwrap_or(0), RowId::read(row, 1))
        })
    });
    marked.iter().filter(|(_, id)| id.is_of(row.id)).map(|(amount, _)| amount).sum()
}

fn require_written(written: u64) {
    if written == 0 {
        ReservationError::Suppressed.raise();
    }
}
