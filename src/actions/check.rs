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
    key: Option<&str>,
) -> Answer {
    let registry = registry::current();
    let Some(registered) = feature_type.and_then(|feature_type| registry.find(feature_type)) else {
        return Answer::of_unknown_feature();
    };
    let feature = &registered.feature;
    // Blank means missing: some gateways send a JSON null for a text as ''.
    let current = current_period(feature.period);
    let asked = match key.filter(|key| !key.trim().is_empty()) {
        Some(key) => Period::parse(feature.period, key),
        None => Some(current),
    };
    let denial = match (amount, asked) {
        (Some(amount @ 0..), Some(period)) => {
            let counter = Counter::new(&registry, registered, user_id, period);
            return decide_on(&counter, period, amount);
        }
        (Some(0..), None) => Denial::InvalidPeriod,
        _ => Denial::InvalidAmount,
    };
    Answer::new(feature, asked.unwrap_or(current), Err(denial))
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
