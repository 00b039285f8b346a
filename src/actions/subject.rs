//! The subject of a call: a user's counter of a feature in a period.

use std::rc::Rc;

use domain::calendar::Span;
use pgrx::Uuid;

use crate::store::counter::Counter;
use crate::store::registry::{Registered, Registry};

/// An amount of a feature that a user requests in a period.
pub struct Subject {
    pub counter: Counter,
    pub span: Span,
    pub amount: i32,
}

impl Subject {
    pub fn new(
        registry: &Rc<Registry>,
        registered: &Rc<Registered>,
        user_id: Uuid,
        span: Span,
        amount: i32,
    ) -> Self {
        let counter = Counter::new(registry, registered, user_id, span.period);
        Self { counter, span, amount }
    }
}
