//! The admission of a feature with rules, or whose period depends on the user.
//!
//! Every call locks rows in one order: users, `feature_usage`, `usage_counters`. The counter of the
//! current period comes first, and serializes the calls of a user; plan and rules are read after
//! that. The windows of caps follow, which are hardly ever locked by others then. If one is, or does
//! not exist yet, the call frees all of its locks, which are in a subtransaction, and begins again:
//! it inserts what is missing, waits for the locks, and reads plan and rules once more. Waiting for a
//! row while holding later ones could deadlock.

use std::collections::{BTreeMap, BTreeSet};

use domain::answer::Answer;
use domain::calendar::{Calendar, Span};
use domain::cap::Place;
use domain::decision::decide;
use domain::denial::Denial;
use domain::period::Period;

use super::admit::{ATTEMPTS, Call};
use super::expire::{self, Locked};
use super::replay::Outcome;
use super::terms::{Terms, Unusable};
use super::windows::{self, Sums};
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::clock;
use crate::pg::snapshot::Snapshot;
use crate::pg::subtransaction;
use crate::store::counter::{Counted, Counter};
use crate::store::reservations::{Open, open_of};
use crate::store::windows::{WindowKey, Windows};
use crate::store::{registry, users, windows as rows};

/// The maximum number of expired reservations that one call gives back. If a user has more, a call may
/// be denied that the next one admits.
const MOST_EXPIRED: usize = 10_000;

/// What a call that begins again locks, besides what plan and rules say by then.
#[derive(Default)]
struct Wanted {
    /// Other periods of the feature, in which expired reservations are counted.
    periods: BTreeSet<Period>,
    windows: BTreeSet<WindowKey>,
}

/// Why an attempt is undone and begun again.
enum Again {
    /// The registry has changed.
    Registry,
    /// Another call has used the idempotency key, or the current period is another by now.
    Changed,
    /// The row of a window is missing, or locked by another call.
    Windows,
    /// Expired reservations are counted in rows that are not locked.
    Expired(Wanted),
}

/// The outcome; `None` if the registry has changed so that the call must begin again.
pub fn admit(call: &Call) -> Option<Outcome> {
    users::lock(call.registry, &[call.user_id]);
    let mut wanted: Option<Wanted> = None;
    for _ in 0..ATTEMPTS {
        match subtransaction::attempt(|| attempt(call, wanted.as_ref())) {
            Ok(outcome) => return Some(outcome),
            Err(Again::Registry) => return None,
            Err(Again::Changed) => {}
            Err(Again::Windows) => drop(wanted.get_or_insert_default()),
            Err(Again::Expired(more)) => {
                let wanted = wanted.get_or_insert_default();
                wanted.periods.extend(more.periods);
                wanted.windows.extend(more.windows);
            }
        }
    }
    CountingError::Contention.raise();
}

/// Locks, reads, decides and writes. The first attempt, without `wanted`, waits for the counter of
/// the current period only.
fn attempt(call: &Call, wanted: Option<&Wanted>) -> Result<Outcome, Again> {
    let span = match call.registered.reads_calendar {
        true => terms(call).span(call.registered),
        false => Calendar::default().span_at(call.registered.feature.period, clock::now()),
    };
    let subject = call.subject(span);
    let lock = || lock_counters(call, &subject.counter, span.period, wanted);
    let counters = match lock() {
        Some(counters) => counters,
        None => {
            // A denial that is certain inserts no row.
            let denial = || certain_denial(call, &terms(call), &span);
            if let Some(outcome) = call.replay().or_else(denial) {
                return Ok(outcome);
            }
            subject.counter.insert();
            let feature = subject.counter.feature();
            lock().unwrap_or_else(|| CountingError::Suppressed { feature }.raise())
        }
    };
    if !registry::still_has(call.registry, call.registered) {
        return Err(Again::Registry);
    }
    let waited = wanted.map(|wanted| lock_windows(call, &subject.counter, wanted));
    if let Some(outcome) = call.replay() {
        return Ok(outcome);
    }

    let terms = terms(call);
    if terms.span(call.registered).period != span.period {
        return Err(Again::Changed);
    }
    if let Some(outcome) = certain_denial(call, &terms, &span) {
        return Ok(outcome);
    }
    let places = terms.places(call.registered);
    let needed = windows::keys(call.user_id, call.registered, &places);
    let windows = waited.unwrap_or_else(|| rows::lock_if_free(call.registry, &needed));
    if !needed.iter().all(|key| windows.contains_key(key)) {
        return Err(Again::Windows);
    }
    let mut locked = Locked { counters, windows, ..Locked::default() };
    let open = open_reservations(call, &terms, &locked);
    require_locked(call, &open, &mut locked, wanted)?;
    expire::give_back(call.registry, call.user_id, &open, &mut locked, MOST_EXPIRED);

    let row = &locked.counters[&span.period].1;
    let (user_id, registered) = (call.user_id, call.registered);
    let capped = windows::capped(user_id, registered, &places, (row.count, &span), &locked.windows);
    let decision = decide(&terms.standing(&capped, row.count, span.reset_at), call.amount.into());
    let is_admitted = decision.is_ok();
    if is_admitted {
        subject.counter.require_room(row.count, call.amount);
    }
    let decision = decision.map(|allowance| allowance.counted(call.amount.into()));
    let (amount, now) = (i64::from(call.amount), terms.clock.wall);
    let answer = Answer::new(subject.counter.feature(), &span, decision)
        .with_reserved(locked.live(&open, span.period))
        .with_rules(&terms.in_force, &capped, amount, now);
    if !is_admitted {
        return Ok(call.purpose.denied(answer).into());
    }
    let counted_in: Vec<_> = places.iter().filter_map(Place::window).collect();
    let answer = call.write(&subject, row, answer, &counted_in).ok_or(Again::Changed)?;
    let changes = windows::changes(user_id, registered, &places, &capped, amount, now);
    rows::change(call.registry, &changes, call.purpose.is_reserve());
    Ok(answer.into())
}

