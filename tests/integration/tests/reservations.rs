//! Random calls of the reservation functions against a model. FUZZ_SEED repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use integration::ledger::{Ledger, Row, Told};
use integration::model::{Model, Reservation};
use integration::{
    Caller, Cluster, Counter, Database, FUNCTIONS, Random, counts, is_to_be_retried,
    require_explained, reservation_id, seed, together, user,
};
use postgres::Error;
use serde_json::Value;
use uuid::Uuid;

const SEQUENTIAL: u64 = 12_000;
const SESSIONS: u64 = 8;
const PHASES: u64 = 60;
const CALLS_A_PHASE: u64 = 24;

/// Features with their limits: small ones, which are reached often, and unlimited.
const LIMITS: [(&str, Option<i64>); 3] =
    [("image_generation", Some(12)), ("voice_seconds", Some(40)), ("chat", None)];
const USERS: u64 = 3;
/// The number of calls after which new users follow, whose limits are not used up.
const CALLS_OF_USERS: u64 = 200;
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

#[test]
fn sequential_calls_answer_like_the_model() {
    answer_like_the_model(&database("sequential"), false);
}

#[test]
fn logged_calls_answer_like_the_model_and_the_ledger_adds_up() {
    answer_like_the_model(&logged("logged"), true);
}

fn answer_like_the_model(database: &Database, is_logged: bool) {
    let mut run = Sequential {
        callers: Caller::many(database, 4, FUNCTIONS),
        random: Random(seed()),
        model: Model::new(&LIMITS),
        known: Vec::new(),
        met: BTreeMap::new(),
        is_logged,
    };
    for call in 0..SEQUENTIAL {
        run.call(call / CALLS_OF_USERS);
        if call % 50 == 0 {
            run.compare_tables();
        }
    }
    run.compare_tables();
    println!("{:?}", run.met);
    // Each of these must occur often, otherwise the run has tested little.
    for (what, least) in [("admitted", 500), ("LIMIT_EXCEEDED", 500), ("late", 100)] {
        assert!(run.met.get(what).is_some_and(|met| *met >= least), "{what}: {:?}", run.met);
    }
    for (what, least) in [("RESERVATION_FINALIZED", 100), ("repeated", 100), ("expired", 100)] {
        assert!(run.met.get(what).is_some_and(|met| *met >= least), "{what}: {:?}", run.met);
    }
}

struct Sequential {
    callers: Vec<Caller>,
    random: Random,
    model: Model,
    /// The ids of all reservations, the newest last.
    known: Vec<Uuid>,
    /// How often each kind of answer has occurred.
    met: BTreeMap<String, u64>,
    is_logged: bool,
}

impl Sequential {
    fn call(&mut self, generation: u64) {
        let place = self.random.below(self.callers.len() as u64) as usize;
        let (user, feature) = subject(&mut self.random, generation);
        let amount = amount(&mut self.random);
        let caller = &mut self.callers[place];
        match self.random.below(20) {
            0..4 => {
                let answer = caller.consume(user, feature, amount, None).expect("an answer");
                let counter = counter(user, feature, &answer);
                let expected = self.model.consume(&counter, amount.into());
                self.expect(answer, expected);
            }
            4..9 => {
                let answer = caller.reserve(user, feature, amount, "1 hour", None);
                let answer = answer.expect("an answer");
                let id = (answer["allowed"] == true).then(|| reservation_id(&answer));
                self.known.extend(id);
                let counter = counter(user, feature, &answer);
                let expected = self.model.reserve(&counter, amount.into(), id);
                self.expect(answer, expected);
            }
            9..11 => {
                let answer = caller.check(user, feature, amount).expect("an answer");
                let counter = counter(user, feature, &answer);
                let expected = self.model.check(&counter, amount.into());
                self.expect(answer, expected);
            }
            11 => {
                let most = self.random.pick(&[0, 1, 2, 1000]);
                let number = caller.expire(most).expect("a number");
                self.expired(place, most, number);
            }
            12..15 => {
                let Some(id) = some_reservation(&mut self.random, &self.known) else { return };
                self.model.pass(id);
                caller.pass(id).expect("a change");
            }
            kind => {
                let Some(id) = some_reservation(&mut self.random, &self.known) else { return };
                let before = self.model.reservations[&id].clone();
                let (answer, expected) = if kind < 18 {
                    let actual = actual(&mut self.random, before.amount as i32);
                    let answer = caller.commit(id, actual).expect("an answer");
                    (answer, self.model.commit(id, actual.map(i64::from)))
                } else {
                    let answer = caller.release(id).expect("an answer");
                    (answer, self.model.release(id))
                };
                if before == self.model.reservations[&id] && expected["error_code"].is_null() {
                    *self.met.entry("repeated".to_owned()).or_default() += 1;
                }
                self.expect(answer, expected);
            }
        }
    }

