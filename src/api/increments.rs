//! The increments: one atomic upsert each, after the fact and without asking the limit.

use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::required;
use crate::domain::period::Period;
use crate::error::Error;
use crate::store::{registry, usage};

#[pg_extern(volatile)]
fn increment_voice_seconds(
    p_user_id: Option<Uuid>,
    p_seconds: Option<i32>,
    p_period: Option<&str>,
) {
    increment("voice_seconds", p_user_id, ("p_seconds", p_seconds), p_period);
}

#[pg_extern(volatile)]
fn increment_insights_count(p_user_id: Option<Uuid>, p_count: Option<i32>, p_period: Option<&str>) {
    increment("insights", p_user_id, ("p_count", p_count), p_period);
}

#[pg_extern(volatile)]
fn increment_therai_calls(p_user_id: Option<Uuid>, p_calls: Option<i32>, p_period: Option<&str>) {
    increment("therai_calls", p_user_id, ("p_calls", p_calls), p_period);
}

#[pg_extern(volatile)]
fn increment_chat_messages(p_user_id: Option<Uuid>, p_count: Option<i32>, p_period: Option<&str>) {
    increment("chat", p_user_id, ("p_count", p_count), p_period);
}

#[pg_extern(volatile)]
fn increment_images_generated(
    p_user_id: Option<Uuid>,
    p_count: Option<i32>,
    p_period: Option<&str>,
) {
    increment("image_generation", p_user_id, ("p_count", p_count), p_period);
}

#[pg_extern(volatile)]
fn increment_feature_usage(
    p_user_id: Option<Uuid>,
    p_feature_type: Option<&str>,
    p_amount: Option<i32>,
    p_period: Option<&str>,
) {
    let feature_type = required(p_feature_type, "p_feature_type");
    increment(feature_type, p_user_id, ("p_amount", p_amount), p_period);
}

/// What all of them do. The amount comes with the name that the caller knows it by.
fn increment(
    feature_type: &str,
    user_id: Option<Uuid>,
    (amount_name, amount): (&'static str, Option<i32>),
    period: Option<&str>,
) {
    let user_id = required(user_id, "p_user_id");
    let amount = required(amount, amount_name);
    let key = required(period, "p_period");
    if amount < 0 {
        Error::NegativeAmount { name: amount_name, amount }.raise();
    }
    let registry = registry::current();
    let Some(registered) = registry.find(feature_type) else {
        let known = registry.features.iter().map(|r| r.feature.feature_type.as_str()).collect();
        Error::UnknownFeature { feature_type, known }.raise();
    };
    let feature = &registered.feature;
    let Some(period) = Period::parse(feature.period, key) else {
        Error::InvalidPeriod { feature, key }.raise();
    };
    if amount > 0 {
        usage::increment(&registry, registered, user_id, period, amount);
    }
}
