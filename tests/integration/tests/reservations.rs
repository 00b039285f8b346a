//! Random calls of the reservation functions against a model. FUZZ_SEED repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use integration::choices::{
    LIMITS, some_actual, some_amount, some_feature, some_reservation, some_who, users,
};
use integration::ledger::{Ledger, Told, rows};
use integration::model_pool::Pool;
use integration::sequential::{Sequential, subject};
use integration::sequential_in_pools::{PLAN, found};
use integration::{
    Caller, Cluster, Database, FUNCTIONS, Random, counts, is_to_be_retried, require_explained,
    require_parts, reservation_id, seed, together,
};
use postgres::Error;
use serde_json::Value;
use uuid::Uuid;

const SEQUENTIAL: u64 = 12_000;
const IN_POOLS: u64 = 20_000;
const SESSIONS: u64 = 8;
const PHASES: u64 = 60;
const CALLS_A_PHASE: u64 = 24;

/// The number of phases after which new users take over, with new pools.
const PHASES_OF_USERS: u64 = 4;

const _: () = assert!(SEQUENTIAL + PHASES * SESSIONS * CALLS_A_PHASE >= 20_000);

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_reservations"));

fn database(name: &str) -> Database {
    let database = CLUSTER.database(name);
    for (feature, limit) in LIMITS {
        let limit = limit.map_or("NULL".to_owned(), |limit| limit.to_string());
        database.execute(&format!(
            "UPDATE plan_limits SET {} = {limit} WHERE plan_id = 'free'",
            match feature {
                "image_generation" => "image_generation_daily_limit",
                "voice_seconds" => "voice_seconds_limit",
                _ => "chat_messages_daily_limit",
            }
        ));
    }
    database
}

/// The same with a ledger of all features.
fn logged(name: &str) -> Database {
    let database = database(name);
    database.execute(
        "INSERT INTO usage_rules (applies_to, feature_type, effect)
         SELECT 'all', feature_type, 'log' FROM usage_features",
    );
    database
}

fn with_pools(name: &str) -> Database {
    let database = logged(name);
    database.execute(PLAN);
    database
}

/// Each of these must occur often in a run.
const LEAST: [(&str, u64); 6] = [
    ("admitted", 500),
    ("LIMIT_EXCEEDED", 500),
    ("late", 100),
    ("RESERVATION_FINALIZED", 100),
    ("repeated", 100),
    ("expired", 100),
];

#[test]
fn sequential_calls_answer_like_the_model() {
    let database = database("sequential");
    Sequential::new(&database, false, false, seed()).play(SEQUENTIAL, &LEAST);
}

#[test]
fn logged_calls_answer_like_the_model_and_the_ledger_adds_up() {
    let database = logged("logged");
    Sequential::new(&database, true, false, seed()).play(SEQUENTIAL, &LEAST);
}

#[test]
fn calls_in_pools_answer_like_the_model_and_totals_are_the_sums_of_parts() {
    let database = with_pools("pools");
    let in_pools = [
        ("NOT_A_MEMBER", 500),
        ("exceeded member", 500),
        ("exceeded pool", 500),
        ("expired of another member", 100),
        ("recorded", 500),
        ("refused batch", 100),
        ("status", 500),
    ];
    let least = [&LEAST[..], &in_pools].concat();
    Sequential::new(&database, true, true, seed()).play(IN_POOLS, &least);
}

#[test]
fn the_results_of_concurrent_sessions_add_up_to_the_counters() {
    told_adds_up(&database("read_committed"), "read committed", PHASES, false);
}

#[test]
fn the_ledger_of_concurrent_sessions_adds_up_to_the_counters() {
    told_adds_up(&logged("logged_read_committed"), "read committed", PHASES, false);
}

#[test]
fn at_repeatable_read_it_adds_up_with_retries() {
    told_adds_up(&logged("repeatable_read"), "repeatable read", PHASES / 3, false);
}

#[test]
fn at_serializable_it_adds_up_with_retries() {
    told_adds_up(&logged("serializable"), "serializable", PHASES / 3, false);
}

#[test]
fn the_results_of_concurrent_members_add_up_to_totals_and_parts() {
    told_adds_up(&with_pools("members"), "read committed", PHASES / 2, true);
}

fn told_adds_up(database: &Database, isolation: &str, phases: u64, in_pools: bool) {
    let seed = seed();
    let may_retry = isolation != "read committed";
    let mut callers = Caller::many(database, SESSIONS, FUNCTIONS);
    for caller in &mut callers {
        caller.set_isolation(isolation);
    }
    let mut ledger = Ledger::default();
    let mut known: Vec<Uuid> = Vec::new();
    let mut met = BTreeSet::new();
    let mut pools: BTreeMap<Uuid, Pool> = BTreeMap::new();
    for phase in 0..phases {
        let generation = phase / PHASES_OF_USERS;
        if in_pools && phase % PHASES_OF_USERS == 0 {
            let owner = &mut database.connect();
            pools = found(owner, &mut Random(seed ^ phase), generation).into_iter().collect();
        }
        let told = together(&mut callers, |session, caller| {
            let random = Random(seed ^ (phase << 8) ^ session);
            let pools = pools.keys().copied().collect();
            let (known, told) = (known.clone(), Vec::new());
            Concurrent { caller, random, generation, pools, may_retry, known, told }.calls()
        });
        // First the reserved ones, which other sessions may have settled.
        let is_new = |told: &Told| matches!(told, Told::Reserved { .. });
        let (new, rest): (Vec<Told>, Vec<Told>) = told.into_iter().flatten().partition(is_new);
        for told in new.into_iter().chain(rest) {
            match &told {
                Told::Reserved { id, .. } => known.push(*id),
                Told::Committed { late, .. } => drop(met.insert(("committed", *late))),
                Told::Released { late, .. } => drop(met.insert(("released", *late))),
                Told::Finalized { .. } => drop(met.insert(("finalized", true))),
                Told::Expired(number) => drop(met.insert(("expired", *number > 0))),
                Told::Consumed { .. } => {}
            }
            ledger.note(told);
        }
        require_balance(&mut callers[0], &ledger);
    }
    println!("{} reservations, {} expired by the scheduler", known.len(), ledger.expired);
    let late = [true, false].map(|late| [("committed", late), ("released", late)]);
    for what in late.into_iter().flatten().chain([("finalized", true), ("expired", true)]) {
        assert!(met.contains(&what), "{what:?} has not occurred");
    }
}

