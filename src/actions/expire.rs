//! Expiry: releases reservations whose time is over. Always done with the counter locked.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::grant::Grant;
use domain::reservation::Held;
use pgrx::Uuid;

use super::counts::{Counts, Keys};
use super::terms::{Unusable, current_calendar};
use super::windows::{Sums, extend_each};
use crate::pg::snapshot::{self, Snapshot};
use crate::store::counter::{Counted, Counter, CounterKey};
use crate::store::owner::Owner;
use crate::store::registry::Registry;
use crate::store::reservations::Open;
use crate::store::{grants, increments, registry, reservations};

/// Expires the reservations of a counter whose row is locked. Returns the row afterwards, and the
/// amount that live reservations hold.
pub fn of_locked(counter: &Counter, row: Counted) -> (Counted, i64) {
    let held = reservations::held(counter, &row, Snapshot::Latest);
    if held.past == 0 {
        return (row, held.live);
    }
    let expired = reservations::mark_expired(counter, &row);
    (subtract(counter, row, held, expired), held.live)
}

/// Expires up to `limit` reservations of all users and pools, those first that ended first, and returns
/// their number. Adds to up to `limit` counters what was appended to them. What another transaction has
/// locked is left to it, and to the next run.
///
/// Counters of all users come first, then windows of all, then grants: SKIP LOCKED may wait for a row
/// that has just been updated, and only in the order of locks does that never deadlock.
pub fn of_any(limit: i32) -> i32 {
    let registry = registry::current();
    registry.tables.lock_first();
    let mut all = due_of_each(&registry, limit);
    for due in &mut all {
        due.counts.lock_counters_if_free(&due.keys.counters);
    }
    for due in &mut all {
        due.counts.lock_windows_if_free(&due.keys.windows);
    }
    let grants = Grants::lock_if_free(&registry, all.iter().flat_map(|due| &due.grants).copied());
    for due in &mut all {
        due.cover(&registry, &grants);
    }
    let covered = all.iter().flat_map(Due::covered);
    let marked = reservations::mark_these_expired(&registry, covered);
    let marked: BTreeSet<Uuid> = marked.into_iter().collect();
    for due in all {
        due.expire(&marked, &grants);
    }
    marked.len() as i32
}

/// The reservations of a user, or of a pool, that are to be expired.
struct Due {
    owner: Owner,
    reservation_ids: BTreeSet<Uuid>,
    /// What they are counted in.
    keys: Keys,
    grants: BTreeSet<uuid::Uuid>,
    counts: Counts,
    /// All that are open, once their counters are locked.
    open: Vec<Open>,
}

/// In the order of locks.
fn due_of_each(registry: &Rc<Registry>, limit: i32) -> Vec<Due> {
    let mut past: BTreeMap<Owner, Vec<Open>> = BTreeMap::new();
    for open in reservations::past_of_any(registry, limit) {
        past.entry(open.holding.owner.without_member()).or_default().push(open);
    }
    let mut appended: BTreeMap<Owner, BTreeSet<CounterKey>> = BTreeMap::new();
    for counter in increments::counters(registry, limit) {
        let owner = Owner::User(counter.user_id);
        past.entry(owner).or_default();
        appended.entry(owner).or_default().insert(counter);
    }
    let due = |(owner, mut past): (Owner, Vec<Open>)| {
        extend(registry, owner, &mut past);
        let mut keys = Keys::of_all(past.iter().map(|open| Keys::of(&open.holding)));
        keys.counters.extend(appended.remove(&owner).unwrap_or_default());
        Due {
            owner,
            reservation_ids: past.iter().map(|open| open.reservation_id).collect(),
            keys,
            grants: past.iter().flat_map(grants_of).collect(),
            counts: Counts::new(registry),
            open: Vec::new(),
        }
    };
    past.into_iter().map(due).collect()
}

