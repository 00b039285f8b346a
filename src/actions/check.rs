//! The check: reads and decides; writes nothing.

use std::rc::Rc;

use domain::answer::Answer;
use domain::calendar::Calendar;
use domain::decision::{Clock, Standing, decide};
use domain::denial::Denial;
use domain::period::{NotAPeriod, Requested};
use domain::rule::InForce;
use pgrx::Uuid;

use super::subject::Subject;
use super::terms::{Terms, Unusable};
use super::usage;
use crate::pg::clock;
use crate::pg::snapshot::Snapshot;
use crate::store::registry::{Registered, Registry};
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
    let terms =
        (!is_plain).then(|| Terms::read(&registry, registered, user_id, Unusable::IsRefused));
    let utc = Calendar::default();
    let calendar = terms.as_ref().map_or(&utc, |terms| &terms.calendar);
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
            let subject = Subject::new(&registry, registered, user_id, span, amount);
            return match &terms {
                None => of_plain(&subject),
                Some(terms) => {
                    of_governed(&registry, registered, &subject, terms, period == current)
                }
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
        current_usage,
        reset_at: None,
        clock: Clock { transaction: clock::now_in_seconds(), wall: 0 },
    };
    let decision = decide(&standing, subject.amount.into());
    Answer::new(counter.feature(), &subject.span, decision).with_reserved(reserved)
}

/// Only the current period has caps, and a reset that is worth waiting for.
fn of_governed(
    registry: &Rc<Registry>,
    registered: &Rc<Registered>,
    subject: &Subject,
    terms: &Terms,
    is_current: bool,
) -> Answer {
    let (user_id, span) = (subject.counter.user_id, &subject.span);
    let places = if is_current { terms.places(registered) } else { Vec::new() };
    let usage = usage::read(registry, registered, user_id, terms, span, &places);
    let reset_at = span.reset_at.filter(|_| is_current);
    let standing = terms.standing(&usage.caps, usage.current_usage, reset_at);
    let amount = i64::from(subject.amount);
    let decision = decide(&standing, amount);
    Answer::new(&registered.feature, span, decision).with_reserved(usage.reserved).with_rules(
        &terms.in_force,
        &usage.caps,
        amount,
        terms.clock.wall,
    )
}
