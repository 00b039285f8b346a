//! The answers of granting, voiding and carrying over, as callers read them.

use serde::Serialize;

/// The result of `grant_usage`. The fields are in the order of jsonb, here and below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Granted {
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    granted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    /// A JSON null means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Option<String>>,
    source_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<String>,
    feature_type: String,
}

/// A grant in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub grant_id: String,
    pub feature_type: String,
    pub amount: i64,
    pub used: i64,
    pub effective_at: String,
    pub expires_at: Option<String>,
    pub source_ref: String,
}

impl Granted {
    /// What was granted, now or by an earlier call.
    pub fn of(grant: Grant, is_replayed: bool) -> Self {
        Self {
            used: Some(grant.used),
            amount: Some(grant.amount),
            reason: None,
            granted: true,
            grant_id: Some(grant.grant_id),
            replayed: is_replayed.then_some(true),
            error_code: None,
            expires_at: Some(grant.expires_at),
            source_ref: grant.source_ref,
            effective_at: Some(grant.effective_at),
            feature_type: grant.feature_type,
        }
    }

    /// Another call has granted something else for the same source.
    pub fn mismatch(source_ref: String, feature_type: String) -> Self {
        let reason = "the source was used for another grant".to_owned();
        Self::refused(source_ref, feature_type, "GRANT_MISMATCH", reason)
    }

    /// Nothing was granted.
    pub fn refused(
        source_ref: String,
        feature_type: String,
        error_code: &'static str,
        reason: String,
    ) -> Self {
        Self {
            used: None,
            amount: None,
            reason: Some(reason),
            granted: false,
            grant_id: None,
            replayed: None,
            error_code: Some(error_code),
            expires_at: None,
            source_ref,
            effective_at: None,
            feature_type,
        }
    }
}

/// A grant that was voided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VoidedGrant {
    pub used: i64,
    pub amount: i64,
    pub grant_id: String,
    /// What was left of it.
    pub forfeited: i64,
    pub feature_type: String,
}

/// The result of `void_grant`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Voided {
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    /// Each grant of the source, if no feature was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<Vec<VoidedGrant>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    voided: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forfeited: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    source_ref: String,
}

impl Voided {
    /// `is_replayed` if all of them had been voided before.
    pub fn of(
        source_ref: String,
        grants: Vec<VoidedGrant>,
        is_listed: bool,
        is_replayed: bool,
    ) -> Self {
        let sum = |of: fn(&VoidedGrant) -> i64| {
            Some(grants.iter().map(of).fold(0, |sum: i64, part| sum.saturating_add(part)))
        };
        Self {
            used: sum(|grant| grant.used),
            amount: sum(|grant| grant.amount),
            forfeited: sum(|grant| grant.forfeited),
            grants: is_listed.then_some(grants),
            reason: None,
            voided: true,
            replayed: is_replayed.then_some(true),
            error_code: None,
            source_ref,
        }
    }

    pub fn unknown(source_ref: String) -> Self {
        Self {
            used: None,
            amount: None,
            grants: None,
            reason: Some("there is no grant of this source"),
            voided: false,
            replayed: None,
            forfeited: None,
            error_code: Some("UNKNOWN_GRANT"),
            source_ref,
        }
    }
}

/// The result of `carry_over_usage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Carried {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    carried: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
}

impl Carried {
    pub fn nothing() -> Self {
        Self { reason: None, carried: 0, grant_id: None, replayed: None, error_code: None }
    }

    pub fn of(grant_id: String, carried: i64, is_replayed: bool) -> Self {
        let replayed = is_replayed.then_some(true);
        Self { carried, grant_id: Some(grant_id), replayed, ..Self::nothing() }
    }

    /// Nothing was carried over, since there is nobody to carry it over for.
    pub fn refused(error_code: &'static str, reason: String) -> Self {
        Self { reason: Some(reason), error_code: Some(error_code), ..Self::nothing() }
    }
}
