//! What a call is about, and the counters that count it.

use serde_json::Value;
use uuid::Uuid;

use crate::Counter;

/// Who acts, and in which pool if in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub user: Uuid,
    pub pool: Option<Uuid>,
}

impl Who {
    pub fn in_pool(pool: Uuid, user: Uuid) -> Self {
        Self { user, pool: Some(pool) }
    }
}

impl From<Uuid> for Who {
    fn from(user: Uuid) -> Self {
        Self { user, pool: None }
    }
}

/// Somebody's use of a feature in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub who: Who,
    pub feature: &'static str,
    pub period: String,
}

impl Subject {
    /// In the period of an answer; `None` if it tells none.
    pub fn of_answer(who: Who, feature: &'static str, answer: &Value) -> Option<Self> {
        let period = answer["period"].as_str()?.to_owned();
        Some(Self { who, feature, period })
    }

    /// The user's counter, or the pool's total.
    pub fn counter(&self) -> Counter {
        let Self { who, feature, period } = self;
        let user = if who.pool.is_some() { Uuid::nil() } else { who.user };
        let (pool, period) = (who.pool.unwrap_or_default(), period.clone());
        Counter { pool, user, feature, period }
    }

    /// The member's part of the pool's total.
    pub fn part(&self) -> Option<Counter> {
        let is_in_pool = self.who.pool.is_some();
        is_in_pool.then(|| Counter { user: self.who.user, ..self.counter() })
    }

    /// Where it is counted.
    pub fn counters(&self) -> impl Iterator<Item = Counter> {
        [Some(self.counter()), self.part()].into_iter().flatten()
    }
}
