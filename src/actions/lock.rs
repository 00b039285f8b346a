//! Locks the rows of an account, in the one order of all calls, and gives expired reservations back.
//!
//! Every call locks rows in this order: users, counters of users, counters of pools, windows of caps and
//! parts of members, grants. The call's own counter serializes it with others, and is locked first;
//! plan, rules and grants are read after that, and the rows that they name follow. If one of these comes
//! before the own counter, or does not exist yet, the call frees all of its locks, which are in a
//! subtransaction, and begins again: it inserts what is missing, locks everything in order, and reads
//! plan and rules once more. Waiting for a row while holding later ones could deadlock, and so could
//! SKIP LOCKED: it waits if the row has just been updated and its new version is locked.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::period::Period;

use super::account::Account;
use super::admit::ATTEMPTS;
use super::counts::{Counts, Keys};
use super::terms::{Unusable, current_span};
use super::windows;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::snapshot::{self, Snapshot};
use crate::pg::subtransaction;
use crate::store::counter::CounterKey;
use crate::store::grants;
use crate::store::owner::Owner;
use crate::store::registry::{self, Registered, Registry};
use crate::store::reservations::{self, Locked, Open, open_of};
use crate::store::windows::{self as rows, WindowKey, Windows};

/// The maximum number of expired reservations that one call gives back. If a user has more, a call may
/// be denied that the next one admits.
const MOST_EXPIRED: usize = 10_000;

/// Why an attempt is undone and begun again.
pub enum Again {
    /// The registry has changed.
    Registry,
    /// Another call has used the idempotency key, or the current period is another by now.
    Changed,
    /// A row is missing, or comes before one that is locked.
    Rows,
    /// Expired reservations are counted in rows that are not locked.
    Expired(Keys),
}

/// Attempts to do something under locks, each in a subtransaction. The first attempt gets `None` and
/// waits for the counter only; later ones get the rows that they lock besides what the terms say.
///
/// `None` if the registry has changed so that the call must begin again.
pub fn attempts<T>(
    first: Option<Keys>,
    mut attempt: impl FnMut(Option<&Keys>) -> Result<T, Again>,
) -> Option<T> {
    let mut wanted = first;
    for _ in 0..ATTEMPTS {
        match subtransaction::attempt(|| attempt(wanted.as_ref())) {
            Ok(done) => return Some(done),
            Err(Again::Registry) => return None,
            Err(Again::Changed) => {}
            Err(Again::Rows) => drop(wanted.get_or_insert_default()),
            Err(Again::Expired(more)) => wanted.get_or_insert_default().extend(more),
        }
    }
    CountingError::Contention.raise();
}

/// Whose account of which feature is locked.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub registry: &'a Rc<Registry>,
    pub registered: &'a Rc<Registered>,
    pub owner: Owner,
    /// `None` is the current one.
    pub period: Option<Period>,
    pub unusable: Unusable,
    /// The reservation that is being settled, which is not given back meanwhile.
    pub settled: Option<&'a Locked>,
}

