//! The check: reads, decides, writes nothing.

use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};

use super::arguments::{current_period, required};
use crate::domain::answer::{Answer, Subject};
use crate::domain::decision::{Denial, decide};
use crate::domain::period::Period;
use crate::store::{clock, registry, usage};

#[pg_extern(stable)]
fn check_feature_limit(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_requested_amount: default!(Option<i32>, 1),
    p_period: default!(Option<&str>, "NULL"),
) -> JsonB {
    let user_id = required(p_user_id, "p_user_id");
    let answer = answer(user_id, p_feature_type, p_requested_amount, p_period);
    JsonB(serde_json::to_value(answer).expect("an answer is JSON"))
}

fn answer(
    user_id: Uuid,
    feature_type: Option<&str>,
    amount: Option<i32>,
    key: Option<&str>,
) -> Answer {
    let registry = registry::current();
    let Some(registered) = feature_type.and_then(|feature_type| registry.find(feature_type)) else {
        return Answer::new(Err(Denial::InvalidFeature), Subject::default());
    };
    let feature = &registered.feature;
    // Blank counts as not given: some gateways send a JSON null for a text as ''.
    let period = match key.filter(|key| !key.trim().is_empty()) {
        Some(key) => Period::parse(feature.period, key),
        None => Some(current_period(feature.period)),
    };
    let subject = Subject::new(feature, period);
    let Some(amount) = amount.filter(|amount| *amount >= 0) else {
        return Answer::new(Err(Denial::InvalidAmount), subject);
    };
    let Some(period) = period else {
        return Answer::new(Err(Denial::InvalidPeriod), subject);
    };
    let standing = usage::standing(&registry, registered, user_id, period);
    Answer::new(decide(&standing, amount.into(), clock::now_in_seconds()), subject)
}
