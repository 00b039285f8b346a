//! Random calls, one after the other, whose answers are those of a model.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use crate::choices::{LIMITS, some_actual, some_amount, some_feature, some_reservation, some_who};
use crate::ledger::rows;
use crate::model::{Model, Reservation};
use crate::{
    Caller, Database, FUNCTIONS, Random, Subject, Who, counts, require_explained, require_parts,
    reservation_id,
};

/// The number of calls of a generation of users, and of their pools.
const CALLS_OF_USERS: u64 = 200;

pub struct Sequential {
    pub(crate) callers: Vec<Caller>,
    pub(crate) random: Random,
    pub(crate) model: Model,
    /// The pools in which users act besides; none if they only act alone.
    pub(crate) pools: Vec<Uuid>,
    with_pools: bool,
    /// The ids of all reservations, the newest last.
    known: Vec<Uuid>,
    /// How often each kind of answer has occurred.
    met: BTreeMap<String, u64>,
}

impl Sequential {
    /// Of a database whose features have rules or not.
    pub fn new(database: &Database, has_rules: bool, with_pools: bool, seed: u64) -> Self {
        Self {
            callers: Caller::many(database, 4, FUNCTIONS),
            random: Random(seed),
            model: Model::new(&LIMITS, has_rules),
            pools: Vec::new(),
            with_pools,
            known: Vec::new(),
            met: BTreeMap::new(),
        }
    }

    /// Makes calls, and compares the tables now and then. Each of these answers must occur so often,
    /// otherwise the run has tested little.
    pub fn play(mut self, calls: u64, least: &[(&str, u64)]) {
        for call in 0..calls {
            let generation = call / CALLS_OF_USERS;
            if self.with_pools && call % CALLS_OF_USERS == 0 {
                self.found_pools(generation);
            }
            self.call(generation);
            if call % 50 == 0 {
                self.compare_tables();
            }
        }
        self.compare_tables();
        println!("{:?}", self.met);
        for (what, least) in least {
            assert!(self.met.get(*what).is_some_and(|met| met >= least), "{what}: {:?}", self.met);
        }
    }

    pub(crate) fn who(&mut self, generation: u64) -> Who {
        some_who(&mut self.random, generation, &self.pools)
    }

    pub(crate) fn caller(&mut self) -> &mut Caller {
        let place = self.random.below(self.callers.len() as u64) as usize;
        &mut self.callers[place]
    }

    fn call(&mut self, generation: u64) {
        let who = self.who(generation);
        let (feature, amount) = (some_feature(&mut self.random), some_amount(&mut self.random));
        match self.random.below(if self.with_pools { 25 } else { 20 }) {
            0..4 => {
                let answer = self.caller().consume(who, feature, amount, None);
                let answer = answer.expect("an answer");
                let subject = subject(who, feature, &answer);
                self.note_past_of_others(&subject);
                let expected = self.model.consume(&subject, amount.into());
                self.expect(answer, expected);
            }
            4..9 => {
                let answer = self.caller().reserve(who, feature, amount, "1 hour", None);
                let answer = answer.expect("an answer");
                let id = (answer["allowed"] == true).then(|| reservation_id(&answer));
                self.known.extend(id);
                let subject = subject(who, feature, &answer);
                self.note_past_of_others(&subject);
                let expected = self.model.reserve(&subject, amount.into(), id);
                self.expect(answer, expected);
            }
            9..11 if who.pool.is_some() => self.ask_status(who, feature),
            9..11 => {
                let answer = self.caller().check(who.user, feature, amount).expect("an answer");
                let subject = subject(who, feature, &answer);
                let expected = self.model.check(&subject, amount.into());
                self.expect(answer, expected);
            }
            11 => self.expire(),
            12..15 => {
                if let Some(id) = some_reservation(&mut self.random, &self.known) {
                    self.model.pass(id);
                    self.caller().pass(id).expect("a change");
                }
            }
            kind @ 15..20 => self.settle(kind < 18),
            20..22 => self.record(generation),
            kind => self.change_pool(generation, kind == 24),
        }
    }

    fn settle(&mut self, is_commit: bool) {
        let Some(id) = some_reservation(&mut self.random, &self.known) else { return };
        let before = self.model.reservations[&id].clone();
        let (answer, expected) = if is_commit {
            let actual = some_actual(&mut self.random, before.amount as i32);
            let answer = self.caller().commit(id, actual).expect("an answer");
            (answer, self.model.commit(id, actual.map(i64::from)))
        } else {
            let answer = self.caller().release(id).expect("an answer");
            (answer, self.model.release(id))
        };
        if before == self.model.reservations[&id] && expected["error_code"].is_null() {
            self.meet("repeated");
        }
        self.expect(answer, expected);
    }

    /// The expected number of reservations is expired; which ones is not specified.
    fn expire(&mut self) {
        let most = self.random.pick(&[0, 1, 2, 1000]);
        let number = self.caller().expire(most).expect("a number");
        let mut expired = self.model.past();
        assert_eq!(number, most.min(expired.len() as i32));
        let rows = rows(&mut self.callers[0].client);
        expired.retain(|id| rows[id].status == "expired");
        assert_eq!(number, expired.len() as i32);
        for id in expired {
            self.model.give_back(id);
            self.meet("expired");
        }
    }

    pub(crate) fn meet(&mut self, what: &str) {
        *self.met.entry(what.to_owned()).or_default() += 1;
    }

    /// Compares the whole answer, except for sentences and times.
    pub(crate) fn expect(&mut self, mut answer: Value, expected: Value) {
        let fields = answer.as_object_mut().expect("an object");
        fields.retain(|name, _| {
            !["reason", "reset_at", "expires_at", "retry_after"].contains(&name.as_str())
        });
        // A rule adds keys to the answer, even if it only logs.
        let of_rules = ["sources", "exceeded", "drawn", "overage"];
        fields.retain(|name, _| !of_rules.contains(&name.as_str()) || expected.get(name).is_some());
        for list in ["caps", "exceeded"] {
            for entry in fields.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                entry.as_object_mut().expect("an object").remove("reset_at");
            }
        }
        assert_eq!(answer, expected);
        if answer["allowed"] == true {
            self.meet("admitted");
        }
        if answer["late"] == true {
            self.meet("late");
        }
        if let Some(code) = answer["error_code"].as_str() {
            self.meet(code);
        }
        for entry in answer["exceeded"].as_array().into_iter().flatten() {
            self.meet(&format!("exceeded {}", entry["scope"].as_str().expect("a scope")));
        }
    }

    fn compare_tables(&mut self) {
        let client = &mut self.callers[0].client;
        assert_eq!(counts(client), self.model.counts);
        assert_eq!(self.model.counts, self.model.balance());
        require_parts(client);
        require_explained(client);
        let rows = rows(client);
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

/// What an answer is about.
pub fn subject(who: Who, feature: &'static str, answer: &Value) -> Subject {
    Subject::of_answer(who, feature, answer).expect("a period")
}
