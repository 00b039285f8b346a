//! Grants, the rows of `usage_grants`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::grant::{self, Grant};
use pgrx::Uuid;

use super::owner::Owner;
use super::registry::Registry;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::argument::Argument;
use crate::pg::clock;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;
use crate::pg::statement::Statement;

/// A grant with its terms. Instants are in microseconds from 2000.
#[derive(Clone)]
pub struct Stored {
    pub grant_id: uuid::Uuid,
    pub feature_type: String,
    pub amount: i64,
    pub used: i64,
    pub priority: i64,
    pub effective_at: i64,
    pub expires_at: Option<i64>,
    pub source_ref: String,
    pub user_id: Option<Uuid>,
    pub pool_id: Option<Uuid>,
    pub is_void: bool,
}

impl Stored {
    /// The user or the pool.
    pub fn owner(&self) -> Option<Owner> {
        match (self.pool_id, self.user_id) {
            (Some(pool_id), _) => Some(Owner::Pool { pool_id, member: None }),
            (None, user_id) => user_id.map(Owner::User),
        }
    }
}

/// A grant to insert. Instants are in microseconds from 2000.
pub struct New<'a> {
    pub owner: Owner,
    pub feature_type: &'a str,
    pub amount: i64,
    pub source_ref: &'a str,
    pub effective_at: i64,
    pub expires_at: Option<i64>,
    pub priority: i32,
    pub reason: Option<&'a str>,
}

/// The source of what is carried over of a period.
pub fn carried_source(owner: Owner, feature_type: &str, period: &str) -> String {
    match owner {
        Owner::User(user_id) => format!("carry:{user_id}:{feature_type}:{period}"),
        Owner::Pool { pool_id, .. } => format!("carry:pool:{pool_id}:{feature_type}:{period}"),
    }
}

/// Reads the current snapshot.
pub fn read(registry: &Registry, grant_ids: &[uuid::Uuid]) -> Vec<Grant> {
    rows(registry, &registry.statements.grants.read, grant_ids, Snapshot::Caller)
}

/// Locks grants in the order of their ids until the end of the transaction.
pub fn lock(registry: &Registry, grant_ids: &[uuid::Uuid]) -> Vec<Grant> {
    rows(registry, &registry.statements.grants.lock, grant_ids, Snapshot::Command)
}

/// Locks grants, except those that another transaction has locked.
pub fn lock_if_free(registry: &Registry, grant_ids: &[uuid::Uuid]) -> Vec<Grant> {
    rows(registry, &registry.statements.grants.lock_if_free, grant_ids, Snapshot::Command)
}

fn rows(
    registry: &Registry,
    statement: &Statement,
    grant_ids: &[uuid::Uuid],
    snapshot: Snapshot,
) -> Vec<Grant> {
    let grant_ids: Vec<Uuid> = grant_ids.iter().map(of_pgrx).collect();
    let arguments = [Argument::Uuids(&grant_ids)];
    let rows = registry.on_tables(|| statement.rows(&arguments, snapshot, grant));
    rows.into_iter().flatten().collect()
}

fn grant(row: &Row) -> Option<Grant> {
    let grant_id: Uuid = row.get(0)?;
    Some(Grant {
        grant_id: of_domain(grant_id),
        feature_type: row.get(1)?,
        left: row.integer(2)?,
        priority: row.integer(3)?,
        effective_at: clock::from_1970(row.instant(4)?),
        expires_at: row.instant(5).map_or(i64::MAX, clock::from_1970),
        created_at: clock::from_1970(row.instant(6)?),
        is_void: row.get(7) != Some(false),
        owner: match row.get(10) {
            Some(pool_id) => grant::Owner::Pool(of_domain(pool_id)),
            None => grant::Owner::User(of_domain(row.get(8)?)),
        },
        amount: row.integer(9)?,
    })
}

