//! The counts that a call works on: read or locked, changed in memory, and written at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::alert::Alert;
use domain::correction::Correction;
use domain::decision::Usage;
use domain::grant::Grant;
use domain::ledger::Kind;
use domain::rule::Scope;
use domain::sources::Stored;

use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::snapshot::{self, Snapshot};
use crate::store::counter::{Counted, Counter, CounterKey, RowId};
use crate::store::holding::{Holding, Part};
use crate::store::ledger::{Cause, Entry};
use crate::store::owner::Owner;
use crate::store::registry::Registry;
use crate::store::reservations::{Open, held_of};
use crate::store::windows::{self, Change, Window, WindowKey, Windows};
use crate::store::{alerts, batch, grants, ledger};

/// The names of rows, in the order in which they are locked: counters first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    pub counters: BTreeSet<CounterKey>,
    pub windows: BTreeSet<WindowKey>,
}

impl Keys {
    /// The rows in which an amount is counted.
    pub fn of(holding: &Holding) -> Self {
        Self { counters: holding.counters(), windows: holding.windows() }
    }

    /// All of several.
    pub fn of_all(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::default(), |mut all, part| {
            all.extend(part);
            all
        })
    }

    pub fn is_empty(&self) -> bool {
        self.counters.is_empty() && self.windows.is_empty()
    }

    pub fn extend(&mut self, other: Self) {
        self.counters.extend(other.counters);
        self.windows.extend(other.windows);
    }

    /// Those that are not among others.
    pub fn without(&self, others: &Self) -> Self {
        Self {
            counters: self.counters.difference(&others.counters).cloned().collect(),
            windows: self.windows.difference(&others.windows).cloned().collect(),
        }
    }
}

/// A counter, with the part that the allowance does not cover.
#[derive(Clone, Copy)]
struct CounterRow {
    row: Counted,
    drawn: i64,
    overage: i64,
}

#[derive(Clone, Default)]
struct Rows {
    counters: BTreeMap<CounterKey, CounterRow>,
    windows: Windows,
    grants: BTreeMap<uuid::Uuid, Grant>,
}

#[derive(Clone)]
pub struct Counts {
    registry: Rc<Registry>,
    /// As they are stored.
    stored: Rows,
    /// As they will be stored.
    rows: Rows,
    /// Rows that were locked in vain: they have been deleted, so there is nothing to give back to.
    gone: Keys,
    /// What counters tell once their counts are written.
    alerts: Vec<(CounterKey, Alert)>,
    /// What the ledger has to say of features that are logged.
    entries: Vec<Entry>,
    /// Whether features are logged, as far as their rules have been read.
    logged: BTreeMap<String, bool>,
}

impl Counts {
    pub fn new(registry: &Rc<Registry>) -> Self {
        let registry = Rc::clone(registry);
        let (stored, rows, gone) = (Rows::default(), Rows::default(), Keys::default());
        let (alerts, entries, logged) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { registry, stored, rows, gone, alerts, entries, logged }
    }

    /// Inserts the rows of counters that are missing. Call it before any is locked.
    pub fn insert_counters(&self, keys: &BTreeSet<CounterKey>) {
        let (of_pools, own): (Vec<&CounterKey>, Vec<_>) =
            keys.iter().partition(|key| key.is_of_pool());
        if !own.is_empty() {
            let rows = own.iter().map(|key| (key.user_id, key.period.clone()));
            batch::insert_missing(&self.registry, &rows.collect());
        }
        let of_pools = of_pools.iter().map(|key| (key.cover(), 0)).collect();
        windows::insert_missing(&self.registry, &of_pools, false);
    }

    /// Locks counters one after the other, in their order.
    pub fn lock_counters(&mut self, keys: &BTreeSet<CounterKey>) {
        for key in keys {
            let is_locked = if key.is_of_pool() {
                self.add_pool(key, windows::lock(&self.registry, &BTreeSet::from([key.cover()])))
            } else {
                let row = Counter::of(&self.registry, key).and_then(|counter| counter.lock());
                row.map(|row| self.add_counter(key, row, Snapshot::Latest)).is_some()
            };
            if !is_locked {
                self.gone.counters.insert(key.clone());
            }
        }
    }

