//! Random calls of governed features, and random changes of rules, against a model without a database.
//! FUZZ_SEED repeats a run.

use std::collections::BTreeMap;

use integration::{Caller, Cluster, Random, reservation_id, seed, user};
use serde_json::{Value, json};
use uuid::Uuid;

const CALLS: u64 = 24_000;
const USERS: u64 = 2;
/// The number of calls after which new users follow, whose limits are not used up.
const CALLS_OF_USERS: u64 = 150;

/// A feature per year, and one that never starts again: no midnight but one disturbs a run.
const FEATURES: [(&str, &str); 2] = [("job", "year"), ("export", "total")];
/// The caps that a feature may have; the one of its own kind is counted by its own counter.
const PERS: [&str; 3] = ["period", "year", "total"];
const PLAN_LIMIT: i64 = 30;

/// The rules of a user and a feature. Every set is a cap's or the limit's latest rule.
#[derive(Default)]
struct Rules {
    set: Option<Option<i64>>,
    added: i64,
    is_denied: bool,
    caps: BTreeMap<usize, i64>,
}

struct Reservation {
    key: Key,
    amount: i64,
    /// `None` if it is open.
    end: Option<&'static str>,
    actual: Option<i64>,
    late: Option<bool>,
    is_past: bool,
    windows: Vec<usize>,
}

/// A user, and the place of a feature.
type Key = (Uuid, usize);

#[derive(Default)]
struct Model {
    rules: BTreeMap<Key, Rules>,
    counts: BTreeMap<Key, i64>,
    windows: BTreeMap<(Key, usize), i64>,
    reservations: BTreeMap<Uuid, Reservation>,
}

impl Model {
    fn is_own(feature: usize, per: usize) -> bool {
        PERS[per] == "period" || PERS[per] == FEATURES[feature].1
    }

    fn caps(&self, key: Key) -> Vec<(usize, i64)> {
        let caps = self.rules.get(&key).map(|rules| &rules.caps);
        caps.into_iter().flatten().map(|(per, amount)| (*per, *amount)).collect()
    }

    fn count(&self, key: Key) -> i64 {
        self.counts.get(&key).copied().unwrap_or(0)
    }

    /// The amounts of open reservations that have expired, or have not.
    fn held(&self, key: Key, is_past: bool, window: Option<usize>) -> i64 {
        let open = self.reservations.values().filter(|r| r.key == key && r.end.is_none());
        let open = open.filter(|r| window.is_none_or(|per| r.windows.contains(&per)));
        open.filter(|r| r.is_past == is_past).map(|r| r.amount).sum()
    }

    /// What a window counts; one that does not exist yet begins with what is counted, if the counter
    /// lies within it.
    fn window(&self, key: Key, per: usize) -> i64 {
        let begins = if Self::is_sum(key.1, per) { self.count(key) } else { 0 };
        self.windows.get(&(key, per)).copied().unwrap_or(begins)
    }

    /// Whether a window begins with what is counted.
    fn is_sum(feature: usize, per: usize) -> bool {
        FEATURES[feature].1 == "year" && PERS[per] == "total"
    }

    /// Creates the windows of all caps.
    fn open_windows(&mut self, key: Key) {
        for (per, _) in self.caps(key) {
            if Self::is_own(key.1, per) || self.windows.contains_key(&(key, per)) {
                continue;
            }
            self.windows.insert((key, per), self.window(key, per));
            if Self::is_sum(key.1, per) {
                // What is reserved is a part of what the window begins with.
                for reservation in self.reservations.values_mut().filter(|r| r.key == key) {
                    reservation.windows.push(per);
                }
            }
        }
    }

    /// What expired reservations hold of a window.
    fn past_of_window(&self, key: Key, per: usize) -> i64 {
        let begins = Self::is_sum(key.1, per) && !self.windows.contains_key(&(key, per));
        self.held(key, true, if begins { None } else { Some(per) })
    }

