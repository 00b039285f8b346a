//! Idempotent execution: run the call once per idempotency key, replay its answer afterwards.
//!
//! A denial is not stored: after an upgrade, the same idempotency key can be tried again.

use domain::answer::Answer;
use domain::idempotency::is_key;
use pgrx::Uuid;
use serde::Serialize;
use serde_json::Value;

use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::store::idempotency::Key;
use crate::store::registry::Registry;

/// The answer of this call, or the stored answer if the call is a replay.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Outcome<T = Answer> {
    Answer(Box<T>),
    Replay(Value),
}

impl<T> From<T> for Outcome<T> {
    fn from(answer: T) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// Adds the pool to the arguments of a call, if it is in one.
pub fn in_pool(mut arguments: Value, pool_id: Option<impl ToString>) -> Value {
    if let Some(pool_id) = pool_id {
        arguments["pool_id"] = pool_id.to_string().into();
    }
    arguments
}

/// A call with an idempotency key.
pub struct Request<'a> {
    key: Key<'a>,
    /// The arguments; a retry must have the same.
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

    /// The outcome if the idempotency key has been used: the stored answer, or a mismatch if the
    /// arguments differ.
    pub fn replay<T>(&self, mismatch: impl FnOnce() -> T) -> Option<Outcome<T>> {
        let stored = self.key.read()?;
        if stored.arguments != self.arguments {
            return Some(mismatch().into());
        }
        let mut result = stored.result;
        result["replayed"] = true.into();
        Some(Outcome::Replay(result))
    }

    /// Stores the answer for replays. Returns false if another call has used the idempotency key
    /// meanwhile.
    pub fn store(&self, answer: &impl Serialize) -> bool {
        self.key.insert(&self.arguments, answer)
    }
}