    /// Whether the rows of the counters that are locked come before those of others, or are the same.
    pub fn come_before(&self, others: &BTreeSet<CounterKey>) -> bool {
        let last = self.rows.counters.keys().map(CounterKey::row).max();
        let more = others.iter().filter(|key| !self.rows.counters.contains_key(key));
        let first = more.map(CounterKey::row).min();
        first.is_none() || last <= first
    }

    /// Locks counters that are not locked yet. Their rows come after those that are.
    pub fn lock_more_counters(&mut self, keys: &BTreeSet<CounterKey>) {
        let more = keys.iter().filter(|key| !self.rows.counters.contains_key(key));
        self.lock_counters(&more.cloned().collect());
    }

    /// Locks counters, except those that another transaction has locked, and notes which have no row.
    pub fn lock_counters_if_free(&mut self, keys: &BTreeSet<CounterKey>) {
        for key in keys {
            if self.rows.counters.contains_key(key) {
                continue;
            }
            if key.is_of_pool() {
                let own = BTreeSet::from([key.cover()]);
                self.add_pool(key, windows::lock_if_free(&self.registry, &own));
                continue;
            }
            let row = Counter::of(&self.registry, key).and_then(|counter| counter.lock_if_free());
            if let Some(row) = row {
                self.add_counter(key, row, Snapshot::Latest);
            }
        }
        self.note_gone(Keys { counters: keys.clone(), ..Keys::default() });
    }

    /// Locks windows and rates one after the other, in their order.
    pub fn lock_windows(&mut self, keys: &BTreeSet<WindowKey>) {
        self.add_windows(windows::lock(&self.registry, keys));
        let gone = keys.iter().filter(|key| !self.rows.windows.contains_key(key));
        self.gone.windows.extend(gone.cloned());
    }

    /// Locks windows and rates, except those that another transaction has locked, and notes which do not
    /// exist.
    pub fn lock_windows_if_free(&mut self, keys: &BTreeSet<WindowKey>) {
        self.add_windows(windows::lock_if_free(&self.registry, keys));
        self.note_gone(Keys { windows: keys.clone(), ..Keys::default() });
    }

    /// Notes which of these rows, of those that are not locked, do not exist.
    fn note_gone(&mut self, keys: Keys) {
        let unlocked = self.unlocked(&keys);
        if !unlocked.is_empty() {
            let mut existing = Self::new(&self.registry);
            snapshot::latest(|| existing.read(&unlocked));
            self.gone.extend(existing.unlocked(&unlocked));
        }
    }

    /// Locks grants. Counters and windows come before.
    pub fn lock_grants(&mut self, grant_ids: &BTreeSet<uuid::Uuid>) {
        let grant_ids: Vec<uuid::Uuid> = grant_ids.iter().copied().collect();
        self.add_grants(grants::lock(&self.registry, &grant_ids));
    }

    /// Reads rows in the caller's snapshot, without locks.
    pub fn read(&mut self, keys: &Keys) {
        for key in &keys.counters {
            if key.is_of_pool() {
                let own = BTreeSet::from([key.cover()]);
                self.add_pool(key, windows::read(&self.registry, &own));
                continue;
            }
            let row =
                Counter::of(&self.registry, key).and_then(|counter| counter.read(Snapshot::Caller));
            if let Some(row) = row {
                self.add_counter(key, row, Snapshot::Caller);
            }
        }
        self.add_windows(windows::read(&self.registry, &keys.windows));
    }

    /// The same for grants.
    pub fn read_grants(&mut self, grant_ids: &BTreeSet<uuid::Uuid>) {
        let grant_ids: Vec<uuid::Uuid> = grant_ids.iter().copied().collect();
        self.add_grants(grants::read(&self.registry, &grant_ids));
    }

    /// A window that has no row yet, with what it would begin with.
    pub fn add_window(&mut self, key: WindowKey, window: Window) {
        self.rows.windows.insert(key, window);
    }

