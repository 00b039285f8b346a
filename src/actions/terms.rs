//! The terms of a call: the plan of the user or the pool, the calendar of its periods, and the rules in
//! force.

use std::collections::BTreeSet;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use domain::calendar::{Calendar, Span, Zone};
use domain::cap::Place;
use domain::decision::{Clock, Entitlement};
use domain::denial::Denial;
use domain::grant::Grant;
use domain::period::Period;
use domain::rule::{Cap, InForce, Per};

use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::pg::clock;
use crate::pg::snapshot::{self, Snapshot};
use crate::pg::zone::Named;
use crate::store::counter::Counter;
use crate::store::entitlement::{Plan, with_calendar};
use crate::store::owner::Owner;
use crate::store::pools;
use crate::store::registry::{Registered, Registry};
use crate::store::rules::{self, Governing};
use crate::store::windows;

/// What happens if a user's time zone or anchor can't be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// An error: nothing is admitted.
    IsRefused,
    /// UTC and no anchor: what has happened is counted all the same.
    IsIgnored,
}

pub struct Terms {
    pub entitlement: Entitlement,
    pub calendar: Calendar,
    pub in_force: InForce,
    /// The grants of which something is left, unless they have expired.
    pub grants: Vec<Grant>,
    pub clock: Clock,
}

impl Terms {
    /// Reads the caller's snapshot. Plan and rules are of one snapshot, so that a change of both is
    /// never seen by half.
    pub fn read(
        registry: &Registry,
        registered: &Registered,
        owner: Owner,
        unusable: Unusable,
    ) -> Self {
        let Plan { entitlement, holder, zone, anchor } = plan_of(registry, registered, owner);
        let plan_id = entitlement.subscription.plan_id();
        let feature_type = &registered.feature.feature_type;
        let Governing { rules, grants } = match registered.is_governed {
            true => rules::read(registry, owner, feature_type, plan_id),
            false => Governing::default(),
        };
        // After the rules, since those that are over are not read.
        let clock =
            Clock { transaction: clock::now_in_seconds(), wall: clock::wall_in_microseconds() };
        let in_force = InForce::of(&rules, clock.wall, holder);
        let is_anchored = |cap: &Cap| matches!(cap.per, Per::Window(kind) if kind.is_anchored());
        let has_anchor =
            registered.feature.period.is_anchored() || in_force.caps.iter().any(is_anchored);
        let anchor = anchor.filter(|_| has_anchor);
        let calendar = calendar_of(zone.as_deref(), anchor, unusable);
        Self { entitlement, calendar, in_force, grants, clock }
    }

    /// The current period of a feature.
    pub fn span(&self, registered: &Registered) -> Span {
        self.calendar.span_at(registered.feature.period, clock::now())
    }

    /// Where the caps in force are counted now.
    pub fn places(&self, registered: &Registered) -> Vec<Place> {
        Place::of(&self.in_force.caps, registered.feature.period, &self.calendar, clock::now())
    }
}

fn plan_of(registry: &Registry, registered: &Registered, owner: Owner) -> Plan {
    match owner {
        Owner::User(user_id) => with_calendar(registry, registered, user_id),
        Owner::Pool { pool_id, member } => pools::plan(registry, registered, pool_id, member),
    }
}

/// Denies unless the pool exists, if there is one, and the member may act in it.
pub fn require_member(
    registry: &Registry,
    registered: &Registered,
    owner: Owner,
) -> Result<(), Denial> {
    match owner {
        Owner::User(_) => Ok(()),
        Owner::Pool { .. } => {
            let plan = snapshot::latest(|| plan_of(registry, registered, owner));
            plan.entitlement.membership.require()
        }
    }
}

/// Whether a period has a counter, perhaps of an earlier anchor.
pub fn has_counter(
    registry: &Rc<Registry>,
    registered: &Rc<Registered>,
    owner: Owner,
    period: Period,
) -> bool {
    match owner {
        Owner::User(user_id) => {
            let counter = Counter::new(registry, registered, user_id, period);
            counter.read(Snapshot::Latest).is_some()
        }
        Owner::Pool { .. } => {
            let key = owner.counter(&registered.feature.feature_type, &period.to_string());
            let row = BTreeSet::from([key.cover()]);
            !snapshot::latest(|| windows::read(registry, &row)).is_empty()
        }
    }
}

/// The current period of a feature for an owner, without the rest of the terms.
pub fn current_span(
    registry: &Registry,
    registered: &Registered,
    owner: Owner,
    unusable: Unusable,
) -> Span {
    current_calendar(registry, registered, owner, unusable)
        .span_at(registered.feature.period, clock::now())
}

/// The calendar of an owner, if the periods of the feature depend on it. Those of a pool may.
pub fn current_calendar(
    registry: &Registry,
    registered: &Registered,
    owner: Owner,
    unusable: Unusable,
) -> Calendar {
    if !registered.reads_calendar && !owner.is_pool() {
        return Calendar::default();
    }
    snapshot::latest(|| read_calendar(registry, registered, owner, unusable))
}

/// The calendar of an owner in the caller's snapshot.
pub fn read_calendar(
    registry: &Registry,
    registered: &Registered,
    owner: Owner,
    unusable: Unusable,
) -> Calendar {
    let plan = plan_of(registry, registered, owner);
    // Only billing periods have an anchor; another kind needs none that is usable.
    let has_anchor = registry.features.iter().any(|found| found.feature.period.is_anchored());
    calendar_of(plan.zone.as_deref(), plan.anchor.filter(|_| has_anchor), unusable)
}

/// The calendar of a zone and an anchor in microseconds from 2000.
pub fn calendar_of(zone: Option<&str>, anchor: Option<i64>, unusable: Unusable) -> Calendar {
    let zone: Option<Rc<dyn Zone>> = match zone {
        // No query is needed for what needs none.
        None | Some("UTC") => None,
        Some(name) => match Named::find(name) {
            Some(zone) => Some(Rc::new(zone)),
            None if unusable == Unusable::IsIgnored => None,
            None => ArgumentError::UnknownZone { zone: name }.raise(),
        },
    };
    let anchor = anchor.and_then(|anchor| match usable(anchor) {
        None if unusable == Unusable::IsRefused => {
            ArgumentError::InvalidInstant { name: "period_anchor" }.raise()
        }
        anchor => anchor,
    });
    Calendar::new(zone, anchor)
}

/// An instant, in microseconds from 2000, that has a period in every time zone.
pub fn usable(since_2000: i64) -> Option<DateTime<Utc>> {
    let instant = clock::from_2000(since_2000)?;
    let years =
        DateTime::from_timestamp(-62_135_510_400, 0)..DateTime::from_timestamp(253_402_214_400, 0);
    years.contains(&Some(instant)).then_some(instant)
}
