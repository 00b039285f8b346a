//! Admission: deciding and counting in one step.
//!
//! One statement does both. Its condition is a function of ours, which asks the rules of the row
//! that the statement is about to count in, with the count that the row has then. Everything around
//! it prepares that step or tidies up after it; none of it admits anybody.

use std::cell::RefCell;
use std::rc::Rc;

use super::clock;
use super::counter::Counter;
use super::executor::{self, View};
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

/// A call that is being admitted.
struct InHand {
    counter: Rc<Counter>,
    amount: i32,
    decided: Option<Decided>,
}

/// The decision for a row; of one that changed while the statement waited for it, the last word.
struct Decided {
    decision: Result<Allowance, Denial>,
    /// What the row has counted.
    counted: i32,
    held: Held,
}

thread_local! {
    /// What the condition of the statement is asked about.
    static IN_HAND: RefCell<Option<InHand>> = const { RefCell::new(None) };
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
pub fn admit(counter: &Rc<Counter>, amount: i32, purpose: Purpose) -> Admission {
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
fn decide_and_count(
    counter: &Rc<Counter>,
    amount: i32,
    purpose: Purpose,
) -> (bool, Option<Decided>) {
    let [user_id, key] = counter.arguments();
    let is_reservation = Argument::Boolean(purpose == Purpose::Reservation);
    let arguments = [user_id, key, Argument::Integer(amount), is_reservation];
    let call = InHand { counter: Rc::clone(counter), amount, decided: None };
    // A trigger on the counters may have us called again within this statement.
    let _outer = Restored(IN_HAND.replace(Some(call)));
    let written = counter.registry.on_tables(|| counter.statements().admit.write(&arguments));
    (written > 0, IN_HAND.take().and_then(|call| call.decided))
}

/// The condition of that statement, asked of a row that has counted so much. Nothing is admitted
/// where no call is in hand.
///
/// The first time, the plan is that of the statement's snapshot, as the row is. If somebody else
/// has the row locked, the condition is asked again when it is free, of its new version: then the
/// plan is read anew as well.
pub fn admits(counted: i32, has_reservations: bool) -> bool {
    let call = IN_HAND.with_borrow(|call| {
        let call = call.as_ref()?;
        Some((Rc::clone(&call.counter), call.amount, call.decided.is_some()))
    });
    let Some((counter, amount, is_asked_again)) = call else { return false };
    let view = if is_asked_again { View::Latest } else { View::Caller };
    let (plan, held) = executor::in_view(view, || {
        (counter.plan(), reservations::held_if(has_reservations, &counter))
    });
    let standing = Standing { current_usage: counted.into(), ..plan };
    let decision = decide(&standing, amount.into(), clock::now_in_seconds());
    let is_admitted = decision.is_ok() && counted.checked_add(amount).is_some();
    IN_HAND.with_borrow_mut(|call| {
        if let Some(call) = call {
            call.decided = Some(Decided { decision, counted, held });
        }
    });
    is_admitted
}

/// Puts back what was in hand before, also after an error.
struct Restored(Option<InHand>);

impl Drop for Restored {
    fn drop(&mut self) {
        IN_HAND.set(self.0.take());
    }
}
