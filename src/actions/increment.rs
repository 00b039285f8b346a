//! The increment: counts usage that has happened, without checking the limit.

use domain::period::Period;
use pgrx::Uuid;

use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::pg::clock;
use crate::store::counter::Counter;
use crate::store::registry;

/// Adds a non-negative amount to a user's counter in a period.
pub fn increment(user_id: Uuid, feature_type: &str, amount: i32, text: &str) {
    let registry = registry::current();
    let Some(registered) = registry.find(feature_type) else {
        let known = registry.feature_types();
        ArgumentError::UnknownFeature { feature_type, known }.raise();
    };
    let feature = &registered.feature;
    let period = Period::requested(feature.period, text, clock::now())
        .unwrap_or_else(|problem| ArgumentError::InvalidPeriod { feature, text, problem }.raise());
    if amount > 0 {
        Counter::new(&registry, registered, user_id, period).increment(amount);
    }
}