/// After all calls have ended: the counters and checks must follow from the sessions' results.
fn require_balance(caller: &mut Caller, ledger: &Ledger) {
    let rows = rows(&mut caller.client);
    let expected = ledger.counts(&rows);
    assert_eq!(counts(&mut caller.client), expected);
    require_explained(&mut caller.client);
    require_parts(&mut caller.client);
    for user in (0..PHASES.div_ceil(PHASES_OF_USERS)).flat_map(users) {
        for (feature, limit) in LIMITS {
            let answer = caller.check(user, feature, 0).expect("an answer");
            let counter = subject(user.into(), feature, &answer).counter();
            let (live, past) = ledger.held(&rows, &counter);
            let counted = expected.get(&counter).copied().unwrap_or(0);
            assert_eq!(answer["current_usage"], counted - past, "{answer}");
            assert_eq!(answer["reserved"], live, "{answer}");
            assert_eq!(answer["limit"].as_i64(), limit, "{answer}");
        }
    }
}

/// One session in one phase.
struct Concurrent<'a> {
    caller: &'a mut Caller,
    random: Random,
    generation: u64,
    pools: Vec<Uuid>,
    may_retry: bool,
    known: Vec<Uuid>,
    told: Vec<Told>,
}

impl Concurrent<'_> {
    fn calls(mut self) -> Vec<Told> {
        for _ in 0..CALLS_A_PHASE {
            self.call();
        }
        self.told
    }

    fn call(&mut self) {
        let who = some_who(&mut self.random, self.generation, &self.pools);
        let (feature, amount) = (some_feature(&mut self.random), some_amount(&mut self.random));
        match self.random.below(20) {
            0..4 => {
                let answer = self.ask(|caller| caller.consume(who, feature, amount, None));
                if Self::is_admitted(&answer) {
                    let subject = subject(who, feature, &answer);
                    self.told.push(Told::Consumed { subject, amount: amount.into() });
                }
            }
            4..10 => {
                let answer =
                    self.ask(|caller| caller.reserve(who, feature, amount, "1 hour", None));
                if Self::is_admitted(&answer) {
                    let (id, subject) = (reservation_id(&answer), subject(who, feature, &answer));
                    self.known.push(id);
                    self.told.push(Told::Reserved { id, subject, amount: amount.into() });
                }
            }
            10 => {
                let most = self.random.pick(&[1, 5, 1000]);
                let expired = self.ask(|caller| caller.expire(most));
                self.told.push(Told::Expired(expired.into()));
            }
            11 => {
                let answer = self.ask(|caller| caller.check(who.user, feature, amount));
                Self::is_admitted(&answer);
            }
            12..15 => {
                let Some(id) = some_reservation(&mut self.random, &self.known) else { return };
                self.ask(|caller| caller.pass(id));
            }
            kind => {
                let Some(id) = some_reservation(&mut self.random, &self.known) else { return };
                let answer = if kind < 18 {
                    let actual = some_actual(&mut self.random, amount);
                    self.ask(|caller| caller.commit(id, actual))
                } else {
                    self.ask(|caller| caller.release(id))
                };
                self.settled(id, &answer);
            }
        }
    }

    fn ask<T>(&mut self, call: impl Fn(&mut Caller) -> Result<T, Error>) -> T {
        loop {
            match call(self.caller) {
                Err(error) if self.may_retry && is_to_be_retried(&error) => {}
                result => return result.expect("an answer"),
            }
        }
    }

    fn settled(&mut self, id: Uuid, answer: &Value) {
        let late = answer["late"].as_bool();
        let status = answer["status"].as_str().expect("a status").to_owned();
        self.told.push(match (answer["actual"].as_i64(), late) {
            (Some(actual), Some(late)) => {
                assert_eq!((&answer["committed"], status.as_str()), (&true.into(), "committed"));
                Told::Committed { id, actual, late }
            }
            (None, Some(late)) => {
                assert_eq!((&answer["released"], status.as_str()), (&true.into(), "released"));
                Told::Released { id, late }
            }
            _ => {
                assert_eq!(answer["error_code"], "RESERVATION_FINALIZED");
                Told::Finalized { id, status }
            }
        });
    }

    /// No admitted usage exceeds the limit in the same answer.
    fn is_admitted(answer: &Value) -> bool {
        let is_admitted = answer["allowed"] == true;
        if let (true, Some(limit)) = (is_admitted, answer["limit"].as_i64()) {
            let usage = answer["current_usage"].as_i64().expect("a count");
            assert!(usage <= limit, "{answer}");
        }
        is_admitted
    }
}
