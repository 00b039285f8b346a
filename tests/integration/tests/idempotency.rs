//! A call with an idempotency key has its effect once, whoever repeats it and whenever.

use std::sync::LazyLock;
use std::thread;

use integration::{
    Caller, Cluster, Counts, Database, FUNCTIONS, backend_pid, counts, poll, refusal,
    reservation_id, together, user, wait_until_blocked,
};
use postgres::Error;
use serde_json::{Value, json};
use uuid::Uuid;

const SESSIONS: u64 = 64;
const ROUNDS: u128 = 15;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_idempotency"));

/// A database in which the free plan has limits that are high enough.
fn database(name: &str) -> Database {
    let database = CLUSTER.database(name);
    database.execute("UPDATE plan_limits SET image_generation_daily_limit = 100, chat_messages_daily_limit = 100");
    database
}

/// The operations that take an idempotency key.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Consume,
    Reserve,
    Record,
}

const OPERATIONS: [Operation; 3] = [Operation::Consume, Operation::Reserve, Operation::Record];

impl Operation {
    /// Counts 7 images of this user with the idempotency key; returns the answer.
    fn call(self, caller: &mut Caller, user: Uuid) -> Result<Value, Error> {
        match self {
            Self::Consume => caller.consume(user, "image_generation", 7, Some("key")),
            Self::Reserve => caller.reserve(user, "image_generation", 7, "1 hour", Some("key")),
            Self::Record => caller.record(&json!([event(user)])).map(Value::from),
        }
    }

    /// The answer of a replay.
    fn replay(self, first: &Value) -> Value {
        match self {
            // For a batch: its only event was not counted now.
            Self::Record => 0.into(),
            _ => {
                let mut answer = first.clone();
                answer["replayed"] = true.into();
                answer
            }
        }
    }
}

fn event(user: Uuid) -> Value {
    json!({"user_id": user.to_string(), "feature_type": "image_generation", "amount": 7, "idempotency_key": "key"})
}

/// The answers of calls with one idempotency key: one is the original, all others are replays.
fn require_one_effect(operation: Operation, answers: &[Value]) {
    let is_first = |answer: &&Value| match operation {
        Operation::Record => **answer == 1,
        _ => answer["replayed"].is_null() && answer["allowed"] == true,
    };
    let firsts: Vec<&Value> = answers.iter().filter(is_first).collect();
    assert_eq!(firsts.len(), 1, "{operation:?}: {answers:?}");
    let replay = operation.replay(firsts[0]);
    let replays = answers.iter().filter(|answer| **answer == replay).count();
    assert_eq!(replays, answers.len() - 1, "{operation:?}: {answers:?}");
}

fn counted(caller: &mut Caller, of: Uuid) -> i64 {
    counts(&mut caller.client)
        .iter()
        .filter(|(counter, _)| counter.user == of)
        .map(|(_, n)| n)
        .sum()
}

/// Everything that calls can change.
fn state(caller: &mut Caller) -> (Counts, Vec<i64>) {
    let rows = ["feature_reservations", "feature_idempotency_keys", "feature_usage"].map(|table| {
        let row = caller.client.query_one(&format!("SELECT count(*) FROM {table}"), &[]);
        row.expect("a number").get(0)
    });
    (counts(&mut caller.client), rows.to_vec())
}

#[test]
fn sessions_that_race_with_one_idempotency_key_have_one_effect_and_one_answer() {
    let database = database("races");
    let mut callers = Caller::many(&database, SESSIONS, FUNCTIONS);
    for round in 0..ROUNDS {
        for operation in OPERATIONS {
            let user = user(round * 3 + operation as u128);
            let answers = together(&mut callers, |_, caller| {
                operation.call(caller, user).expect("an answer")
            });
            require_one_effect(operation, &answers);
            assert_eq!(counted(&mut callers[0], user), 7, "{operation:?}");
        }
    }
    let query = "SELECT count(*) FROM feature_reservations";
    let reservations = callers[0].client.query_one(query, &[]).expect("a number");
    assert_eq!(reservations.get::<_, i64>(0) as u128, ROUNDS);
}

