//! The windows and rates of caps: which a call needs, what is used of them, and what it adds.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::calendar::{Calendar, Span};
use domain::cap::{At, Capped, Place, State};
use domain::period::Period;
use domain::period_kind::PeriodKind;
use domain::rule::Scope;
use pgrx::Uuid;

use super::account::Account;
use crate::pg::snapshot::Snapshot;
use crate::store::counter::Counter;
use crate::store::holding::Holding;
use crate::store::owner::Owner;
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::{Open, open_of};
use crate::store::windows::{self, Window, WindowKey, Windows};

/// The row that counts a cap, if it is not the feature's own counter.
pub fn key(account: &Account, place: &Place) -> Option<WindowKey> {
    let feature_type = &account.registered.feature.feature_type;
    account.owner.window(place.cap.scope, feature_type, &place.key()?)
}

/// The rows that count the caps of an account, and of a pool the part of the member.
pub fn keys(account: &Account) -> BTreeSet<WindowKey> {
    let places = account.places.iter();
    places.filter_map(|place| key(account, place)).chain(account.share()).collect()
}

/// The caps with what is used of them.
pub fn capped(account: &Account, windows: &Windows) -> Vec<Capped> {
    let (used_by_all, own) = (account.usage.current, &account.span);
    let capped = |place: &Place| {
        let row = key(account, place).and_then(|key| windows.get(&key));
        let state = match place.at {
            At::Own => State::Window { used: used_by_all, reset_at: own.reset_at },
            At::Window(Span { reset_at, .. }) => {
                State::Window { used: row.map_or(0, |row| row.used), reset_at }
            }
            At::Bucket(_) => State::Bucket { tat: row.and_then(|row| row.tat) },
        };
        Capped { cap: place.cap, state }
    };
    account.places.iter().map(capped).collect()
}

/// What new rows begin with. A total, a month and a year begin with what the feature's own periods
/// inside them have counted, so that a cap added in the middle knows what was used before; every
/// other window begins with 0.
pub fn beginnings(
    registry: &Rc<Registry>,
    account: &Account,
    places: &[Place],
    snapshot: Snapshot,
) -> BTreeMap<WindowKey, i64> {
    let mut begun = BTreeMap::new();
    let mut counts: BTreeMap<Scope, Vec<(Span, i64)>> = BTreeMap::new();
    for place in places {
        let Some(key) = key(account, place) else { continue };
        let sum = match place.at {
            At::Window(window) if is_sum(&window) => {
                let counts = counts
                    .entry(place.cap.scope)
                    .or_insert_with(|| own_counts(registry, account, &key, snapshot));
                let inside = counts.iter().filter(|(span, _)| is_inside(span, &window));
                inside.fold(0, |sum: i64, (_, count)| sum.saturating_add(*count))
            }
            _ => 0,
        };
        begun.insert(key, sum);
    }
    begun
}

/// What the feature's own periods have counted of whoever has a window.
fn own_counts(
    registry: &Rc<Registry>,
    account: &Account,
    window: &WindowKey,
    snapshot: Snapshot,
) -> Vec<(Span, i64)> {
    let feature = &account.registered.feature;
    let counts = match account.owner {
        Owner::User(_) => Counter::of(registry, &account.counter())
            .map_or_else(Vec::new, |counter| counter.all_counts(snapshot)),
        Owner::Pool { .. } => {
            let ids = (window.pool_id, window.user_id);
            windows::all_counts(registry, ids, &feature.feature_type, snapshot)
        }
    };
    let span = |(key, count): (String, i64)| {
        let period = Period::parse(feature.period, &key).ok()?;
        Some((account.terms.calendar.span(period), count))
    };
    counts.into_iter().filter_map(span).collect()
}

/// The windows that begin with what was counted before, as far as they have rows: a reservation that
/// was made before such a row is counted there as well, if its period lies inside.
pub struct Sums {
    own: PeriodKind,
    feature_type: String,
    calendar: Calendar,
    windows: Vec<Sum>,
}

/// A window that began with what was counted before.
struct Sum {
    scope: Scope,
    key: String,
    span: Span,
    /// When its row was made.
    made_at: i64,
}

impl Sums {
    /// Those of an owner, and what a call about an account is about to make: of a pool also for other
    /// members than the one who acts.
    fn read(registry: &Registry, account: &Account, owner: Owner, snapshot: Snapshot) -> Self {
        let calendar = &account.terms.calendar;
        let mut sums = Self::of(registry, &account.registered, owner, calendar, snapshot);
        let is_of_owner = |place: &&Place| !place.cap.scope.is_member() || owner == account.owner;
        for place in account.places.iter().filter(is_of_owner) {
            sums.add(place);
        }
        sums
    }