    /// The answer without expired reservations.
    fn decide(&self, key: Key, amount: i64) -> Value {
        let none = Rules::default();
        let rules = self.rules.get(&key).unwrap_or(&none);
        let is_governed =
            rules.set.is_some() || rules.added > 0 || rules.is_denied || !rules.caps.is_empty();
        let feature = FEATURES[key.1].0;
        if rules.is_denied {
            return json!({"allowed": false, "error_code": "DENIED", "feature_type": feature,
                          "retry_after": "some"});
        }
        let limit = rules.set.unwrap_or(Some(PLAN_LIMIT)).map(|limit| limit + rules.added);
        let usage = self.count(key) - self.held(key, true, None);
        let used = |per: usize| match Self::is_own(key.1, per) {
            true => usage,
            false => self.window(key, per) - self.past_of_window(key, per),
        };
        let entry = |per: usize, limit: i64, used: i64| json!({"per": PERS[per], "scope": "user", "limit": limit, "used": used});
        let mut exceeded: Vec<Value> = Vec::new();
        for (per, cap) in self.caps(key) {
            if amount > 0 && used(per) + amount > cap {
                let mut cap = entry(per, cap, used(per));
                cap["effect"] = "cap".into();
                cap["feature_type"] = feature.into();
                exceeded.push(cap);
            }
        }
        if limit.is_some_and(|limit| usage + amount > limit) {
            exceeded.push(json!({"per": "period", "scope": "user", "limit": limit, "used": usage,
                                 "effect": "allowance", "feature_type": feature}));
        }
        let is_allowed = exceeded.is_empty();
        let counted = if is_allowed { amount } else { 0 };
        let left = |limit: i64, used: i64| (limit - used - counted).max(0);
        let caps = self.caps(key).into_iter().map(|(per, cap)| {
            let mut entry = entry(per, cap, used(per) + counted);
            entry["remaining"] = left(cap, used(per)).into();
            entry
        });
        let caps: Vec<Value> = caps.collect();
        let rest = self.caps(key).into_iter().map(|(per, cap)| left(cap, used(per)));
        let remaining = rest.chain(limit.map(|limit| left(limit, usage))).min();
        let mut answer = json!({
            "allowed": is_allowed, "limit": limit, "current_usage": usage,
            "is_unlimited": limit.is_none(), "remaining": remaining, "feature_type": feature,
            "reserved": self.held(key, false, None)
        });
        if !caps.is_empty() {
            answer["caps"] = caps.into();
        }
        if !is_allowed {
            answer["error_code"] = "LIMIT_EXCEEDED".into();
        }
        if is_governed {
            (answer["drawn"], answer["overage"]) = (0.into(), 0.into());
        }
        if is_governed && is_allowed {
            answer["sources"] = json!({"allowance": amount, "grants": 0, "overage": 0});
        } else if is_governed {
            answer["exceeded"] = exceeded.into();
            answer["retry_after"] = "some".into();
        }
        answer
    }

    /// A consume, or a reserve if there is an id for what it may reserve.
    fn admit(&mut self, key: Key, amount: i64, reservation: Option<Uuid>) -> Value {
        if !self.rules.get(&key).is_some_and(|rules| rules.is_denied) {
            // Before anything is given back.
            self.open_windows(key);
        }
        let mut answer = self.decide(key, amount);
        if answer["error_code"] == "DENIED" {
            return answer;
        }
        self.give_back(|_, reservation| reservation.key == key, usize::MAX);
        if answer["allowed"] == true {
            let windows = self.add(key, amount);
            answer["current_usage"] = self.count(key).into();
            if let Some(id) = reservation {
                answer["reserved"] = (self.held(key, false, None) + amount).into();
                answer["reservation_id"] = id.to_string().into();
                let reservation = Reservation {
                    key,
                    amount,
                    end: None,
                    actual: None,
                    late: None,
                    is_past: false,
                    windows,
                };
                self.reservations.insert(id, reservation);
            }
        }
        answer
    }

    /// Counts an amount that has happened.
    fn increment(&mut self, key: Key, amount: i64) {
        self.open_windows(key);
        self.give_back(|_, reservation| reservation.key == key, usize::MAX);
        self.add(key, amount);
    }

