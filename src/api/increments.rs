//! The increments of the built-in features: one atomic upsert each, without checking the limit.
//!
//! All of them add an amount to the count of a user in a period, insert the row if there is none,
//! and do nothing for an amount of 0. The period is `current`, which is that of now, or a period
//! key. Nothing is counted if one of these errors is raised:
//!
//! | SQLSTATE | when |
//! |---|---|
//! | 22004 | an argument is NULL |
//! | 22023 | the amount is negative: a user could reset a quota by lowering a count |
//! | 22007 | the period does not exist or is of the other kind: no check reads it |
//! | 22003 | the count does not fit into the column |
//! | 27000 | a user-defined trigger suppresses the count |
//! | 0A000 | a table has a rule, or is distributed by Citus |
//! | 42P01, 42703 | a table or column is missing; the hint says how to restore it |

use pgrx::Uuid;
use pgrx::prelude::*;

use super::increment_feature_usage::increment;

/// Adds seconds of voice to a month: `current`, or `YYYY-MM`.
#[pg_extern(volatile)]
fn increment_voice_seconds(
    p_user_id: Option<Uuid>,
    p_seconds: Option<i32>,
    p_period: Option<&str>,
) {
    increment("voice_seconds", p_user_id, ("p_seconds", p_seconds), p_period);
}

/// Adds insights to a month: `current`, or `YYYY-MM`.
#[pg_extern(volatile)]
fn increment_insights_count(p_user_id: Option<Uuid>, p_count: Option<i32>, p_period: Option<&str>) {
    increment("insights", p_user_id, ("p_count", p_count), p_period);
}

/// Adds @therai calls to a day: `current`, or `YYYY-MM-DD`.
#[pg_extern(volatile)]
fn increment_therai_calls(p_user_id: Option<Uuid>, p_calls: Option<i32>, p_period: Option<&str>) {
    increment("therai_calls", p_user_id, ("p_calls", p_calls), p_period);
}

/// Adds chat messages to a day: `current`, or `YYYY-MM-DD`.
#[pg_extern(volatile)]
fn increment_chat_messages(p_user_id: Option<Uuid>, p_count: Option<i32>, p_period: Option<&str>) {
    increment("chat", p_user_id, ("p_count", p_count), p_period);
}

/// Adds images to a day: `current`, or `YYYY-MM-DD`.
#[pg_extern(volatile)]
fn increment_images_generated(
    p_user_id: Option<Uuid>,
    p_count: Option<i32>,
    p_period: Option<&str>,
) {
    increment("image_generation", p_user_id, ("p_count", p_count), p_period);
}