impl Target<'_> {
    /// The period of the counter.
    pub fn period(&self) -> Period {
        let current =
            || current_span(self.registry, self.registered, self.owner, self.unusable).period;
        self.period.unwrap_or_else(current)
    }

    /// The account with the terms as they are committed now, in this period.
    pub fn account(&self, period: Period) -> Account {
        let Self { registry, registered, owner, unusable, .. } = *self;
        let account =
            Account::latest(registry, registered, owner, unusable).in_period(registry, period);
        let Some(settled) = self.settled else { return account };
        match &settled.holding.paid {
            Some(paid) => account.without_caps().paid_at(registry, paid),
            // What it pays now is counted in the windows of now.
            None => account.without_caps(),
        }
    }

    /// The name of the counter.
    pub fn counter(&self, period: Period) -> CounterKey {
        self.owner.counter(&self.registered.feature.feature_type, &period.to_string())
    }

    /// Locks the counter, and from the second attempt on everything that the terms say and that is
    /// wanted. The counter may not exist.
    pub fn lock(&self, period: Period, wanted: Option<&Keys>) -> Counts {
        let mut counts = Counts::new(self.registry);
        let own = self.counter(period);
        let Some(wanted) = wanted else {
            counts.lock_counters(&BTreeSet::from([own]));
            return counts;
        };
        let account = self.account(period);
        let mut keys = account.keys();
        keys.counters.insert(own);
        counts.insert_counters(&keys.counters);
        keys.extend(wanted.clone());
        counts.lock_counters(&keys.counters);
        insert_windows(self.registry, [(&account, 0)].into_iter(), &Windows::new());
        counts.lock_windows(&keys.windows);
        counts
    }

    /// Inserts the counter, and locks it.
    pub fn insert(&self, period: Period, counts: &mut Counts) {
        let own = BTreeSet::from([self.counter(period)]);
        counts.insert_counters(&own);
        counts.lock_counters(&own);
        if own.iter().any(|own| counts.row(own).is_none()) {
            CountingError::Suppressed { feature: &self.registered.feature }.raise();
        }
    }

    /// Requires that the registry is as the call supposed before it waited for the counter.
    pub fn require_same_registry(&self) -> Result<(), Again> {
        match registry::still_has(self.registry, self.registered) {
            true => Ok(()),
            false => Err(Again::Registry),
        }
    }

    /// Requires that the current period is still this one.
    pub fn require_same_period(&self, account: &Account, period: Period) -> Result<(), Again> {
        match self.period.is_some() || account.terms.span(self.registered).period == period {
            true => Ok(()),
            false => Err(Again::Changed),
        }
    }
}

/// Locks the rows that an account needs besides its counter, unless one comes before it in the order of
/// locks: then the call has to begin again.
pub fn lock_rest(account: &Account, counts: &mut Counts, is_first: bool) -> Result<(), Again> {
    let needed = account.keys();
    if is_first && counts.come_before(&needed.counters) {
        counts.lock_more_counters(&needed.counters);
        counts.lock_windows(&needed.windows);
    }
    if counts.has(&needed) { Ok(()) } else { Err(Again::Rows) }
}

/// Brings an account with locked rows up to date for a call about an amount: gives expired
/// reservations back, and fills in what is used. Returns the open reservations that concern it.
pub fn bring_up_to_date(
    target: &Target,
    account: &mut Account,
    counts: &mut Counts,
    amount: i64,
) -> Result<Vec<Open>, Again> {
    account.fill(counts, &[]);
    let mut open = open_reservations(target, account, counts, amount);
    let is_settled = |open: &Open| {
        target.settled.is_some_and(|settled| settled.reservation_id == open.reservation_id)
    };
    let past = open.iter().filter(|open| open.is_past && !is_settled(open));
    let mut past: Vec<&Open> = past.take(MOST_EXPIRED).collect();
    if !past.is_empty() {
        let keys = |past: &[&Open]| Keys::of_all(past.iter().map(|open| Keys::of(&open.holding)));
        let mut unlocked = counts.unlocked(&keys(&past));
        if target.owner.is_pool() && unlocked.counters.is_empty() {
            // Whoever has locked a row of another member besides, such as an operator, is not waited for.
            counts.lock_windows_if_free(&unlocked.windows);
            past.retain(|open| counts.unlocked(&Keys::of(&open.holding)).is_empty());
            unlocked.windows.clear();
        }
        if !unlocked.is_empty() {
            return Err(Again::Expired(unlocked));
        }
        let granted = past.iter().any(|open| open.holding.split.grants().next().is_some());
        if granted {
            let of_past = past.iter().flat_map(|open| open.holding.split.grants());
            let mut grant_ids = account.grant_ids();
            grant_ids.extend(of_past.map(|(grant_id, _)| grant_id));
            lock_all_grants(target.registry, std::slice::from_mut(account), counts, &grant_ids);
        }
        let marked = reservations::mark_these_expired(target.registry, past.iter().copied());
        let is_marked = |past: &&Open| marked.contains(&past.reservation_id);
        let expired: Vec<&Open> = past.into_iter().filter(is_marked).collect();
        counts.expire(&open, &expired);
        open.retain(|open| !marked.contains(&open.reservation_id));
    }
    account.fill(counts, &open);
    Ok(open)
}