#[test]
fn each_changed_argument_is_refused_without_effect() {
    let database = database("changed");
    let mut caller = Caller::connect(&database);
    let (of, key) = (user(1), Some("key"));
    for operation in OPERATIONS {
        operation.call(&mut caller, of).expect("an answer");
    }
    let before = state(&mut caller);
    let mut refused = Vec::new();
    for (feature, amount) in [("chat", 7), ("image_generation", 8), ("image_generation", 6)] {
        refused.push(caller.consume(of, feature, amount, key));
        refused.push(caller.reserve(of, feature, amount, "1 hour", key));
    }
    refused.push(caller.consume(of, "image_generation", 0, key));
    for ttl in ["59 minutes", "1 hour 1 second", "1 hour 0.000001 seconds", "24 hours"] {
        refused.push(caller.reserve(of, "image_generation", 7, ttl, key));
    }
    for answer in refused {
        let answer = answer.expect("an answer");
        assert_eq!(answer["error_code"], "IDEMPOTENCY_MISMATCH", "{answer}");
        assert_eq!(answer["allowed"], false, "{answer}");
        assert!(answer["replayed"].is_null(), "{answer}");
    }
    // Invalid arguments are reported as such.
    for (feature, amount) in [("unknown", 7), ("image_generation", -1)] {
        let answer = caller.consume(of, feature, amount, key).expect("an answer");
        assert_eq!(answer["allowed"], false, "{answer}");
        assert!(answer["replayed"].is_null(), "{answer}");
    }
    for (field, value) in [
        ("feature_type", json!("chat")),
        ("amount", json!(8)),
        ("amount", json!(0)),
        ("period", json!("2024-02-29")),
    ] {
        let mut changed = event(of);
        changed[field] = value;
        let other = json!({"user_id": user(2).to_string(), "feature_type": "chat", "amount": 1});
        let refusal = refusal(caller.record(&json!([other, changed])));
        assert_eq!(refusal.code().code(), "22023", "{refusal:?}");
        let named = refusal.message().starts_with("event 1:");
        assert!(named && refusal.message().contains("idempotency_key"), "{refusal:?}");
    }
    assert_eq!(state(&mut caller), before);
    // An equal time to live may be written differently.
    let again = caller.reserve(of, "image_generation", 7, "3600 seconds", key).expect("an answer");
    assert_eq!(again["replayed"], true, "{again}");
    assert_eq!(state(&mut caller), before);
}

#[test]
fn each_user_and_operation_has_its_own_idempotency_keys() {
    let database = database("others");
    let mut caller = Caller::connect(&database);
    for of in [user(1), user(2)] {
        for operation in OPERATIONS {
            let answer = operation.call(&mut caller, of).expect("an answer");
            require_one_effect(operation, &[answer]);
        }
        assert_eq!(counted(&mut caller, of), 21);
    }
    let other = caller.consume(user(1), "image_generation", 7, Some("Key")).expect("an answer");
    assert!(other["replayed"].is_null(), "{other}");
    assert_eq!(counted(&mut caller, user(1)), 28);
}

/// The end of the session that uses the idempotency key while others wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Commit,
    Rollback,
    RollbackToSavepoint,
    Termination,
}

#[test]
fn calls_that_wait_for_an_idempotency_key_continue_however_its_session_ends() {
    let database = database("waiting");
    let mut observer = database.connect();
    let mut waiting = Caller::many(&database, 8, FUNCTIONS);
    let pids: Vec<i32> = waiting.iter_mut().map(|caller| backend_pid(&mut caller.client)).collect();
    let mut number = 0;
    for end in [End::Commit, End::Rollback, End::RollbackToSavepoint, End::Termination] {
        for operation in OPERATIONS {
            number += 1;
            let of = user(number);
            let mut winner = Caller::connect(&database);
            let winner_pid = backend_pid(&mut winner.client);
            winner.client.batch_execute("BEGIN; SAVEPOINT s").expect("a transaction");
            let won = operation.call(&mut winner, of).expect("an answer");
            let mut answers = thread::scope(|scope| {
                let threads: Vec<_> = waiting
                    .iter_mut()
                    .map(|caller| scope.spawn(move || operation.call(caller, of)))
                    .collect();
                for pid in &pids {
                    wait_until_blocked(&mut observer, *pid);
                }
                match end {
                    End::Commit => winner.client.batch_execute("COMMIT").expect("an end"),
                    End::Rollback => winner.client.batch_execute("ROLLBACK").expect("an end"),
                    End::RollbackToSavepoint => {
                        winner.client.batch_execute("ROLLBACK TO s; COMMIT").expect("an end");
                    }
                    End::Termination => {
                        let end = "SELECT pg_terminate_backend($1)";
                        observer.execute(end, &[&winner_pid]).expect("a signal");
                    }
                }
                let answers = threads.into_iter().map(|thread| {
                    poll("the end of the wait", || thread.is_finished().then_some(()));
                    thread.join().expect("a thread").expect("an answer")
                });
                answers.collect::<Vec<Value>>()
            });
            if end == End::Commit {
                answers.push(won);
            }
            require_one_effect(operation, &answers);
            assert_eq!(counted(&mut waiting[0], of), 7, "{operation:?} {end:?}");
        }
    }
}

