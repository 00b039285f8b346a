//! A user's plan and its limit of a feature.

use domain::decision::{Entitlement, Membership};
use domain::rule::Holder;
use domain::subscription::Subscription;
use pgrx::Uuid;

use super::counter::{Counted, Counter};
use super::increments;
use super::registry::{Registered, Registry};
use super::statements::EntitlementStatements;
use crate::error::Report;
use crate::error::installation::InstallationError;
use crate::pg::argument::Argument;
use crate::pg::clock;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;

/// The plan of a user or a pool, with the time zone and the anchor of the periods.
pub struct Plan {
    pub entitlement: Entitlement,
    pub holder: Holder,
    pub zone: Option<String>,
    /// In microseconds from 2000.
    pub anchor: Option<i64>,
}

/// Reads what is committed now.
pub fn latest(counter: &Counter) -> Entitlement {
    let statement = &counter.entitlement_statements().read;
    let arguments = [Argument::Uuid(counter.user_id)];
    let rows =
        counter.registry.on_tables(|| statement.rows(&arguments, Snapshot::Latest, entitlement));
    at_most_one(rows, counter.user_id).unwrap_or_default()
}

/// Reads the current snapshot.
pub fn with_calendar(registry: &Registry, registered: &Registered, user_id: Uuid) -> Plan {
    let statements = &registered.statements.entitlement;
    let read = |row: &Row| Plan {
        entitlement: entitlement(row),
        holder: Holder::User,
        zone: if statements.has_calendars { row.get(6) } else { None },
        anchor: if statements.has_calendars { row.instant(7) } else { None },
    };
    let arguments = [Argument::Uuid(user_id)];
    let rows = registry.on_tables(|| statements.read.rows(&arguments, Snapshot::Caller, read));
    at_most_one(rows, user_id).unwrap_or_else(|| Plan {
        entitlement: Entitlement::default(),
        holder: Holder::User,
        zone: None,
        anchor: None,
    })
}

/// Reads the caller's snapshot, and the counter if it has a row.
pub fn with_counter(counter: &Counter) -> (Entitlement, Option<Counted>) {
    let EntitlementStatements { read_with_counter: statement, has_calendars, .. } =
        counter.entitlement_statements();
    let first = if *has_calendars { 8 } else { 6 };
    let read = |row: &Row| {
        let has_row = row.get::<bool>(first + 1).is_some();
        (entitlement(row), has_row.then(|| Counted::read(row, first)))
    };
    let rows =
        counter.registry.on_tables(|| statement.rows(&counter.arguments(), Snapshot::Caller, read));
    let (entitlement, row) = at_most_one(rows, counter.user_id).unwrap_or_default();
    (entitlement, row.map(|row| increments::add(counter, row, Snapshot::Caller)))
}

pub fn entitlement(row: &Row) -> Entitlement {
    Entitlement {
        membership: Membership::NotNeeded,
        subscription: Subscription {
            plan_id: row.get(0),
            is_active: row.get(1),
            status: row.get(2),
            trial_end: row.instant(3).map(clock::epoch_of),
        },
        plan_is_known: row.get(4) == Some(true),
        limit: row.integer(5),
    }
}

/// The only row. A view has no unique key, so it may return several.
pub fn at_most_one<T>(mut rows: Vec<T>, user_id: Uuid) -> Option<T> {
    if rows.len() > 1 {
        InstallationError::AmbiguousPlan { user_id: user_id.to_string() }.raise();
    }
    rows.pop()
}
