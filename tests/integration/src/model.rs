//! A model of the admission functions, without a database.
//!
//! It has no clock: a reservation expires when the test says so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::model_pool::{Per, Pool};
use crate::{Counter, Counts, Subject, add};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Reserved,
    Committed,
    Released,
    Expired,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub subject: Subject,
    pub amount: i64,
    pub status: Status,
    pub actual: Option<i64>,
    pub late: Option<bool>,
    pub is_past: bool,
}

/// The state: counted and reserved amounts.
pub struct Model {
    /// Users' limits by feature; `None` is unlimited.
    pub limits: BTreeMap<&'static str, Option<i64>>,
    pub pools: BTreeMap<Uuid, Pool>,
    /// Whether rules name the features.
    has_rules: bool,
    pub counts: Counts,
    consumed: Counts,
    pub reservations: BTreeMap<Uuid, Reservation>,
}

impl Model {
    pub fn new(limits: &[(&'static str, Option<i64>)], has_rules: bool) -> Self {
        Self {
            limits: limits.iter().copied().collect(),
            pools: BTreeMap::new(),
            has_rules,
            counts: Counts::new(),
            consumed: Counts::new(),
            reservations: BTreeMap::new(),
        }
    }

    /// The answer of a check: excludes expired amounts, even if they are still counted.
    pub fn check(&self, subject: &Subject, amount: i64) -> Value {
        let mut answer = self.decide(subject, amount);
        answer["reserved"] = self.held(&subject.counter(), false).into();
        answer
    }

    /// A part of the status of a feature in a pool.
    pub fn status(&self, subject: &Subject) -> Value {
        let decided = self.check(subject, 0);
        if !decided["error_code"].is_null() && decided["limit"].is_null() {
            return json!({"error_code": decided["error_code"]});
        }
        let is_allowed = decided["allowed"] == true;
        json!({
            "error_code": decided["error_code"], "limit": decided["limit"],
            "remaining": if is_allowed { decided["remaining"].clone() } else { 0.into() },
            "current_usage": decided["current_usage"], "reserved": decided["reserved"],
            "member_usage": subject.part().map(|part| self.usage(&part))
        })
    }

    pub fn consume(&mut self, subject: &Subject, amount: i64) -> Value {
        let (is_admitted, mut answer) = self.admit(subject, amount);
        let consumed = if is_admitted { amount } else { 0 };
        self.count_consumed(subject, consumed);
        answer["consumed"] = consumed.into();
        answer
    }

    /// `id` is the reservation's id in the database's answer, if it made one.
    pub fn reserve(&mut self, subject: &Subject, amount: i64, id: Option<Uuid>) -> Value {
        let (is_admitted, mut answer) = self.admit(subject, amount);
        if let (true, Some(id)) = (is_admitted, id) {
            let (subject, status) = (subject.clone(), Status::Reserved);
            let reservation =
                Reservation { subject, amount, status, actual: None, late: None, is_past: false };
            answer["reserved"] = (answer["reserved"].as_i64().unwrap_or(0) + amount).into();
            answer["reservation_id"] = id.to_string().into();
            self.reservations.insert(id, reservation);
        }
        answer
    }

    /// A batch. The place of the first event that nobody may count is an error, and nothing is counted.
    pub fn record(&mut self, events: &[(Subject, i64)]) -> Result<(), usize> {
        let is_refused = |(subject, _): &(Subject, i64)| self.refusal(subject).is_some();
        events.iter().position(is_refused).map_or(Ok(()), Err)?;
        for (subject, amount) in events.iter().filter(|(_, amount)| *amount > 0) {
            self.give_back_before_more(subject, None);
            self.count(subject, *amount);
            self.count_consumed(subject, *amount);
        }
        Ok(())
    }

    pub fn commit(&mut self, id: Uuid, actual: Option<i64>) -> Value {
        let actual = actual.unwrap_or(self.reservations[&id].amount);
        let mut answer = self.settle(id, Status::Committed, Some(actual));
        let done = answer["error_code"].is_null();
        answer["committed"] = done.into();
        answer
    }

    pub fn release(&mut self, id: Uuid) -> Value {
        let mut answer = self.settle(id, Status::Released, None);
        let done = answer["error_code"].is_null();
        answer["released"] = done.into();
        answer
    }

    /// Makes a reservation an expired one.
    pub fn pass(&mut self, id: Uuid) {
        if let Some(reservation) = self.reservations.get_mut(&id) {
            reservation.is_past = true;
        }
    }

    /// The expired reservations that are still counted.
    pub fn past(&self) -> BTreeSet<Uuid> {
        let is_past = |(_, r): &(&Uuid, &Reservation)| is_open(r) && r.is_past;
        self.reservations.iter().filter(is_past).map(|(id, _)| *id).collect()
    }

    pub fn give_back(&mut self, id: Uuid) {
        let reservation = self.reservations.get_mut(&id).expect("a reservation");
        reservation.status = Status::Expired;
        let (subject, amount) = (reservation.subject.clone(), reservation.amount);
        self.count(&subject, -amount);
    }

    /// The expected counters: committed, reserved and consumed amounts.
    pub fn balance(&self) -> Counts {
        let mut counts = self.consumed.clone();
        for Reservation { subject, amount, status, actual, .. } in self.reservations.values() {
            let counted = if *status == Status::Reserved { *amount } else { actual.unwrap_or(0) };
            for counter in subject.counters() {
                *counts.entry(counter).or_default() += counted;
            }
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// Decides, expires reservations, and counts.
    fn admit(&mut self, subject: &Subject, amount: i64) -> (bool, Value) {
        let mut answer = self.decide(subject, amount);
        if self.refusal(subject).is_some() {
            return (false, answer);
        }
        let is_admitted = answer["allowed"] == true;
        // A plain call does not look for those of 0.
        if self.is_governed(subject) || self.held(&subject.counter(), true) > 0 {
            self.give_back_past_of(&subject.counter(), None);
        }
        if is_admitted {
            self.count(subject, amount);
            answer["current_usage"] = self.counted(&subject.counter()).into();
        }
        answer["reserved"] = self.held(&subject.counter(), false).into();
        (is_admitted, answer)
    }

    /// Why somebody may not act in a pool.
    fn refusal(&self, subject: &Subject) -> Option<&'static str> {
        let pool = self.pools.get(&subject.who.pool?);
        match pool.map(|pool| pool.members.contains(&subject.who.user)) {
            None => Some("UNKNOWN_POOL"),
            Some(false) => Some("NOT_A_MEMBER"),
            Some(true) => None,
        }
    }

    fn decide(&self, subject: &Subject, amount: i64) -> Value {
        let about = json!({"feature_type": subject.feature, "period": subject.period});
        match subject.who.pool {
            Some(pool) => {
                let about = merged(about, json!({"pool_id": pool.to_string()}));
                merged(self.decide_in_pool(subject, amount), about)
            }
            None => {
                let usage = self.usage(&subject.counter());
                merged(decide_limit(self.limits[subject.feature], usage, amount), about)
            }
        }
    }

    fn decide_in_pool(&self, subject: &Subject, amount: i64) -> Value {
        let pool = subject.who.pool.and_then(|pool| self.pools.get(&pool));
        match (self.refusal(subject), pool, subject.part()) {
            (None, Some(pool), Some(part)) => {
                let usage = self.usage(&subject.counter());
                pool.decide(subject, amount, usage, |per| self.usage_per(&part, per))
            }
            (refusal, ..) => json!({"allowed": false, "error_code": refusal}),
        }
    }

    fn settle(&mut self, id: Uuid, status: Status, actual: Option<i64>) -> Value {
        let before = self.reservations[&id].clone();
        let Reservation { subject, amount, .. } = before.clone();
        let about = json!({
            "reservation_id": id.to_string(), "feature_type": subject.feature,
            "period": subject.period, "amount": amount
        });
        let is_final = matches!(before.status, Status::Committed | Status::Released);
        if is_final && (before.status, before.actual) != (status, actual) {
            let refusal =
                json!({"status": before.status.name(), "error_code": "RESERVATION_FINALIZED"});
            return merged(refusal, about);
        }
        let late = before.late.unwrap_or(before.is_past);
        if !is_final {
            let held = if before.status == Status::Reserved { amount } else { 0 };
            let more = actual.unwrap_or(0) - held;
            if more > 0 {
                self.give_back_before_more(&subject, Some(id));
            }
            self.count(&subject, more);
            let late = Some(late);
            self.reservations.insert(id, Reservation { status, actual, late, ..before });
        }
        let mut settled = json!({"status": status.name(), "late": late});
        if let Some(actual) = actual {
            settled["actual"] = actual.into();
        }
        merged(settled, about)
    }

    fn is_governed(&self, subject: &Subject) -> bool {
        self.has_rules || subject.who.pool.is_some()
    }

    /// Gives back what has expired, before more is counted without a decision. Only governed calls do.
    fn give_back_before_more(&mut self, subject: &Subject, settled: Option<Uuid>) {
        if self.is_governed(subject) {
            self.give_back_past_of(&subject.counter(), settled);
        }
    }

    /// Gives back what has expired of a counter, of all members, except for the reservation that is settled.
    fn give_back_past_of(&mut self, counter: &Counter, settled: Option<Uuid>) {
        let mut past = self.past();
        past.retain(|id| {
            Some(*id) != settled && self.reservations[id].subject.counter() == *counter
        });
        for id in past {
            self.give_back(id);
        }
    }

    fn count(&mut self, subject: &Subject, amount: i64) {
        for counter in subject.counters() {
            add(&mut self.counts, counter, amount);
        }
    }

    fn count_consumed(&mut self, subject: &Subject, amount: i64) {
        for counter in subject.counters() {
            *self.consumed.entry(counter).or_default() += amount;
        }
    }

    fn counted(&self, counter: &Counter) -> i64 {
        self.counts.get(counter).copied().unwrap_or(0)
    }

    /// What is counted without expired reservations.
    fn usage(&self, counter: &Counter) -> i64 {
        self.counted(counter) - self.held(counter, true)
    }

    fn usage_per(&self, part: &Counter, per: Per) -> i64 {
        if per == Per::Period {
            return self.usage(part);
        }
        let of_total = |counter: &&Counter| counter.differs_in_period_only(part);
        self.counts.keys().filter(of_total).map(|counter| self.usage(counter)).sum()
    }

    /// The amounts of open reservations: either expired or live ones.
    fn held(&self, counter: &Counter, past: bool) -> i64 {
        let reservations = self.reservations.values();
        let open = reservations.filter(|r| is_open(r) && r.is_past == past);
        open.filter(|r| r.subject.counters().any(|of| of == *counter)).map(|r| r.amount).sum()
    }
}

pub(crate) fn decide_limit(limit: Option<i64>, usage: i64, amount: i64) -> Value {
    match limit {
        None => json!({
            "allowed": true, "limit": null, "remaining": null, "is_unlimited": true,
            "current_usage": usage
        }),
        Some(limit) if usage + amount > limit => json!({
            "allowed": false, "limit": limit, "remaining": (limit - usage).max(0),
            "is_unlimited": false, "current_usage": usage, "error_code": "LIMIT_EXCEEDED"
        }),
        Some(limit) => json!({
            "allowed": true, "limit": limit, "remaining": limit - usage - amount,
            "is_unlimited": false, "current_usage": usage
        }),
    }
}

fn is_open(reservation: &Reservation) -> bool {
    reservation.status == Status::Reserved
}

fn merged(mut answer: Value, more: Value) -> Value {
    let (Some(fields), Value::Object(more)) = (answer.as_object_mut(), more) else {
        unreachable!("both are objects");
    };
    fields.extend(more);
    answer
}
