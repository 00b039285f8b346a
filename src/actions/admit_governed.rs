//! The admission of a feature with rules or grants, or whose period depends on the user.

use domain::denial::Denial;

use super::account::Account;
use super::admit::Call;
use super::counts::{Counts, Keys};
use super::lock::{self, Again, Target};
use super::replay::Outcome;
use super::terms::Unusable;
use crate::store::ledger::Cause;
use crate::store::users;

/// The outcome; `None` if the registry has changed so that the call must begin again.
pub fn admit(call: &Call) -> Option<Outcome> {
    users::lock(call.registry, &[call.user_id]);
    lock::attempts(None, |wanted| attempt(call, wanted))
}

/// Locks, reads, decides and writes.
fn attempt(call: &Call, wanted: Option<&Keys>) -> Result<Outcome, Again> {
    let target = Target {
        registry: call.registry,
        registered: call.registered,
        owner: call.owner,
        period: None,
        unusable: Unusable::IsRefused,
        settled: None,
    };
    let period = target.period();
    let mut counts = target.lock(period, wanted);
    let counter = target.counter(period);
    if counts.row(&counter).is_none() {
        // A denial that is certain inserts no row.
        let denial = || certain_denial(call, &mut target.account(period));
        if let Some(outcome) = call.replay().or_else(denial) {
            return Ok(outcome);
        }
        target.insert(period, &mut counts);
    }
    target.require_same_registry()?;
    if let Some(outcome) = call.replay() {
        return Ok(outcome);
    }

    let mut account = target.account(period);
    target.require_same_period(&account, period)?;
    if let Some(refusal) = account.refusal() {
        return Ok(denied(call, &account, refusal));
    }
    lock::lock_rest(&account, &mut counts, wanted.is_none())?;
    let amount = i64::from(call.amount);
    let open = lock::bring_up_to_date(&target, &mut account, &mut counts, amount)?;
    let mut decision = account.decide(amount);
    if decision.as_ref().is_ok_and(|allowance| allowance.split.grants().next().is_some()) {
        lock::lock_grants(call.registry, &mut account, &mut counts, &open);
        decision = account.decide(amount);
    }

    let split = decision.as_ref().map(|allowance| allowance.split.clone());
    let Ok(split) = split else {
        let answer = account.answer(decision, false);
        // What expired reservations held.
        counts.write();
        return Ok(call.purpose.denied(answer).into());
    };
    let row = *counts.row(&counter).expect("the counter is locked");
    let holding = account.holding(split, row.id);
    account.fill_rates(&holding.split, &mut counts);
    account.tell(&holding.split, &mut counts);
    let answer = account.answer(decision, true);
    let sources = holding.stored();
    let count = |cause: &Cause| {
        counts.take(&holding, cause);
        counts.write();
    };
    call.write(&counter.period, &row, answer, sources.as_ref(), count)
        .map(Outcome::from)
        .ok_or(Again::Changed)
}

/// A denial that does not depend on what is used.
fn certain_denial(call: &Call, account: &mut Account) -> Option<Outcome> {
    account.fill(&Counts::new(call.registry), &[]);
    match account.decide(0).err()? {
        Denial::LimitExceeded { .. } | Denial::Short(_) => None,
        denial => Some(denied(call, account, denial)),
    }
}

fn denied(call: &Call, account: &Account, denial: Denial) -> Outcome {
    call.purpose.denied(account.answer(Err(denial), false)).into()
}
