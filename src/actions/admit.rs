//! Admission: consume and reserve. Lock the counter, read the plan, decide, write.

use domain::answer::Answer;
use domain::decision::{Allowance, decide};
use domain::denial::Denial;
use domain::timestamp::iso8601;
use pgrx::Uuid;
use serde_json::{Value, json};

use super::expire;
use super::replay::{Outcome, Request};
use super::subject::Subject;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::clock;
use crate::pg::snapshot::Snapshot;
use crate::store::counter::Counted;
use crate::store::{entitlement, registry, reservations, users};

/// What an admitted amount is for.
#[derive(Clone, Copy)]
enum Purpose {
    Consume,
    /// A reservation with a time to live in microseconds.
    Reserve {
        ttl: i64,
    },
}

/// The most attempts per call. A call repeats its steps once after inserting the row to lock, and
/// once if another call used the idempotency key; the limit ends a loop caused by a user-defined
/// trigger.
const ATTEMPTS: usize = 10;

/// Checks and counts an amount in one atomic step.
pub fn consume(
    user_id: Uuid,
    feature_type: Option<&str>,
    amount: Option<i32>,
    key: Option<&str>,
) -> Outcome {
    let arguments = || json!({"feature_type": feature_type, "amount": amount});
    admit(Purpose::Consume, user_id, feature_type, amount, key, arguments)
}

/// Checks and counts an amount, and reserves it for work that is slow or may fail. The time
/// to live, `ttl`, is in microseconds.
pub fn reserve(
    user_id: Uuid,
    feature_type: Option<&str>,
    amount: Option<i32>,
    ttl: i64,
    key: Option<&str>,
) -> Outcome {
    let arguments = || json!({"feature_type": feature_type, "amount": amount, "ttl": ttl});
    admit(Purpose::Reserve { ttl }, user_id, feature_type, amount, key, arguments)
}

fn admit(
    purpose: Purpose,
    user_id: Uuid,
    feature_type: Option<&str>,
    amount: Option<i32>,
    key: Option<&str>,
    arguments: impl FnOnce() -> Value,
) -> Outcome {
    let registry = registry::current();
    let subject = match Subject::new(&registry, user_id, feature_type, amount) {
        Ok(subject) => subject,
        Err(denied) => return purpose.denied(*denied).into(),
    };
    let request =
        key.map(|key| Request::new(&registry, user_id, purpose.operation(), key, arguments()));
    if request.is_some() {
        registry.tables.lock_first();
    }
    let replay = || {
        let mismatch = || purpose.denied(subject.denied(Denial::IdempotencyMismatch));
        request.as_ref().and_then(|request| request.replay(mismatch))
    };
    if let Some(outcome) = replay() {
        return outcome;
    }
    if request.is_some() || matches!(purpose, Purpose::Reserve { .. }) {
        users::lock(&registry, &[user_id]);
    }
    for _ in 0..ATTEMPTS {
        let Some(row) = subject.counter.lock() else {
            // A denial inserts no row.
            match decide_on(&subject, 0) {
                Ok(_) => subject.counter.insert(),
                denied => return purpose.denied(answer(&subject, denied, 0)).into(),
            }
            continue;
        };
        if let Some(outcome) = replay() {
            return outcome;
        }
        let (row, live) = expire::of_locked(&subject.counter, row);
        let decision = decide_on(&subject, row.count);
        let Ok(allowance) = decision else {
            return purpose.denied(answer(&subject, decision, live)).into();
        };
        subject.counter.require_room(row.count, subject.amount);
        let allowance = allowance.counted(subject.amount.into());
        let counted = answer(&subject, Ok(allowance), live);
        if let Some(answer) = purpose.write(&subject, &row, counted, request.as_ref()) {
            return answer.into();
        }
    }
    if subject.counter.count(Snapshot::Latest).is_some() {
        CountingError::Contention.raise();
    }
    CountingError::Suppressed { feature: subject.counter.feature() }.raise();
}

/// Decides by the plan as committed now. The counter is locked, so this includes what was committed
/// while the call waited for the lock.
fn decide_on(subject: &Subject, count: i64) -> Result<Allowance, Denial> {
    let entitlement = entitlement::latest(&subject.counter);
    decide(&entitlement, count, subject.amount.into(), clock::now_in_seconds())
}

fn answer(subject: &Subject, decision: Result<Allowance, Denial>, reserved: i64) -> Answer {
    Answer::new(subject.counter.feature(), subject.period, decision).with_reserved(reserved)
}

impl Purpose {
    /// The operation that idempotency keys belong to.
    fn operation(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Reserve { .. } => "reserve",
        }
    }

    /// Adds to a denial the fields of this operation.
    fn denied(self, answer: Answer) -> Answer {
        match self {
            Self::Consume => answer.with_consumed(0),
            Self::Reserve { .. } => answer,
        }
    }

    /// Writes the decision: the idempotency key, the counter, the reservation. Returns the answer,
    /// or `None` with nothing written if another call has used the idempotency key meanwhile.
    fn write(
        self,
        subject: &Subject,
        row: &Counted,
        counted: Answer,
        request: Option<&Request>,
    ) -> Option<Answer> {
        let amount = subject.amount;
        let stored = |answer: &Answer| request.is_none_or(|request| request.store(answer));
        match self {
            Self::Consume => {
                let answer = counted.with_consumed(amount);
                if !stored(&answer) {
                    return None;
                }
                subject.counter.add(amount);
                Some(answer)
            }
            Self::Reserve { ttl } => {
                let new = reservations::New::of_user(subject.counter.user_id, ttl);
                let answer =
                    counted.with_reservation(new.id.to_string(), iso8601(new.expires_at), amount);
                if !stored(&answer) {
                    return None;
                }
                subject.counter.add_reserved(amount);
                new.insert(&subject.counter, row, amount);
                Some(answer)
            }
        }
    }
}