    /// The expected number of reservations was expired; which ones is not specified.
    fn expired(&mut self, place: usize, most: i32, number: i32) {
        let past = self.model.past().len() as i32;
        let expired = self.give_back_expired(place);
        if self.is_logged {
            // Some were given back by calls that need not do so.
            assert!(number <= most.min(past) && number <= expired);
        } else {
            assert_eq!(number, most.min(past));
            assert_eq!(expired, number);
        }
        *self.met.entry("expired".to_owned()).or_default() += number as u64;
    }

    /// Tells the model which past reservations have expired. Returns how many.
    fn give_back_expired(&mut self, place: usize) -> i32 {
        let rows = rows(&mut self.callers[place]);
        let mut expired = self.model.past();
        expired.retain(|id| rows[id].status == "expired");
        for id in &expired {
            self.model.give_back(*id);
        }
        expired.len() as i32
    }

    /// Compares the whole answer, except for sentences and times.
    fn expect(&mut self, mut answer: Value, expected: Value) {
        let fields = answer.as_object_mut().expect("an object");
        // A rule adds keys to the answer, even if it only logs.
        let unspecified = [
            "reason",
            "reset_at",
            "expires_at",
            "sources",
            "exceeded",
            "retry_after",
            "drawn",
            "overage",
        ];
        fields.retain(|name, _| !unspecified.contains(&name.as_str()));
        assert_eq!(answer, expected);
        let mut meet = |what: &str| *self.met.entry(what.to_owned()).or_default() += 1;
        if answer["allowed"] == true {
            meet("admitted");
        }
        if answer["late"] == true {
            meet("late");
        }
        if let Some(code) = answer["error_code"].as_str() {
            meet(code);
        }
    }

    fn compare_tables(&mut self) {
        if self.is_logged {
            self.give_back_expired(0);
        }
        let caller = &mut self.callers[0];
        assert_eq!(counts(&mut caller.client), self.model.counts);
        assert_eq!(self.model.counts, self.model.balance());
        require_explained(&mut caller.client);
        let rows = rows(caller);
        let expected = self.model.reservations.iter();
        assert!(rows.keys().eq(self.model.reservations.keys()), "unexpected reservations");
        for ((id, row), (_, reservation)) in rows.iter().zip(expected) {
            let Reservation { status, actual, late, is_past, .. } = reservation;
            assert_eq!(row.status, status.name(), "{id}");
            assert_eq!(row.is_past, *is_past, "{id}");
            assert_eq!((row.actual, row.late), (*actual, *late), "{id}");
        }
    }
}

#[test]
fn the_results_of_concurrent_sessions_add_up_to_the_counters() {
    told_adds_up(&database("read_committed"), "read committed", PHASES);
}

#[test]
fn the_ledger_of_concurrent_sessions_adds_up_to_the_counters() {
    told_adds_up(&logged("logged_read_committed"), "read committed", PHASES);
}

#[test]
fn at_repeatable_read_it_adds_up_with_retries() {
    told_adds_up(&logged("repeatable_read"), "repeatable read", PHASES / 3);
}

#[test]
fn at_serializable_it_adds_up_with_retries() {
    told_adds_up(&logged("serializable"), "serializable", PHASES / 3);
}