    fn add_counter(&mut self, key: &CounterKey, row: Counted, snapshot: Snapshot) {
        let cover = key.cover();
        let name = BTreeSet::from([cover.clone()]);
        let read = || windows::read(&self.registry, &name);
        // Whoever changes it has locked the counter.
        let found = match snapshot {
            Snapshot::Latest => snapshot::latest(read),
            _ => read(),
        };
        let Window { drawn, overage, .. } = found.get(&cover).copied().unwrap_or_default();
        self.stored.counters.insert(key.clone(), CounterRow { row, drawn, overage });
        // Somebody may have lowered the count by hand, or deleted its row: no more is covered of it.
        let overage = overage.min(row.count.max(0));
        let drawn = drawn.min(row.count.max(0) - overage);
        self.rows.counters.insert(key.clone(), CounterRow { row, drawn, overage });
    }

    /// Adds the counter of a pool, whose row is like a window. Returns whether there is one.
    fn add_pool(&mut self, key: &CounterKey, found: Windows) -> bool {
        let Some(window) = found.get(&key.cover()) else { return false };
        let Window { used, has_reservations, drawn, overage, .. } = *window;
        let has_increments = false;
        let row = Counted { count: used, has_reservations, has_increments, id: RowId::UNKNOWN };
        self.stored.counters.insert(key.clone(), CounterRow { row, drawn, overage });
        let overage = overage.min(used.max(0));
        let drawn = drawn.min(used.max(0) - overage);
        self.rows.counters.insert(key.clone(), CounterRow { row, drawn, overage });
        true
    }

    fn add_windows(&mut self, windows: Windows) {
        self.stored.windows.extend(windows.clone());
        self.rows.windows.extend(windows);
    }

    /// Adds grants that are locked.
    pub fn add_grants(&mut self, found: impl IntoIterator<Item = Grant>) {
        let found: BTreeMap<uuid::Uuid, Grant> =
            found.into_iter().map(|grant| (grant.grant_id, grant)).collect();
        self.stored.grants.extend(found.clone());
        self.rows.grants.extend(found);
    }

    /// Whether all of these rows are here.
    pub fn has(&self, keys: &Keys) -> bool {
        keys.counters.iter().all(|key| self.rows.counters.contains_key(key))
            && keys.windows.iter().all(|key| self.rows.windows.contains_key(key))
    }

    /// Those of these rows that are neither here nor deleted.
    pub fn unlocked(&self, keys: &Keys) -> Keys {
        let here = Keys {
            counters: self.rows.counters.keys().cloned().collect(),
            windows: self.rows.windows.keys().cloned().collect(),
        };
        keys.without(&here).without(&self.gone)
    }

    /// Whether reservations may hold a part of any count.
    pub fn has_reservations(&self) -> bool {
        self.rows.counters.values().any(|counter| counter.row.has_reservations)
            || self.rows.windows.values().any(|window| window.has_reservations)
    }

    pub fn usage(&self, key: &CounterKey) -> Usage {
        self.rows.counters.get(key).map_or_else(Usage::default, |counter| {
            let CounterRow { row, drawn, overage } = *counter;
            Usage { current: row.count, drawn, overage }
        })
    }

    /// The member's part of a pool's counter, as far as it is read or locked.
    pub fn share(&self, key: &WindowKey) -> i64 {
        self.rows.windows.get(key).map_or(0, |window| window.used)
    }

    pub fn row(&self, key: &CounterKey) -> Option<&Counted> {
        self.rows.counters.get(key).map(|counter| &counter.row)
    }

    pub fn windows(&self) -> &Windows {
        &self.rows.windows
    }

    pub fn grants(&self) -> &BTreeMap<uuid::Uuid, Grant> {
        &self.rows.grants
    }

    /// The amount of a counter that live reservations hold.
    pub fn reserved(&self, key: &CounterKey, open: &[Open]) -> i64 {
        self.rows.counters.get(key).map_or(0, |counter| held_of(open, key, &counter.row).live)
    }

