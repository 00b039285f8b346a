//! The decision: may this user use this amount of this feature now?

use chrono::{DateTime, Utc};

use crate::cap::Capped;
use crate::denial::Denial;
use crate::rule::InForce;
use crate::shortage::{Missing, Shortage};
use crate::subscription::Subscription;
use crate::timestamp::microseconds;

/// What a user's plan allows of one feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entitlement {
    pub subscription: Subscription,
    /// Whether the plan is in `plan_limits` and active there.
    pub plan_is_known: bool,
    /// The plan's limit. `None` is unlimited if the plan is known.
    pub limit: Option<i64>,
}

/// Everything that decides a call, except the amount.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    pub entitlement: &'a Entitlement,
    pub in_force: &'a InForce,
    /// The caps in force, with what is used of them.
    pub caps: &'a [Capped],
    pub current_usage: i64,
    /// When a fresh allowance begins; `None` if it never does, or the call is about another period.
    pub reset_at: Option<DateTime<Utc>>,
    pub clock: Clock,
}

/// The instants by which a call is decided.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// `now()` in seconds from 1970: a subscription and a period are those of the transaction.
    pub transaction: f64,
    /// The current time in microseconds from 1970: a rule that began or ended while the call waited
    /// for a lock has begun or ended.
    pub wall: i64,
}

/// Why a call is admitted: the limit, if there is one, and what is left afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// `None` is unlimited.
    pub limit: Option<i64>,
    pub current_usage: i64,
    /// What could still be admitted; `None` if that is unlimited.
    pub remaining: Option<i64>,
}

impl Allowance {
    /// The same allowance once the amount is counted.
    pub fn counted(self, amount: i64) -> Self {
        Self { current_usage: self.current_usage + amount, ..self }
    }
}

