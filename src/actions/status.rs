//! The status: everything that a page or an operator wants to know of a user or a pool, as one answer.

use std::rc::Rc;

use domain::status::{FeatureStatus, GrantReport, Status};
use domain::timestamp::iso8601_rounded_up;
use pgrx::Uuid;

use super::account::Account;
use super::terms::Unusable;
use super::usage;
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::pg::clock;
use crate::store::grants;
use crate::store::owner::Owner;
use crate::store::registry::{self, Registry};

/// The status of one feature, or of all.
pub fn status(owner: Owner, feature_type: Option<&str>) -> Status {
    let registry = registry::current();
    let features = match feature_type {
        None => registry.features.clone(),
        Some(feature_type) => match registry.find(feature_type) {
            Some(registered) => vec![Rc::clone(registered)],
            None => {
                let known = registry.feature_types();
                ArgumentError::UnknownFeature { feature_type, known }.raise()
            }
        },
    };
    let text = |id: Option<Uuid>| id.map(|id| id.to_string());
    let mut status = Status::of(text(owner.user_id()), text(owner.pool_id()));
    for registered in &features {
        let mut account = Account::read(&registry, registered, owner, Unusable::IsRefused);
        let share = usage::read(&registry, &mut account);
        let plan_id = account.terms.entitlement.subscription.plan_id();
        status.plan_id = Some(plan_id.to_owned());
        let of_feature = of_feature(&registry, &account).with_member_usage(share);
        status.features.insert(registered.feature.feature_type.clone(), of_feature);
    }
    status
}

fn of_feature(registry: &Registry, account: &Account) -> FeatureStatus {
    let grants = grants_of(registry, account);
    let decision = account.decide(0);
    account.with_standing(|standing| {
        FeatureStatus::new(&account.span, standing, decision, account.reserved, grants)
    })
}

/// The active grants, in the order in which they burn down. What expired reservations hold of them is
/// left, as it is in `remaining`.
fn grants_of(registry: &Registry, account: &Account) -> Vec<GrantReport> {
    if account.grants().is_empty() {
        return Vec::new();
    }
    let feature_type = &account.registered.feature.feature_type;
    let listed = grants::list(registry, account.owner, feature_type);
    let iso8601 = |since_2000| iso8601_rounded_up(clock::from_1970(since_2000));
    let report = |(grant_id, left): &(uuid::Uuid, i64)| {
        let listed = listed.iter().find(|listed| listed.grant_id == *grant_id)?;
        Some(GrantReport {
            used: listed.amount - left,
            amount: listed.amount,
            grant_id: grant_id.to_string(),
            priority: listed.priority,
            remaining: *left,
            expires_at: listed.expires_at.map(iso8601),
            source_ref: listed.source_ref.clone(),
            effective_at: iso8601(listed.effective_at),
        })
    };
    account.grants().iter().filter_map(report).collect()
}