#[test]
fn a_denied_call_stores_no_key_and_nobody_waits_for_it() {
    let database = database("denied");
    database.execute("UPDATE plan_limits SET image_generation_daily_limit = 6");
    let [mut first, mut second] = [Caller::connect(&database), Caller::connect(&database)];
    second.client.batch_execute("SET lock_timeout = '1s'").expect("a setting");
    for operation in [Operation::Consume, Operation::Reserve] {
        let of = user(operation as u128);
        first.client.batch_execute("BEGIN").expect("a transaction");
        let denied = operation.call(&mut first, of).expect("an answer");
        let also = operation.call(&mut second, of).expect("an answer, without waiting");
        first.client.batch_execute("COMMIT").expect("an end");
        assert_eq!(also, denied);
        assert_eq!(denied["error_code"], "LIMIT_EXCEEDED", "{denied}");
    }
    let (counts, rows) = state(&mut first);
    assert_eq!((counts.len(), rows[0], rows[1]), (0, 0, 0));
}

#[test]
fn a_denied_call_may_be_retried_with_its_idempotency_key_after_an_upgrade() {
    let database = database("upgrade");
    let mut caller = Caller::connect(&database);
    let limit = "UPDATE plan_limits SET image_generation_daily_limit = $1 WHERE plan_id = 'free'";
    for operation in [Operation::Consume, Operation::Reserve] {
        let of = user(operation as u128);
        caller.client.execute(limit, &[&6]).expect("a limit");
        for _ in 0..2 {
            let denied = operation.call(&mut caller, of).expect("an answer");
            assert_eq!(denied["error_code"], "LIMIT_EXCEEDED", "{denied}");
            assert!(denied["replayed"].is_null(), "{denied}");
        }
        caller.client.execute(limit, &[&7]).expect("a limit");
        let admitted = operation.call(&mut caller, of).expect("an answer");
        // The limit is used up now, but the retry still replays the admission.
        let again = operation.call(&mut caller, of).expect("an answer");
        require_one_effect(operation, &[admitted, again]);
        assert_eq!(counted(&mut caller, of), 7);
    }
}

#[test]
fn a_reservation_is_replayed_after_it_was_settled() {
    type End = fn(&mut Caller, Uuid) -> Result<Value, Error>;
    let database = database("settled");
    let mut caller = Caller::connect(&database);
    let ends: [(End, i64); 3] = [
        (|caller, id| caller.commit(id, None), 7),
        (|caller, id| caller.commit(id, Some(3)), 3),
        (Caller::release, 0),
    ];
    for (number, (end, left)) in ends.into_iter().enumerate() {
        let of = user(number as u128);
        let first = Operation::Reserve.call(&mut caller, of).expect("an answer");
        end(&mut caller, reservation_id(&first)).expect("an answer");
        let before = state(&mut caller);
        let again = Operation::Reserve.call(&mut caller, of).expect("an answer");
        assert_eq!(again, Operation::Reserve.replay(&first));
        assert_eq!(state(&mut caller), before);
        assert_eq!(counted(&mut caller, of), left);
    }
}

#[test]
fn a_pruned_idempotency_key_can_be_used_again() {
    let database = database("pruned");
    let mut caller = Caller::connect(&database);
    for operation in OPERATIONS {
        operation.call(&mut caller, user(1)).expect("an answer");
    }
    caller.client.execute("SELECT prune_feature_usage('1 day')", &[]).expect("an answer");
    for operation in OPERATIONS {
        let again = operation.call(&mut caller, user(1)).expect("an answer");
        assert!(again == 0 || again["replayed"] == true, "{again}");
    }
    caller.client.execute("SELECT prune_feature_usage('0')", &[]).expect("an answer");
    for operation in OPERATIONS {
        let answer = operation.call(&mut caller, user(1)).expect("an answer");
        require_one_effect(operation, &[answer]);
    }
    assert_eq!(counted(&mut caller, user(1)), 42);
}
