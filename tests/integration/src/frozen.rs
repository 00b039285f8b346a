//! Databases of a server whose clock stands still until a test sets it.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use uuid::Uuid;

use crate::{Caller, Clock, Cluster, Database, FUNCTIONS, together, user};

const SESSIONS: u64 = 64;

/// One server, whose clock one test at a time may set.
pub struct Frozen {
    cluster: Cluster,
    clock: Mutex<Clock>,
}

impl Frozen {
    pub fn create(name: &str) -> Self {
        let (cluster, clock) = Cluster::create_frozen(name);
        Self { cluster, clock: Mutex::new(clock) }
    }

    /// A database at a time, with limits of the plan free.
    pub fn at(&self, name: &str, time: &str, limits: &str, test: impl FnOnce(&Clock, &Database)) {
        let clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.set(time);
        let database = self.cluster.database(name);
        database.execute(&format!("UPDATE plan_limits SET {limits}"));
        test(&clock, &database);
    }
}

/// Inserts rules, each as the values of its columns.
pub fn rules(database: &Database, columns: &str, values: &str) {
    database.execute(&format!("INSERT INTO usage_rules ({columns}) VALUES {values}"));
}

/// The result of a call.
pub fn ask(database: &Database, call: &str) -> Value {
    let row = database.connect().query_one(&format!("SELECT to_jsonb({call})"), &[]);
    row.unwrap_or_else(|error| panic!("{call}: {error}")).get(0)
}

pub fn number(database: &Database, query: &str) -> i64 {
    database.connect().query_one(query, &[]).expect(query).get(0)
}

/// Consumes for the first user.
pub fn consume(database: &Database, feature: &str, amount: i32) -> Value {
    ask(database, &format!("consume_feature('{}', '{feature}', {amount})", user(1)))
}

pub fn sessions(database: &Database) -> Vec<Caller> {
    Caller::many(database, SESSIONS, FUNCTIONS)
}

/// The answers of all sessions that consume one unit at once.
pub fn all_consume(callers: &mut [Caller], user: Uuid, feature: &str) -> Vec<Value> {
    together(callers, |_, caller| caller.consume(user, feature, 1, None).expect("an answer"))
}

pub fn admitted(answers: &[Value]) -> usize {
    answers.iter().filter(|answer| answer["allowed"] == true).count()
}

/// What all denials say of these keys, which must be the same.
pub fn denials(answers: &[Value], key: &str) -> Value {
    let mut denied = answers.iter().filter(|answer| answer["allowed"] == false);
    let first = denied.next().expect("a denial")[key].clone();
    for answer in denied {
        assert_eq!(answer[key], first, "{answer}");
    }
    first
}
