//! The increment: counts usage that has happened, without checking the limit.

use domain::calendar::Calendar;
use domain::ledger::Kind;
use domain::period::{NotAPeriod, Requested};
use pgrx::Uuid;

use super::admit::ATTEMPTS;
use super::charge::{self, Counted};
use super::contended;
use super::lock::Target;
use super::terms::{Unusable, current_calendar};
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::error::counting::CountingError;
use crate::pg::clock;
use crate::store::counter::Counter;
use crate::store::ledger::Cause;
use crate::store::owner::Owner;
use crate::store::{registry, users};

/// Adds a non-negative amount to a user's counter in a period. Of a feature with rules or grants, it is
/// drawn from its sources, and added to the windows and rates of caps if the period is the current
/// one.
pub fn increment(user_id: Uuid, feature_type: &str, amount: i32, text: &str) {
    let owner = Owner::User(user_id);
    let registry = registry::current();
    let Some(registered) = registry.find(feature_type) else {
        let known = registry.feature_types();
        ArgumentError::UnknownFeature { feature_type, known }.raise();
    };
    let feature = &registered.feature;
    let refuse = |problem| -> ! { ArgumentError::InvalidPeriod { feature, text, problem }.raise() };
    let requested =
        Requested::parse(feature.period, text).unwrap_or_else(|problem| refuse(problem));
    if registered.is_governed || registered.reads_calendar {
        registry.tables.lock_first();
    }
    let needs_calendar = requested == Requested::Current || feature.period.is_anchored();
    let calendar = match needs_calendar {
        true => current_calendar(&registry, registered, owner, Unusable::IsIgnored),
        false => Calendar::default(),
    };
    let period = match requested {
        Requested::Current => calendar.period_at(feature.period, clock::now()),
        Requested::Key(period) if calendar.has(period) => period,
        Requested::Key(_) => refuse(NotAPeriod::OtherAnchor),
    };
    if amount == 0 {
        return;
    }
    let cause = Cause::of(Kind::Increment);
    if !registered.is_governed {
        let counter = Counter::new(&registry, registered, user_id, period);
        contended::increment(&counter, amount);
        // The first rule may have been committed while this waited for the row or the side table.
        if registry::still_has(&registry, registered) {
            return;
        }
        let registry = registry::current();
        let governed = registry.find(feature_type).filter(|registered| registered.is_governed);
        if let Some(registered) = governed {
            let amount = i64::from(amount);
            let counted = Counted { owner, registered, period, amount, cause };
            charge::counted(&registry, &[counted]);
        }
        return;
    }
    users::lock(&registry, &[user_id]);
    for _ in 0..ATTEMPTS {
        let registry = registry::current();
        let Some(registered) = registry.find(feature_type) else { break };
        let (period, unusable) = (Some(period), Unusable::IsIgnored);
        let target =
            Target { registry: &registry, registered, owner, period, unusable, settled: None };
        if charge::count(&target, amount.into(), &cause).is_some() {
            return;
        }
    }
    CountingError::Contention.raise();
}
