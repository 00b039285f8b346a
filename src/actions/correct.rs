//! Corrections: what was counted by mistake is taken off a counter, or added to it.

use std::rc::Rc;

use domain::correction::{Corrected, Correction};
use domain::decision::Usage;
use domain::ledger::Kind;
use domain::period::{NotAPeriod, Period, Requested};
use serde_json::json;

use super::account::Account;
use super::admit::ATTEMPTS;
use super::counts::{Counts, Keys};
use super::lock::{self, Again, Target};
use super::replay::{Outcome, Request, in_pool};
use super::terms::{Unusable, current_calendar, has_counter, require_member};
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::error::counting::CountingError;
use crate::pg::clock;
use crate::store::ledger::Cause;
use crate::store::owner::Owner;
use crate::store::registry::{self, Registered, Registry};
use crate::store::reservations::Open;
use crate::store::users;

/// The operation that idempotency keys belong to.
const OPERATION: &str = "correct";

/// A correction that is asked for.
pub struct Wanted<'a> {
    /// Of a pool, the part of the member is corrected as well.
    pub owner: Owner,
    pub feature_type: &'a str,
    /// What is added; negative takes off.
    pub amount: i64,
    pub reason: &'a str,
    /// `None` is the current one.
    pub period: Option<&'a str>,
    pub idempotency_key: Option<&'a str>,
}

/// Corrects a counter. The windows of caps do not change.
pub fn correct(wanted: &Wanted) -> Outcome<Corrected> {
    if wanted.reason.trim().is_empty() {
        ArgumentError::Blank { name: "p_reason" }.raise();
    }
    for _ in 0..ATTEMPTS {
        let registry = registry::current();
        let feature_type = wanted.feature_type;
        let Some(registered) = registry.find(feature_type) else {
            let known = registry.feature_types();
            ArgumentError::UnknownFeature { feature_type, known }.raise();
        };
        registry.tables.lock_first();
        let period = period(&registry, registered, wanted);
        // Who has left a pool can be corrected; a pool that does not exist can't.
        if let Some(pool_id) = wanted.owner.pool_id() {
            let pool = Owner::Pool { pool_id, member: None };
            if let Err(denial) = require_member(&registry, registered, pool) {
                let (code, reason) = (denial.error_code(), denial.reason(feature_type));
                return Corrected::refused(feature_type, period.to_string(), code, reason).into();
            }
        }
        users::lock(&registry, wanted.owner.user_id().as_slice());
        let target = Target {
            registry: &registry,
            registered,
            owner: wanted.owner,
            period: Some(period),
            unusable: Unusable::IsIgnored,
            settled: None,
        };
        if let Some(outcome) = lock::attempts(None, |rows| attempt(&target, period, wanted, rows)) {
            return outcome;
        }
    }
    CountingError::Contention.raise();
}

fn period(registry: &Rc<Registry>, registered: &Rc<Registered>, wanted: &Wanted) -> Period {
    let feature = &registered.feature;
    let text = wanted.period.unwrap_or_default();
    let refuse = |problem| -> ! { ArgumentError::InvalidPeriod { feature, text, problem }.raise() };
    let requested = Requested::parse_optional(feature.period, wanted.period)
        .unwrap_or_else(|problem| refuse(problem));
    let calendar = current_calendar(registry, registered, wanted.owner, Unusable::IsIgnored);
    match requested {
        Requested::Current => calendar.period_at(feature.period, clock::now()),
        Requested::Key(period)
            if calendar.has(period) || has_counter(registry, registered, wanted.owner, period) =>
        {
            period
        }
        Requested::Key(_) => refuse(NotAPeriod::OtherAnchor),
    }
}

fn attempt(
    target: &Target,
    period: Period,
    wanted: &Wanted,
    rows: Option<&Keys>,
) -> Result<Outcome<Corrected>, Again> {
    let Wanted { owner, feature_type, amount, reason, .. } = *wanted;
    let arguments = || {
        let period = wanted.period;
        let arguments = json!({"feature_type": feature_type, "amount": amount, "reason": reason,
                               "period": period});
        in_pool(arguments, owner.pool_id())
    };
    let request = wanted.idempotency_key.map(|key| {
        let Some(user_id) = owner.user_id() else { ArgumentError::KeyOfNobody.raise() };
        Request::new(target.registry, user_id, OPERATION, key, arguments())
    });
    let key = target.counter(period);
    let mut counts = target.lock(period, rows);
    if counts.row(&key).is_none() && amount > 0 {
        target.insert(period, &mut counts);
    }
    target.require_same_registry()?;
    let mismatch = |usage| Corrected::mismatch(feature_type, period.to_string(), usage);
    let usage = counts.usage(&key);
    if let Some(outcome) = request.as_ref().and_then(|request| request.replay(|| mismatch(usage))) {
        return Ok(outcome);
    }
    let mut account = target.account(period);
    if owner.member_ids().is_some() {
        lock::lock_rest(&account, &mut counts, rows.is_none())?;
    }
    let open = lock::bring_up_to_date(target, &mut account, &mut counts, 0)?;
    let usage = counts.usage(&key);
    let held = held(&account, &counts, &open);
    let exceeds_part = -amount > part_of_member(&account, &counts, &open);
    let correction = Correction::of(amount, usage, held).filter(|_| !exceeds_part);
    let Some(correction) = correction else {
        // What expired reservations held.
        counts.write();
        let exceeding = Corrected::exceeding(feature_type, period.to_string(), amount, usage);
        return Ok(exceeding.into());
    };
    let cause = Cause {
        idempotency_key: wanted.idempotency_key.map(str::to_owned),
        metadata: Some(json!({"reason": reason}).to_string()),
        ..Cause::of(Kind::Correct)
    };
    counts.correct(owner, &key, &correction, &cause);
    let corrected = Corrected::of(feature_type, period.to_string(), amount, counts.usage(&key));
    if request.is_some_and(|request| !request.store(&corrected)) {
        return Err(Again::Changed);
    }
    counts.write();
    Ok(corrected.into())
}

/// What can be taken off the member's part of a pool's counter: not what their reservations hold.
fn part_of_member(account: &Account, counts: &Counts, open: &[Open]) -> i64 {
    let Some(share) = account.share() else { return i64::MAX };
    let held: i64 = open.iter().map(|open| open.holding.amount_in(&share)).sum();
    counts.share(&share) - held
}

/// What open reservations, of any feature, hold of a counter.
fn held(account: &Account, counts: &Counts, open: &[Open]) -> Usage {
    let key = account.counter();
    let Some(row) = counts.row(&key) else { return Usage::default() };
    let parts = open.iter().flat_map(|open| open.holding.parts_in(&key, row));
    parts.fold(Usage::default(), |held, part| Usage {
        current: held.current + part.amount,
        drawn: held.drawn + part.drawn,
        overage: held.overage + part.overage,
    })
}