fn told_adds_up(database: &Database, isolation: &str, phases: u64) {
    let seed = seed();
    let may_retry = isolation != "read committed";
    let mut callers = Caller::many(database, SESSIONS, FUNCTIONS);
    for caller in &mut callers {
        caller.set_isolation(isolation);
    }
    let mut ledger = Ledger::default();
    let mut known: Vec<Uuid> = Vec::new();
    let mut met = BTreeSet::new();
    for phase in 0..phases {
        let told = together(&mut callers, |session, caller| {
            let random = Random(seed ^ (phase << 8) ^ session);
            let generation = phase / PHASES_OF_USERS;
            let known = known.clone();
            Concurrent { caller, random, generation, may_retry, known, told: Vec::new() }.calls()
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
    let rows = rows(caller);
    let expected = ledger.counts(&rows);
    assert_eq!(counts(&mut caller.client), expected);
    require_explained(&mut caller.client);
    let users = PHASES.div_ceil(PHASES_OF_USERS) * USERS;
    for user in (0..users).map(|number| user(number.into())) {
        for (feature, limit) in LIMITS {
            let answer = caller.check(user, feature, 0).expect("an answer");
            let counter = counter(user, feature, &answer);
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
        let (user, feature) = subject(&mut self.random, self.generation);
        let amount = amount(&mut self.random);
        match self.random.below(20) {
            0..4 => {
                let answer = self.ask(|caller| caller.consume(user, feature, amount, None));
                if Self::is_admitted(&answer) {
                    let counter = counter(user, feature, &answer);
                    self.told.push(Told::Consumed { counter, amount: amount.into() });
                }
            }
            4..10 => {
                let answer =
                    self.ask(|caller| caller.reserve(user, feature, amount, "1 hour", None));
                if Self::is_admitted(&answer) {
                    let (id, counter) = (reservation_id(&answer), counter(user, feature, &answer));
                    self.known.push(id);
                    self.told.push(Told::Reserved { id, counter, amount: amount.into() });
                }
            }
            10 => {
                let most = self.random.pick(&[1, 5, 1000]);
                let expired = self.ask(|caller| caller.expire(most));
                self.told.push(Told::Expired(expired.into()));
            }
            11 => {
                let answer = self.ask(|caller| caller.check(user, feature, amount));
                Self::is_admitted(&answer);
            }
            12..15 => {
                let Some(id) = some_reservation(&mut self.random, &self.known) else { return };
                self.ask(|caller| caller.pass(id));
            }
            kind => {
                let Some(id) = some_reservation(&mut self.random, &self.known) else { return };
                let answer = if kind < 18 {
                    let actual = actual(&mut self.random, amount);
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

fn subject(random: &mut Random, generation: u64) -> (Uuid, &'static str) {
    let number = generation * USERS + random.below(USERS);
    (user(number.into()), random.pick(&LIMITS).0)
}

fn amount(random: &mut Random) -> i32 {
    random.pick(&[0, 1, 1, 2, 3, 5, 13, 41])
}

/// Less than was reserved, the same, more, or no amount.
fn actual(random: &mut Random, reserved: i32) -> Option<i32> {
    match random.below(5) {
        0 => Some(random.below(reserved as u64 + 1) as i32),
        1 => Some(reserved),
        2 => Some(reserved + 1 + random.below(3) as i32),
        _ => None,
    }
}

/// Mostly one of the newest, which are more often open.
fn some_reservation(random: &mut Random, known: &[Uuid]) -> Option<Uuid> {
    let newest = known.len().checked_sub(1)? as u64;
    let back = if random.one_in(8) { newest + 1 } else { (newest + 1).min(12) };
    Some(known[(newest - random.below(back)) as usize])
}

/// The current period according to the answer.
fn counter(user: Uuid, feature: &'static str, answer: &Value) -> Counter {
    let period = answer["period"].as_str().expect("a period").to_owned();
    Counter { user, feature, period }
}

fn rows(caller: &mut Caller) -> BTreeMap<Uuid, Row> {
    let query = "SELECT reservation_id, status, actual, late, expires_at <= clock_timestamp()
                   FROM feature_reservations";
    let rows = caller.client.query(query, &[]).expect("rows");
    let row = |row: postgres::Row| {
        let actual: Option<i32> = row.get(2);
        let actual = actual.map(i64::from);
        (row.get(0), Row { status: row.get(1), actual, late: row.get(3), is_past: row.get(4) })
    };
    rows.into_iter().map(row).collect()
}
