//! Usage as readers see it: without expired reservations, whether or not they have been given back.

use std::rc::Rc;

use domain::calendar::Span;
use domain::cap::{Capped, Place};
use pgrx::Uuid;

use super::terms::Terms;
use super::windows::{self, Sums};
use crate::pg::snapshot::Snapshot;
use crate::store::counter::Counter;
use crate::store::entitlement;
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::open_of;

pub struct Usage {
    pub current_usage: i64,
    /// How much of it live reservations hold.
    pub reserved: i64,
    /// The caps in force, with what is used of them.
    pub caps: Vec<Capped>,
}

/// Reads a user's usage of a feature in a period, and of the caps at these places, in the caller's
/// snapshot.
pub fn read(
    registry: &Rc<Registry>,
    registered: &Rc<Registered>,
    user_id: Uuid,
    terms: &Terms,
    span: &Span,
    places: &[Place],
) -> Usage {
    let counter = Counter::new(registry, registered, user_id, span.period);
    let (_, row) = entitlement::with_counter(&counter);
    let mut rows = windows::read(&counter, registered, &terms.calendar, places);
    let has_reservations = row.as_ref().is_some_and(|row| row.has_reservations)
        || rows.values().any(|window| window.has_reservations);
    let mut open = match has_reservations {
        true => open_of(registry, user_id, Snapshot::Caller),
        false => Vec::new(),
    };
    open.retain(|open| open.feature_type == registered.feature.feature_type);
    if !open.is_empty() {
        let calendar = &terms.calendar;
        let mut sums = Sums::read(registry, registered, user_id, calendar, Snapshot::Caller);
        for place in places {
            sums.add(place);
        }
        sums.extend_all(&mut open);
    }
    for (key, window) in &mut rows {
        let past = open.iter().filter(|open| open.is_past && open.is_in_window(key));
        let past: i64 = past.map(|open| open.amount).sum();
        window.used = (window.used - past).max(0);
    }
    let (current_usage, reserved) = row.map_or((0, 0), |row| {
        let held = super::expire::held(&open, &counter, &row);
        (held.usage(row.count), held.live)
    });
    let caps = windows::capped(user_id, registered, places, (current_usage, span), &rows);
    Usage { current_usage, reserved, caps }
}
