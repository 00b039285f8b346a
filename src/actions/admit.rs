//! Admission: consume and reserve. Lock the rows, read the plan and the rules, decide, write.

use std::rc::Rc;

use domain::answer::Answer;
use domain::calendar::Span;
use domain::denial::Denial;
use domain::ledger::Kind;
use domain::sources::Stored;
use domain::timestamp::iso8601;
use pgrx::Uuid;
use serde_json::{Value, json};

use super::replay::{Outcome, Request, in_pool};
use super::subject::Subject;
use super::terms::{Unusable, current_span};
use super::{admit_governed, admit_plain};
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::store::counter::Counted;
use crate::store::ledger::Cause;
use crate::store::owner::Owner;
use crate::store::registry::{self, Registered, Registry};
use crate::store::reservations::{self, Reserved};

/// Who acts, and in which pool if in any.
#[derive(Clone, Copy)]
pub struct Acting {
    pub user_id: Uuid,
    pub pool_id: Option<Uuid>,
}

/// What a call says about itself.
#[derive(Clone, Copy)]
pub struct Noted<'a> {
    pub idempotency_key: Option<&'a str>,
    /// For the ledger: the text of a jsonb.
    pub metadata: Option<&'a str>,
}

/// What an admitted amount is for.
#[derive(Clone, Copy)]
pub enum Purpose {
    Consume,
    /// A reservation with a time to live in microseconds.
    Reserve {
        ttl: i64,
    },
}

/// The most attempts per call. A call repeats its steps once after inserting the rows to lock, once
/// if another call used the idempotency key, and whenever the rules that it had supposed have changed
/// while it waited; the limit ends a loop caused by a user-defined trigger.
pub const ATTEMPTS: usize = 10;

/// Checks and counts an amount in one atomic step.
pub fn consume(
    who: Acting,
    feature_type: Option<&str>,
    amount: Option<i32>,
    noted: Noted,
) -> Outcome {
    let arguments = || json!({"feature_type": feature_type, "amount": amount});
    admit(Purpose::Consume, who, feature_type, amount, noted, arguments)
}

/// Checks and counts an amount, and reserves it for work that is slow or may fail. The time
/// to live, `ttl`, is in microseconds.
pub fn reserve(
    who: Acting,
    feature_type: Option<&str>,
    amount: Option<i32>,
    ttl: i64,
    noted: Noted,
) -> Outcome {
    let arguments = || json!({"feature_type": feature_type, "amount": amount, "ttl": ttl});
    admit(Purpose::Reserve { ttl }, who, feature_type, amount, noted, arguments)
}

fn admit(
    purpose: Purpose,
    who: Acting,
    feature_type: Option<&str>,
    amount: Option<i32>,
    noted: Noted,
    arguments: impl Fn() -> Value,
) -> Outcome {
    let Acting { user_id, pool_id } = who;
    let owner = Owner::of(user_id, pool_id);
    let arguments = || in_pool(arguments(), pool_id);
    for _ in 0..ATTEMPTS {
        let registry = registry::current();
        let registered = feature_type.and_then(|feature_type| registry.find(feature_type));
        let Some(registered) = registered else {
            let known = registry.feature_types();
            return purpose.denied(Answer::of_unknown_feature(feature_type, &known)).into();
        };
        let Some(amount @ 0..) = amount else {
            let span = current_span(&registry, registered, owner, Unusable::IsIgnored);
            let answer = Answer::new(&registered.feature, &span, Err(Denial::InvalidAmount))
                .with_pool(pool_id.map(|pool_id| pool_id.to_string()));
            return purpose.denied(answer).into();
        };
        let request = noted
            .idempotency_key
            .map(|key| Request::new(&registry, user_id, purpose.operation(), key, arguments()));
        let call = Call {
            registry: &registry,
            registered,
            user_id,
            owner,
            amount,
            purpose,
            request: request.as_ref(),
            noted,
        };
        if let Some(outcome) = call.run() {
            return outcome;
        }
    }
    CountingError::Contention.raise();
}