/// Locks the grants of an account, and reads what is left of them.
pub fn lock_grants(registry: &Registry, account: &mut Account, counts: &mut Counts, open: &[Open]) {
    let mut grant_ids = account.grant_ids();
    grant_ids.retain(|grant_id| !counts.grants().contains_key(grant_id));
    lock_all_grants(registry, std::slice::from_mut(account), counts, &grant_ids);
    account.fill(counts, open);
}

/// Locks grants, all of a call at once. Accounts forget those that are no longer there; one that is
/// newer than the snapshot of the transaction can't be locked, so the transaction must begin again.
pub fn lock_all_grants(
    registry: &Registry,
    accounts: &mut [Account],
    counts: &mut Counts,
    grant_ids: &BTreeSet<uuid::Uuid>,
) {
    if grant_ids.is_empty() {
        return;
    }
    counts.lock_grants(grant_ids);
    let unlocked = grant_ids.iter().filter(|grant_id| !counts.grants().contains_key(grant_id));
    let unlocked: BTreeSet<uuid::Uuid> = unlocked.copied().collect();
    if unlocked.is_empty() {
        return;
    }
    let ids: Vec<uuid::Uuid> = unlocked.iter().copied().collect();
    if !snapshot::latest(|| grants::read(registry, &ids)).is_empty() {
        CountingError::Contention.raise();
    }
    for account in accounts {
        account.forget_grants(&unlocked);
    }
}

/// The open reservations that concern an account, by id; none if they can't change the decision.
fn open_reservations(
    target: &Target,
    account: &Account,
    counts: &Counts,
    amount: i64,
) -> Vec<Open> {
    let is_beyond_allowance = || {
        let decision = account.decide(amount);
        decision.map_or(true, |allowance| allowance.split.is_beyond_allowance())
    };
    // One of another period may hold grants.
    let may_matter =
        counts.has_reservations() || account.registered.is_governed && is_beyond_allowance();
    match may_matter {
        true => concerned(target.registry, account, Snapshot::Latest),
        false => Vec::new(),
    }
}

/// The open reservations that concern an account, by id, with all windows in which they are counted.
pub fn concerned(registry: &Rc<Registry>, account: &Account, snapshot: Snapshot) -> Vec<Open> {
    let mut open = open_of(registry, account.owner, snapshot);
    open.retain(|open| account.is_concerned_by(open));
    if !open.is_empty() {
        for account in account.with_currency() {
            windows::extend_all(registry, account, &mut open, snapshot);
        }
    }
    open.sort_by_key(|open| *open.reservation_id.as_bytes());
    open
}

/// Inserts the windows of accounts that are missing, in the order of their keys. The counters are
/// locked, so what new windows begin with does not change; it does not include amounts that a call
/// has counted already, which are given with each account.
pub fn insert_windows<'a>(
    registry: &Rc<Registry>,
    accounts: impl Iterator<Item = (&'a Account, i64)>,
    existing: &Windows,
) {
    let with_currency = |(account, counted): (&'a Account, i64)| {
        let currency = account.currency.as_deref().map(|currency| (currency, 0));
        [Some((account, counted)), currency].into_iter().flatten()
    };
    let accounts: Vec<(&Account, i64)> = accounts.flat_map(with_currency).collect();
    let mut missing: BTreeMap<WindowKey, i64> = BTreeMap::new();
    for (account, counted) in &accounts {
        let mut keys = windows::keys(account);
        keys.retain(|key| !existing.contains_key(key));
        if keys.is_empty() {
            continue;
        }
        let begun = windows::beginnings(registry, account, &account.places, Snapshot::Latest);
        for key in keys {
            let used = begun.get(&key).map_or(0, |sum| (sum - counted).max(0));
            // A currency that is used directly as well is there twice.
            missing.entry(key).and_modify(|least| *least = used.min(*least)).or_insert(used);
        }
    }
    if !missing.is_empty() {
        let mut accounts = accounts.iter();
        let has_open = accounts.any(|(account, _)| windows::has_open(registry, account));
        rows::insert_missing(registry, &missing, has_open);
    }
}
