//! The subject of a call: a user's counter of a feature in a period.

use std::rc::Rc;

use domain::answer::Answer;
use domain::denial::Denial;
use domain::period::{Period, PeriodKind};
use pgrx::Uuid;

use crate::pg::clock;
use crate::store::counter::Counter;
use crate::store::registry::Registry;

/// The period of this kind that contains the start of the transaction.
pub fn current_period(kind: PeriodKind) -> Period {
    Period::containing(kind, clock::now())
}

/// An amount of a feature that a user requests in the current period.
pub struct Subject {
    pub counter: Counter,
    pub period: Period,
    pub amount: i32,
}

impl Subject {
    /// The subject of a call, or a denial if the feature is unknown or the amount is invalid.
    pub fn new(
        registry: &Rc<Registry>,
        user_id: Uuid,
        feature_type: Option<&str>,
        amount: Option<i32>,
    ) -> Result<Self, Box<Answer>> {
        let registered = feature_type.and_then(|feature_type| registry.find(feature_type));
        let registered = registered.ok_or_else(|| {
            Box::new(Answer::of_unknown_feature(feature_type, &registry.feature_types()))
        })?;
        let period = current_period(registered.feature.period);
        let Some(amount @ 0..) = amount else {
            let denied = Answer::new(&registered.feature, period, Err(Denial::InvalidAmount));
            return Err(Box::new(denied));
        };
        let counter = Counter::new(registry, registered, user_id, period);
        Ok(Self { counter, period, amount })
    }

    /// The answer of a denial that needs no decision.
    pub fn denied(&self, denial: Denial) -> Answer {
        Answer::new(self.counter.feature(), self.period, Err(denial))
    }
}
