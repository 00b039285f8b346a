//! Idempotency keys, and the results of the calls that used them.

use pgrx::{JsonB, Uuid};
use serde::Serialize;
use serde_json::Value;

use super::registry::Registry;
use crate::pg::argument::Argument;
use crate::pg::jsonb::Document;
use crate::pg::snapshot::Snapshot;

/// An idempotency key of a user, for one operation.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub registry: &'a Registry,
    pub user_id: Uuid,
    pub operation: &'a str,
    pub key: &'a str,
}

/// The call that used an idempotency key.
pub struct Stored {
    pub arguments: Value,
    pub result: Value,
}

impl Key<'_> {
    /// The call that has used the idempotency key, if it is committed.
    pub fn read(&self) -> Option<Stored> {
        let read = &self.registry.statements.keys.read;
        let rows = self.registry.on_tables(|| {
            read.rows(&self.arguments(), Snapshot::Latest, |row| Stored {
                arguments: row.get::<JsonB>(0).map_or(Value::Null, |JsonB(value)| value),
                result: row.get::<JsonB>(1).map_or(Value::Null, |JsonB(value)| value),
            })
        });
        rows.into_iter().next()
    }

    /// Stores a call with its result. Returns false if another call has used the idempotency key.
    pub fn insert(&self, arguments: &Value, result: &impl Serialize) -> bool {
        let insert = &self.registry.statements.keys.insert;
        let [user_id, operation, key] = self.arguments();
        let arguments = Argument::Jsonb(Document::of(arguments));
        let result = Argument::Jsonb(Document::of(result));
        let row = [user_id, operation, key, arguments, result];
        self.registry.on_tables(|| insert.write(&row)) > 0
    }

    fn arguments(&self) -> [Argument<'_>; 3] {
        [Argument::Uuid(self.user_id), Argument::Text(self.operation), Argument::Text(self.key)]
    }
}

/// The idempotency keys of a batch: parallel arrays of users and keys.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    pub registry: &'a Registry,
    pub operation: &'a str,
    pub user_ids: &'a [Uuid],
    pub keys: &'a [String],
}

impl Keys<'_> {
    /// The arguments of those that are already used.
    pub fn read(&self) -> Vec<(Uuid, String, Value)> {
        let read = &self.registry.statements.keys.read_many;
        let rows = self.registry.on_tables(|| {
            read.rows(&self.arguments(), Snapshot::Latest, |row| {
                let JsonB(arguments) = row.get(2)?;
                Some((row.get(0)?, row.get(1)?, arguments))
            })
        });
        rows.into_iter().flatten().collect()
    }

    /// Stores unused ones with the arguments of their calls, and returns them.
    pub fn insert(&self, arguments: &[String]) -> Vec<(Uuid, String)> {
        let insert = &self.registry.statements.keys.insert_many;
        let [operation, user_ids, keys] = self.arguments();
        let rows = [operation, user_ids, keys, Argument::Texts(arguments)];
        let inserted = self
            .registry
            .on_tables(|| insert.rows(&rows, Snapshot::Command, |row| row.get(0).zip(row.get(1))));
        inserted.into_iter().flatten().collect()
    }

    fn arguments(&self) -> [Argument<'_>; 3] {
        let (user_ids, keys) = (Argument::Uuids(self.user_ids), Argument::Texts(self.keys));
        [Argument::Text(self.operation), user_ids, keys]
    }
}