    pub fn of(
        registry: &Registry,
        registered: &Registered,
        owner: Owner,
        calendar: &Calendar,
        snapshot: Snapshot,
    ) -> Self {
        let (own, feature_type) = (registered.feature.period, &registered.feature.feature_type);
        let sum = |scope: Scope, (key, made_at): (String, i64)| {
            let kinds = [PeriodKind::Total, PeriodKind::Month, PeriodKind::Year];
            // A row of the feature's own kind is no window.
            let period = kinds
                .into_iter()
                .filter(|kind| *kind != own)
                .find_map(|kind| Period::parse(kind, &key).ok())?;
            Some(Sum { scope, key, span: calendar.span(period), made_at })
        };
        let of = |scope: Scope, ids: (Uuid, Uuid)| {
            let sums = windows::sums(registry, ids, feature_type, snapshot).into_iter();
            sums.filter_map(move |row| sum(scope, row)).collect::<Vec<_>>()
        };
        let mut all = of(owner.scope(), owner.ids());
        if let Some(ids) = owner.member_ids() {
            all.extend(of(Scope::Member, ids));
        }
        let (feature_type, calendar) = (feature_type.clone(), calendar.clone());
        Self { own, feature_type, calendar, windows: all }
    }

    /// Adds a window, unless it has a row.
    fn add(&mut self, place: &Place) {
        if let (At::Window(span), Some(key)) = (place.at, place.key())
            && is_sum(&span)
            && self.windows.iter().all(|sum| (sum.scope, &sum.key) != (place.cap.scope, &key))
        {
            self.windows.push(Sum { scope: place.cap.scope, key, span, made_at: i64::MAX });
        }
    }

    /// Adds those to the windows in which a reservation is counted that was made at this instant.
    pub fn extend(&self, holding: &mut Holding, since: i64) {
        let parts = [Some(&mut holding.own), holding.paid.as_mut()];
        for at in parts.into_iter().flatten().filter(|at| at.feature_type == self.feature_type) {
            let Ok(period) = Period::parse(self.own, &at.period) else { continue };
            let span = self.calendar.span(period);
            for sum in &self.windows {
                let windows = match sum.scope {
                    Scope::Member => &mut at.windows.members,
                    Scope::User | Scope::Pool => &mut at.windows.own,
                };
                let is_new = !windows.iter().any(|(_, existing)| *existing == sum.key);
                if sum.made_at > since && is_inside(&span, &sum.span) && is_new {
                    let kind = sum.span.period.kind().name().to_owned();
                    windows.push((kind, sum.key.clone()));
                }
            }
        }
    }
}

/// Adds to open reservations the windows that began, or are about to begin, with what they had counted.
pub fn extend_all(registry: &Registry, account: &Account, open: &mut [Open], snapshot: Snapshot) {
    extend_each(open.iter_mut(), |owner| Sums::read(registry, account, owner, snapshot));
}

/// Adds to open reservations the windows of their owners, which are read once per owner.
pub fn extend_each<'a>(open: impl Iterator<Item = &'a mut Open>, read: impl Fn(Owner) -> Sums) {
    let mut sums: BTreeMap<Owner, Sums> = BTreeMap::new();
    for open in open {
        let owner = open.holding.owner;
        let sums = sums.entry(owner).or_insert_with(|| read(owner));
        sums.extend(&mut open.holding, open.since);
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
    let key = |place: &Place| key(account, place);
    let is_missing = |place: &&Place| key(place).is_some_and(|key| !existing.contains_key(&key));
    let missing: Vec<Place> = account.places.iter().filter(is_missing).copied().collect();
    let begun = beginnings(registry, account, &missing, Snapshot::Caller);
    let window = |place: &Place| {
        let key = key(place)?;
        let used = begun.get(&key).copied().unwrap_or(0);
        // What it would begin with may be reserved.
        Some((key, Window { used, has_reservations: used > 0, ..Window::default() }))
    };
    missing.iter().filter_map(window).collect()
}

/// Whether there are open reservations of an account, which new windows begin with.
pub fn has_open(registry: &Registry, account: &Account) -> bool {
    let open = open_of(registry, account.owner, Snapshot::Latest);
    open.iter().any(|open| account.is_concerned_by(open))
}
