//! What consume and reserve have in common: a call for an amount of a feature.

use std::rc::Rc;

use pgrx::Uuid;

use super::arguments::current_period;
use crate::domain::answer::Answer;
use crate::domain::decision::Denial;
use crate::domain::period::Period;
use crate::store::admission::{self, Admission, Purpose};
use crate::store::counter::Counter;
use crate::store::registry::Registry;

/// A user's call for an amount, in the current period of the feature.
pub struct Call {
    pub counter: Rc<Counter>,
    pub amount: i32,
    period: Period,
}

impl Call {
    /// The call, or the answer to one that can't be made.
    pub fn new(
        registry: &Rc<Registry>,
        user_id: Uuid,
        feature_type: Option<&str>,
        amount: Option<i32>,
    ) -> Result<Self, Box<Answer>> {
        let registered = feature_type.and_then(|feature_type| registry.find(feature_type));
        let registered = registered.ok_or_else(|| Box::new(Answer::of_unknown_feature()))?;
        let period = current_period(registered.feature.period);
        let Some(amount @ 0..) = amount else {
            let denied = Answer::new(&registered.feature, period, Err(Denial::InvalidAmount));
            return Err(Box::new(denied));
        };
        let counter = Rc::new(Counter::new(registry, registered, user_id, period));
        Ok(Self { counter, amount, period })
    }

    /// Counts the amount, or says why not.
    pub fn admit(&self, purpose: Purpose) -> Answer {
        let Admission { decision, reserved } =
            admission::admit(&self.counter, self.amount, purpose);
        Answer::new(self.counter.feature(), self.period, decision).with_reserved(reserved)
    }

    /// The answer where the idempotency key was used for another call.
    pub fn mismatch(&self) -> Answer {
        Answer::new(self.counter.feature(), self.period, Err(Denial::IdempotencyMismatch))
    }
}
