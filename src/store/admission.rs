//! Admission: deciding and counting in one step.
//!
//! One statement does both. Its condition is a function of ours, which asks the rules of the row
//! that the statement is about to count in, with the count that the row has then. Everything around
//! it prepares that step or tidies up after it; none of it admits anybody.

use std::cell::RefCell;

use super::clock;
use super::counter::Counter;
use super::executor::{self, View};
use super::plans;
use super::reservations::{self, Held};
use super::spi::Argument;
use crate::domain::decision::{Allowance, Denial, Standing, decide};
use crate::error::Error;

/// What was decided, and how much of the current usage is reserved.
pub struct Admission {
    pub decision: Result<Allowance, Denial>,
    pub reserved: i64,
}

/// What is being admitted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Consumption,
    /// The caller will write down the reservation, in the same transaction.
    Reservation,
}

/// The decision for a row.
struct Decided {
    decision: Result<Allowance, Denial>,
    /// What the row has counted.
    counted: i32,
    held: Held,
}

thread_local! {
    /// What the condition of the statement in hand has decided; of a row that changed while the
    /// statement waited for it, the last word.
    static DECIDED: RefCell<Option<Decided>> = const { RefCell::new(None) };
}

/// How often the step is tried again: after making a row to count in, or giving back what has
/// expired. Either is done once, so this only ends a loop that a trigger of the app's makes endless.
const ATTEMPTS: usize = 10;

/// Says what would be admitted, and writes nothing.
pub fn check(counter: &Counter, amount: i32) -> Admission {
    let mut standing = counter.standing(View::Caller);
    let held = reservations::held_if(standing.has_reservations, counter);
    standing.current_usage = held.without_past(standing.current_usage);
    let decision = decide(&standing, amount.into(), clock::now_in_seconds());
    Admission { decision, reserved: held.live }
}

/// Counts the amount if it is allowed.
pub fn admit(counter: &Counter, amount: i32, purpose: Purpose) -> Admission {
    let mut has_given_back = false;
    for _ in 0..ATTEMPTS {
        let (is_counted, decided) = decide_and_count(counter, amount, purpose);
        let Some(Decided { decision, counted, held }) = decided else {
            // There is no row yet. One is made where it is going to be counted in.
            let standing = counter.standing(View::Command);
            match decide(&standing, amount.into(), clock::now_in_seconds()) {
                Ok(_) => counter.open_period(),
                denied => return Admission { decision: denied, reserved: 0 },
            }
            continue;
        };
        match decision {
            Ok(allowance) if is_counted => {
                let given_back = if held.past > 0 { reservations::expire(counter) } else { 0 };
                let decision = Ok(allowance.counted(amount.into(), given_back));
                return Admission { decision, reserved: held.live };
            }
            // Deleted by somebody while the statement waited for it.
            Ok(_) => counter.refuse_overflow(amount, counted.into()),
            Err(Denial::LimitExceeded { .. }) if held.past > 0 && !has_given_back => {
                has_given_back = true;
                reservations::expire(counter);
            }
            denied => return Admission { decision: denied, reserved: held.live },
        }
    }
    Error::NotCounted { feature: counter.feature() }.raise();
}

/// The step: whether it was counted, and what was decided if there is a row.
fn decide_and_count(counter: &Counter, amount: i32, purpose: Purpose) -> (bool, Option<Decided>) {
    let [user_id, key, feature_type] = counter.arguments_with_feature();
    let is_reservation = Argument::Boolean(purpose == Purpose::Reservation);
    let arguments = [user_id, key, feature_type, Argument::Integer(amount), is_reservation];
    let statement = &counter.registered.statements.admit;
    // A trigger on the counters may have us called again within this statement.
    let _outer = Restored(DECIDED.take());
    let written = counter.registry.on_tables(|| statement.write(&arguments));
    (written > 0, DECIDED.take())
}

/// The condition of that statement, asked of a row that has counted so much.
///
/// The first time, the plan is that of the statement's snapshot, as the row is. If somebody else
/// has the row locked, the condition is asked again when it is free, of its new version: then the
/// plan is read anew as well.
pub fn decide_for_row(
    counter: &Counter,
    amount: i32,
    counted: i32,
    has_reservations: bool,
) -> bool {
    let is_asked_again = DECIDED.take().is_some();
    let view = if is_asked_again { View::Latest } else { View::Caller };
    let (plan, held) = executor::in_view(view, || {
        let plan = plans::standing(counter.registry, counter.registered, counter.user_id);
        (plan, reservations::held_if(has_reservations, counter))
    });
    let standing = Standing { current_usage: counted.into(), ..plan };
    let decision = decide(&standing, amount.into(), clock::now_in_seconds());
    let is_admitted = decision.is_ok() && counted.checked_add(amount).is_some();
    DECIDED.set(Some(Decided { decision, counted, held }));
    is_admitted
}

/// Puts back what was decided before, also after an error.
struct Restored(Option<Decided>);

impl Drop for Restored {
    fn drop(&mut self) {
        DECIDED.set(self.0.take());
    }
}
