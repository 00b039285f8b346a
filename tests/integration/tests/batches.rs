//! Batches count all of their events or none, and never deadlock.

use std::sync::LazyLock;

use integration::{
    Caller, Cluster, Counter, Counts, FEATURES, FUNCTIONS, Random, add, counts, refusal,
    repetitions, reservation_id, seed, together, user,
};
use postgres::types::Json;
use serde_json::{Value, json};

const SESSIONS: u64 = 16;
const BATCHES: u64 = 7;
const EVENTS: u64 = 1_000;

const _: () = assert!(SESSIONS * BATCHES * EVENTS >= 100_000);

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_batches"));

/// An event of one of a few users, days and features, and the counter that it adds to.
fn event(random: &mut Random, users: u64) -> (Value, Counter, i64) {
    let (user, feature) = (user(random.below(users).into()), random.pick(&FEATURES));
    let period = feature.period(random.pick(&["2024-02-28", "2024-02-29", "2024-03-01"]));
    let amount = random.below(5) as i64;
    let event = json!({
        "user_id": user.to_string(), "feature_type": feature.name, "amount": amount, "period": period
    });
    (event, Counter::of(user, feature.name, period), amount)
}

#[test]
fn one_call_counts_10_000_events() {
    let database = CLUSTER.database("large");
    let mut caller = Caller::connect(&database);
    let mut random = Random(seed());
    let mut sums = Counts::new();
    let mut events = Vec::new();
    for _ in 0..10_000 {
        let (event, counter, amount) = event(&mut random, 500);
        *sums.entry(counter).or_default() += amount;
        events.push(event);
    }
    sums.retain(|_, sum| *sum != 0);
    assert_eq!(caller.record(&Value::from(events)).expect("a number"), 10_000);
    assert_eq!(counts(&mut caller.client), sums);
}

#[test]
fn overlapping_batches_never_deadlock_and_all_count() {
    let database = CLUSTER.database("overlapping");
    let seed = seed();
    let mut callers = Caller::many(&database, SESSIONS, FUNCTIONS);
    let told = together(&mut callers, |session, caller| {
        let mut random = Random(seed ^ session);
        let mut sums = Counts::new();
        for _ in 0..repetitions(BATCHES) {
            let mut events = Vec::new();
            for _ in 0..EVENTS {
                let (event, counter, amount) = event(&mut random, 60);
                *sums.entry(counter).or_default() += amount;
                events.push(event);
            }
            // A deadlock would be an error here, and so would a call that stops retrying.
            let counted = caller.record(&Value::from(events)).expect("a number");
            assert_eq!(counted as u64, EVENTS);
        }
        sums
    });
    let mut sums = Counts::new();
    for (counter, sum) in told.into_iter().flatten() {
        *sums.entry(counter).or_default() += sum;
    }
    sums.retain(|_, sum| *sum != 0);
    assert_eq!(counts(&mut callers[0].client), sums);
}

#[test]
fn batches_beside_reservations_that_expire_never_deadlock() {
    const USERS: u64 = 30;
    let database = CLUSTER.database("expiring");
    database.execute(
        "UPDATE plan_limits SET chat_messages_daily_limit = NULL, voice_seconds_limit = NULL",
    );
    let seed = seed();
    let mut callers = Caller::many(&database, SESSIONS, FUNCTIONS);
    let told = together(&mut callers, |session, caller| {
        let mut random = Random(seed ^ session);
        let (mut recorded, mut given_back) = (0, 0);
        for _ in 0..40 {
            // In the current periods, like the reservations.
            let mut subject =
                || (user(random.below(USERS).into()), random.pick(&["chat", "voice_seconds"]));
            let events: Vec<Value> = (0..50)
                .map(|_| {
                    let (user, feature) = subject();
                    json!({"user_id": user.to_string(), "feature_type": feature, "amount": 1})
                })
                .collect();
            let reserved: Vec<_> = (0..4).map(|_| subject()).collect();
            for (user, feature) in reserved {
                let answer = caller.reserve(user, feature, 7, "1 hour", None).expect("an answer");
                caller.pass(reservation_id(&answer)).expect("a change");
            }
            recorded += caller.record(&Value::from(events)).expect("a number");
            given_back += caller.expire(20).expect("a number");
        }
        (recorded, given_back)
    });
    callers[0].expire(i32::MAX).expect("a number");
    let recorded: i32 = told.iter().map(|(recorded, _)| recorded).sum();
    let counted: i64 = counts(&mut callers[0].client).values().sum();
    assert_eq!(counted, i64::from(recorded));
    assert!(told.iter().any(|(_, given_back)| *given_back > 0), "nothing had expired");
}

