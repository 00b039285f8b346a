//! Increments of a counter that many sessions increment at once, such as that of a user whose jobs run in
//! parallel.
//!
//! A transaction holds the row of a counter until its commit is on the disk, so the increments of one
//! user would wait for one another's commits. Whoever has waited for a row tries the next time to lock it
//! without waiting; if another transaction holds it, the increment is appended to a side table, and
//! whoever holds the row next adds it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use pgrx::Uuid;

use crate::store::counter::Counter;
use crate::store::increments;
use crate::store::registry::Registry;

/// An increment that takes this long has probably waited; others take a tenth of it.
const WAIT: Duration = Duration::from_micros(250);

/// How long a backend remembers what it has seen.
const RECENT: Duration = Duration::from_secs(5);

/// How long a row that was held is not tried again. Trying costs a third of an append, and more only if
/// there is much to add.
const RETRY: Duration = Duration::from_millis(50);

/// The most counters that a backend remembers.
const MOST: usize = 64;

/// A user, a feature, a period key.
type Name = (Uuid, String, String);

/// What a backend has last seen of a counter.
#[derive(Clone, Copy)]
enum Seen {
    /// An increment has waited, then.
    Waited(Instant),
    /// Another transaction held the row, then.
    Held(Instant),
}

/// Of which copy of the registry it is, and what was seen of each counter. A change of the tables makes a
/// new copy.
type Memory = (Weak<Registry>, HashMap<Name, Seen>);

thread_local! {
    /// Nothing depends on its being right: the row itself says whether increments may be appended.
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Adds an amount in one atomic step, without checking the limit.
pub fn increment(counter: &Counter, amount: i32) {
    let Some(seen) = seen(counter) else {
        let begun = Instant::now();
        counter.increment(amount);
        if begun.elapsed() >= WAIT {
            see(counter, Seen::Waited(begun));
        }
        return;
    };
    let tries = !matches!(seen, Seen::Held(then) if then.elapsed() < RETRY);
    if tries && counter.increment_if_free(amount) {
        return;
    }
    if increments::append(counter, amount) {
        if tries {
            see(counter, Seen::Held(Instant::now()));
        }
        return;
    }
    counter.increment(amount);
    if tries {
        increments::allow(counter);
    }
    see(counter, Seen::Waited(Instant::now()));
}

fn seen(counter: &Counter) -> Option<Seen> {
    MEMORY.with_borrow(|(of, all)| {
        // Naming a counter costs more than this, which is true of most backends.
        if all.is_empty() || of.as_ptr() != Rc::as_ptr(&counter.registry) {
            return None;
        }
        all.get(&name(counter)).copied().filter(Seen::is_recent)
    })
}

fn see(counter: &Counter, seen: Seen) {
    MEMORY.with_borrow_mut(|(of, all)| {
        if of.as_ptr() != Rc::as_ptr(&counter.registry) {
            *of = Rc::downgrade(&counter.registry);
            all.clear();
        }
        if all.len() >= MOST {
            all.retain(|_, seen| seen.is_recent());
        }
        if all.len() < MOST {
            all.insert(name(counter), seen);
        }
    });
}

fn name(counter: &Counter) -> Name {
    let feature_type = counter.feature().feature_type.clone();
    (counter.user_id, feature_type, counter.period().to_owned())
}

impl Seen {
    fn is_recent(&self) -> bool {
        let (Self::Waited(then) | Self::Held(then)) = self;
        then.elapsed() < RECENT
    }
}
