//! The increments: one atomic upsert each, after the fact and without asking the limit.
//!
//! All of them add an amount to the count of a user in a period, create the row if there is none,
//! and do nothing for an amount of 0. Their errors, with which nothing is counted:
//!
//! | SQLSTATE | when |
//! |---|---|
//! | 22004 | an argument is NULL |
//! | 22023 | the amount is negative: a count that can be lowered is a limit that can be reset |
//! | 22007 | the period does not exist or is of the other kind: no check would ever see the count |
//! | 22003 | the count would be over 2147483647 |
//! | 27000 | a trigger of the app's suppresses the count |
//! | 0A000 | a rule of the app's replaces the statement |
//! | 42P01, 42703 | a table or column is missing; the hint says how to get it back |

use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::required;
use crate::domain::period::Period;
use crate::error::Error;
use crate::store::counter::Counter;
use crate::store::registry;

/// Adds seconds of voice to a month, `YYYY-MM`.
#[pg_extern(volatile)]
fn increment_voice_seconds(
    p_user_id: Option<Uuid>,
    p_seconds: Option<i32>,
    p_period: Option<&str>,
) {
    increment("voice_seconds", p_user_id, ("p_seconds", p_seconds), p_period);
}

/// Adds insights to a month, `YYYY-MM`.
#[pg_extern(volatile)]
fn increment_insights_count(p_user_id: Option<Uuid>, p_count: Option<i32>, p_period: Option<&str>) {
    increment("insights", p_user_id, ("p_count", p_count), p_period);
}

/// Adds @therai calls to a day, `YYYY-MM-DD`.
#[pg_extern(volatile)]
fn increment_therai_calls(p_user_id: Option<Uuid>, p_calls: Option<i32>, p_period: Option<&str>) {
    increment("therai_calls", p_user_id, ("p_calls", p_calls), p_period);
}

/// Adds chat messages to a day, `YYYY-MM-DD`.
#[pg_extern(volatile)]
fn increment_chat_messages(p_user_id: Option<Uuid>, p_count: Option<i32>, p_period: Option<&str>) {
    increment("chat", p_user_id, ("p_count", p_count), p_period);
}

/// Adds images to a day, `YYYY-MM-DD`.
#[pg_extern(volatile)]
fn increment_images_generated(
    p_user_id: Option<Uuid>,
    p_count: Option<i32>,
    p_period: Option<&str>,
) {
    increment("image_generation", p_user_id, ("p_count", p_count), p_period);
}

/// Adds to any registered feature, as the increment of that feature does. An unknown feature is
/// 22023 as well, with a hint that lists the known ones.
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
        Error::UnknownFeature { feature_type, known: registry.feature_types() }.raise();
    };
    let feature = &registered.feature;
    let Some(period) = Period::parse(feature.period, key) else {
        Error::InvalidPeriod { feature, key }.raise();
    };
    if amount > 0 {
        Counter::new(&registry, registered, user_id, period).increment(amount);
    }
}
