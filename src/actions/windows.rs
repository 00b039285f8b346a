//! The windows and rates of caps: which a call needs, what is used of them, and what it adds.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::calendar::{Calendar, Span};
use domain::cap::{At, Capped, Place, State};
use domain::period::Period;
use domain::period_kind::PeriodKind;
use pgrx::Uuid;

use super::terms::{Terms, Unusable};
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::snapshot::{self, Snapshot};
use crate::store::counter::Counter;
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::{CountedIn, Open, open_of};
use crate::store::windows::{self, Change, Window, WindowKey, Windows};

/// The row that counts a cap, if it is not the feature's own counter.
pub fn key(user_id: Uuid, registered: &Registered, place: &Place) -> Option<WindowKey> {
    let feature_type = registered.feature.feature_type.clone();
    place.key().map(|period| WindowKey { user_id, feature_type, period })
}

pub fn keys(user_id: Uuid, registered: &Registered, places: &[Place]) -> BTreeSet<WindowKey> {
    places.iter().filter_map(|place| key(user_id, registered, place)).collect()
}

/// The caps with what is used of them, given the usage and the period of the feature's own counter.
pub fn capped(
    user_id: Uuid,
    registered: &Registered,
    places: &[Place],
    own: (i64, &Span),
    windows: &Windows,
) -> Vec<Capped> {
    let capped = |place: &Place| {
        let row = key(user_id, registered, place).and_then(|key| windows.get(&key));
        let state = match place.at {
            At::Own => State::Window { used: own.0, reset_at: own.1.reset_at },
            At::Window(Span { reset_at, .. }) => {
                State::Window { used: row.map_or(0, |row| row.used), reset_at }
            }
            At::Bucket(_) => State::Bucket { tat: row.and_then(|row| row.tat) },
        };
        Capped { cap: place.cap, state }
    };
    places.iter().map(capped).collect()
}

/// What an amount changes of the rows of caps.
pub fn changes(
    user_id: Uuid,
    registered: &Registered,
    places: &[Place],
    capped: &[Capped],
    amount: i64,
    now: i64,
) -> BTreeMap<WindowKey, Change> {
    let change = |(place, capped): (&Place, &Capped)| {
        let change = match capped.counted(amount, now).state {
            State::Window { .. } => Some(Change::Add(amount)),
            State::Bucket { tat } => tat.map(Change::Fill),
        };
        key(user_id, registered, place).zip(change)
    };
    places.iter().zip(capped).filter_map(change).collect()
}

/// What new rows begin with. A total, a month and a year begin with what the feature's own periods
/// inside them have counted, so that a cap added in the middle knows what was used before; every
/// other window begins with 0.
pub fn beginnings(
    counter: &Counter,
    calendar: &Calendar,
    places: &[Place],
    snapshot: Snapshot,
) -> BTreeMap<String, i64> {
    let own = counter.feature().period;
    let mut begun = BTreeMap::new();
    let mut counts: Option<Vec<(Span, i64)>> = None;
    for place in places {
        let Some(key) = place.key() else { continue };
        let sum = match place.at {
            At::Window(window) if is_sum(&window) => {
                let counts = counts.get_or_insert_with(|| {
                    let counts = counter.all_counts(snapshot).into_iter();
                    let span = |(key, count): (String, i64)| {
                        let period = Period::parse(own, &key).ok()?;
                        Some((calendar.span(period), count))
                    };
                    counts.filter_map(span).collect()
                });
                let inside = counts.iter().filter(|(span, _)| is_inside(span, &window));
                inside.fold(0, |sum: i64, (_, count)| sum.saturating_add(*count))
            }
            _ => 0,
        };
        begun.insert(key, sum);
    }
    begun
}

/// The windows that begin with what was counted before, as far as they have rows: a reservation that
/// was made before such a row is counted there as well, if its period lies inside.
pub struct Sums {
    own: PeriodKind,
    calendar: Calendar,
    /// Each with when its row was made.
    windows: Vec<(String, Span, i64)>,
}

impl Sums {
    pub fn read(
        registry: &Registry,
        registered: &Registered,
        user_id: Uuid,
        calendar: &Calendar,
        snapshot: Snapshot,
    ) -> Self {
        let feature_type = &registered.feature.feature_type;
        let window = |(key, made_at): (WindowKey, i64)| {
            let kinds = [PeriodKind::Total, PeriodKind::Month, PeriodKind::Year];
            let period =
                kinds.into_iter().find_map(|kind| Period::parse(kind, &key.period).ok())?;
            Some((key.period, calendar.span(period), made_at))
        };
        let windows = windows::sums(registry, user_id, feature_type, snapshot).into_iter();
        Self {
            own: registered.feature.period,
            calendar: calendar.clone(),
            windows: windows.filter_map(window).collect(),
        }
    }

    /// Adds a window, unless it has a row.
    pub fn add(&mut self, place: &Place) {
        if let (At::Window(span), Some(key)) = (place.at, place.key())
            && is_sum(&span)
            && self.windows.iter().all(|(existing, ..)| *existing != key)
        {
            self.windows.push((key, span, i64::MAX));
        }
    }

    /// Adds those to the windows in which open reservations are counted.
    pub fn extend_all(&self, open: &mut [Open]) {
        for open in open {
            self.extend(&open.period, &mut open.counted_in);
        }
    }

    /// Adds those to the windows in which a reservation of a period is counted.
    pub fn extend(&self, period: &str, counted_in: &mut CountedIn) {
        let Ok(period) = Period::parse(self.own, period) else { return };
        let span = self.calendar.span(period);
        for (key, window, made_at) in &self.windows {
            if *made_at > counted_in.since
                && is_inside(&span, window)
                && !counted_in.windows.contains(key)
            {
                counted_in.windows.push(key.clone());
            }
        }
    }
}