    /// Counts an amount everywhere. What is read or locked of it changes, the rest is ignored.
    pub fn take(&mut self, holding: &Holding, cause: &Cause) {
        let is_reserved = cause.kind == Kind::Reserve;
        for part in holding.parts() {
            let key = part.at.counter(holding.owner);
            if let Some(counter) = self.rows.counters.get_mut(&key) {
                let count = counter.row.count.checked_add(part.amount);
                counter.row.count = count.unwrap_or_else(|| {
                    raise_overflow(&self.registry, &part.at.feature_type, part.amount)
                });
                counter.drawn = counter.drawn.saturating_add(part.drawn);
                counter.overage = counter.overage.saturating_add(part.overage);
                counter.row.has_reservations |= is_reserved;
                let (amount, overage) = (part.amount, part.overage);
                let told = holding.told(&part);
                self.entries.extend(entry(holding.owner, key, amount, overage, told, cause));
            }
            for key in part.at.windows(holding.owner) {
                if let Some(window) = self.rows.windows.get_mut(&key) {
                    window.used = window.used.saturating_add(part.amount);
                    window.has_reservations |= is_reserved;
                }
            }
        }
        for (grant_id, part) in holding.split.grants() {
            if let Some(grant) = self.rows.grants.get_mut(&grant_id) {
                grant.left -= part;
            }
        }
    }

    /// Takes an amount off a counter in memory that is stored in it already.
    pub fn uncount(&mut self, key: &CounterKey, amount: i64) {
        if let Some(counter) = self.rows.counters.get_mut(key) {
            counter.row.count -= amount;
        }
    }

    /// Notes an alert, which is written with the counts.
    pub fn note(&mut self, counter: CounterKey, alert: Alert) {
        self.alerts.push((counter, alert));
    }

    /// Adds a correction to a counter, and to the part of the member of a pool. The windows of caps do not
    /// change.
    pub fn correct(
        &mut self,
        owner: Owner,
        key: &CounterKey,
        correction: &Correction,
        cause: &Cause,
    ) {
        let Some(counter) = self.rows.counters.get_mut(key) else { return };
        let Correction { amount, overage } = *correction;
        let share = owner.window(Scope::Member, &key.feature_type, &key.period);
        if let Some(share) = share.and_then(|share| self.rows.windows.get_mut(&share)) {
            share.used = share.used.saturating_add(amount).max(0);
        }
        let count = counter.row.count.checked_add(amount);
        counter.row.count =
            count.unwrap_or_else(|| raise_overflow(&self.registry, &key.feature_type, amount));
        counter.overage += overage;
        self.entries.extend(entry(owner, key.clone(), amount, overage, None, cause));
    }

    /// Takes over whether a feature is logged.
    pub fn note_logged(&mut self, feature_type: &str, is_logged: bool) {
        self.logged.insert(feature_type.to_owned(), is_logged);
    }

    /// Sets when the bucket of a rate is full again.
    pub fn fill(&mut self, key: &WindowKey, tat: i64) {
        if let Some(window) = self.rows.windows.get_mut(key) {
            window.tat = Some(tat);
        }
    }

    /// Takes what expired reservations, which are among the open ones, hold off the counts again.
    pub fn expire(&mut self, open: &[Open], expired: &[&Open]) {
        let cause = |open: &Open| Cause::of_reservation(Kind::Expire, open.reservation_id);
        let back: Vec<(&Holding, Cause)> =
            expired.iter().map(|open| (&open.holding, cause(open))).collect();
        self.give_back(open, &back);
    }

    /// Takes holdings, which are among what open reservations hold, off the counts again.
    pub fn give_back(&mut self, open: &[Open], back: &[(&Holding, Cause)]) {
        for (key, counter) in &mut self.rows.counters {
            let row = counter.row;
            let mut parts: Vec<(&Holding, &Cause, Part)> = Vec::new();
            for (holding, cause) in back {
                parts.extend(holding.parts_in(key, &row).map(|part| (*holding, cause, part)));
            }
            let sum = |of: fn(&Part) -> i64| parts.iter().map(|(.., part)| of(part)).sum();
            let mut returned =
                held_of(open, key, &row).returnable(row.count, sum(|part| part.amount));
            counter.row.count -= returned;
            counter.drawn = (counter.drawn - sum(|part| part.drawn)).max(0);
            for (holding, cause, part) in &parts {
                // Somebody may have lowered the counter by hand.
                let (amount, overage) =
                    (part.amount.min(returned), part.overage.min(counter.overage));
                returned -= amount;
                counter.overage -= overage;
                let (owner, told) = (holding.owner, holding.told(part));
                self.entries.extend(entry(owner, key.clone(), -amount, -overage, told, cause));
            }
        }
        for (key, window) in &mut self.rows.windows {
            let amount: i64 = back.iter().map(|(holding, _)| holding.amount_in(key)).sum();
            // Somebody may have lowered it by hand.
            window.used = (window.used - amount).max(0);
        }
        for (holding, _) in back {
            for (grant_id, part) in holding.split.grants() {
                let owner = holding.owner.of_grants();
                let grant = self.rows.grants.get_mut(&grant_id);
                if let Some(grant) = grant.filter(|grant| grant.owner == owner) {
                    // Somebody may have corrected what is used by hand.
                    grant.left = grant.left.saturating_add(part).min(grant.amount.max(grant.left));
                }
            }
        }
    }