fn terms(call: &Call) -> Terms {
    Terms::latest(call.registry, call.registered, call.user_id, Unusable::IsRefused)
}

/// A denial that does not depend on what is used.
fn certain_denial(call: &Call, terms: &Terms, span: &Span) -> Option<Outcome> {
    let denial = decide(&terms.standing(&[], 0, span.reset_at), 0).err()?;
    if matches!(denial, Denial::LimitExceeded { .. } | Denial::Short(_)) {
        return None;
    }
    let answer = Answer::new(&call.registered.feature, span, Err(denial));
    let answer = answer.with_rules(&terms.in_force, &[], call.amount.into(), terms.clock.wall);
    Some(call.purpose.denied(answer).into())
}

/// Locks the counters of the current period and of others, in the order of their keys. `None` if the
/// one of the current period does not exist.
fn lock_counters(
    call: &Call,
    own: &Counter,
    current: Period,
    wanted: Option<&Wanted>,
) -> Option<BTreeMap<Period, (Counter, Counted)>> {
    let others = wanted.into_iter().flat_map(|wanted| wanted.periods.iter().copied());
    let periods: BTreeSet<Period> = others.chain([current]).collect();
    if periods.len() > 1 {
        // Before any row is locked.
        own.insert();
    }
    // Period keys of one kind sort by time.
    let lock = |period: Period| {
        let counter = Counter::new(call.registry, call.registered, call.user_id, period);
        let row = counter.lock()?;
        Some((period, (counter, row)))
    };
    let counters: BTreeMap<_, _> = periods.into_iter().filter_map(lock).collect();
    counters.contains_key(&current).then_some(counters)
}

/// Inserts what is missing of the windows that plan and rules say, and locks them together with those
/// of expired reservations. The counter is locked, so what new windows begin with does not change.
fn lock_windows(call: &Call, counter: &Counter, wanted: &Wanted) -> Windows {
    let terms = terms(call);
    let places = terms.places(call.registered);
    let begun = windows::beginnings(counter, &terms.calendar, &places, Snapshot::Latest);
    let mut keys = windows::keys(call.user_id, call.registered, &places);
    let used = |key: &WindowKey| begun.get(&key.period).copied().unwrap_or(0);
    let missing = keys.iter().map(|key| (key.clone(), used(key))).collect();
    let has_open = windows::has_open(call.registry, call.registered, call.user_id);
    rows::insert_missing(call.registry, &missing, has_open);
    keys.extend(wanted.windows.iter().cloned());
    rows::lock(call.registry, &keys)
}

/// The open reservations of the user and the feature, if one may be counted in a locked row.
fn open_reservations(call: &Call, terms: &Terms, locked: &Locked) -> Vec<Open> {
    if !locked.has_reservations() {
        return Vec::new();
    }
    let mut open = open_of(call.registry, call.user_id, Snapshot::Latest);
    open.retain(|open| open.feature_type == call.registered.feature.feature_type);
    let (registry, registered) = (call.registry, call.registered);
    let sums = Sums::read(registry, registered, call.user_id, &terms.calendar, Snapshot::Latest);
    sums.extend_all(&mut open);
    open
}

/// Requires that what the first expired reservations are counted in is locked, unless it has been
/// deleted.
fn require_locked(
    call: &Call,
    open: &[Open],
    locked: &mut Locked,
    wanted: Option<&Wanted>,
) -> Result<(), Again> {
    let mut past: Vec<&Open> = open.iter().filter(|open| open.is_past).collect();
    past.sort_by_key(|open| *open.reservation_id.as_bytes());
    past.truncate(MOST_EXPIRED);
    let mut missing = Wanted::default();
    for open in past {
        let unlocked = open.windows().into_iter().filter(|key| !locked.windows.contains_key(key));
        for key in unlocked {
            // Locked in vain before: it does not exist.
            match wanted.is_some_and(|wanted| wanted.windows.contains(&key)) {
                true => drop(locked.gone_windows.insert(key)),
                false => drop(missing.windows.insert(key)),
            }
        }
        let Ok(period) = Period::parse(call.registered.feature.period, &open.period) else {
            continue;
        };
        if !locked.counters.contains_key(&period) {
            match wanted.is_some_and(|wanted| wanted.periods.contains(&period)) {
                true => drop(locked.gone_periods.insert(open.period.clone())),
                false => drop(missing.periods.insert(period)),
            }
        }
    }
    if missing.periods.is_empty() && missing.windows.is_empty() {
        return Ok(());
    }
    Err(Again::Expired(missing))
}
