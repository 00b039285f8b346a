//! The check: reads, decides, writes nothing.

use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::{current_period, required};
use super::jsonb::Jsonb;
use crate::domain::answer::Answer;
use crate::domain::decision::Denial;
use crate::domain::period::Period;
use crate::store::admission::{self, Admission};
use crate::store::counter::Counter;
use crate::store::registry;

/// Says whether a user may use so much more of a feature in a period, by default the current one.
///
/// The answer is an [`Answer`]; the rules are those of [`decide`](crate::domain::decision::decide). Wrong arguments are denials, so
/// that a caller who only looks at `allowed` is never let through; only a NULL user is an error
/// (22004). It writes nothing and assigns no transaction id, so it runs on a standby as well.
#[pg_extern(stable)]
fn check_feature_limit(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_requested_amount: default!(Option<i32>, 1),
    p_period: default!(Option<&str>, "NULL"),
) -> Jsonb<Answer> {
    let user_id = required(p_user_id, "p_user_id");
    Jsonb(answer(user_id, p_feature_type, p_requested_amount, p_period))
}

fn answer(
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
    // Blank counts as not given: some gateways send a JSON null for a text as ''.
    let current = current_period(feature.period);
    let asked = match key.filter(|key| !key.trim().is_empty()) {
        Some(key) => Period::parse(feature.period, key),
        None => Some(current),
    };
    let denial = match (amount, asked) {
        (Some(amount @ 0..), Some(period)) => {
            let counter = Counter::new(&registry, registered, user_id, period);
            let Admission { decision, reserved } = admission::check(&counter, amount);
            return Answer::new(feature, period, decision).with_reserved(reserved);
        }
        (Some(0..), None) => Denial::InvalidPeriod,
        _ => Denial::InvalidAmount,
    };
    Answer::new(feature, asked.unwrap_or(current), Err(denial))
}