    /// Counts an amount, also in the windows of all caps; returns these.
    fn add(&mut self, key: Key, amount: i64) -> Vec<usize> {
        self.open_windows(key);
        *self.counts.entry(key).or_default() += amount;
        let caps = self.caps(key).into_iter().map(|(per, _)| per);
        let windows: Vec<usize> = caps.filter(|per| !Self::is_own(key.1, *per)).collect();
        for per in &windows {
            *self.windows.entry((key, *per)).or_default() += amount;
        }
        windows
    }

    fn give_back(&mut self, is_meant: impl Fn(&Uuid, &Reservation) -> bool, most: usize) -> usize {
        let due = self.reservations.iter().filter(|(_, r)| r.end.is_none() && r.is_past);
        let due = due.filter(|(id, r)| is_meant(id, r)).map(|(id, _)| *id).take(most);
        let due: Vec<Uuid> = due.collect();
        for id in &due {
            self.change(*id, 0);
            self.reservations.get_mut(id).expect("a reservation").end = Some("expired");
        }
        due.len()
    }

    /// Makes what a reservation counts another amount.
    fn change(&mut self, id: Uuid, actual: i64) {
        let reservation = &self.reservations[&id];
        let held = if reservation.end.is_none() { reservation.amount } else { 0 };
        *self.counts.entry(reservation.key).or_default() += actual - held;
        for per in &reservation.windows {
            *self.windows.entry((reservation.key, *per)).or_default() += actual - held;
        }
    }

    fn settle(&mut self, id: Uuid, end: &'static str, actual: Option<i64>) -> Value {
        let reservation = &self.reservations[&id];
        let about = json!({"reservation_id": id.to_string(), "amount": reservation.amount,
                           "feature_type": FEATURES[reservation.key.1].0});
        let mut answer = about;
        let done = if end == "committed" { "committed" } else { "released" };
        let is_final = reservation.end.is_some_and(|end| end != "expired");
        if is_final && (reservation.end, reservation.actual) != (Some(end), actual) {
            answer[done] = false.into();
            answer["status"] = reservation.end.into();
            answer["error_code"] = "RESERVATION_FINALIZED".into();
            return answer;
        }
        let late = reservation.late.unwrap_or(reservation.is_past);
        if !is_final {
            let (key, amount) = (reservation.key, reservation.amount);
            let held = if reservation.end.is_none() { amount } else { 0 };
            if actual.unwrap_or(0) > held {
                // More is counted, as an increment is.
                self.give_back(
                    |other, reservation| *other != id && reservation.key == key,
                    usize::MAX,
                );
            }
            self.change(id, actual.unwrap_or(0));
            let reservation = self.reservations.get_mut(&id).expect("a reservation");
            (reservation.end, reservation.actual) = (Some(end), actual);
            reservation.late = Some(late);
        }
        answer[done] = true.into();
        answer["status"] = end.into();
        answer["late"] = late.into();
        if let Some(actual) = actual {
            answer["actual"] = actual.into();
        }
        answer
    }
}

#[test]
fn calls_and_changes_of_rules_answer_like_the_model() {
    let cluster = Cluster::create("it_rules_model");
    let database = cluster.database("model");
    database.execute(&format!(
        "SELECT add_feature(feature, kind, feature || '_count', feature || '_limit')
           FROM (VALUES ('job', 'year'), ('export', 'total')) AS features (feature, kind);
         UPDATE plan_limits SET job_limit = {PLAN_LIMIT}, export_limit = {PLAN_LIMIT};
         -- Governed from the beginning, by rules of another user.
         INSERT INTO usage_rules (applies_to, user_id, feature_type, effect)
         SELECT 'user', gen_random_uuid(), feature, 'deny' FROM unnest(ARRAY['job', 'export']) AS feature"
    ));
    let mut run = Run {
        caller: Caller::connect(&database),
        random: Random(seed()),
        model: Model::default(),
        known: Vec::new(),
        met: BTreeMap::new(),
    };
    for call in 0..CALLS {
        run.call(call / CALLS_OF_USERS);
        if call % 50 == 0 {
            run.compare_tables();
        }
    }
    run.compare_tables();
    println!("{:?}", run.met);
    let least = [
        ("admitted", 2_000),
        ("LIMIT_EXCEEDED", 1_000),
        ("DENIED", 300),
        ("cap", 500),
        ("allowance", 300),
        ("late", 100),
        ("expired", 100),
        ("given back in a window", 300),
    ];
    for (what, least) in least {
        assert!(run.met.get(what).is_some_and(|met| *met >= least), "{what}: {:?}", run.met);
    }
}

