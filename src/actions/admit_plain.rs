//! The admission of a feature without rules, whose period is the same for every user: one row to
//! lock, one statement to read.

use domain::answer::Answer;
use domain::calendar::Calendar;
use domain::decision::{Allowance, Clock, Standing, Usage, decide};
use domain::denial::Denial;
use domain::rule::InForce;

use super::admit::{ATTEMPTS, Call};
use super::expire;
use super::replay::Outcome;
use super::subject::Subject;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::clock;
use crate::pg::snapshot::Snapshot;
use crate::store::ledger::Cause;
use crate::store::{entitlement, registry, users};

/// The outcome; `None` if the feature has got rules or calendars meanwhile.
pub fn admit(call: &Call) -> Option<Outcome> {
    let span = Calendar::default().span_at(call.registered.feature.period, clock::now());
    let subject = call.subject(span);
    if call.request.is_some() || call.purpose.is_reserve() {
        users::lock(call.registry, &[call.user_id]);
    }
    for _ in 0..ATTEMPTS {
        let Some(row) = subject.counter.lock() else {
            // A denial inserts no row.
            match decide_on(&subject, 0) {
                Ok(_) => subject.counter.insert(),
                denied => return Some(call.purpose.denied(answer(&subject, denied, 0)).into()),
            }
            continue;
        };
        if !registry::still_has(call.registry, call.registered) {
            return None;
        }
        if let Some(outcome) = call.replay() {
            return Some(outcome);
        }
        let (row, live) = expire::of_locked(&subject.counter, row);
        let decision = decide_on(&subject, row.count);
        let Ok(allowance) = decision else {
            return Some(call.purpose.denied(answer(&subject, decision, live)).into());
        };
        let amount = i64::from(subject.amount);
        subject.counter.require_room(row.count, amount);
        let counted = answer(&subject, Ok(allowance.counted()), live);
        let count = |_: &Cause| match call.purpose.is_reserve() {
            true => subject.counter.add_reserved(amount),
            false => subject.counter.add(amount),
        };
        if let Some(answer) = call.write(subject.counter.period(), &row, counted, None, count) {
            return Some(answer.into());
        }
    }
    if subject.counter.read(Snapshot::Latest).is_some() {
        CountingError::Contention.raise();
    }
    CountingError::Suppressed { feature: subject.counter.feature() }.raise();
}

/// Decides by the plan as committed now. The counter is locked, so this includes what was committed
/// while the call waited for the lock.
fn decide_on(subject: &Subject, current_usage: i64) -> Result<Allowance, Denial> {
    let entitlement = entitlement::latest(&subject.counter);
    let standing = Standing {
        entitlement: &entitlement,
        in_force: &InForce::default(),
        caps: &[],
        usage: Usage::of_allowance(current_usage),
        carried: 0,
        grants: &[],
        currency: None,
        reset_at: None,
        clock: Clock { transaction: clock::now_in_seconds(), wall: 0 },
    };
    decide(&standing, subject.amount.into())
}

fn answer(subject: &Subject, decision: Result<Allowance, Denial>, reserved: i64) -> Answer {
    Answer::new(subject.counter.feature(), &subject.span, decision).with_reserved(reserved)
}
