//! Grants: given once per source, and voided.

use domain::granting::{Grant, Granted, Voided, VoidedGrant};
use domain::ledger::Kind;
use domain::sources::Stored as Sources;
use domain::timestamp::iso8601_rounded_up;
use pgrx::Uuid;

use super::terms::require_member;
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::error::counting::CountingError;
use crate::error::grant::{GrantError, MAX_SOURCE_BYTES};
use crate::pg::clock;
use crate::store::grants::{self, New, Stored};
use crate::store::ledger::{self, Cause, Entry};
use crate::store::owner::Owner;
use crate::store::registry::{Registered, Registry};
use crate::store::{registry, users};

/// A grant that is asked for. Instants are in microseconds from 2000.
pub struct Wanted<'a> {
    pub owner: Owner,
    pub feature_type: &'a str,
    pub amount: i64,
    pub source_ref: &'a str,
    pub expires_at: Option<i64>,
    /// `None` is now.
    pub effective_at: Option<i64>,
    pub priority: i32,
    pub reason: Option<&'a str>,
}

/// Grants units once per source and feature. A repetition returns the grant; with other terms it is
/// refused.
pub fn grant(wanted: &Wanted) -> Granted {
    let registry = registry::current();
    let registered = require_feature(&registry, wanted.feature_type);
    registry.tables.lock_first();
    // Before anything is checked: a date that has passed meanwhile is no error.
    if let Some(granted) = repeated(&registry, wanted) {
        return granted;
    }
    let effective_at = wanted.effective_at.unwrap_or_else(|| clock::since_2000(clock::now()));
    require_usable(wanted, effective_at);
    if let Err(denial) = require_member(&registry, registered, wanted.owner) {
        let (source_ref, feature_type) = (wanted.source_ref, wanted.feature_type);
        let (code, reason) = (denial.error_code(), denial.reason(feature_type));
        return Granted::refused(source_ref.to_owned(), feature_type.to_owned(), code, reason);
    }
    if let Owner::User(user_id) = wanted.owner {
        users::lock(&registry, &[user_id]);
    }
    let new = New {
        owner: wanted.owner,
        feature_type: wanted.feature_type,
        amount: wanted.amount,
        source_ref: wanted.source_ref,
        effective_at,
        expires_at: wanted.expires_at,
        priority: wanted.priority,
        reason: wanted.reason,
    };
    match grants::insert(&registry, &new) {
        Some(grant) => {
            log(&registry, Kind::Grant, &grant, grant.amount);
            Granted::of(told(grant), false)
        }
        // A concurrent call with the same source was first.
        None => {
            repeated(&registry, wanted).unwrap_or_else(|| CountingError::GrantSuppressed.raise())
        }
    }
}

/// The answer if something was granted for the source before.
fn repeated(registry: &Registry, wanted: &Wanted) -> Option<Granted> {
    let grant = grants::find(registry, wanted.source_ref, wanted.feature_type)?;
    let is_same = grant.owner() == Some(wanted.owner)
        && grant.amount == wanted.amount
        && grant.priority == i64::from(wanted.priority)
        && grant.expires_at == wanted.expires_at
        && wanted.effective_at.is_none_or(|wanted| wanted == grant.effective_at);
    Some(match is_same {
        true => Granted::of(told(grant), true),
        false => Granted::mismatch(grant.source_ref, grant.feature_type),
    })
}

/// A grant as answers tell it.
fn told(grant: Stored) -> Grant {
    let iso8601 = |since_2000| iso8601_rounded_up(clock::from_1970(since_2000));
    Grant {
        grant_id: grant.grant_id.to_string(),
        feature_type: grant.feature_type,
        amount: grant.amount,
        used: grant.used,
        effective_at: iso8601(grant.effective_at),
        expires_at: grant.expires_at.map(iso8601),
        source_ref: grant.source_ref,
    }
}

fn require_usable(wanted: &Wanted, effective_at: i64) {
    let Wanted { amount, source_ref, expires_at, priority, .. } = *wanted;
    if amount < 1 {
        GrantError::Amount { amount }.raise();
    }
    let length = source_ref.len();
    if !(1..=MAX_SOURCE_BYTES).contains(&length) {
        GrantError::Source { length }.raise();
    }
    if !(0..=32767).contains(&priority) {
        GrantError::Priority { priority }.raise();
    }
    if super::usable(effective_at).is_none() {
        ArgumentError::InvalidInstant { name: "p_effective_at" }.raise();
    }
    if let Some(expires_at) = expires_at {
        if super::usable(expires_at).is_none() {
            ArgumentError::InvalidInstant { name: "p_expires_at" }.raise();
        }
        if expires_at <= effective_at.max(clock::since_2000(clock::wall())) {
            GrantError::Expiry.raise();
        }
    }
}

/// Voids the grants of a source, of one feature or of all. What is used stays used. With a user, only
/// grants of that user are found.
pub fn void(
    source_ref: &str,
    feature_type: Option<&str>,
    reason: Option<&str>,
    user_id: Option<Uuid>,
) -> Voided {
    let registry = registry::current();
    if let Some(feature_type) = feature_type {
        require_feature(&registry, feature_type);
    }
    registry.tables.lock_first();
    let is_meant = |grant: &Stored| {
        feature_type.is_none_or(|feature_type| grant.feature_type == feature_type)
            && (user_id.is_none() || grant.user_id == user_id)
    };
    let mut found = grants::lock_of_source(&registry, source_ref);
    found.retain(is_meant);
    if found.is_empty() {
        return Voided::unknown(source_ref.to_owned());
    }
    let open: Vec<uuid::Uuid> =
        found.iter().filter(|grant| !grant.is_void).map(|grant| grant.grant_id).collect();
    if !open.is_empty() {
        grants::void(&registry, &open, reason);
    }
    for grant in found.iter().filter(|grant| !grant.is_void) {
        log(&registry, Kind::Void, grant, grant.amount - grant.used);
    }
    let voided = found.into_iter().map(|grant| VoidedGrant {
        used: grant.used,
        amount: grant.amount,
        grant_id: grant.grant_id.to_string(),
        forfeited: grant.amount - grant.used,
        feature_type: grant.feature_type,
    });
    let is_listed = feature_type.is_none();
    Voided::of(source_ref.to_owned(), voided.collect(), is_listed, open.is_empty())
}

/// Enters into the ledger what happened to a grant, if its feature is logged. No counter changes.
fn log(registry: &Registry, kind: Kind, grant: &Stored, amount: i64) {
    // A grant of nobody, which the table refuses, would have no entry.
    let Some(owner) = grant.owner() else { return };
    let entry = Entry {
        owner,
        feature_type: grant.feature_type.clone(),
        period: String::new(),
        amount: 0,
        overage: 0,
        sources: Some(Sources::of_grant(grant.grant_id, amount)),
        cause: Cause::of(kind),
    };
    ledger::write_if_logged(registry, &entry);
}

fn require_feature<'a>(registry: &'a Registry, feature_type: &str) -> &'a Registered {
    let known = || registry.feature_types();
    registry
        .find(feature_type)
        .unwrap_or_else(|| ArgumentError::UnknownFeature { feature_type, known: known() }.raise())
}
