//! The ledger, the rows of `usage_ledger`.

use domain::ledger::Kind;
use domain::sources::Stored;
use pgrx::Uuid;

use super::owner::Owner;
use super::registry::Registry;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::argument::Argument;
use crate::pg::jsonb::Document;
use crate::pg::snapshot::Snapshot;

/// Why counters change.
#[derive(Clone)]
pub struct Cause {
    pub kind: Kind,
    pub reservation_id: Option<Uuid>,
    pub idempotency_key: Option<String>,
    /// What the caller noted: the text of a jsonb.
    pub metadata: Option<String>,
}

impl Cause {
    pub fn of(kind: Kind) -> Self {
        Self { kind, reservation_id: None, idempotency_key: None, metadata: None }
    }

    pub fn of_reservation(kind: Kind, reservation_id: Uuid) -> Self {
        Self { reservation_id: Some(reservation_id), ..Self::of(kind) }
    }
}

/// What happened to a counter or to a grant.
#[derive(Clone)]
pub struct Entry {
    pub owner: Owner,
    pub feature_type: String,
    /// The period key; empty for a grant.
    pub period: String,
    /// What was added to the counter.
    pub amount: i64,
    /// The part of it that is overage.
    pub overage: i64,
    /// `None` is the allowance.
    pub sources: Option<Stored>,
    pub cause: Cause,
}

/// Whether a rule logs a feature now, as it is committed.
pub fn is_logged(registry: &Registry, feature_type: &str) -> bool {
    let arguments = [Argument::Text(feature_type)];
    let is_logged = &registry.statements.ledger.is_logged;
    let rows = registry.on_tables(|| is_logged.rows(&arguments, Snapshot::Latest, |_| ()));
    !rows.is_empty()
}

/// Inserts an entry if its feature is logged.
pub fn write_if_logged(registry: &Registry, entry: &Entry) {
    if is_logged(registry, &entry.feature_type) {
        write(registry, entry);
    }
}

/// Inserts an entry. The feature is logged.
pub fn write(registry: &Registry, entry: &Entry) {
    let Cause { kind, reservation_id, idempotency_key, metadata } = &entry.cause;
    let id = |id: Option<Uuid>| id.map_or(Argument::NoUuid, Argument::Uuid);
    let arguments = [
        id(entry.owner.user_id()),
        Argument::Text(&entry.feature_type),
        Argument::Text(&entry.period),
        Argument::Text(kind.name()),
        Argument::Bigint(entry.amount),
        Argument::Bigint(entry.overage),
        entry.sources.as_ref().map_or(Argument::NoJsonb, |of| Argument::Jsonb(Document::of(of))),
        id(*reservation_id),
        idempotency_key.as_deref().map_or(Argument::NoText, Argument::Text),
        metadata.as_deref().map_or(Argument::NoText, Argument::Text),
        id(entry.owner.pool_id()),
    ];
    let insert = &registry.statements.ledger.insert;
    if registry.on_tables(|| insert.write(&arguments)) == 0 {
        CountingError::EntrySuppressed.raise();
    }
}
