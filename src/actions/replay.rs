//! Idempotent execution: a call with an idempotency key counts once; a retry replays its answer.
//!
//! A denial is not stored: after an upgrade, the same key can be tried again.

use domain::answer::Answer;
use domain::idempotency::is_key;
use pgrx::Uuid;
use serde::Serialize;
use serde_json::Value;

use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::store::idempotency::Key;
use crate::store::registry::Registry;

/// The answer of this call, or that of the call which it repeats.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Outcome {
    Answer(Box<Answer>),
    Replay(Value),
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// A call with an idempotency key.
pub struct Request<'a> {
    key: Key<'a>,
    /// A retry must have the same.
    arguments: Value,
}

impl<'a> Request<'a> {
    pub fn new(
        registry: &'a Registry,
        user_id: Uuid,
        operation: &'a str,
        key: &'a str,
        arguments: Value,
    ) -> Self {
        if !is_key(key) {
            ArgumentError::InvalidKey { length: key.len() }.raise();
        }
        Self { key: Key { registry, user_id, operation, key }, arguments }
    }

    /// The outcome if the key has been used: the stored answer, or a mismatch if it was used with
    /// other arguments.
    pub fn replay(&self, mismatch: impl FnOnce() -> Answer) -> Option<Outcome> {
        let stored = self.key.read()?;
        if stored.arguments != self.arguments {
            return Some(mismatch().into());
        }
        let mut result = stored.result;
        result["replayed"] = true.into();
        Some(Outcome::Replay(result))
    }

    /// Stores the answer for retries. Returns false if another call has used the key meanwhile.
    pub fn store(&self, answer: &Answer) -> bool {
        self.key.insert(&self.arguments, answer)
    }
}
