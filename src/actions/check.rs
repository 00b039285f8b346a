//! The check: reads and decides; writes nothing.

use domain::answer::Answer;
use domain::decision::decide;
use domain::denial::Denial;
use domain::period::Period;
use pgrx::Uuid;

use super::subject::current_period;
use crate::pg::clock;
use crate::pg::snapshot::Snapshot;
use crate::store::counter::Counter;
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
    let period = Period::requested_or_current(feature.period, text, clock::now());
    let denial = match (amount, period) {
        (Some(amount @ 0..), Ok(period)) => {
            let counter = Counter::new(&registry, registered, user_id, period);
            return decide_on(&counter, period, amount);
        }
        (Some(0..), Err(problem)) => {
            let text = text.unwrap_or_default();
            Denial::InvalidPeriod { reason: feature.not_a_period(text, problem) }
        }
        _ => Denial::InvalidAmount,
    };
    let period = period.unwrap_or_else(|_| current_period(feature.period));
    Answer::new(feature, period, Err(denial))
}

fn decide_on(counter: &Counter, period: Period, amount: i32) -> Answer {
    let (entitlement, row) = entitlement::with_counter(counter);
    let (usage, reserved) = row.map_or((0, 0), |row| {
        let held = reservations::held(counter, &row, Snapshot::Caller);
        (held.usage(row.count), held.live)
    });
    let decision = decide(&entitlement, usage, amount.into(), clock::now_in_seconds());
    Answer::new(counter.feature(), period, decision).with_reserved(reserved)
}