/// Checks the rules in order. Anything unknown or missing is a denial.
pub fn decide(standing: &Standing, amount: i64) -> Result<Allowance, Denial> {
    let Standing { entitlement, in_force, caps, current_usage, clock, .. } = *standing;
    if in_force.is_denied {
        return Err(Denial::Denied);
    }
    entitlement.subscription.require_active(clock.transaction)?;
    if !entitlement.plan_is_known {
        let plan_id = entitlement.subscription.plan_id().to_owned();
        return Err(Denial::UnknownPlan { plan_id });
    }
    let limit = in_force.limit(entitlement.limit);
    let left = limit.map(|limit| limit.saturating_sub(current_usage).saturating_sub(amount));
    let is_short = left.is_some_and(|left| left < 0);
    if !in_force.is_governed {
        return match limit {
            Some(limit) if is_short => Err(Denial::LimitExceeded { limit, current_usage }),
            _ => Ok(Allowance { limit, current_usage, remaining: left }),
        };
    }
    let mut missing: Vec<Missing> = Vec::new();
    for capped in caps {
        let lacking = capped.lacks(amount, clock.wall);
        missing.extend(lacking.map(|wait| Missing::of_cap(capped, wait, clock.wall)));
    }
    if let Some(limit) = limit.filter(|_| is_short) {
        let next = standing.reset_at.filter(|_| amount <= limit);
        let wait = next.map(|next| microseconds(next) - clock.wall);
        missing.push(Missing::of_allowance(limit, current_usage, wait, standing.reset_at));
    }
    if missing.is_empty() {
        let counted = caps.iter().map(|capped| capped.counted(amount, clock.wall));
        let of_caps = counted.map(|capped| capped.left(clock.wall)).min();
        let remaining = left.into_iter().chain(of_caps).min();
        return Ok(Allowance { limit, current_usage, remaining });
    }
    let of_allowance = limit.map(|limit| limit.saturating_sub(current_usage).max(0));
    let of_caps = caps.iter().map(|capped| capped.left(clock.wall));
    let remaining = of_allowance.into_iter().chain(of_caps).min();
    Err(Denial::Short(Shortage { limit, current_usage, remaining, missing }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::State;
    use crate::rule::{Cap, Effect, Level, Per, Rule};

    const SECOND: i64 = 1_000_000;
    /// 2025-02-10T12:00:00Z.
    const NOW: i64 = 1_739_188_800 * SECOND;

    fn free(limit: Option<i64>) -> Entitlement {
        Entitlement { plan_is_known: true, limit, ..Entitlement::default() }
    }

    fn plain(entitlement: &Entitlement, usage: i64, amount: i64) -> Result<Allowance, Denial> {
        governed(entitlement, &InForce::default(), &[], usage, amount)
    }

    fn governed(
        entitlement: &Entitlement,
        in_force: &InForce,
        caps: &[Capped],
        current_usage: i64,
        amount: i64,
    ) -> Result<Allowance, Denial> {
        let reset_at = DateTime::from_timestamp_micros(NOW + 12 * 3_600 * SECOND);
        let clock = Clock { transaction: 0.0, wall: NOW };
        let standing = Standing { entitlement, in_force, caps, current_usage, reset_at, clock };
        decide(&standing, amount)
    }

    fn within(limit: i64, current_usage: i64, remaining: i64) -> Result<Allowance, Denial> {
        Ok(Allowance { limit: Some(limit), current_usage, remaining: Some(remaining) })
    }

    fn rule(effect: Effect, amount: Option<i64>) -> Rule {
        Rule {
            level: Level::User,
            effect,
            amount,
            per: Per::Period,
            starts_at: 0,
            ends_at: i64::MAX,
            created_at: 0,
            rule_id: uuid::Uuid::nil(),
        }
    }

    fn in_force(rules: &[Rule]) -> InForce {
        InForce::of(rules, NOW)
    }

    fn bucket(amount: i64, tat: Option<i64>) -> Capped {
        let cap = Cap { per: Per::Rate { every: 60 * SECOND }, amount };
        Capped { cap, state: State::Bucket { tat } }
    }

    #[test]
    fn a_plan_allows_exactly_its_limit() {
        let exceeded = |current_usage| Err(Denial::LimitExceeded { limit: 3, current_usage });
        assert_eq!(plain(&free(Some(3)), 0, 1), within(3, 0, 2));
        assert_eq!(plain(&free(Some(3)), 2, 1), within(3, 2, 0));
        assert_eq!(plain(&free(Some(3)), 3, 0), within(3, 3, 0));
        assert_eq!(plain(&free(Some(3)), 3, 1), exceeded(3));
        assert_eq!(plain(&free(Some(3)), 0, 4), exceeded(0));
        assert_eq!(plain(&free(Some(3)), 4, 0), exceeded(4));
    }

    #[test]
    fn a_limit_of_zero_allows_nothing() {
        let exceeded = Err(Denial::LimitExceeded { limit: 0, current_usage: 0 });
        assert_eq!(plain(&free(Some(0)), 0, 1), exceeded);
    }

    #[test]
    fn the_largest_integers_do_not_wrap_around() {
        let max = i64::from(i32::MAX);
        let exceeded = Err(Denial::LimitExceeded { limit: max, current_usage: max });
        assert_eq!(plain(&free(Some(max)), max, max), exceeded);
        assert_eq!(
            plain(&free(Some(i64::from(i32::MIN))), max, max),
            Err(Denial::LimitExceeded { limit: i64::from(i32::MIN), current_usage: max })
        );
    }

    #[test]
    fn a_null_limit_of_a_known_plan_is_unlimited() {
        let unlimited = Ok(Allowance { limit: None, current_usage: 7, remaining: None });
        assert_eq!(plain(&free(None), 7, i64::from(i32::MAX)), unlimited);
        let unknown = Entitlement { plan_is_known: false, ..free(None) };
        let denied = Err(Denial::UnknownPlan { plan_id: "free".into() });
        assert_eq!(plain(&unknown, 7, 1), denied);
    }

    #[test]
    fn rules_are_checked_in_order_denial_subscription_plan_limit() {
        let mut plan = Entitlement { plan_is_known: false, ..free(Some(0)) };
        plan.subscription.plan_id = Some("pro".into());
        let blocked = in_force(&[rule(Effect::Deny, None), rule(Effect::Set, None)]);
        assert_eq!(governed(&plan, &blocked, &[], 9, 1), Err(Denial::Denied));
        let raised = in_force(&[rule(Effect::Set, None)]);
        assert_eq!(governed(&plan, &raised, &[], 9, 1), Err(Denial::NoSubscription));
        plan.subscription.is_active = Some(true);
        plan.subscription.status = Some("active".into());
        let unknown = Err(Denial::UnknownPlan { plan_id: "pro".into() });
        assert_eq!(governed(&plan, &raised, &[], 9, 1), unknown);
        plan.plan_is_known = true;
        let exceeded = Err(Denial::LimitExceeded { limit: 0, current_usage: 9 });
        assert_eq!(plain(&plan, 9, 1), exceeded);
    }

    #[test]
    fn an_addition_counts_until_its_end() {
        let mut add = rule(Effect::Add, Some(20));
        add.ends_at = NOW;
        let before = InForce::of(std::slice::from_ref(&add), NOW - 1);
        assert_eq!(governed(&free(Some(50)), &before, &[], 60, 10), within(70, 60, 0));
        let after = in_force(&[add]);
        let exceeded = Denial::LimitExceeded { limit: 50, current_usage: 60 };
        assert_eq!(governed(&free(Some(50)), &after, &[], 60, 0), Err(exceeded.clone()));
        let reason = exceeded.reason("image_generation");
        assert_eq!(reason, "image_generation limit exceeded (60/50)");
    }

    #[test]
    fn a_cap_and_the_allowance_must_both_have_room() {
        let rules = in_force(&[rule(Effect::Cap, Some(5))]);
        let end = DateTime::from_timestamp_micros(NOW + 1_800 * SECOND);
        let cap = Cap { per: Per::Window(crate::period_kind::PeriodKind::Hour), amount: 5 };
        let hour = |used| Capped { cap, state: State::Window { used, reset_at: end } };
        assert_eq!(governed(&free(Some(100)), &rules, &[hour(2)], 40, 2), within(100, 40, 1));
        assert_eq!(governed(&free(Some(43)), &rules, &[hour(0)], 40, 2), within(43, 40, 1));
        let unlimited = Ok(Allowance { limit: None, current_usage: 40, remaining: Some(3) });
        assert_eq!(governed(&free(None), &rules, &[hour(1)], 40, 1), unlimited);
        let Err(Denial::Short(shortage)) = governed(&free(Some(100)), &rules, &[hour(5)], 40, 1)
        else {
            panic!("the hour is full");
        };
        assert_eq!((shortage.remaining, shortage.retry_after()), (Some(0), Some(1_800)));
        assert_eq!((shortage.limit, shortage.current_usage), (Some(100), 40));
        // Nothing is denied by a cap.
        assert_eq!(governed(&free(Some(100)), &rules, &[hour(9)], 40, 0), within(100, 40, 0));
    }

    #[test]
    fn everything_without_room_is_listed_and_the_longest_wait_told() {
        let rules = in_force(&[rule(Effect::Cap, Some(10))]);
        let empty = bucket(10, Some(NOW + 60 * SECOND));
        let Err(Denial::Short(shortage)) = governed(&free(Some(100)), &rules, &[empty], 100, 1)
        else {
            panic!("both are full");
        };
        assert_eq!(shortage.exceeded("chat").len(), 2);
        assert_eq!(shortage.error_code(), "LIMIT_EXCEEDED");
        assert_eq!(shortage.retry_after(), Some(12 * 3_600));
        assert_eq!(shortage.reason("chat"), "chat limit exceeded (100/100)");
    }

    #[test]
    fn an_amount_above_the_limit_waits_in_vain() {
        let rules = in_force(&[rule(Effect::Add, Some(1))]);
        let Err(Denial::Short(shortage)) = governed(&free(Some(9)), &rules, &[], 0, 11) else {
            panic!("11 are more than 10");
        };
        assert_eq!(shortage.retry_after(), None);
        assert_eq!(shortage.remaining, Some(10));
    }
}
