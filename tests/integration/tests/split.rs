//! Shards are split while calls go on: nothing acknowledged is lost, and no call fails.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use integration::{Caller, Shards, Who, poll, refusal, reservation_id};
use postgres::Client;
use serde_json::{Value, json};
use uuid::Uuid;

const USERS: u128 = 40;
const POOLS: u128 = 12;

const PLANS: &str = "
    UPDATE plan_limits SET chat_messages_daily_limit = NULL, image_generation_daily_limit = NULL, insights_limit = NULL, therai_calls_limit = 5;
    INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'insights', 'log', NULL);";

fn user(n: u128) -> Uuid {
    Uuid::from_u128(0x5000 + n)
}

fn pool(n: u128) -> Uuid {
    Uuid::from_u128(0x9000 + n)
}

/// What the calls of all threads were told, by user or pool and feature.
#[derive(Default)]
struct Acknowledged(Mutex<BTreeMap<(Uuid, &'static str), i64>>);

impl Acknowledged {
    fn add(&self, of: Uuid, feature: &'static str, amount: i64) {
        *self.0.lock().expect("a map").entry((of, feature)).or_default() += amount;
    }
}

/// A router and shards with plans and pools on all of them.
fn prepared(name: &str, number: u32) -> Option<Shards> {
    let shards = Shards::create(name, number)?;
    let mut router = shards.router().connect();
    router.batch_execute(PLANS).expect("plans");
    for n in 0..POOLS {
        let add = "INSERT INTO usage_pools (pool_id, plan_id) VALUES ($1, 'free')";
        router.execute(add, &[&pool(n)]).expect("a pool");
        let join = "INSERT INTO usage_pool_members (pool_id, user_id) VALUES ($1, $2)";
        router.execute(join, &[&pool(n), &user(n)]).expect("a member");
    }
    shards.wait_for(number, &format!("SELECT count(*) = {POOLS} FROM usage_pool_members"));
    shards.wait_for(
        number,
        "SELECT bool_or(is_governed) FROM usage_features WHERE feature_type = 'insights'",
    );
    Some(shards)
}

/// Calls of every kind, one after the other, until told to stop. Any error fails the test.
fn work(shards: &Shards, thread: u64, stop: &AtomicBool, calls: &AtomicU64, told: &Acknowledged) {
    let mut caller = Caller::connect(&shards.router());
    let mut number = u128::from(thread);
    while !stop.load(Ordering::Relaxed) {
        number += 7;
        let (of, team) = (user(number % USERS), number % POOLS);
        match number % 6 {
            0 => {
                let answer = caller.consume(of, "chat", 1, None).expect("an answer");
                assert_eq!(answer["consumed"], 1, "{answer}");
                told.add(of, "chat", 1);
            }
            1 => {
                // Logged, so also in the ledger.
                let answer = caller.consume(of, "insights", 2, None).expect("an answer");
                assert_eq!(answer["consumed"], 2, "{answer}");
                told.add(of, "insights", 2);
            }
            2 => {
                let who = Who::in_pool(pool(team), user(team));
                let answer = caller.consume(who, "chat", 3, None).expect("an answer");
                assert_eq!(answer["consumed"], 3, "{answer}");
                told.add(pool(team), "chat", 3);
            }
            3 => {
                let answer =
                    caller.reserve(of, "image_generation", 5, "1 hour", None).expect("an answer");
                let answer = caller.commit(reservation_id(&answer), Some(2)).expect("an answer");
                assert_eq!(answer["committed"], true, "{answer}");
                told.add(of, "image_generation", 2);
            }
            4 => {
                let key = format!("{thread} {number}");
                let first = caller.consume(of, "chat", 1, Some(&key)).expect("an answer");
                let again = caller.consume(of, "chat", 1, Some(&key)).expect("an answer");
                assert_eq!(
                    (&first["consumed"], &again["replayed"]),
                    (&json!(1), &json!(true)),
                    "{again}"
                );
                told.add(of, "chat", 1);
            }
            _ => {
                let events: Value = (0..6)
                    .map(|n| json!({"user_id": user((number + n) % USERS).to_string(), "feature_type": "chat",
                                    "amount": 1, "idempotency_key": format!("{thread} {number} {n}")}))
                    .collect();
                assert_eq!(caller.record(&events).expect("a number"), 6);
                for n in 0..6 {
                    told.add(user((number + n) % USERS), "chat", 1);
                }
            }
        }
        calls.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the shards count, each row on its own shard only.
fn counted(shards: &Shards, number: u32) -> BTreeMap<(Uuid, &'static str), i64> {
    let mut counted = BTreeMap::new();
    for shard in 0..number {
        let mut client = shards.shard(shard).connect();
        let tables = client
            .query("SELECT name, place FROM feature_usage_shard.moving_tables()", &[])
            .expect("tables");
        for table in tables {
            let (name, place): (String, String) = (table.get(0), table.get(1));
            let stray =
                format!("SELECT count(*) FROM {name} WHERE ({place} & {}) <> {shard}", number - 1);
            let stray: i64 = client.query_one(&stray, &[]).expect("a number").get(0);
            assert_eq!(stray, 0, "rows of {name} on shard {shard}, where they do not belong");
        }
        let rows = "SELECT user_id, sum(chat_messages), sum(insights_count), sum(images_generated) FROM feature_usage GROUP BY 1";
        for row in client.query(rows, &[]).expect("rows") {
            for (column, feature) in [(1, "chat"), (2, "insights"), (3, "image_generation")] {
                let count: i64 = row.get(column);
                if count != 0 {
                    counted.insert((row.get(0), feature), count);
                }
            }
        }
        let rows = "SELECT pool_id, sum(used)::bigint FROM usage_counters WHERE pool_id <> $1 AND user_id = $1 AND feature_type = 'chat' GROUP BY 1";
        for row in client.query(rows, &[&Uuid::nil()]).expect("rows") {
            counted.insert((row.get(0), "chat"), row.get(1));
        }
    }
    counted
}

fn sum_of_all(shards: &Shards, number: u32, query: &str) -> i64 {
    let of =
        |shard| -> i64 { shards.shard(shard).connect().query_one(query, &[]).expect(query).get(0) };
    (0..number).map(of).sum()
}

/// Everything that must survive: made before a split, and looked at after it.
struct Before {
    reservations: Vec<(Uuid, Who)>,
    keyed: Vec<(Uuid, Value)>,
}

impl Before {
    fn make(caller: &mut Caller, told: &Acknowledged) -> Self {
        let (mut reservations, mut keyed) = (Vec::new(), Vec::new());
        for n in 0..USERS {
            let of = user(n);
            let answer =
                caller.reserve(of, "image_generation", 9, "1 hour", None).expect("an answer");
            reservations.push((reservation_id(&answer), Who::from(of)));
            let answer = caller.consume(of, "chat", 1, Some("before")).expect("an answer");
            keyed.push((of, answer));
            told.add(of, "chat", 1);
            let grant = format!("SELECT grant_usage($1, 'therai_calls', 10, 'pack of {n}')");
            caller.client.execute(&grant, &[&of]).expect("a grant");
            let answer = caller.consume(of, "therai_calls", 7, None).expect("an answer");
            assert_eq!(answer["drawn"], 2, "{answer}");
        }
        for n in 0..POOLS {
            let who = Who::in_pool(pool(n), user(n));
            let answer = caller.reserve(who, "chat", 9, "1 hour", None).expect("an answer");
            reservations.push((reservation_id(&answer), who));
            let answer =
                caller.consume(who, "chat", 1, Some("before, in a pool")).expect("an answer");
            assert_eq!(answer["consumed"], 1, "{answer}");
            told.add(pool(n), "chat", 1);
        }
        Self { reservations, keyed }
    }

    fn look(&self, caller: &mut Caller, told: &Acknowledged) {
        for (id, who) in &self.reservations {
            let answer = caller.commit(*id, Some(4)).expect("an answer");
            assert_eq!(
                (&answer["committed"], &answer["late"]),
                (&json!(true), &json!(false)),
                "{answer}"
            );
            let feature = if who.pool.is_some() { "chat" } else { "image_generation" };
            told.add(who.pool.unwrap_or(who.user), feature, 4);
        }
        for (of, first) in &self.keyed {
            let mut again = caller.consume(*of, "chat", 1, Some("before")).expect("an answer");
            assert_eq!(again["replayed"], true, "{again}");
            again.as_object_mut().expect("an object").remove("replayed");
            assert_eq!(again, *first);
        }
        for n in 0..POOLS {
            let who = Who::in_pool(pool(n), user(n));
            let again =
                caller.consume(who, "chat", 1, Some("before, in a pool")).expect("an answer");
            assert_eq!(again["replayed"], true, "{again}");
        }
        // 8 of the grant are left, and nothing of the allowance.
        for n in 0..USERS {
            let answer = caller.consume(user(n), "therai_calls", 9, None).expect("an answer");
            assert_eq!(answer["error_code"], "LIMIT_EXCEEDED", "{answer}");
            let answer = caller.consume(user(n), "therai_calls", 8, None).expect("an answer");
            assert_eq!(answer["drawn"], 10, "{answer}");
        }
    }
}

#[test]
fn a_split_under_load_loses_nothing_and_fails_no_call() {
    let Some(shards) = prepared("it_split_load", 2) else { return };
    let mut caller = Caller::connect(&shards.router());
    // A feature and a counter that the new shards must have as well.
    caller.client.execute("SELECT add_feature('tokens', 'day')", &[]).expect("a feature");
    let (told, stop, calls) = (Acknowledged::default(), AtomicBool::new(false), AtomicU64::new(0));
    let before = Before::make(&mut caller, &told);
    let output = thread::scope(|scope| {
        let workers: Vec<_> = (0..6)
            .map(|n| {
                scope.spawn({
                    let (s, t, c, a) = (&shards, &stop, &calls, &told);
                    move || work(s, n, t, c, a)
                })
            })
            .collect();
        let more = |what: &str| {
            let reached = calls.load(Ordering::Relaxed) + 300;
            poll(what, || {
                let ended = workers.iter().any(thread::ScopedJoinHandle::is_finished);
                (ended || calls.load(Ordering::Relaxed) > reached).then_some(())
            });
        };
        more("calls before the split");
        let output = shards.split();
        more("calls after the split");
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().expect("no call fails");
        }
        output
    });
    println!("{} calls; {output}", calls.into_inner());
    assert!(output.contains("There are 4 shards now."), "{output}");
    before.look(&mut caller, &told);
    assert_eq!(counted(&shards, 4), told.0.into_inner().expect("a map"));
    // One entry per logged call, none twice.
    let entries = sum_of_all(
        &shards,
        4,
        "SELECT count(*) FROM usage_ledger WHERE feature_type = 'insights' AND kind = 'consume'",
    );
    let logged = sum_of_all(
        &shards,
        4,
        "SELECT coalesce(sum(insights_count), 0)::bigint FROM feature_usage",
    );
    assert_eq!(entries * 2, logged);
    // The moved users are spread, a new rule reaches the new shards, and a new feature all of them.
    for shard in 0..4 {
        let rows = sum_of_all(&shards, 4, "SELECT count(*) FROM feature_usage");
        assert!(rows > 0, "shard {shard} has no rows");
    }
    let mut router = shards.router().connect();
    router
        .batch_execute("INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'chat', 'deny')")
        .expect("a rule");
    for n in 0..8 {
        poll("the rule", || {
            let answer = caller.check(user(n), "chat", 0).expect("an answer");
            (answer["error_code"] == "DENIED").then_some(())
        });
    }
    assert!(shards.run("shards", &["check"], &[]).status.success());
}

#[test]
fn a_split_that_is_interrupted_at_any_step_can_be_begun_again() {
    let Some(shards) = prepared("it_split_killed", 1) else { return };
    let mut caller = Caller::connect(&shards.router());
    let told = Acknowledged::default();
    let before = Before::make(&mut caller, &told);
    let count = |caller: &mut Caller| {
        for n in 0..USERS {
            let answer = caller.consume(user(n), "chat", 1, None).expect("an answer");
            assert_eq!(answer["consumed"], 1, "{answer}");
            told.add(user(n), "chat", 1);
        }
    };
    for (step, stage) in [
        ("make", "none"),
        ("prepare", "copying"),
        ("publish", "copying"),
        ("copy", "copying"),
        ("cut", "cut"),
        ("unsubscribe", "cut"),
        ("unpublish", "cut"),
        ("delete", "cut"),
    ] {
        count(&mut caller);
        let output = shards.run("split", &[], &[("STOP_AFTER", step)]);
        assert!(!output.status.success(), "it did not stop after {step}: {output:?}");
        let row = caller.client.query_one("SELECT feature_usage_router.stage()", &[]);
        assert_eq!(row.expect("a stage").get::<_, String>(0), stage, "after {step}: {output:?}");
        // Calls go on, and what the new shards would miss is refused.
        count(&mut caller);
        if stage != "none" {
            let refused =
                refusal(caller.client.execute("SELECT add_feature('tokens', 'day')", &[]));
            assert_eq!(refused.code().code(), "55006", "{refused:?}");
            assert!(refused.hint().expect("a hint").contains("dev/split"), "{refused:?}");
        }
    }
    let output = shards.run("split", &[], &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("There are 2 shards now."), "{output:?}");
    assert!(text.contains("interrupted after its cut"), "{text}");
    count(&mut caller);
    before.look(&mut caller, &told);
    assert_eq!(counted(&shards, 2), told.0.into_inner().expect("a map"));
    // Nothing is left of it.
    let left = "SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_replication_slots)
                     + (SELECT count(*) FROM pg_subscription WHERE subname = 'feature_usage_split')
                     + (SELECT count(*) FROM pg_class WHERE relreplident = 'f' AND relnamespace = 'public'::regnamespace)";
    assert_eq!(sum_of_all(&shards, 2, left), 0);
}

#[test]
fn a_cut_that_cannot_be_made_opens_the_gate_and_changes_nothing() {
    let Some(shards) = prepared("it_split_gate", 1) else { return };
    let mut caller = Caller::connect(&shards.router());
    let mut other = Caller::connect(&shards.router());
    // A transaction that has called holds the gate open.
    caller.client.batch_execute("BEGIN").expect("a transaction");
    caller.consume(user(1), "chat", 1, None).expect("an answer");
    let told = shards.error_of("split", &[]);
    assert!(told.contains("lock timeout") && told.contains("calls go on as before"), "{told}");
    other.consume(user(1), "chat", 1, None).expect("an answer");
    caller.client.batch_execute("COMMIT").expect("an end");
    assert_eq!(stage(&mut other.client), "copying");

    // The session that has closed the gate is killed: those who wait go on.
    caller.client.batch_execute("BEGIN").expect("a transaction");
    caller.consume(user(1), "chat", 1, None).expect("an answer");
    let mut observer = shards.router().connect();
    thread::scope(|scope| {
        let cut = scope.spawn(|| {
            shards.router().connect().execute("SELECT feature_usage_router.cut('1 minute')", &[])
        });
        let pid: i32 = poll("the cut", || {
            let waiting = "SELECT pid FROM pg_locks WHERE relation = 'feature_usage_router.gate'::regclass AND NOT granted AND mode = 'AccessExclusiveLock'";
            observer.query_opt(waiting, &[]).expect("a session").map(|row| row.get(0))
        });
        let waits = scope
            .spawn(|| other.consume(user(1), "chat", 1, None).expect("an answer, after waiting"));
        poll("a call that waits", || {
            let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'feature_usage_router.gate'::regclass AND NOT granted AND mode = 'AccessShareLock'";
            let row = observer.query_one(waiting, &[]).expect("a number");
            (row.get::<_, i64>(0) == 1).then_some(())
        });
        observer.execute("SELECT pg_terminate_backend($1)", &[&pid]).expect("a signal");
        assert!(cut.join().expect("a thread").is_err());
        assert_eq!(waits.join().expect("a thread")["consumed"], 1);
    });
    caller.client.batch_execute("COMMIT").expect("an end");
    assert_eq!(stage(&mut observer), "copying");

    // A new shard that lags holds the cut up: what is acknowledged must have arrived.
    let mut blocker = shards.shard(1).connect();
    blocker
        .batch_execute("BEGIN; LOCK TABLE feature_usage IN ACCESS EXCLUSIVE MODE")
        .expect("a lock");
    // Half of these users move.
    for n in 0..USERS {
        other.consume(user(n), "chat", 1, None).expect("an answer");
    }
    let late = refusal(observer.execute("SELECT feature_usage_router.cut('1 second')", &[]));
    assert_eq!(late.code().code(), "55P03", "{late:?}");
    assert_eq!(late.message(), "the new shard has not caught up with shard 0 in time");
    assert_eq!(stage(&mut observer), "copying");
    other.consume(user(1), "chat", 1, None).expect("an answer");
    blocker.batch_execute("ROLLBACK").expect("an end");
    // What dev/split had prepared still follows, so the cut alone is enough.
    observer.execute("SELECT feature_usage_router.cut()", &[]).expect("a cut");
    assert_eq!(stage(&mut observer), "cut");
    shards.split();
    let answer = caller.check(user(1), "chat", 0).expect("an answer");
    assert_eq!(answer["current_usage"], 6, "{answer}");
}

fn stage(client: &mut Client) -> String {
    client.query_one("SELECT feature_usage_router.stage()", &[]).expect("a stage").get(0)
}
