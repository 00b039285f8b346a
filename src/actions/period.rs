//! The period of a user and a feature at an instant.

use chrono::{DateTime, Utc};
use domain::calendar::{Calendar, Span};
use pgrx::Uuid;

use super::terms::{Unusable, read_calendar};
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::store::registry;

pub fn period_at(user_id: Uuid, feature_type: &str, instant: DateTime<Utc>) -> Span {
    let registry = registry::current();
    let Some(registered) = registry.find(feature_type) else {
        let known = registry.feature_types();
        ArgumentError::UnknownFeature { feature_type, known }.raise();
    };
    let calendar = if registered.reads_calendar {
        read_calendar(&registry, registered, user_id, Unusable::IsRefused)
    } else {
        Calendar::default()
    };
    calendar.span_at(registered.feature.period, instant)
}