/// Whether a new window begins with what was counted before.
fn is_sum(span: &Span) -> bool {
    matches!(span.period.kind(), PeriodKind::Total | PeriodKind::Month | PeriodKind::Year)
}

fn is_inside(span: &Span, window: &Span) -> bool {
    let begins = window.starts_at.is_none_or(|start| span.starts_at >= Some(start));
    let ends = window.reset_at.is_none_or(|end| span.reset_at.is_some_and(|reset| reset <= end));
    begins && ends
}

/// The rows of caps in the caller's snapshot, and what those that do not exist yet would begin with.
pub fn read(
    counter: &Counter,
    registered: &Registered,
    calendar: &Calendar,
    places: &[Place],
) -> Windows {
    let keys = keys(counter.user_id, registered, places);
    let mut rows = windows::read(&counter.registry, &keys);
    let missing = |place: &&Place| {
        key(counter.user_id, registered, place).is_some_and(|key| !rows.contains_key(&key))
    };
    let missing: Vec<Place> = places.iter().filter(missing).copied().collect();
    if !missing.is_empty() {
        let feature_type = &registered.feature.feature_type;
        for (period, used) in beginnings(counter, calendar, &missing, Snapshot::Caller) {
            let (user_id, feature_type) = (counter.user_id, feature_type.clone());
            let key = WindowKey { user_id, feature_type, period };
            // What it would begin with may be reserved.
            rows.insert(key, Window { used, has_reservations: used > 0, ..Window::default() });
        }
    }
    rows
}

/// Whether a user has open reservations of a feature, which new windows begin with.
pub fn has_open(registry: &Registry, registered: &Registered, user_id: Uuid) -> bool {
    let feature_type = &registered.feature.feature_type;
    open_of(registry, user_id, Snapshot::Latest)
        .iter()
        .any(|open| open.feature_type == *feature_type)
}

/// An amount of a feature that has been counted in a period.
pub struct Counted<'a> {
    pub user_id: Uuid,
    pub registered: &'a Rc<Registered>,
    pub period: Period,
    pub amount: i64,
}

/// Counts amounts in the windows and rates of caps, as much as there is room for and beyond: those of
/// current periods, once per user and feature. The feature's own counters, which are locked, count
/// them already.
///
/// Rules are read after those locks, so a rule that was committed before holds.
pub fn count(registry: &Rc<Registry>, counted: &[Counted]) {
    let current: Vec<Current> =
        counted.iter().filter_map(|counted| Current::of(registry, counted)).collect();
    let wanted: BTreeSet<WindowKey> = current.iter().flat_map(Current::keys).collect();
    if wanted.is_empty() {
        return;
    }
    let existing = snapshot::latest(|| windows::read(registry, &wanted));
    let missing: BTreeMap<WindowKey, i64> =
        current.iter().flat_map(|current| current.missing(registry, &existing)).collect();
    let has_reservations = !missing.is_empty()
        && current.iter().any(|current| {
            let Counted { user_id, registered, .. } = current.counted;
            has_open(registry, registered, *user_id)
        });
    windows::insert_missing(registry, &missing, has_reservations);
    let rows = windows::lock(registry, &wanted);
    // At REPEATABLE READ, a row that another call has inserted since the snapshot can't be locked.
    if wanted.iter().any(|key| existing.contains_key(key) && !rows.contains_key(key)) {
        CountingError::Contention.raise();
    }
    let changes = current.iter().flat_map(|current| current.changes(&rows)).collect();
    windows::change(registry, &changes, false);
}

/// An amount that was counted in the current period, and the caps that it counts for.
struct Current<'a> {
    counted: &'a Counted<'a>,
    terms: Terms,
    span: Span,
    places: Vec<Place>,
}

impl<'a> Current<'a> {
    fn of(registry: &Registry, counted: &'a Counted) -> Option<Self> {
        let Counted { user_id, registered, period, .. } = counted;
        let terms = Terms::latest(registry, registered, *user_id, Unusable::IsIgnored);
        let (span, places) = (terms.span(registered), terms.places(registered));
        (span.period == *period).then_some(Self { counted, terms, span, places })
    }

    fn keys(&self) -> BTreeSet<WindowKey> {
        keys(self.counted.user_id, self.counted.registered, &self.places)
    }

    /// The rows that do not exist, with what they begin with: without the amount, which is added.
    fn missing(&self, registry: &Rc<Registry>, existing: &Windows) -> BTreeMap<WindowKey, i64> {
        let keys = self.keys().into_iter().filter(|key| !existing.contains_key(key));
        let keys: Vec<WindowKey> = keys.collect();
        if keys.is_empty() {
            return BTreeMap::new();
        }
        let Counted { user_id, registered, period, amount } = self.counted;
        let counter = Counter::new(registry, registered, *user_id, *period);
        let begun = beginnings(&counter, &self.terms.calendar, &self.places, Snapshot::Latest);
        let before =
            |key: &WindowKey| begun.get(&key.period).map_or(0, |sum| (sum - amount).max(0));
        keys.into_iter().map(|key| (key.clone(), before(&key))).collect()
    }

    fn changes(&self, rows: &Windows) -> BTreeMap<WindowKey, Change> {
        let Counted { user_id, registered, amount, .. } = self.counted;
        let capped = capped(*user_id, registered, &self.places, (0, &self.span), rows);
        let now = self.terms.clock.wall;
        changes(*user_id, registered, &self.places, &capped, *amount, now)
    }
}
