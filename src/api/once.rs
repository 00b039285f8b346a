//! Being done once a key.

use serde::Serialize;
use serde_json::Value;

use super::admission::Call;
use crate::domain::answer::Answer;
use crate::domain::idempotency::is_key;
use crate::error::Error;
use crate::store::idempotency::{Key, Taken};

/// An answer, of now or of then.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Outcome {
    Now(Box<Answer>),
    Before(Value),
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Now(Box::new(answer))
    }
}

/// Does the work, or repeats the answer of the call that has done it with this key. A denial is
/// not kept: after an upgrade, the same key may be tried again. A key that was used for another call
/// is a mismatch.
pub fn once(
    call: &Call,
    key: Option<&str>,
    operation: &str,
    arguments: impl FnOnce() -> Value,
    work: impl FnOnce() -> Answer,
    mismatch: impl FnOnce() -> Answer,
) -> Outcome {
    let Some(key) = key else { return work().into() };
    if !is_key(key) {
        Error::InvalidKey { length: key.len() }.raise();
    }
    let key = Key {
        registry: &call.counter.registry,
        user_id: call.counter.user_id,
        operation,
        key,
        arguments: arguments(),
    };
    match key.take() {
        Taken::Before(mut result) => {
            result["replayed"] = true.into();
            Outcome::Before(result)
        }
        Taken::ForAnother => mismatch().into(),
        Taken::Now => {
            let answer = work();
            if answer.is_allowed() {
                key.keep(&serde_json::to_value(&answer).expect("an answer is JSON"));
            } else {
                key.free();
            }
            answer.into()
        }
    }
}
