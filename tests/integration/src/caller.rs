//! A session with prepared calls of the admission functions.

use postgres::types::ToSql;
use postgres::{Client, Error, Statement};
use serde_json::Value;
use uuid::Uuid;

use crate::{Database, Who};

/// The names of the functions, each of which can be replaced by a mutant.
#[derive(Clone, Copy)]
pub struct Functions {
    pub consume: &'static str,
    /// The same with the pool as a further argument.
    pub consume_in_pool: &'static str,
    pub reserve: &'static str,
    pub commit: &'static str,
    pub release: &'static str,
}

pub const FUNCTIONS: Functions = Functions {
    consume: "consume_feature",
    consume_in_pool: "consume_feature",
    reserve: "reserve_feature",
    commit: "commit_reservation",
    release: "release_reservation",
};

pub struct Caller {
    pub client: Client,
    consume: Statement,
    consume_in_pool: Statement,
    reserve: Statement,
    reserve_in_pool: Statement,
    commit: Statement,
    release: Statement,
    expire: Statement,
    record: Statement,
    check: Statement,
    status: Statement,
}

impl Caller {
    pub fn connect(database: &Database) -> Self {
        Self::with(database, FUNCTIONS)
    }

    /// A session with this application_name, by which another kills it: perhaps as soon as it has it.
    pub fn to_be_killed(database: &Database, name: &str) -> Self {
        let mut caller = Self::connect(database);
        drop(caller.client.batch_execute(&format!("SET application_name = '{name}'")));
        caller
    }

    pub fn with(database: &Database, functions: Functions) -> Self {
        let Functions { consume, consume_in_pool, reserve, commit, release } = functions;
        let mut client = database.connect();
        let mut prepare = |call: String| client.prepare(&format!("SELECT {call}")).expect("a call");
        Self {
            consume: prepare(format!("{consume}($1, $2, $3, $4)")),
            consume_in_pool: prepare(format!("{consume_in_pool}($1, $2, $3, $4, $5)")),
            reserve: prepare(format!("{reserve}($1, $2, $3, $4::text::interval, $5)")),
            reserve_in_pool: prepare(format!("{reserve}($1, $2, $3, $4::text::interval, $5, $6)")),
            commit: prepare(format!("{commit}($1, $2)")),
            release: prepare(format!("{release}($1)")),
            expire: prepare("expire_reservations($1)".to_owned()),
            record: prepare("record_usage($1)".to_owned()),
            check: prepare("check_feature_limit($1, $2, $3)".to_owned()),
            status: prepare("usage_status($1, $2, $3)".to_owned()),
            client,
        }
    }

    /// Several sessions.
    pub fn many(database: &Database, sessions: u64, functions: Functions) -> Vec<Self> {
        (0..sessions).map(|_| Self::with(database, functions)).collect()
    }

    /// Sets the isolation level of all calls.
    pub fn set_isolation(&mut self, level: &str) {
        let set = format!("SET default_transaction_isolation = '{level}'");
        self.client.batch_execute(&set).expect("a level");
    }

    pub fn consume(
        &mut self,
        who: impl Into<Who>,
        feature: &str,
        amount: i32,
        key: Option<&str>,
    ) -> Result<Value, Error> {
        let Who { user, pool } = who.into();
        let Some(pool) = pool else {
            return answer(&mut self.client, &self.consume, &[&user, &feature, &amount, &key]);
        };
        let arguments: [&(dyn ToSql + Sync); 5] = [&user, &feature, &amount, &key, &pool];
        answer(&mut self.client, &self.consume_in_pool, &arguments)
    }

    pub fn reserve(
        &mut self,
        who: impl Into<Who>,
        feature: &str,
        amount: i32,
        ttl: &str,
        key: Option<&str>,
    ) -> Result<Value, Error> {
        let Who { user, pool } = who.into();
        let Some(pool) = pool else {
            let arguments: [&(dyn ToSql + Sync); 5] = [&user, &feature, &amount, &ttl, &key];
            return answer(&mut self.client, &self.reserve, &arguments);
        };
        let arguments: [&(dyn ToSql + Sync); 6] = [&user, &feature, &amount, &ttl, &key, &pool];
        answer(&mut self.client, &self.reserve_in_pool, &arguments)
    }

    pub fn commit(&mut self, reservation: Uuid, actual: Option<i32>) -> Result<Value, Error> {
        answer(&mut self.client, &self.commit, &[&reservation, &actual])
    }

    pub fn release(&mut self, reservation: Uuid) -> Result<Value, Error> {
        answer(&mut self.client, &self.release, &[&reservation])
    }

    /// Not a call: makes a reservation an expired one.
    pub fn pass(&mut self, reservation: Uuid) -> Result<u64, Error> {
        let end =
            "UPDATE feature_reservations SET expires_at = '2020-01-01' WHERE reservation_id = $1";
        self.client.execute(end, &[&reservation])
    }

    pub fn check(&mut self, user: Uuid, feature: &str, amount: i32) -> Result<Value, Error> {
        answer(&mut self.client, &self.check, &[&user, &feature, &amount])
    }

    /// The status of a feature.
    pub fn status(&mut self, who: Who, feature: &str) -> Result<Value, Error> {
        let status = answer(&mut self.client, &self.status, &[&who.user, &feature, &who.pool])?;
        Ok(status["features"][feature].clone())
    }

    pub fn expire(&mut self, limit: i32) -> Result<i32, Error> {
        self.client.query_one(&self.expire, &[&limit]).map(|row| row.get(0))
    }

    pub fn record(&mut self, events: &Value) -> Result<i32, Error> {
        self.client.query_one(&self.record, &[events]).map(|row| row.get(0))
    }
}

fn answer(
    client: &mut Client,
    call: &Statement,
    arguments: &[&(dyn ToSql + Sync)],
) -> Result<Value, Error> {
    client.query_one(call, arguments).map(|row| row.get(0))
}

/// The id of the reservation in an answer.
pub fn reservation_id(answer: &Value) -> Uuid {
    let id = answer["reservation_id"].as_str().and_then(|id| id.parse().ok());
    id.unwrap_or_else(|| panic!("no reservation: {answer}"))
}
