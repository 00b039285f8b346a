//! The windows and rates of caps: which a call needs, what is used of them, and what it adds.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::calendar::{Calendar, Span};
use domain::cap::{At, Capped, Place, State};
use domain::period::Period;
use domain::period_kind::PeriodKind;
use pgrx::Uuid;

use super::account::Account;
use crate::pg::snapshot::Snapshot;
use crate::store::counter::Counter;
use crate::store::holding::Holding;
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::{Open, open_of};
use crate::store::windows::{self, Window, WindowKey, Windows};

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

/// What new rows begin with. A total, a month and a year begin with what the feature's own periods
/// inside them have counted, so that a cap added in the middle knows what was used before; every
/// other window begins with 0.
pub fn beginnings(
    registry: &Rc<Registry>,
    account: &Account,
    places: &[Place],
    snapshot: Snapshot,
) -> BTreeMap<String, i64> {
    let Some(counter) = Counter::of(registry, &account.counter()) else { return BTreeMap::new() };
    let (own, calendar) = (counter.feature().period, &account.terms.calendar);
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
    feature_type: String,
    calendar: Calendar,
    /// Each with when its row was made.
    windows: Vec<(String, Span, i64)>,
}

impl Sums {
    pub fn read(registry: &Registry, account: &Account, snapshot: Snapshot) -> Self {
        let calendar = &account.terms.calendar;
        let mut sums = Self::of(registry, &account.registered, account.user_id, calendar, snapshot);
        for place in &account.places {
            sums.add(place);
        }
        sums
    }

    pub fn of(
        registry: &Registry,
        registered: &Registered,
        user_id: Uuid,
        calendar: &Calendar,
        snapshot: Snapshot,
    ) -> Self {
        let (own, feature_type) = (registered.feature.period, &registered.feature.feature_type);
        let window = |(key, made_at): (WindowKey, i64)| {
            let kinds = [PeriodKind::Total, PeriodKind::Month, PeriodKind::Year];
            // A row of the feature's own kind is no window.
            let period = kinds
                .into_iter()
                .filter(|kind| *kind != own)
                .find_map(|kind| Period::parse(kind, &key.period).ok())?;
            Some((key.period, calendar.span(period), made_at))
        };
        let windows = windows::sums(registry, user_id, feature_type, snapshot).into_iter();
        Self {
            own,
            feature_type: feature_type.clone(),
            calendar: calendar.clone(),
            windows: windows.filter_map(window).collect(),
        }
    }

    /// Adds a window, unless it has a row.
    fn add(&mut self, place: &Place) {
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
            self.extend(&mut open.holding, open.since);
        }
    }

    /// Adds those to the windows in which a reservation is counted that was made at this instant.
    pub fn extend(&self, holding: &mut Holding, since: i64) {
        let parts = [Some(&mut holding.own), holding.paid.as_mut()];
        for at in parts.into_iter().flatten().filter(|at| at.feature_type == self.feature_type) {
            let Ok(period) = Period::parse(self.own, &at.period) else { continue };
            let span = self.calendar.span(period);
            for (key, window, made_at) in &self.windows {
                let is_new = !at.windows.iter().any(|(_, existing)| existing == key);
                if *made_at > since && is_inside(&span, window) && is_new {
                    let kind = window.period.kind().name().to_owned();
                    at.windows.push((kind, key.clone()));
                }
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

/// What the windows of an account that have no rows yet would begin with.
pub fn unbegun(
    registry: &Rc<Registry>,
    account: &Account,
    existing: &Windows,
) -> Vec<(WindowKey, Window)> {
    let key = |place: &Place| key(account.user_id, &account.registered, place);
    let is_missing = |place: &&Place| key(place).is_some_and(|key| !existing.contains_key(&key));
    let missing: Vec<Place> = account.places.iter().filter(is_missing).copied().collect();
    let begun = beginnings(registry, account, &missing, Snapshot::Caller);
    let window = |place: &Place| {
        let key = key(place)?;
        let used = begun.get(&key.period).copied().unwrap_or(0);
        // What it would begin with may be reserved.
        Some((key, Window { used, has_reservations: used > 0, ..Window::default() }))
    };
    missing.iter().filter_map(window).collect()
}

/// Whether a user has open reservations of a feature, which new windows begin with.
pub fn has_open(registry: &Registry, account: &Account) -> bool {
    let open = open_of(registry, account.user_id, Snapshot::Latest);
    open.iter().any(|open| account.is_concerned_by(open))
}
