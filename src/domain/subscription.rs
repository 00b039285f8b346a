//! A user's subscription, and whether it is active.

use crate::denial::Denial;
use crate::timestamp::iso8601_from_epoch;

/// The plan of a user without a subscription.
pub const FREE_PLAN: &str = "free";

/// A row of `user_plans`; `Subscription::default()` for a user without one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscription {
    pub plan_id: Option<String>,
    pub is_active: Option<bool>,
    pub status: Option<String>,
    /// Seconds since 1970; Postgres' `infinity` is a float infinity.
    pub trial_end: Option<f64>,
}

impl Subscription {
    /// The user's plan: `free` if there is no row or the plan is NULL.
    pub fn plan_id(&self) -> &str {
        self.plan_id.as_deref().unwrap_or(FREE_PLAN)
    }

    /// Denies unless the plan can be used now. The free plan ends with its trial; any other plan
    /// needs an active subscription, and NULL is inactive.
    pub fn require_active(&self, now: f64) -> Result<(), Denial> {
        if self.plan_id() == FREE_PLAN {
            return match self.trial_end {
                Some(end) if end < now => {
                    Err(Denial::TrialExpired { trial_end_date: iso8601_from_epoch(end) })
                }
                _ => Ok(()),
            };
        }
        let in_good_standing = matches!(self.status.as_deref(), Some("active" | "trialing"));
        if self.is_active == Some(true) && in_good_standing {
            Ok(())
        } else {
            Err(Denial::NoSubscription)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(is_active: Option<bool>, status: Option<&str>) -> Subscription {
        Subscription {
            plan_id: Some("pro".into()),
            is_active,
            status: status.map(Into::into),
            trial_end: None,
        }
    }

    #[test]
    fn a_user_without_a_plan_has_the_free_plan() {
        assert_eq!(Subscription::default().plan_id(), FREE_PLAN);
        assert_eq!(Subscription::default().require_active(0.0), Ok(()));
    }

    #[test]
    fn the_free_plan_ends_with_its_trial() {
        let trial = |trial_end| Subscription { trial_end, ..Subscription::default() };
        let expired = |end: &str| Err(Denial::TrialExpired { trial_end_date: end.into() });
        assert_eq!(trial(Some(10.0)).require_active(9.0), Ok(()));
        assert_eq!(trial(Some(10.0)).require_active(10.0), Ok(()));
        assert_eq!(trial(Some(10.0)).require_active(10.000001), expired("1970-01-01T00:00:10Z"));
        assert_eq!(trial(Some(f64::INFINITY)).require_active(1e15), Ok(()));
        assert_eq!(trial(Some(f64::NEG_INFINITY)).require_active(0.0), expired("-infinity"));
    }

    #[test]
    fn another_plan_needs_an_active_subscription() {
        for status in ["active", "trialing"] {
            assert_eq!(paid(Some(true), Some(status)).require_active(0.0), Ok(()));
        }
        for (is_active, status) in [
            (Some(false), Some("active")),
            (None, Some("active")),
            (Some(true), None),
            (Some(true), Some("past_due")),
            (Some(true), Some("canceled")),
            (Some(true), Some("")),
            (Some(true), Some("ACTIVE")),
            (None, None),
        ] {
            let subscription = paid(is_active, status);
            assert_eq!(subscription.require_active(0.0), Err(Denial::NoSubscription), "{status:?}");
        }
    }

    #[test]
    fn a_paid_plan_does_not_end_with_an_old_trial() {
        let paid = Subscription { trial_end: Some(1.0), ..paid(Some(true), Some("active")) };
        assert_eq!(paid.require_active(2.0), Ok(()));
    }
}
