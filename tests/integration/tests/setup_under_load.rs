//! add_feature() and feature_usage_setup() under full load: no call deadlocks or fails.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use integration::{
    Caller, Cluster, Database, FUNCTIONS, Random, increment, seed, together, usage, user,
};
use postgres::Error;
use serde_json::{Value, json};

const SESSIONS: u64 = 16;
const USERS: u64 = 3_000;
const DAYS: u64 = 100;

const _: () = assert!(USERS * DAYS >= 300_000);

/// A day without rows, so that first calls insert them.
const DAY: &str = "2030-01-01";

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let cluster = Cluster::create("it_setup");
    cluster.existing("postgres").psql(include_str!("../../fixtures/supabase.sql"));
    cluster
});

#[test]
fn nobody_deadlocks_with_add_feature_and_the_setup() {
    let database = CLUSTER.database("setup_plain");
    expect_no_error(&database);
}

#[test]
fn nobody_deadlocks_with_them_if_users_are_referenced() {
    let database = CLUSTER.empty_database("setup_users");
    database.psql(include_str!("../../fixtures/supabase_database.sql"));
    database.execute(&format!(
        "INSERT INTO auth.users SELECT lpad(to_hex(n), 32, '0')::uuid FROM generate_series(0, {}) AS n",
        USERS - 1
    ));
    database.execute("CREATE EXTENSION feature_usage");
    expect_no_error(&database);
}

/// The longest call of each kind.
type Slowest = BTreeMap<&'static str, Duration>;

struct Session<'a> {
    caller: Caller,
    is_owner: bool,
    random: Random,
    slowest: Slowest,
    /// The kind of call, and what Postgres said.
    errors: Vec<String>,
    /// The number of images counted on [`DAY`].
    counted: i64,
    is_over: &'a AtomicBool,
}

fn expect_no_error(database: &Database) {
    database.execute(&format!(
        "INSERT INTO feature_usage (user_id, period, images_generated)
         SELECT lpad(to_hex(n), 32, '0')::uuid, to_char(date '2024-01-01' + day, 'YYYY-MM-DD'), 1
           FROM generate_series(0, {}) AS n, generate_series(1, {DAYS}) AS day;
         UPDATE plan_limits SET image_generation_daily_limit = NULL, chat_messages_daily_limit = 1000;
         INSERT INTO user_plans (user_id, plan_id)
         SELECT lpad(to_hex(n), 32, '0')::uuid, 'free' FROM generate_series(0, {}) AS n",
        USERS - 1,
        USERS / 2
    ));
    let (seed, is_over) = (seed(), AtomicBool::new(false));
    let mut sessions: Vec<Session> = Caller::many(database, SESSIONS + 1, FUNCTIONS)
        .into_iter()
        .zip(0..)
        .map(|(caller, number)| Session {
            caller,
            is_owner: number == SESSIONS,
            random: Random(seed ^ number),
            slowest: Slowest::new(),
            errors: Vec::new(),
            counted: 0,
            is_over: &is_over,
        })
        .collect();
    together(&mut sessions, |_, session| {
        if session.is_owner {
            session.change_tables();
            session.is_over.store(true, Ordering::Relaxed);
        } else {
            while !session.is_over.load(Ordering::Relaxed) {
                session.call();
            }
        }
    });

    let mut slowest = Slowest::new();
    for session in &sessions {
        for (kind, duration) in &session.slowest {
            let longest = slowest.entry(kind).or_default();
            *longest = (*duration).max(*longest);
        }
    }
    println!("{}: the slowest call of each kind: {slowest:?}", database.name);
    let mut errors = BTreeMap::<&String, u64>::new();
    for error in sessions.iter().flat_map(|session| &session.errors) {
        *errors.entry(error).or_default() += 1;
    }
    assert!(errors.is_empty(), "{errors:#?}");
    let counted: i64 = sessions.iter().map(|session| session.counted).sum();
    let sum = format!("SELECT sum(images_generated) FROM {} AS u WHERE period = $1", usage());
    let row = database.connect().query_one(&sum, &[&DAY]).expect("a sum");
    assert_eq!(row.get::<_, i64>(0), counted, "the sum of acknowledged counts");
    let check = "SELECT count(*) FROM feature_usage_internal.needed_locks()";
    let row = database.connect().query_one(check, &[]).expect("a number");
    assert_eq!(row.get::<_, i64>(0), 0, "nothing is missing afterwards");
}