struct Run {
    caller: Caller,
    random: Random,
    model: Model,
    /// The ids of all reservations, the newest last.
    known: Vec<Uuid>,
    /// How often each kind of answer has occurred.
    met: BTreeMap<String, u64>,
}

impl Run {
    fn call(&mut self, generation: u64) {
        let user = user(u128::from(1 + generation * USERS + self.random.below(USERS)));
        let feature = self.random.below(2) as usize;
        let (key, name) = ((user, feature), FEATURES[feature].0);
        let amount = self.random.pick(&[0, 1, 1, 2, 3, 5, 13]);
        match self.random.below(24) {
            0..5 => {
                let answer = self.caller.consume(user, name, amount, None).expect("an answer");
                let mut expected = self.model.admit(key, amount.into(), None);
                let consumed = if expected["allowed"] == true { amount } else { 0 };
                expected["consumed"] = consumed.into();
                self.expect(answer, expected);
            }
            5..9 => {
                let answer = self.caller.reserve(user, name, amount, "1 hour", None);
                let answer = answer.expect("an answer");
                let id = (answer["allowed"] == true).then(|| reservation_id(&answer));
                self.known.extend(id);
                // An id that the model does not need shows a call that it would have denied.
                let expected = self.model.admit(key, amount.into(), id.or(Some(Uuid::nil())));
                self.expect(answer, expected);
            }
            9..11 => {
                let answer = self.caller.check(user, name, amount).expect("an answer");
                let expected = self.model.decide(key, amount.into());
                self.expect(answer, expected);
            }
            11 => {
                let call = format!("SELECT increment_{name}_count($1, $2, 'current')");
                self.caller.client.execute(&call, &[&user, &amount]).expect("a count");
                if amount > 0 {
                    self.model.increment(key, amount.into());
                }
            }
            12 => {
                let most = self.random.pick(&[0, 1000]);
                let number = self.caller.expire(most).expect("a number");
                let expected = self.model.give_back(|_, _| true, most as usize);
                assert_eq!(number as usize, expected);
                *self.met.entry("expired".to_owned()).or_default() += expected as u64;
            }
            13..15 => {
                if let Some(id) = self.some_reservation() {
                    self.caller.pass(id).expect("a change");
                    self.model.reservations.get_mut(&id).expect("a reservation").is_past = true;
                }
            }
            15..19 => {
                if let Some(id) = self.some_reservation() {
                    let reserved = self.model.reservations[&id].amount;
                    if !self.model.reservations[&id].windows.is_empty() {
                        *self.met.entry("given back in a window".to_owned()).or_default() += 1;
                    }
                    let (answer, expected) = if self.random.one_in(3) {
                        let answer = self.caller.release(id).expect("an answer");
                        (answer, self.model.settle(id, "released", None))
                    } else {
                        let more = self.random.pick(&[0, 0, -reserved, 2]);
                        let actual = (reserved + more).max(0);
                        let answer = self.caller.commit(id, Some(actual as i32));
                        let expected = self.model.settle(id, "committed", Some(actual));
                        (answer.expect("an answer"), expected)
                    };
                    self.expect(answer, expected);
                }
            }
            _ => self.change_rules(key),
        }
    }

