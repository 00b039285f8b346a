//! The admission of a feature with rules, or whose period depends on the user.
//!
//! Which rows a call needs follows from plan and rules, and these count as they are once the rows are
//! locked. So a call reads them, locks the rows in a subtransaction, and reads them again: if it
//! needs other rows by now, it frees the locks and begins again with those of both readings. Taking
//! them in addition could deadlock, since every call locks rows in one order: users, `feature_usage`,
//! `usage_counters`.

use std::collections::{BTreeMap, BTreeSet};

use domain::answer::Answer;
use domain::calendar::Span;
use domain::cap::Place;
use domain::decision::{Standing, decide};
use domain::denial::Denial;
use domain::period::Period;

use super::admit::{ATTEMPTS, Call};
use super::expire::{self, Locked};
use super::replay::Outcome;
use super::terms::{Terms, Unusable};
use super::windows;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::snapshot::Snapshot;
use crate::pg::subtransaction;
use crate::store::counter::{Counted, Counter};
use crate::store::reservations::{Open, open_of};
use crate::store::windows::WindowKey;
use crate::store::{registry, users, windows as rows};

/// The most expired reservations that one call gives back.
const MOST_EXPIRED: usize = 100;

/// What a call locks besides the counter of the current period.
#[derive(Default)]
struct Wanted {
    /// Other periods of the feature, in which expired reservations are counted.
    periods: BTreeSet<Period>,
    windows: BTreeSet<WindowKey>,
    /// Whether rows are missing.
    inserts: bool,
}

/// Why an attempt is undone and begun again.
enum Again {
    /// The registry has changed.
    Registry,
    /// Plan or rules have changed, or another call has used the idempotency key.
    Terms,
    /// A row of a window is missing.
    Missing,
    /// Expired reservations are counted in rows that are not locked.
    Expired { periods: BTreeSet<Period>, windows: BTreeSet<WindowKey> },
}

/// The outcome; `None` if the registry has changed so that the call must begin again.
pub fn admit(call: &Call) -> Option<Outcome> {
    users::lock(call.registry, &[call.user_id]);
    let mut wanted = Wanted::default();
    for _ in 0..ATTEMPTS {
        let terms = terms(call);
        let span = terms.span(call.registered);
        if let Some(answer) = certain_denial(call, &terms, &span) {
            return Some(call.purpose.denied(answer).into());
        }
        let places = terms.places(call.registered);
        wanted.windows.extend(windows::keys(call.user_id, call.registered, &places));
        match subtransaction::attempt(|| attempt(call, &terms, span, &wanted)) {
            Ok(outcome) => return Some(outcome),
            Err(Again::Registry) => return None,
            Err(Again::Terms) => {}
            Err(Again::Missing) => wanted.inserts = true,
            Err(Again::Expired { periods, windows }) => {
                wanted.periods.extend(periods);
                wanted.windows.extend(windows);
            }
        }
    }
    CountingError::Contention.raise();
}

fn terms(call: &Call) -> Terms {
    Terms::latest(call.registry, call.registered, call.user_id, Unusable::IsRefused)
}

/// A denial that does not depend on what is used, and so needs no rows.
fn certain_denial(call: &Call, terms: &Terms, span: &Span) -> Option<Answer> {
    let standing = standing(terms, &[], 0, span);
    let denial = decide(&standing, 0)
        .err()
        .filter(|denial| !matches!(denial, Denial::LimitExceeded { .. } | Denial::Short(_)))?;
    let answer = Answer::new(&call.registered.feature, span, Err(denial));
    Some(answer.with_rules(&terms.in_force, &[], call.amount.into(), terms.clock.wall))
}

fn standing<'a>(
    terms: &'a Terms,
    caps: &'a [domain::cap::Capped],
    current_usage: i64,
    span: &Span,
) -> Standing<'a> {
    Standing {
        entitlement: &terms.entitlement,
        in_force: &terms.in_force,
        caps,
        current_usage,
        reset_at: span.reset_at,
        clock: terms.clock,
    }
}