/// A call whose arguments are valid.
pub struct Call<'a> {
    pub registry: &'a Rc<Registry>,
    pub registered: &'a Rc<Registered>,
    /// Who acts.
    pub user_id: Uuid,
    /// Whose usage it is.
    pub owner: Owner,
    pub amount: i32,
    pub purpose: Purpose,
    pub request: Option<&'a Request<'a>>,
    pub noted: Noted<'a>,
}

impl Call<'_> {
    /// The outcome; `None` if the registry has changed so that the call must begin again.
    fn run(&self) -> Option<Outcome> {
        let is_plain = !self.registered.is_governed
            && !self.registered.reads_calendar
            && !self.owner.is_pool();
        if self.request.is_some() || !is_plain {
            self.registry.tables.lock_first();
        }
        if let Some(outcome) = self.replay() {
            return Some(outcome);
        }
        if is_plain { admit_plain::admit(self) } else { admit_governed::admit(self) }
    }

    /// The outcome if the idempotency key has been used.
    pub fn replay(&self) -> Option<Outcome> {
        let mismatch = || {
            let (registry, registered) = (self.registry, self.registered);
            let span = current_span(registry, registered, self.owner, Unusable::IsIgnored);
            let denial = Err(Denial::IdempotencyMismatch);
            let pool_id = self.owner.pool_id().map(|pool_id| pool_id.to_string());
            self.purpose.denied(Answer::new(&registered.feature, &span, denial).with_pool(pool_id))
        };
        self.request.and_then(|request| request.replay(mismatch))
    }

    fn cause(&self, kind: Kind, reservation_id: Option<Uuid>) -> Cause {
        let Noted { idempotency_key, metadata } = self.noted;
        let (idempotency_key, metadata) =
            (idempotency_key.map(str::to_owned), metadata.map(str::to_owned));
        Cause { kind, reservation_id, idempotency_key, metadata }
    }

    pub fn subject(&self, span: Span) -> Subject {
        Subject::new(self.registry, self.registered, self.user_id, span, self.amount)
    }

    /// Writes the decision: the idempotency key, the counts, the reservation with its sources.
    /// Returns the answer, or `None` with nothing written if another call has used the idempotency
    /// key meanwhile.
    pub fn write(
        &self,
        period: &str,
        row: &Counted,
        counted: Answer,
        sources: Option<&Stored>,
        count: impl FnOnce(&Cause),
    ) -> Option<Answer> {
        let stored = |answer: &Answer| self.request.is_none_or(|request| request.store(answer));
        match self.purpose {
            Purpose::Consume => {
                let answer = counted.with_consumed(self.amount);
                if !stored(&answer) {
                    return None;
                }
                count(&self.cause(Kind::Consume, None));
                Some(answer)
            }
            Purpose::Reserve { ttl } => {
                let new = reservations::New::of_owner(self.owner, ttl);
                let (id, expires_at) = (new.id.to_string(), iso8601(new.expires_at));
                let answer = counted.with_reservation(id, expires_at, self.amount);
                if !stored(&answer) {
                    return None;
                }
                let id = Uuid::from_bytes(new.id.into_bytes());
                count(&self.cause(Kind::Reserve, Some(id)));
                let reserved = Reserved {
                    user_id: self.user_id,
                    pool_id: self.owner.pool_id(),
                    feature_type: &self.registered.feature.feature_type,
                    period,
                    row_id: row.id,
                    amount: self.amount,
                    sources,
                };
                new.insert(self.registry, &reserved);
                Some(answer)
            }
        }
    }
}

impl Purpose {
    pub fn is_reserve(self) -> bool {
        matches!(self, Self::Reserve { .. })
    }

    /// The operation that idempotency keys belong to.
    fn operation(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Reserve { .. } => "reserve",
        }
    }

    /// Adds to a denial the fields of this operation.
    pub fn denied(self, answer: Answer) -> Answer {
        match self {
            Self::Consume => answer.with_consumed(0),
            Self::Reserve { .. } => answer,
        }
    }
}
