//! A model of the admission functions, without a database.
//!
//! It has no clock: a reservation expires when the test says so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Counter, Counts};

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
    pub counter: Counter,
    pub amount: i64,
    pub status: Status,
    pub actual: Option<i64>,
    pub late: Option<bool>,
    pub is_past: bool,
}

/// The state: counted and reserved amounts.
pub struct Model {
    /// Limits by feature; `None` is unlimited.
    pub limits: BTreeMap<&'static str, Option<i64>>,
    pub counts: Counts,
    consumed: Counts,
    pub reservations: BTreeMap<Uuid, Reservation>,
}

impl Model {
    pub fn new(limits: &[(&'static str, Option<i64>)]) -> Self {
        Self {
            limits: limits.iter().copied().collect(),
            counts: Counts::new(),
            consumed: Counts::new(),
            reservations: BTreeMap::new(),
        }
    }

    /// The answer of a check: excludes expired amounts, even if they are still counted.
    pub fn check(&self, counter: &Counter, amount: i64) -> Value {
        let usage = self.count(counter) - self.held(counter, true);
        let mut answer = self.decide(counter, usage, amount);
        answer["reserved"] = self.held(counter, false).into();
        answer
    }

    pub fn consume(&mut self, counter: &Counter, amount: i64) -> Value {
        let (is_admitted, mut answer) = self.admit(counter, amount);
        let consumed = if is_admitted { amount } else { 0 };
        *self.consumed.entry(counter.clone()).or_default() += consumed;
        answer["consumed"] = consumed.into();
        answer
    }

    /// `id` is the reservation's id in the database's answer, if it made one.
    pub fn reserve(&mut self, counter: &Counter, amount: i64, id: Option<Uuid>) -> Value {
        let (is_admitted, mut answer) = self.admit(counter, amount);
        if let (true, Some(id)) = (is_admitted, id) {
            let (counter, status) = (counter.clone(), Status::Reserved);
            let reservation =
                Reservation { counter, amount, status, actual: None, late: None, is_past: false };
            answer["reserved"] = (answer["reserved"].as_i64().unwrap_or(0) + amount).into();
            answer["reservation_id"] = id.to_string().into();
            self.reservations.insert(id, reservation);
        }
        answer
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
        let (counter, amount) = (reservation.counter.clone(), reservation.amount);
        self.add(counter, -amount);
    }

    /// The expected counters: committed, reserved and consumed amounts.
    pub fn balance(&self) -> Counts {
        let mut counts = self.consumed.clone();
        for Reservation { counter, amount, status, actual, .. } in self.reservations.values() {
            let counted = if *status == Status::Reserved { *amount } else { actual.unwrap_or(0) };
            *counts.entry(counter.clone()).or_default() += counted;
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// Decides, expires reservations, and counts.
    fn admit(&mut self, counter: &Counter, amount: i64) -> (bool, Value) {
        let usage = self.count(counter) - self.held(counter, true);
        let mut answer = self.decide(counter, usage, amount);
        let is_admitted = answer["allowed"] == true;
        if self.held(counter, true) > 0 {
            let mut past = self.past();
            past.retain(|id| self.reservations[id].counter == *counter);
            for id in past {
                self.give_back(id);
            }
        }
        if is_admitted {
            self.add(counter.clone(), amount);
            answer["current_usage"] = self.count(counter).into();
        }
        answer["reserved"] = self.held(counter, false).into();
        (is_admitted, answer)
    }

    fn decide(&self, counter: &Counter, usage: i64, amount: i64) -> Value {
        let about = json!({"feature_type": counter.feature, "period": counter.period});
        let decision = match self.limits[counter.feature] {
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
        };
        merged(decision, about)
    }

    fn settle(&mut self, id: Uuid, status: Status, actual: Option<i64>) -> Value {
        let before = self.reservations[&id].clone();
        let Reservation { counter, amount, .. } = before.clone();
        let about = json!({
            "reservation_id": id.to_string(), "feature_type": counter.feature,
            "period": counter.period, "amount": amount
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
            self.add(counter, actual.unwrap_or(0) - held);
            let late = Some(late);
            self.reservations.insert(id, Reservation { status, actual, late, ..before });
        }
        let mut settled = json!({"status": status.name(), "late": late});
        if let Some(actual) = actual {
            settled["actual"] = actual.into();
        }
        merged(settled, about)
    }

    fn add(&mut self, counter: Counter, amount: i64) {
        *self.counts.entry(counter).or_default() += amount;
        self.counts.retain(|_, count| *count != 0);
    }

    fn count(&self, counter: &Counter) -> i64 {
        self.counts.get(counter).copied().unwrap_or(0)
    }

    /// The amounts of open reservations: either expired or live ones.
    fn held(&self, counter: &Counter, past: bool) -> i64 {
        let reservations = self.reservations.values();
        let open = reservations.filter(|r| is_open(r) && r.counter == *counter);
        open.filter(|r| r.is_past == past).map(|r| r.amount).sum()
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