#[test]
fn events_of_overlapping_batches_count_once_per_idempotency_key() {
    const POOL: usize = 3_000;
    const PART: usize = 500;
    let database = CLUSTER.database("keys");
    let seed = seed();
    let mut random = Random(seed);
    let mut sums = Counts::new();
    let mut pool = Vec::new();
    for number in 0..POOL {
        let (mut event, counter, amount) = event(&mut random, 60);
        // The same text is another idempotency key for another user.
        event["idempotency_key"] = format!("{} {}", number / 2, counter.feature).into();
        event["amount"] = (amount + 1).into();
        let is_key_of_another = pool.iter().any(|other: &Value| {
            (&other["user_id"], &other["idempotency_key"])
                == (&event["user_id"], &event["idempotency_key"])
        });
        if !is_key_of_another {
            add(&mut sums, counter, amount + 1);
            pool.push(event);
        }
    }
    let mut callers = Caller::many(&database, SESSIONS, FUNCTIONS);
    // All sessions send all events, in parts, each in another order and with repetitions. They begin each
    // part together, so that none can count all events before the others have begun.
    let mut told = vec![0; SESSIONS as usize];
    for part in 0..POOL.div_ceil(PART) {
        let counted = together(&mut callers, |session, caller| {
            let mut events = pool.clone();
            Random(seed ^ session).shuffle(&mut events);
            let mut events: Vec<Value> = events.into_iter().skip(part * PART).take(PART).collect();
            events.extend_from_within(..events.len().min(50));
            Random(seed ^ session ^ part as u64).shuffle(&mut events);
            caller.record(&Value::from(events)).expect("a number")
        });
        told.iter_mut().zip(counted).for_each(|(told, counted)| *told += counted);
    }
    assert_eq!(told.iter().sum::<i32>() as usize, pool.len());
    assert_eq!(counts(&mut callers[0].client), sums);
    // No session has counted all events.
    assert!(told.iter().all(|counted| (*counted as usize) < pool.len()), "{told:?}");
}

#[test]
fn an_error_names_the_invalid_event_and_nothing_of_its_batch_is_counted() {
    let database = CLUSTER.database("bad");
    let mut caller = Caller::connect(&database);
    let good = |number: u128| {
        json!({"user_id": user(number).to_string(), "feature_type": "chat", "amount": 1,
               "idempotency_key": format!("key {number}")})
    };
    let with = |field: &str, value: Value| {
        let mut event = good(1);
        event[field] = value;
        event
    };
    let mut without_amount = good(1);
    without_amount.as_object_mut().expect("an object").remove("amount");
    let bad = [
        json!(null),
        json!("chat"),
        json!([good(1)]),
        json!({}),
        without_amount,
        with("user_id", json!("nobody")),
        with("feature_type", json!("unknown")),
        with("feature_type", json!(null)),
        with("amount", json!(-1)),
        with("amount", json!(1.5)),
        with("amount", json!(1e300)),
        with("amount", json!("1")),
        with("amount", json!(2_147_483_648_i64)),
        with("period", json!("2024-02")),
        with("period", json!("2024-02-30")),
        with("idempotency_key", json!("")),
        with("idempotency_key", json!("x".repeat(256))),
        with("unknown", json!(1)),
    ];
    for bad in bad {
        for place in [0, 1, 50, 99] {
            let mut events: Vec<Value> = (10..109).map(good).collect();
            events.insert(place, bad.clone());
            let refusal = refusal(caller.record(&Value::from(events)));
            assert_eq!(refusal.code().code(), "22023", "{bad}");
            let name = format!("event {place}: ");
            assert!(refusal.message().starts_with(&name), "{bad}: {}", refusal.message());
            assert!(refusal.hint().is_some(), "{bad}");
        }
    }
    for bad in [json!({}), json!("[]"), json!(1), json!(null)] {
        let refusal = refusal(caller.client.query("SELECT record_usage($1)", &[&Json(&bad)]));
        assert_eq!(refusal.code().code(), "22023", "{bad}");
    }
    require_empty(&mut caller);
}

