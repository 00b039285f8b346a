//! Rollover: what is left of the allowance of a period that is over becomes a grant, once.

use std::rc::Rc;

use domain::granting::Carried;
use domain::ledger::Kind;
use domain::period::{NotAPeriod, Period, Requested};
use domain::sources::Stored as Sources;

use super::account::Account;
use super::admit::ATTEMPTS;
use super::counts::Counts;
use super::lock::{self, Again, Target};
use super::terms::{Unusable, require_member};
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::error::counting::CountingError;
use crate::error::grant::GrantError;
use crate::pg::clock;
use crate::pg::snapshot::Snapshot;
use crate::store::grants::{self, New, Stored};
use crate::store::ledger::{self, Cause, Entry};
use crate::store::owner::Owner;
use crate::store::registry::{self, Registered, Registry};
use crate::store::reservations::Open;
use crate::store::users;

/// What is to be carried over.
pub struct Wanted<'a> {
    pub owner: Owner,
    pub feature_type: &'a str,
    pub period: &'a str,
    /// The most that is carried over.
    pub most: i64,
    /// In microseconds from 2000; `None` is the end of the current period.
    pub expires_at: Option<i64>,
    /// `None` is the limit in force now.
    pub allowance: Option<i64>,
}

pub fn carry_over(wanted: &Wanted) -> Carried {
    require_not_negative("p_max", wanted.most);
    require_not_negative("p_allowance", wanted.allowance.unwrap_or(0));
    for _ in 0..ATTEMPTS {
        let registry = registry::current();
        let feature_type = wanted.feature_type;
        let Some(registered) = registry.find(feature_type) else {
            let known = registry.feature_types();
            ArgumentError::UnknownFeature { feature_type, known }.raise();
        };
        registry.tables.lock_first();
        if let Err(denial) = require_member(&registry, registered, wanted.owner) {
            return Carried::refused(denial.error_code(), denial.reason(feature_type));
        }
        let period = ended(&registry, registered, wanted);
        let source_ref = grants::carried_source(wanted.owner, feature_type, wanted.period);
        if let Some(carried) = repeated(&registry, feature_type, &source_ref) {
            return carried;
        }
        if let Owner::User(user_id) = wanted.owner {
            users::lock(&registry, &[user_id]);
        }
        let target = Target {
            registry: &registry,
            registered,
            owner: wanted.owner,
            period: Some(period),
            unusable: Unusable::IsRefused,
            settled: None,
        };
        if let Some(carried) =
            lock::attempts(None, |_| attempt(&target, period, wanted, &source_ref))
        {
            return carried;
        }
    }
    CountingError::Contention.raise();
}

fn require_not_negative(name: &'static str, amount: i64) {
    if amount < 0 {
        GrantError::Negative { name, amount }.raise();
    }
}

/// The period, which must be over.
fn ended(registry: &Registry, registered: &Rc<Registered>, wanted: &Wanted) -> Period {
    let (feature, text) = (&registered.feature, wanted.period);
    let refuse = |problem| -> ! { ArgumentError::InvalidPeriod { feature, text, problem }.raise() };
    let requested =
        Requested::parse(feature.period, text).unwrap_or_else(|problem| refuse(problem));
    let Requested::Key(period) = requested else { GrantError::NotOver { period: text }.raise() };
    let account = Account::latest(registry, registered, wanted.owner, Unusable::IsRefused);
    if !account.terms.calendar.has(period) {
        refuse(NotAPeriod::OtherAnchor);
    }
    let span = account.terms.calendar.span(period);
    match span.reset_at {
        None => GrantError::Total { feature_type: wanted.feature_type }.raise(),
        Some(end) if end > clock::now() => GrantError::NotOver { period: text }.raise(),
        Some(_) => period,
    }
}

fn repeated(registry: &Registry, feature_type: &str, source_ref: &str) -> Option<Carried> {
    let grant = grants::find(registry, source_ref, feature_type)?;
    Some(Carried::of(grant.grant_id.to_string(), grant.amount, true))
}

fn attempt(
    target: &Target,
    period: Period,
    wanted: &Wanted,
    source_ref: &str,
) -> Result<Carried, Again> {
    let feature_type = wanted.feature_type;
    // A late commit in the period locks its counter as well, and finds what was carried over.
    let mut counts = target.lock(period, None);
    if counts.row(&target.counter(period)).is_none() {
        target.insert(period, &mut counts);
    }
    if let Some(carried) = repeated(target.registry, feature_type, source_ref) {
        return Ok(carried);
    }
    let mut account = target.account(period);
    give_back_in_memory(target, &account, &mut counts);
    account.fill(&counts, &[]);
    let limit = wanted.allowance.or_else(|| account.limit());
    let Some(limit) = limit else { GrantError::Unlimited { feature_type }.raise() };
    let left = limit.saturating_sub(account.usage.allowance());
    let amount = left.clamp(0, wanted.most);
    if amount == 0 {
        return Ok(Carried::nothing());
    }
    let now = clock::since_2000(clock::now());
    let end = || account.terms.span(target.registered).reset_at.map(clock::since_2000);
    let expires_at = wanted.expires_at.or_else(end);
    if expires_at.is_some_and(|expires_at| super::usable(expires_at).is_none()) {
        ArgumentError::InvalidInstant { name: "p_expires_at" }.raise();
    }
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        GrantError::Expiry.raise();
    }
    let new = New {
        owner: wanted.owner,
        feature_type,
        amount,
        source_ref,
        effective_at: now,
        expires_at,
        priority: 100,
        reason: None,
    };
    match grants::insert(target.registry, &new) {
        Some(grant) => {
            ledger::write_if_logged(target.registry, &entry(wanted, &grant));
            Ok(Carried::of(grant.grant_id.to_string(), amount, false))
        }
        None => Err(Again::Changed),
    }
}

/// What the ledger has to say of what was carried over of a period.
fn entry(wanted: &Wanted, grant: &Stored) -> Entry {
    Entry {
        owner: wanted.owner,
        feature_type: wanted.feature_type.to_owned(),
        period: wanted.period.to_owned(),
        amount: 0,
        overage: 0,
        sources: Some(Sources::of_grant(grant.grant_id, grant.amount)),
        cause: Cause::of(Kind::Carry),
    }
}

/// Leaves out what expired reservations hold, which is not used; the next call gives it back.
fn give_back_in_memory(target: &Target, account: &Account, counts: &mut Counts) {
    let open = lock::concerned(target.registry, account, Snapshot::Latest);
    let past: Vec<&Open> = open.iter().filter(|open| open.is_past).collect();
    counts.expire(&open, &past);
}