/// Adds to what is used of locked grants; an amount may be negative.
pub fn draw(registry: &Registry, amounts: &BTreeMap<uuid::Uuid, i64>) {
    let (grant_ids, amounts): (Vec<Uuid>, Vec<i64>) =
        amounts.iter().map(|(grant_id, amount)| (of_pgrx(grant_id), *amount)).unzip();
    let arguments = [Argument::Uuids(&grant_ids), Argument::Bigints(&amounts)];
    let written = registry.on_tables(|| registry.statements.grants.draw.write(&arguments));
    if written != grant_ids.len() as u64 {
        CountingError::GrantSuppressed.raise();
    }
}

/// All grants of an owner and a feature, in the current snapshot.
pub fn list(registry: &Registry, owner: Owner, feature_type: &str) -> Vec<Stored> {
    let statements = &registry.statements.grants;
    let (list, id) = match owner {
        Owner::User(user_id) => (&statements.list, user_id),
        Owner::Pool { pool_id, .. } => (&statements.list_of_pool, pool_id),
    };
    let arguments = [Argument::Uuid(id), Argument::Text(feature_type)];
    stored(registry, list, &arguments, Snapshot::Caller)
}

/// The grant of a source for a feature, as it is committed now.
pub fn find(registry: &Registry, source_ref: &str, feature_type: &str) -> Option<Stored> {
    let arguments = [Argument::Text(source_ref), Argument::Text(feature_type)];
    stored(registry, &registry.statements.grants.find, &arguments, Snapshot::Latest).pop()
}

/// Locks the grants of a source in the order of their ids, until the end of the transaction.
pub fn lock_of_source(registry: &Registry, source_ref: &str) -> Vec<Stored> {
    let arguments = [Argument::Text(source_ref)];
    stored(registry, &registry.statements.grants.lock_of_source, &arguments, Snapshot::Command)
}

/// Inserts a grant. `None` if its source has one for the feature.
pub fn insert(registry: &Registry, new: &New) -> Option<Stored> {
    let user_id = if new.owner.is_pool() { None } else { new.owner.user_id() };
    let arguments = [
        user_id.map_or(Argument::NoUuid, Argument::Uuid),
        Argument::Text(new.feature_type),
        Argument::Bigint(new.amount),
        Argument::Text(new.source_ref),
        Argument::Instant(instant(new.effective_at)),
        new.expires_at.map_or(Argument::NoInstant, |at| Argument::Instant(instant(at))),
        Argument::Integer(new.priority),
        new.reason.map_or(Argument::NoText, Argument::Text),
        new.owner.pool_id().map_or(Argument::NoUuid, Argument::Uuid),
    ];
    stored(registry, &registry.statements.grants.insert, &arguments, Snapshot::Command).pop()
}

/// Voids locked grants, and adds why to their reasons.
pub fn void(registry: &Registry, grant_ids: &[uuid::Uuid], reason: Option<&str>) {
    let grant_ids: Vec<Uuid> = grant_ids.iter().map(of_pgrx).collect();
    let reason = reason.map_or(Argument::NoText, Argument::Text);
    let arguments = [Argument::Uuids(&grant_ids), reason];
    let written = registry.on_tables(|| registry.statements.grants.void.write(&arguments));
    if written != grant_ids.len() as u64 {
        CountingError::GrantSuppressed.raise();
    }
}

fn stored(
    registry: &Registry,
    statement: &Statement,
    arguments: &[Argument],
    snapshot: Snapshot,
) -> Vec<Stored> {
    let read = |row: &Row| {
        Some(Stored {
            grant_id: of_domain(row.get(0)?),
            feature_type: row.get(1)?,
            amount: row.integer(2)?,
            used: row.integer(3)?,
            priority: row.integer(4)?,
            effective_at: row.instant(5)?,
            expires_at: row.instant(6),
            source_ref: row.get(7)?,
            user_id: row.get(8),
            is_void: row.get(9) != Some(false),
            pool_id: row.get(10),
        })
    };
    let rows = registry.on_tables(|| statement.rows(arguments, snapshot, read));
    rows.into_iter().flatten().collect()
}

fn instant(since_2000: i64) -> DateTime<Utc> {
    clock::from_2000(since_2000).unwrap_or_default()
}

fn of_pgrx(id: &uuid::Uuid) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

fn of_domain(id: Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*id.as_bytes())
}
