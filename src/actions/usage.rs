//! Usage as readers see it: without expired reservations, whether or not they have been given back.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::account::Account;
use super::counts::Counts;
use super::{lock, windows};
use crate::pg::snapshot::Snapshot;
use crate::store::registry::Registry;
use crate::store::reservations::Open;

/// Fills an account with what is used and what is left of grants, in the caller's snapshot. Returns the
/// member's part of a pool's usage.
pub fn read(registry: &Rc<Registry>, account: &mut Account) -> Option<i64> {
    let mut counts = Counts::new(registry);
    counts.read(&account.keys());
    for account in account.with_currency() {
        for (key, window) in windows::unbegun(registry, account, counts.windows()) {
            counts.add_window(key, window);
        }
    }
    // One of another period may hold grants.
    let open = match counts.has_reservations() || account.registered.is_governed {
        true => lock::concerned(registry, account, Snapshot::Caller),
        false => Vec::new(),
    };
    let past: Vec<&Open> = open.iter().filter(|open| open.is_past).collect();
    if !past.is_empty() {
        let of_past = past.iter().flat_map(|open| open.holding.split.grants());
        let grant_ids: BTreeSet<uuid::Uuid> = of_past.map(|(grant_id, _)| grant_id).collect();
        if !grant_ids.is_empty() {
            counts.read_grants(&grant_ids);
        }
        counts.expire(&open, &past);
    }
    account.fill(&counts, &open);
    account.share().map(|share| counts.share(&share))
}