    /// Writes what has changed, in the order of locks.
    pub fn write(self) {
        let Self { registry, stored, rows, alerts, entries, mut logged, .. } = self;
        let mut covers: BTreeMap<WindowKey, (i64, i64)> = BTreeMap::new();
        let mut changes: BTreeMap<WindowKey, Change> = BTreeMap::new();
        let mut reserved: BTreeMap<WindowKey, Change> = BTreeMap::new();
        for (key, now) in &rows.counters {
            let before = &stored.counters[key];
            let change = (now.drawn - before.drawn, now.overage - before.overage);
            if change != (0, 0) {
                covers.insert(key.cover(), change);
            }
            if key.is_of_pool() {
                let used = Change::Add(now.row.count - before.row.count);
                if now.row.has_reservations && !before.row.has_reservations {
                    reserved.insert(key.cover(), used);
                } else if now.row.count != before.row.count {
                    changes.insert(key.cover(), used);
                }
                continue;
            }
            let counter =
                Counter::of(&registry, key).expect("a counter that was read is registered");
            let change = now.row.count.saturating_sub(before.row.count);
            if change > 0 {
                counter.require_room(before.row.count, change);
            }
            let is_marked = now.row.has_reservations && !before.row.has_reservations;
            if change < 0 {
                counter.subtract(-change);
            }
            if is_marked {
                counter.add_reserved(change.max(0));
            } else if change > 0 {
                counter.add(change);
            }
        }
        for (key, now) in &rows.windows {
            let before = stored.windows.get(key).copied().unwrap_or_default();
            let used = Change::Add(now.used - before.used);
            match now.tat.filter(|_| now.tat != before.tat) {
                Some(tat) => drop(changes.insert(key.clone(), Change::Fill(tat))),
                None if now.has_reservations && !before.has_reservations => {
                    reserved.insert(key.clone(), used);
                }
                None if now.used != before.used => drop(changes.insert(key.clone(), used)),
                None => {}
            }
        }
        for (key, (drawn, overage)) in &covers {
            windows::cover(&registry, key, *drawn, *overage);
        }
        windows::change(&registry, &changes, false);
        windows::change(&registry, &reserved, true);
        let drawn: BTreeMap<uuid::Uuid, i64> = rows
            .grants
            .iter()
            .map(|(grant_id, now)| (*grant_id, stored.grants[grant_id].left - now.left))
            .filter(|(_, drawn)| *drawn != 0)
            .collect();
        if !drawn.is_empty() {
            grants::draw(&registry, &drawn);
        }
        for (counter, alert) in alerts {
            alerts::write(&registry, &counter, alert);
        }
        for entry in entries {
            let is_logged = *logged
                .entry(entry.feature_type.clone())
                .or_insert_with_key(|feature_type| ledger::is_logged(&registry, feature_type));
            if is_logged {
                ledger::write(&registry, &entry);
            }
        }
    }
}

/// What the ledger has to say of a counter, unless it does not change.
fn entry(
    owner: Owner,
    key: CounterKey,
    amount: i64,
    overage: i64,
    sources: Option<Stored>,
    cause: &Cause,
) -> Option<Entry> {
    let CounterKey { period, feature_type, .. } = key;
    let cause = cause.clone();
    (amount != 0).then_some(Entry { owner, feature_type, period, amount, overage, sources, cause })
}

fn raise_overflow(registry: &Rc<Registry>, feature_type: &str, amount: i64) -> ! {
    let registered = registry.find(feature_type).expect("a counter that was read is registered");
    CountingError::Overflow { feature: &registered.feature, amount }.raise()
}
