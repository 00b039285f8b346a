//! The check: reads and decides; writes nothing.

use std::rc::Rc;

use domain::answer::Answer;
use domain::calendar::Calendar;
use domain::decision::{Clock, Standing, Usage, decide};
use domain::denial::Denial;
use domain::period::{NotAPeriod, Period, Requested};
use domain::rule::InForce;
use pgrx::Uuid;

use super::account::Account;
use super::subject::Subject;
use super::terms::Unusable;
use super::usage;
use crate::pg::clock;
use crate::pg::snapshot::Snapshot;
use crate::store::owner::Owner;
use crate::store::registry::Registry;
use crate::store::{entitlement, registry, reservations};

/// Whether a user may use an amount of a feature in a period, by default the current one.
pub fn check(
    user_id: Uuid,
    feature_type: Option<&str>,
    amount: Option<i32>,
    text: Option<&str>,
) -> Answer {
    let registry = registry::current();
    let Some(registered) = feature_type.and_then(|feature_type| registry.find(feature_type)) else {
        return Answer::of_unknown_feature(feature_type, &registry.feature_types());
    };
    let feature = &registered.feature;
    let is_plain = !registered.is_governed && !registered.reads_calendar;
    let owner = Owner::User(user_id);
    let account =
        (!is_plain).then(|| Account::read(&registry, registered, owner, Unusable::IsRefused));
    let utc = Calendar::default();
    let calendar = account.as_ref().map_or(&utc, |account| &account.terms.calendar);
    let current = calendar.period_at(feature.period, clock::now());
    let period = match Requested::parse_optional(feature.period, text) {
        Ok(Requested::Current) => Ok(current),
        Ok(Requested::Key(period)) if !calendar.has(period) => Err(NotAPeriod::OtherAnchor),
        Ok(Requested::Key(period)) => Ok(period),
        Err(problem) => Err(problem),
    };
    let denial = match (amount, period) {
        (Some(amount @ 0..), Ok(period)) => {
            let span = calendar.span(period);
            return match account {
                None => of_plain(&Subject::new(&registry, registered, user_id, span, amount)),
                Some(account) => of_governed(&registry, account, period, amount),
            };
        }
        (Some(0..), Err(problem)) => {
            let text = text.unwrap_or_default();
            Denial::InvalidPeriod { reason: feature.not_a_period(text, problem) }
        }
        _ => Denial::InvalidAmount,
    };
    Answer::new(feature, &calendar.span(period.unwrap_or(current)), Err(denial))
}

fn of_plain(subject: &Subject) -> Answer {
    let counter = &subject.counter;
    let (entitlement, row) = entitlement::with_counter(counter);
    let (current_usage, reserved) = row.map_or((0, 0), |row| {
        let held = reservations::held(counter, &row, Snapshot::Caller);
        (held.usage(row.count), held.live)
    });
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
    let decision = decide(&standing, subject.amount.into());
    Answer::new(counter.feature(), &subject.span, decision).with_reserved(reserved)
}

fn of_governed(registry: &Rc<Registry>, account: Account, period: Period, amount: i32) -> Answer {
    let mut account = account.in_period(registry, period);
    usage::read(registry, &mut account);
    let decision = account.decide(amount.into());
    account.answer(decision, false)
}