impl Session<'_> {
    /// The owner's work meanwhile: five features, and setups that have something to change.
    fn change_tables(&mut self) {
        for number in 0..5 {
            Self::pause();
            self.execute("add_feature", &format!("SELECT add_feature('feature_{number}', 'day')"));
            Self::pause();
            // These changes of the setup do not affect calls.
            for damage in [
                "DROP POLICY plan_limits_readable_rows ON plan_limits",
                "DROP POLICY feature_reservations_service_role ON feature_reservations",
                "ALTER TABLE feature_usage DROP COLUMN created_at",
                "ALTER TABLE user_plans DISABLE ROW LEVEL SECURITY",
                "ALTER TABLE user_plans ALTER COLUMN status DROP DEFAULT",
                "ALTER TABLE plan_limits DROP CONSTRAINT IF EXISTS plan_limits_not_negative_null_is_unlimited",
                "DROP TRIGGER usage_features_changed ON usage_features",
            ] {
                if self.random.one_in(2) {
                    self.execute("damage", damage);
                }
            }
            Self::pause();
            self.execute("setup", "SELECT feature_usage_setup()");
        }
        Self::pause();
    }

    fn pause() {
        std::thread::sleep(Duration::from_millis(200));
    }

    fn execute(&mut self, kind: &'static str, statement: &str) {
        self.timed(kind, |session| session.caller.client.batch_execute(statement));
    }

    /// A call of the application.
    fn call(&mut self) {
        let of = user(self.random.below(USERS).into());
        match self.random.below(8) {
            0 | 1 => {
                let counted = self.timed("increment", |session| {
                    let client = &mut session.caller.client;
                    increment(client, "increment_images_generated", of, 1, DAY)
                });
                self.counted += i64::from(counted.is_some());
            }
            2 => drop(self.timed("check", |session| session.caller.check(of, "chat", 1))),
            3 => drop(self.timed("consume", |session| session.caller.consume(of, "chat", 1, None))),
            4 => {
                let key = self.random.number().to_string();
                self.timed("consume with a key", |session| {
                    session.caller.consume(of, "therai_calls", 1, Some(&key))
                });
            }
            5 => {
                let events: Value = (0..20)
                    .map(|_| {
                        let of = user(self.random.below(USERS).into()).to_string();
                        json!({"user_id": of, "feature_type": "image_generation", "amount": 1, "period": DAY})
                    })
                    .collect();
                let counted = self.timed("batch", |session| session.caller.record(&events));
                self.counted += i64::from(counted.unwrap_or(0));
            }
            _ => {
                let feature = self.random.pick(&["image_generation", "chat"]);
                let reserved = self.timed("reserve", |session| {
                    session.caller.reserve(of, feature, 2, "1 minute", None)
                });
                let id = reserved.as_ref().and_then(|answer| answer["reservation_id"].as_str());
                if let Some(id) = id.and_then(|id| id.parse().ok()) {
                    if self.random.one_in(2) {
                        self.timed("commit", |session| session.caller.commit(id, Some(1)));
                    } else {
                        self.timed("release", |session| session.caller.release(id));
                    }
                }
            }
        }
    }

    fn timed<T>(
        &mut self,
        kind: &'static str,
        call: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Option<T> {
        let started = Instant::now();
        let result = call(self);
        let longest = self.slowest.entry(kind).or_default();
        *longest = started.elapsed().max(*longest);
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let said = error.as_db_error().map(|error| {
                    let detail = error.detail().unwrap_or_default();
                    format!("{} {} {detail}", error.code().code(), error.message())
                });
                self.errors.push(format!("{kind}: {}", said.unwrap_or_else(|| error.to_string())));
                None
            }
        }
    }
}
