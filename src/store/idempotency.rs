//! Idempotency keys: a call that is repeated has its effect once, and its answer again.
//!
//! The key is taken before the effect and in the same transaction, so of calls that race one goes
//! on and the others wait: if it commits, they replay its answer; if it aborts, one of them goes on.

use pgrx::{JsonB, Uuid};
use serde_json::Value;

use super::registry::Registry;
use super::spi::Argument;
use super::statements::KeyStatements;
use crate::error::Error;

/// A key, and the call that it is for.
pub struct Key<'a> {
    pub registry: &'a Registry,
    pub user_id: Uuid,
    pub operation: &'a str,
    pub key: &'a str,
    pub arguments: Value,
}

/// Whether a call may go on.
pub enum Taken {
    /// It may: nobody has used the key.
    Now,
    /// It has been made: this came of it.
    Before(Value),
    /// Another call has been made with the key.
    ForAnother,
}

/// How often taking is tried again when the key was taken, and is gone when it is read.
const ATTEMPTS: usize = 100;

impl Key<'_> {
    /// Takes the key, or tells what it was taken for.
    pub fn take(&self) -> Taken {
        let KeyStatements { take, read, .. } = &self.registry.statements.keys;
        let [user_id, operation, key] = self.names();
        let arguments = Argument::Json(&self.arguments);
        for _ in 0..ATTEMPTS {
            let taken =
                self.registry.on_tables(|| take.write(&[user_id, operation, key, arguments]));
            if taken > 0 {
                return Taken::Now;
            }
            let found = self.registry.on_tables(|| {
                read.command(&[user_id, operation, key], |row| {
                    (row.get::<JsonB>(0), row.get::<JsonB>(1))
                })
            });
            match found.into_iter().next() {
                Some((Some(JsonB(arguments)), Some(JsonB(result))))
                    if arguments == self.arguments =>
                {
                    return Taken::Before(result);
                }
                Some(_) => return Taken::ForAnother,
                None => {}
            }
        }
        Error::Contention.raise();
    }

    /// Stores the answer of the call, for those who repeat it.
    pub fn keep(&self, result: &Value) {
        let [user_id, operation, key] = self.names();
        let statement = &self.registry.statements.keys.keep_result;
        let arguments = [user_id, operation, key, Argument::Json(result)];
        self.registry.on_tables(|| statement.write(&arguments));
    }

    /// Frees the key of a call that had no effect.
    pub fn free(&self) {
        let statement = &self.registry.statements.keys.free;
        self.registry.on_tables(|| statement.write(&self.names()));
    }

    fn names(&self) -> [Argument<'_>; 3] {
        [Argument::Uuid(self.user_id), Argument::Text(self.operation), Argument::Text(self.key)]
    }
}
