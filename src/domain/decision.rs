//! The decision: may this user use this amount of this feature now?

use crate::denial::Denial;
use crate::subscription::Subscription;

/// What a user's plan allows of one feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entitlement {
    pub subscription: Subscription,
    /// Whether the plan is in `plan_limits` and active there.
    pub plan_is_known: bool,
    /// The plan's limit. `None` is unlimited if the plan is known.
    pub limit: Option<i64>,
}

/// Why a call is admitted: the limit, if there is one, and what is left of it afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowance {
    Unlimited { current_usage: i64 },
    WithinLimit { limit: i64, current_usage: i64, remaining: i64 },
}

impl Allowance {
    /// The same allowance once the amount is counted.
    pub fn counted(self, amount: i64) -> Self {
        match self {
            Self::Unlimited { current_usage } => {
                Self::Unlimited { current_usage: current_usage + amount }
            }
            Self::WithinLimit { limit, current_usage, remaining } => {
                Self::WithinLimit { limit, current_usage: current_usage + amount, remaining }
            }
        }
    }
}

/// Checks the rules in order, and stops at the first that denies. Anything unknown or missing is a
/// denial. `now` is in seconds since 1970.
pub fn decide(
    entitlement: &Entitlement,
    current_usage: i64,
    amount: i64,
    now: f64,
) -> Result<Allowance, Denial> {
    entitlement.subscription.require_active(now)?;
    if !entitlement.plan_is_known {
        let plan_id = entitlement.subscription.plan_id().to_owned();
        return Err(Denial::UnknownPlan { plan_id });
    }
    let Some(limit) = entitlement.limit else {
        return Ok(Allowance::Unlimited { current_usage });
    };
    match limit.saturating_sub(current_usage).saturating_sub(amount) {
        remaining if remaining < 0 => Err(Denial::LimitExceeded { limit, current_usage }),
        remaining => Ok(Allowance::WithinLimit { limit, current_usage, remaining }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(limit: Option<i64>) -> Entitlement {
        Entitlement { plan_is_known: true, limit, ..Entitlement::default() }
    }

    #[test]
    fn a_plan_allows_exactly_its_limit() {
        let within = |current_usage, remaining| {
            Ok(Allowance::WithinLimit { limit: 3, current_usage, remaining })
        };
        let exceeded = |current_usage| Err(Denial::LimitExceeded { limit: 3, current_usage });
        assert_eq!(decide(&free(Some(3)), 0, 1, 0.0), within(0, 2));
        assert_eq!(decide(&free(Some(3)), 2, 1, 0.0), within(2, 0));
        assert_eq!(decide(&free(Some(3)), 3, 0, 0.0), within(3, 0));
        assert_eq!(decide(&free(Some(3)), 3, 1, 0.0), exceeded(3));
        assert_eq!(decide(&free(Some(3)), 0, 4, 0.0), exceeded(0));
        assert_eq!(decide(&free(Some(3)), 4, 0, 0.0), exceeded(4));
    }

    #[test]
    fn a_limit_of_zero_allows_nothing() {
        let exceeded = Err(Denial::LimitExceeded { limit: 0, current_usage: 0 });
        assert_eq!(decide(&free(Some(0)), 0, 1, 0.0), exceeded);
    }

    #[test]
    fn the_largest_integers_do_not_wrap_around() {
        let max = i64::from(i32::MAX);
        let exceeded = Err(Denial::LimitExceeded { limit: max, current_usage: max });
        assert_eq!(decide(&free(Some(max)), max, max, 0.0), exceeded);
        assert_eq!(
            decide(&free(Some(i64::from(i32::MIN))), max, max, 0.0),
            Err(Denial::LimitExceeded { limit: i64::from(i32::MIN), current_usage: max })
        );
    }

    #[test]
    fn a_null_limit_of_a_known_plan_is_unlimited() {
        let unlimited = Ok(Allowance::Unlimited { current_usage: 7 });
        assert_eq!(decide(&free(None), 7, i64::from(i32::MAX), 0.0), unlimited);
        let unknown = Entitlement { plan_is_known: false, ..free(None) };
        let denied = Err(Denial::UnknownPlan { plan_id: "free".into() });
        assert_eq!(decide(&unknown, 7, 1, 0.0), denied);
    }

    #[test]
    fn rules_are_checked_in_order_subscription_plan_limit() {
        let mut plan = Entitlement { plan_is_known: false, ..free(Some(0)) };
        plan.subscription.plan_id = Some("pro".into());
        assert_eq!(decide(&plan, 9, 1, 0.0), Err(Denial::NoSubscription));
        plan.subscription.is_active = Some(true);
        plan.subscription.status = Some("active".into());
        assert_eq!(decide(&plan, 9, 1, 0.0), Err(Denial::UnknownPlan { plan_id: "pro".into() }));
        plan.plan_is_known = true;
        let exceeded = Err(Denial::LimitExceeded { limit: 0, current_usage: 9 });
        assert_eq!(decide(&plan, 9, 1, 0.0), exceeded);
    }
}
