//! Alerts: what a count tells once, when it crosses a threshold.

use crate::burn::Taken;
use crate::decision::{Standing, Usage};

/// A threshold that a count has crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    pub kind: Kind,
    /// A percentage of the limit, or the units left.
    pub threshold: i64,
    /// The count by now.
    pub usage: i64,
    /// The limit in force; `None` is unlimited.
    pub limit: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The count has reached a percentage of the limit.
    Warn,
    /// Less than an amount is left of allowance and grants.
    Low,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Low => "low",
        }
    }
}

impl Alert {
    /// What is crossed if units are taken from the sources of an account, and `excess` that nothing
    /// covers; of each kind at most one: the highest percentage, the lowest amount left.
    pub fn of(standing: &Standing, taken: &Taken, others: i64) -> Vec<Self> {
        let Standing { in_force, usage: Usage { current, .. }, .. } = *standing;
        let limit = standing.limit();
        let usage = current.saturating_add(taken.total()).saturating_add(others);
        let alert = |kind, threshold| Self { kind, threshold, usage, limit };
        let reached = in_force.warning(limit, usage);
        let warned = reached.filter(|_| reached > in_force.warning(limit, current));
        let low = standing.left().and_then(|before| {
            let after = before.saturating_sub(taken.allowance).saturating_sub(taken.granted());
            let lowest = in_force.lows.iter().copied().find(|low| after < *low)?;
            (before >= lowest).then_some(lowest)
        });
        let warned = warned.map(|threshold| alert(Kind::Warn, threshold));
        warned.into_iter().chain(low.map(|threshold| alert(Kind::Low, threshold))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Clock, Entitlement};
    use crate::rule::InForce;

    /// The alerts if `amount` is taken from an allowance of `limit` of which `current` is used.
    fn alerts(limit: Option<i64>, current: i64, amount: i64) -> Vec<(Kind, i64)> {
        let mut in_force = InForce::default();
        in_force.is_governed = true;
        (in_force.warnings, in_force.lows) = (vec![80, 100], vec![2, 5]);
        let entitlement = Entitlement { plan_is_known: true, limit, ..Entitlement::default() };
        let standing = Standing {
            entitlement: &entitlement,
            in_force: &in_force,
            caps: &[],
            usage: Usage::of_allowance(current),
            carried: 0,
            grants: &[],
            currency: None,
            reset_at: None,
            clock: Clock::default(),
        };
        let taken = Taken { allowance: amount, ..Taken::default() };
        let alerts = Alert::of(&standing, &taken, 0).into_iter();
        alerts.map(|alert| (alert.kind, alert.threshold)).collect()
    }

    #[test]
    fn a_threshold_is_told_when_it_is_crossed() {
        assert_eq!(alerts(Some(10), 0, 4), []);
        assert_eq!(alerts(Some(10), 4, 2), [(Kind::Low, 5)]);
        assert_eq!(alerts(Some(10), 7, 1), [(Kind::Warn, 80)]);
        assert_eq!(alerts(Some(10), 8, 1), [(Kind::Low, 2)]);
        assert_eq!(alerts(Some(10), 9, 1), [(Kind::Warn, 100)]);
        assert_eq!(alerts(Some(10), 10, 5), []);
    }

    #[test]
    fn of_several_that_are_crossed_at_once_only_the_last_is_told() {
        assert_eq!(alerts(Some(10), 0, 10), [(Kind::Warn, 100), (Kind::Low, 2)]);
        assert_eq!(alerts(Some(3), 0, 3), [(Kind::Warn, 100), (Kind::Low, 2)]);
    }

    #[test]
    fn what_is_unlimited_or_zero_tells_nothing() {
        assert_eq!(alerts(None, 9, 1_000), []);
        assert_eq!(alerts(Some(0), 0, 0), []);
    }
}
