//! Counts an amount of a feature with rules or grants that has happened: it is never refused. It draws
//! from grants, currency and overage as an admission does, and what nothing covers is excess.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::burn::Split;
use domain::decision::charge;
use domain::period::Period;

use super::account::Account;
use super::counts::{Counts, Keys};
use super::lock::{self, Again, Target};
use super::terms::Unusable;
use crate::error::Report;
use crate::error::counting::CountingError;
use crate::pg::snapshot::{self, Snapshot};
use crate::store::ledger::Cause;
use crate::store::owner::Owner;
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::{self, Open};
use crate::store::windows;

/// Counts an amount in the target's period. `None` if the registry has changed so that the call must
/// begin again.
pub fn count(target: &Target, amount: i64, cause: &Cause) -> Option<()> {
    lock::attempts(None, |wanted| {
        let (mut account, mut counts, open) = locked(target, wanted, amount)?;
        let split = split(target.registry, &mut account, &mut counts, &open, amount);
        take(&account, &mut counts, split, cause);
        counts.write();
        Ok(())
    })
}

/// Locks an account and brings it up to date; inserts its counter if there is none.
pub fn locked(
    target: &Target,
    wanted: Option<&Keys>,
    amount: i64,
) -> Result<(Account, Counts, Vec<Open>), Again> {
    let period = target.period();
    let mut counts = target.lock(period, wanted);
    if counts.row(&target.counter(period)).is_none() {
        target.insert(period, &mut counts);
    }
    target.require_same_registry()?;
    // After the lock, so that a rule that was committed before holds.
    let mut account = target.account(period);
    target.require_same_period(&account, period)?;
    lock::lock_rest(&account, &mut counts, wanted.is_none())?;
    let open = lock::bring_up_to_date(target, &mut account, &mut counts, amount)?;
    Ok((account, counts, open))
}

/// Splits an amount over the sources of an account, whose grants are then locked if it takes any.
pub fn split(
    registry: &Registry,
    account: &mut Account,
    counts: &mut Counts,
    open: &[Open],
    amount: i64,
) -> Split {
    let split = |account: &Account| account.with_standing(|standing| charge(standing, amount));
    let mut charged = split(account);
    if charged.grants().next().is_some() {
        lock::lock_grants(registry, account, counts, open);
        charged = split(account);
    }
    charged
}

/// An amount of a feature that has happened. A user's counter, which is locked, has counted it already;
/// a pool's has not.
pub struct Counted<'a> {
    pub owner: Owner,
    pub registered: &'a Rc<Registered>,
    pub period: Period,
    pub amount: i64,
    pub cause: Cause,
}

impl Counted<'_> {
    /// What the counter has counted of it already.
    fn stored(&self) -> i64 {
        if self.owner.is_pool() { 0 } else { self.amount }
    }

    /// The account with the terms as they are committed now.
    pub fn account(&self, registry: &Registry) -> Account {
        Account::latest(registry, self.registered, self.owner, Unusable::IsIgnored)
            .in_period(registry, self.period)
    }
}

/// Draws amounts from their sources, once per owner, feature and period. Terms are read after the locks
/// of the counters, so a rule that was committed before holds.
pub fn counted(registry: &Rc<Registry>, all: &[Counted]) {
    let read = || all.iter().map(|counted| counted.account(registry)).collect::<Vec<Account>>();
    let keys_of = |accounts: &[Account]| Keys::of_all(accounts.iter().map(Account::keys));
    let mut accounts = read();
    let mut counts = Counts::new(registry);
    // Those of users are locked already, also of currencies unless a price was committed meanwhile.
    let counters = keys_of(&accounts).counters;
    let of_pools: BTreeSet<_> = counters.iter().filter(|key| key.is_of_pool()).cloned().collect();
    counts.insert_counters(&of_pools);
    counts.lock_counters(&accounts.iter().map(Account::counter).chain(of_pools.clone()).collect());
    counts.lock_counters_if_free(&counters);
    if !of_pools.is_empty() {
        accounts = read();
    }
    let mut keys = keys_of(&accounts);
    let amounts = all.iter().map(Counted::stored);
    let existing = snapshot::latest(|| windows::read(registry, &keys.windows));
    lock::insert_windows(registry, accounts.iter().zip(amounts), &existing);
    // What expired is given back as far as all of its counters are locked: settling it needs these, too.
    let has_counters = |open: &Open| open.holding.counters().is_subset(&counters);
    let may_matter = counts.has_reservations();
    let mut open = if may_matter { open_of_all(registry, &accounts) } else { Vec::new() };
    open.retain(|open| !open.is_past || has_counters(open));
    let past = || open.iter().filter(|open| open.is_past);
    let of_past = Keys::of_all(past().map(|open| Keys::of(&open.holding)));
    let of_past = snapshot::latest(|| windows::read(registry, &of_past.windows));
    keys.windows.extend(of_past.into_keys());
    counts.lock_windows(&keys.windows);
    // A price was committed while this waited; or, at REPEATABLE READ, a row was inserted since the snapshot.
    if !counts.has(&keys) {
        CountingError::Contention.raise();
    }
    for (account, counted) in accounts.iter().zip(all) {
        counts.uncount(&account.counter(), counted.stored());
    }
    let takes_grants = draw_all(&mut accounts, all, &mut counts.clone());
    let due: Vec<&Open> = past().collect();
    if takes_grants || !due.is_empty() {
        let of_due = due.iter().flat_map(|open| open.holding.split.grants());
        let mut grant_ids: BTreeSet<uuid::Uuid> = of_due.map(|(grant_id, _)| grant_id).collect();
        grant_ids.extend(accounts.iter().flat_map(Account::grant_ids));
        lock::lock_all_grants(registry, &mut accounts, &mut counts, &grant_ids);
    }
    let expired: Vec<&Open> = due.into_iter().filter(|open| is_marked(registry, open)).collect();
    counts.expire(&open, &expired);
    draw_all(&mut accounts, all, &mut counts);
    counts.write();
}

/// Marks a reservation as expired, unless another transaction has locked it.
fn is_marked(registry: &Registry, open: &Open) -> bool {
    !reservations::mark_these_expired(registry, [open].into_iter()).is_empty()
}

/// The open reservations that concern any of these accounts, once each.
fn open_of_all(registry: &Rc<Registry>, accounts: &[Account]) -> Vec<Open> {
    let concerned = |account: &Account| lock::concerned(registry, account, Snapshot::Latest);
    let mut open: Vec<Open> = accounts.iter().flat_map(concerned).collect();
    open.sort_by_key(|open| *open.reservation_id.as_bytes());
    open.dedup_by_key(|open| open.reservation_id);
    open
}

/// Draws amounts one after the other. Returns whether they take grants.
fn draw_all(accounts: &mut [Account], all: &[Counted], counts: &mut Counts) -> bool {
    let mut takes_grants = false;
    for (account, counted) in accounts.iter_mut().zip(all) {
        account.fill(counts, &[]);
        let split = account.with_standing(|standing| charge(standing, counted.amount));
        takes_grants |= split.grants().next().is_some();
        take(account, counts, split, &counted.cause);
    }
    takes_grants
}

fn take(account: &Account, counts: &mut Counts, split: Split, cause: &Cause) {
    let row_id = counts.row(&account.counter()).expect("the counter is locked").id;
    let holding = account.holding(split, row_id);
    account.fill_rates(&holding.split, counts);
    account.tell(&holding.split, counts);
    counts.take(&holding, cause);
}