    /// Changes the rules of a user and a feature.
    fn change_rules(&mut self, key: Key) {
        let (user, feature) = (key.0, FEATURES[key.1].0);
        let rules = self.model.rules.entry(key).or_default();
        let insert = |effect: &str, amount: Option<i64>, per: &str| {
            let amount = amount.map_or("NULL".to_owned(), |amount| amount.to_string());
            format!(
                "INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, per, starts_at)
                 VALUES ('user', '{user}', '{feature}', '{effect}', {amount}, '{per}', clock_timestamp())"
            )
        };
        let of_user = format!("user_id = '{user}' AND feature_type = '{feature}'");
        let amount = 5 + self.random.below(40) as i64;
        let per = self.random.below(3) as usize;
        let change = match self.random.below(12) {
            0..2 => {
                let limit = if self.random.one_in(4) { None } else { Some(amount) };
                rules.set = Some(limit);
                insert("set", limit, "period")
            }
            2 => {
                rules.added += amount;
                insert("add", Some(amount), "period")
            }
            3 => {
                rules.is_denied = true;
                insert("deny", None, "period")
            }
            4..9 => {
                rules.caps.insert(per, amount);
                insert("cap", Some(amount), PERS[per])
            }
            9 => {
                // Lifts the cap.
                rules.caps.remove(&per);
                rules.set = rules.set.or(Some(Some(PLAN_LIMIT)));
                let lift = insert("cap", None, PERS[per]);
                let keep = match rules.set {
                    Some(limit) => insert("set", limit, "period"),
                    None => String::new(),
                };
                format!("{lift}; {keep}")
            }
            _ => {
                *rules = Rules::default();
                let end = "UPDATE usage_rules SET ends_at = greatest(clock_timestamp(), starts_at)";
                format!("{end} WHERE {of_user}")
            }
        };
        self.caller.client.batch_execute(&change).expect(&change);
    }

    /// Compares the whole answer, except for sentences, times and how long to wait.
    fn expect(&mut self, mut answer: Value, expected: Value) {
        let without_times = |value: &mut Value, names: &[&str]| {
            value
                .as_object_mut()
                .expect("an object")
                .retain(|name, _| !names.contains(&name.as_str()));
        };
        without_times(&mut answer, &["reason", "reset_at", "expires_at", "period"]);
        for list in ["caps", "exceeded"] {
            for entry in answer[list].as_array_mut().into_iter().flatten() {
                without_times(entry, &["reset_at"]);
            }
            if answer[list].is_null() {
                without_times(&mut answer, &[list]);
            }
        }
        if answer.get("retry_after").is_some() {
            answer["retry_after"] = "some".into();
        }
        assert_eq!(answer, expected);
        let mut meet = |what: &str| *self.met.entry(what.to_owned()).or_default() += 1;
        if answer["allowed"] == true {
            meet("admitted");
        }
        if answer["late"] == true {
            meet("late");
        }
        for entry in answer["exceeded"].as_array().into_iter().flatten() {
            meet(entry["effect"].as_str().expect("an effect"));
        }
        if let Some(code) = answer["error_code"].as_str() {
            meet(code);
        }
    }

    fn compare_tables(&mut self) {
        let client = &mut self.caller.client;
        for (place, (feature, _)) in FEATURES.into_iter().enumerate() {
            let counts = format!(
                "SELECT user_id, sum({feature}_count)::bigint FROM feature_usage GROUP BY 1"
            );
            for row in client.query(&counts, &[]).expect("rows") {
                let key = (row.get(0), place);
                assert_eq!(row.get::<_, i64>(1), self.model.count(key), "{feature} {key:?}");
            }
            let windows = format!(
                "SELECT user_id, CASE period WHEN 'total' THEN 2 ELSE 1 END, used FROM usage_counters
                  WHERE feature_type = '{feature}'"
            );
            for row in client.query(&windows, &[]).expect("rows") {
                let (key, per): (Key, i32) = ((row.get(0), place), row.get(1));
                let expected = self.model.windows.get(&(key, per as usize)).copied();
                assert_eq!(Some(row.get::<_, i64>(2)), expected, "{feature} {key:?} {per}");
            }
        }
    }

    /// Mostly one of the newest, which are more often open.
    fn some_reservation(&mut self) -> Option<Uuid> {
        let newest = self.known.len().checked_sub(1)? as u64;
        let most = if self.random.one_in(8) { newest + 1 } else { 12 };
        let back = self.random.below(most);
        Some(self.known[(newest - back.min(newest)) as usize])
    }
}