/// Locks, reads again, decides and writes.
fn attempt(call: &Call, supposed: &Terms, span: Span, wanted: &Wanted) -> Result<Outcome, Again> {
    let subject = call.subject(span);
    let counters = lock_counters(call, &subject.counter, span.period, wanted);
    if !registry::still_has(call.registry, call.registered) {
        return Err(Again::Registry);
    }
    if wanted.inserts {
        let places = supposed.places(call.registered);
        insert_windows(&subject.counter, supposed, &places, wanted);
    }
    let windows = rows::lock(call.registry, &wanted.windows);
    if windows.len() < wanted.windows.len() {
        if wanted.inserts {
            CountingError::WindowSuppressed.raise();
        }
        return Err(Again::Missing);
    }
    if let Some(outcome) = call.replay() {
        return Ok(outcome);
    }

    let terms = terms(call);
    let places = terms.places(call.registered);
    let needed = windows::keys(call.user_id, call.registered, &places);
    if terms.span(call.registered).period != span.period || !needed.is_subset(&wanted.windows) {
        return Err(Again::Terms);
    }
    let mut locked = Locked { counters, windows, ..Locked::default() };
    let open = open_reservations(call, &locked);
    require_locked(call, &open, &mut locked)?;
    expire::give_back(call.registry, call.user_id, &open, &mut locked, MOST_EXPIRED);

    let row = &locked.counters[&span.period].1;
    let own = (row.count, &span);
    let (user_id, registered) = (call.user_id, call.registered);
    let capped = windows::capped(user_id, registered, &places, own, &locked.windows);
    let decision = decide(&standing(&terms, &capped, row.count, &span), call.amount.into());
    let is_admitted = decision.is_ok();
    if is_admitted {
        subject.counter.require_room(row.count, call.amount);
    }
    let live = locked.live(&open, span.period);
    let decision = decision.map(|allowance| allowance.counted(call.amount.into()));
    let (amount, now) = (i64::from(call.amount), terms.clock.wall);
    let answer = Answer::new(subject.counter.feature(), &span, decision)
        .with_reserved(live)
        .with_rules(&terms.in_force, &capped, amount, now);
    if !is_admitted {
        return Ok(call.purpose.denied(answer).into());
    }
    let counted_in: Vec<_> = places.iter().filter_map(Place::window).collect();
    let answer = call.write(&subject, row, answer, &counted_in).ok_or(Again::Terms)?;
    let changes = windows::changes(user_id, registered, &places, &capped, amount, now);
    rows::change(call.registry, &changes, call.purpose.is_reserve());
    Ok(answer.into())
}

/// Locks the counters of the current period and of the others, in the order of their keys. Inserts
/// the one of the current period if it is missing, before any row is locked.
fn lock_counters(
    call: &Call,
    own: &Counter,
    current: Period,
    wanted: &Wanted,
) -> BTreeMap<Period, (Counter, Counted)> {
    let counter =
        |period: &Period| Counter::new(call.registry, call.registered, call.user_id, *period);
    if !wanted.periods.is_empty() || wanted.inserts {
        own.insert();
    }
    let periods: BTreeSet<Period> = wanted.periods.iter().copied().chain([current]).collect();
    // Period keys of one kind sort by time.
    let lock = |period: Period| {
        let counter = counter(&period);
        let row = counter.lock()?;
        Some((period, (counter, row)))
    };
    let mut counters: BTreeMap<Period, (Counter, Counted)> =
        periods.into_iter().filter_map(lock).collect();
    if !counters.contains_key(&current) {
        own.insert();
        let row = own.lock().unwrap_or_else(|| {
            CountingError::Suppressed { feature: own.feature() }.raise();
        });
        counters.insert(current, (counter(&current), row));
    }
    counters
}

/// Inserts the rows of windows that are missing. The feature's own counter is locked, so what they
/// begin with does not change meanwhile.
fn insert_windows(counter: &Counter, terms: &Terms, places: &[Place], wanted: &Wanted) {
    let begun = windows::beginnings(counter, &terms.calendar, places, Snapshot::Latest);
    let begun = |key: &WindowKey| begun.get(&key.period).copied().unwrap_or(0);
    let missing = wanted.windows.iter().map(|key| (key.clone(), begun(key))).collect();
    rows::insert_missing(&counter.registry, &missing);
}

/// The open reservations of the user and the feature, if one may be counted in a locked row.
fn open_reservations(call: &Call, locked: &Locked) -> Vec<Open> {
    if !locked.has_reservations() {
        return Vec::new();
    }
    let mut open = open_of(call.registry, call.user_id, Snapshot::Latest);
    open.retain(|open| open.feature_type == call.registered.feature.feature_type);
    open
}

/// Requires that what the first expired reservations are counted in is locked, unless it has been
/// deleted.
fn require_locked(call: &Call, open: &[Open], locked: &mut Locked) -> Result<(), Again> {
    let mut past: Vec<&Open> = open.iter().filter(|open| open.is_past).collect();
    past.sort_by_key(|open| *open.reservation_id.as_bytes());
    past.truncate(MOST_EXPIRED);
    let kind = call.registered.feature.period;
    let windows: BTreeSet<WindowKey> = past.iter().flat_map(|open| open.windows()).collect();
    let mut periods = BTreeSet::new();
    for key in past.iter().map(|open| &open.period) {
        let Ok(period) = Period::parse(kind, key) else { continue };
        if locked.counters.contains_key(&period) {
            continue;
        }
        let counter = Counter::new(call.registry, call.registered, call.user_id, period);
        if counter.count(Snapshot::Latest).is_some() {
            periods.insert(period);
        } else {
            locked.gone_periods.insert(key.clone());
        }
    }
    if periods.is_empty() && windows.iter().all(|key| locked.windows.contains_key(key)) {
        return Ok(());
    }
    Err(Again::Expired { periods, windows })
}