/// Adds to reservations that have expired the windows in which they are counted besides.
fn extend(registry: &Rc<Registry>, owner: Owner, open: &mut [Open]) {
    for registered in &registry.features {
        let feature_type = &registered.feature.feature_type;
        let may_be_in_windows = |open: &&mut Open| {
            open.is_past
                && (registered.is_governed || open.holding.is_in_other_rows())
                && open.holding.parts().any(|part| part.at.feature_type == *feature_type)
        };
        let mut past = open.iter_mut().filter(may_be_in_windows).peekable();
        if past.peek().is_some() {
            let calendar = current_calendar(registry, registered, owner, Unusable::IsIgnored);
            extend_each(past, |owner| {
                Sums::of(registry, registered, owner, &calendar, Snapshot::Latest)
            });
        }
    }
}

impl Due {
    /// Keeps those of which everything is locked.
    fn cover(&mut self, registry: &Rc<Registry>, grants: &Grants) {
        if self.reservation_ids.is_empty() {
            return;
        }
        // Some may have been settled before their counters were locked.
        self.open = reservations::open_of(registry, self.owner, Snapshot::Latest);
        extend(registry, self.owner, &mut self.open);
        let missing = self.counts.unlocked(&self.keys);
        let is_covered = |open: &&Open| {
            let of_open = Keys::of(&open.holding);
            self.reservation_ids.contains(&open.reservation_id)
                && of_open.without(&missing) == of_open
                && !grants_of(open).any(|grant_id| grants.busy.contains(&grant_id))
        };
        self.reservation_ids =
            self.open.iter().filter(is_covered).map(|open| open.reservation_id).collect();
    }

    fn covered(&self) -> impl Iterator<Item = &Open> {
        self.open.iter().filter(|open| self.reservation_ids.contains(&open.reservation_id))
    }

    /// Gives back what the reservations hold that are marked as expired.
    fn expire(self, marked: &BTreeSet<Uuid>, grants: &Grants) {
        let Self { open, mut counts, .. } = self;
        let expired: Vec<&Open> =
            open.iter().filter(|open| marked.contains(&open.reservation_id)).collect();
        let grant_ids = expired.iter().flat_map(|open| grants_of(open));
        counts.add_grants(grant_ids.filter_map(|id| grants.locked.get(&id).cloned()));
        counts.expire(&open, &expired);
        counts.write();
    }
}

/// The grants of all users and pools whose reservations are to be expired.
struct Grants {
    locked: BTreeMap<uuid::Uuid, Grant>,
    /// Those that another transaction has locked. One that is in neither has been deleted.
    busy: BTreeSet<uuid::Uuid>,
}

impl Grants {
    fn lock_if_free(registry: &Registry, grant_ids: impl Iterator<Item = uuid::Uuid>) -> Self {
        let grant_ids: BTreeSet<uuid::Uuid> = grant_ids.collect();
        let grant_ids: Vec<uuid::Uuid> = grant_ids.into_iter().collect();
        let by_id = |grant: Grant| (grant.grant_id, grant);
        let locked = grants::lock_if_free(registry, &grant_ids);
        let locked: BTreeMap<uuid::Uuid, Grant> = locked.into_iter().map(by_id).collect();
        let is_unlocked = |grant_id: &uuid::Uuid| !locked.contains_key(grant_id);
        let unlocked: Vec<uuid::Uuid> = grant_ids.into_iter().filter(is_unlocked).collect();
        let busy = snapshot::latest(|| grants::read(registry, &unlocked));
        Self { locked, busy: busy.into_iter().map(|grant| grant.grant_id).collect() }
    }
}

fn grants_of(open: &Open) -> impl Iterator<Item = uuid::Uuid> + '_ {
    open.holding.split.grants().map(|(grant_id, _)| grant_id)
}

/// Subtracts from the row what the expired reservations held.
fn subtract(counter: &Counter, row: Counted, held: Held, amount: i64) -> Counted {
    let returned = held.returnable(row.count, amount);
    if returned > 0 {
        counter.subtract(returned);
    }
    Counted { count: row.count - returned, ..row }
}
