//! The period of a feature at an instant, for a user or a pool.

use chrono::{DateTime, Utc};
use domain::calendar::{Calendar, Span};

use super::terms::{Unusable, read_calendar};
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::store::owner::Owner;
use crate::store::registry;

pub fn period_at(owner: Owner, feature_type: &str, instant: DateTime<Utc>) -> Span {
    let registry = registry::current();
    let Some(registered) = registry.find(feature_type) else {
        let known = registry.feature_types();
        ArgumentError::UnknownFeature { feature_type, known }.raise();
    };
    let calendar = if registered.reads_calendar || owner.is_pool() {
        read_calendar(&registry, registered, owner, Unusable::IsRefused)
    } else {
        Calendar::default()
    };
    calendar.span_at(registered.feature.period, instant)
}