fn require_empty(caller: &mut Caller) {
    assert_eq!(counts(&mut caller.client), Counts::new());
    let query = "SELECT count(*) FROM feature_idempotency_keys";
    let keys = caller.client.query_one(query, &[]).expect("a number");
    assert_eq!(keys.get::<_, i64>(0), 0);
}

#[test]
fn an_overflow_in_the_last_event_rolls_back_the_batch() {
    const PERIOD: &str = "2024-02-29";
    let database = CLUSTER.database("overflow");
    let mut caller = Caller::connect(&database);
    // The last row to be written, after existing rows and new ones.
    let full = user(1_000);
    let event = |number: u128, amount: i32| json!({"user_id": user(number).to_string(), "feature_type": "chat", "amount": amount, "period": PERIOD});
    let before = [event(1_000, i32::MAX - 1), event(1, 5), event(2, i32::MAX)];
    assert_eq!(caller.record(&Value::from(before.to_vec())).expect("a number"), 3);
    let standing = counts(&mut caller.client);
    for (amount, fits) in [(2, false), (i32::MAX, false), (1, true)] {
        let mut events: Vec<Value> = (0..50).map(|number| event(10 + number, 1)).collect();
        events.push(event(1, 1));
        // Counting these a second time would overflow, which is not what this test is about.
        events.extend([event(900, i32::MAX), event(901, i32::MAX / 2 + 2)]);
        let last = events.len();
        events.push(event(1_000, amount));
        let result = caller.record(&Value::from(events));
        if fits {
            assert_eq!(result.expect("a number") as usize, last + 1);
            continue;
        }
        let refusal = refusal(result);
        assert_eq!(refusal.code().code(), "22003", "{refusal:?}");
        let name = format!("event {last}: ");
        assert!(refusal.message().starts_with(&name), "{}", refusal.message());
        assert_eq!(counts(&mut caller.client), standing);
    }
    let counter = Counter::of(full, "chat", PERIOD);
    assert_eq!(counts(&mut caller.client)[&counter], i64::from(i32::MAX));
}

#[test]
fn an_overflow_error_names_the_event_that_does_not_fit() {
    let database = CLUSTER.database("too_much");
    let mut caller = Caller::connect(&database);
    let event = |amount: i32| json!({"user_id": user(1).to_string(), "feature_type": "chat", "amount": amount, "period": "2024-02-29"});
    // In an empty table, and on top of earlier counts.
    for (before, amounts, place) in [
        (0, [1, i32::MAX - 1, 1, 5], 2),
        (10, [1, 2, i32::MAX - 12, 1], 2),
        (0, [i32::MAX - 10, 1, 1, 1], 1),
    ] {
        let standing = caller.record(&json!([event(before)]));
        assert_eq!(standing.expect("a number"), 1);
        let refusal = refusal(caller.record(&Value::from(amounts.map(event).to_vec())));
        assert_eq!(refusal.code().code(), "22003", "{amounts:?}");
        let name = format!("event {place}: ");
        assert!(refusal.message().starts_with(&name), "{amounts:?}: {}", refusal.message());
    }
}
