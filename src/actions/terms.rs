//! The terms of a call: the user's plan, the calendar of the user's periods, and the rules in force.

use std::rc::Rc;

use chrono::{DateTime, Utc};
use domain::calendar::{Calendar, Span, Zone};
use domain::cap::Place;
use domain::decision::{Clock, Entitlement};
use domain::grant::Grant;
use domain::rule::{Cap, InForce, Per};
use pgrx::Uuid;

use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::pg::clock;
use crate::pg::snapshot;
use crate::pg::zone::Named;
use crate::store::entitlement::{UserPlan, with_calendar};
use crate::store::registry::{Registered, Registry};
use crate::store::rules::{self, Governing};

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
    /// The user's grants of which something is left, unless they have expired.
    pub grants: Vec<Grant>,
    pub clock: Clock,
}

impl Terms {
    /// Reads the caller's snapshot. Plan and rules are of one snapshot, so that a change of both is
    /// never seen by half.
    pub fn read(
        registry: &Registry,
        registered: &Registered,
        user_id: Uuid,
        unusable: Unusable,
    ) -> Self {
        let UserPlan { entitlement, zone, anchor } = with_calendar(registry, registered, user_id);
        let plan_id = entitlement.subscription.plan_id();
        let feature_type = &registered.feature.feature_type;
        let Governing { rules, grants } = match registered.is_governed {
            true => rules::read(registry, user_id, feature_type, plan_id),
            false => Governing::default(),
        };
        // After the rules, since those that are over are not read.
        let clock =
            Clock { transaction: clock::now_in_seconds(), wall: clock::wall_in_microseconds() };
        let in_force = InForce::of(&rules, clock.wall);
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

/// The current period of a feature for a user, without the rest of the terms.
pub fn current_span(
    registry: &Registry,
    registered: &Registered,
    user_id: Uuid,
    unusable: Unusable,
) -> Span {
    current_calendar(registry, registered, user_id, unusable)
        .span_at(registered.feature.period, clock::now())
}

/// The calendar of a user, if the periods of the feature depend on it.
pub fn current_calendar(
    registry: &Registry,
    registered: &Registered,
    user_id: Uuid,
    unusable: Unusable,
) -> Calendar {
    if !registered.reads_calendar {
        return Calendar::default();
    }
    snapshot::latest(|| read_calendar(registry, registered, user_id, unusable))
}

/// The calendar of a user in the caller's snapshot.
pub fn read_calendar(
    registry: &Registry,
    registered: &Registered,
    user_id: Uuid,
    unusable: Unusable,
) -> Calendar {
    let plan = with_calendar(registry, registered, user_id);
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
