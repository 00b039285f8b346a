//! The decision: may this user use this amount of this feature now?

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::burn::{Currency, Sources, Split, Stock};
use crate::cap::Capped;
use crate::denial::Denial;
use crate::rule::{InForce, Scope};
use crate::shortage::{Credits, Missing, Shortage};
use crate::subscription::Subscription;
use crate::timestamp::microseconds;

/// Whether a user may act in a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Membership {
    /// The call is about the user alone.
    #[default]
    NotNeeded,
    /// The user is a member, or the call is about the pool alone.
    Given,
    Missing,
    /// There is no such pool.
    OfNoPool,
}

impl Membership {
    /// Denies unless the user may act.
    pub fn require(self) -> Result<(), Denial> {
        match self {
            Self::NotNeeded | Self::Given => Ok(()),
            Self::Missing => Err(Denial::NotAMember),
            Self::OfNoPool => Err(Denial::UnknownPool),
        }
    }
}

/// What the plan of a user or a pool allows of one feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entitlement {
    pub membership: Membership,
    pub subscription: Subscription,
    /// Whether the plan is in `plan_limits` and active there.
    pub plan_is_known: bool,
    /// The plan's limit, for all seats. `None` is unlimited if the plan is known.
    pub limit: Option<i64>,
}

/// What is counted of a feature in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The whole count.
    pub current: i64,
    /// The part of it that grants or a currency covered.
    pub drawn: i64,
    /// The part of it beyond everything else, as far as a rule allows that.
    pub overage: i64,
}

impl Usage {
    /// A count that the allowance alone covers.
    pub fn of_allowance(current: i64) -> Self {
        Self { current, ..Self::default() }
    }

    /// The part that the allowance covers, or nothing.
    pub fn allowance(self) -> i64 {
        self.current.saturating_sub(self.drawn).saturating_sub(self.overage)
    }

    /// The usage once a split is counted.
    pub fn with(self, split: &Split) -> Self {
        Self {
            current: self.current.saturating_add(split.total()),
            drawn: self.drawn.saturating_add(split.drawn()),
            overage: self.overage.saturating_add(split.own.overage),
        }
    }
}

/// Everything that decides a call, except the amount.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    pub entitlement: &'a Entitlement,
    pub in_force: &'a InForce,
    /// The caps in force, with what is used of them.
    pub caps: &'a [Capped],
    pub usage: Usage,
    /// What was carried over of the period, which is then no allowance of it.
    pub carried: i64,
    /// What is left of each active grant, in the order in which they burn down.
    pub grants: &'a [(Uuid, i64)],
    /// The feature that the price is paid in.
    pub currency: Option<&'a Self>,
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

/// Why a call is admitted: what covers the amount, and what is left afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// `None` is unlimited.
    pub limit: Option<i64>,
    pub usage: Usage,
    /// What could still be admitted without overage; `None` if that is unlimited.
    pub remaining: Option<i64>,
    pub split: Split,
}

impl Allowance {
    /// The same allowance once the amount is counted.
    pub fn counted(self) -> Self {
        Self { usage: self.usage.with(&self.split), ..self }
    }
}

impl Standing<'_> {
    /// Whether rules or grants have to do with the answer.
    pub fn is_governed(&self) -> bool {
        let Usage { drawn, overage, .. } = self.usage;
        self.entitlement.membership != Membership::NotNeeded
            || self.in_force.is_governed
            || !self.grants.is_empty()
            || drawn > 0
            || overage > 0
    }

    /// Whose use the limit is about.
    fn scope(&self) -> Scope {
        match self.entitlement.membership {
            Membership::NotNeeded => Scope::User,
            _ => Scope::Pool,
        }
    }

    /// Why the feature can't be used, whatever is left of it.
    pub fn refusal(&self) -> Option<Denial> {
        let blocked = self.in_force.is_denied.then_some(Denial::Denied);
        self.entitlement.membership.require().err().or(blocked)
    }

    /// Why the plan allows nothing, if it is known but has lapsed.
    fn lapse(&self) -> Option<Denial> {
        self.entitlement.subscription.require_active(self.clock.transaction).err()
    }

    /// The limit in force: 0 if the plan allows nothing, `None` if it is unlimited.
    pub fn limit(&self) -> Option<i64> {
        let is_allowed = self.entitlement.membership.require().is_ok();
        let is_usable = is_allowed && self.entitlement.plan_is_known && self.lapse().is_none();
        if is_usable { self.in_force.limit(self.entitlement.limit) } else { Some(0) }
    }

    /// What is left of the feature itself, whether or not it is denied.
    fn stock(&self) -> Stock {
        let limit = self.limit();
        let overage = match self.lapse() {
            Some(_) => Some(0),
            None => self.in_force.overage.map(|most| (most - self.usage.overage).max(0)),
        };
        Stock {
            allowance: limit.map(|limit| {
                limit.saturating_sub(self.usage.allowance()).saturating_sub(self.carried).max(0)
            }),
            grants: self.grants.to_vec(),
            overage,
        }
    }

    /// What is left of the allowance and the grants; `None` is unlimited.
    pub fn left(&self) -> Option<i64> {
        self.stock().left()
    }

    /// Everything that can cover an amount.
    pub fn sources(&self) -> Sources {
        let currency = self.price().map(|(cost, currency)| {
            let is_blocked = currency.refusal().is_some() || !currency.entitlement.plan_is_known;
            let stock = if is_blocked { Stock::empty() } else { currency.stock() };
            Currency { cost, stock }
        });
        Sources { own: self.stock(), currency }
    }

    fn price(&self) -> Option<(i64, &Standing<'_>)> {
        self.in_force.price.as_ref().map(|price| price.cost).zip(self.currency)
    }

    /// The units that would be admitted after a split: by the sources, without overage, and by all
    /// caps.
    fn remaining(&self, sources: &Sources, split: &Split) -> Option<i64> {
        let amount = split.total();
        let rest = |left: Option<i64>| left.map(|left| left.saturating_sub(amount).max(0));
        let left_after = |standing: &Standing, amount: i64| {
            let wall = standing.clock.wall;
            standing.caps.iter().map(move |cap| cap.counted(amount, wall).left(wall)).min()
        };
        let of_currency = self.price().and_then(|(cost, currency)| {
            let left = left_after(currency, split.paid_units().saturating_mul(cost))?;
            Some(rest(sources.own.left())?.saturating_add(left / cost))
        });
        let of_caps = left_after(self, amount);
        [rest(sources.left()), of_caps, of_currency].into_iter().flatten().min()
    }

    /// What lacks room for an amount: caps of the feature, and caps of the currency for what it has
    /// to pay.
    fn full_caps(&self, sources: &Sources, amount: i64) -> Vec<Missing> {
        let wall = self.clock.wall;
        let full = |standing: &Standing, amount: i64, of: Option<&str>| -> Vec<Missing> {
            let lacking = |capped: &Capped| {
                let wait = capped.lacks(amount, wall)?;
                Some(Missing::of_cap(capped, of, wait, wall))
            };
            standing.caps.iter().filter_map(lacking).collect()
        };
        let mut missing = full(self, amount, None);
        if let (Some(price), Some((cost, currency))) = (&self.in_force.price, self.price()) {
            let credits = sources.beyond_own(amount).saturating_mul(cost);
            missing.extend(full(currency, credits, Some(&price.paid_in)));
        }
        missing
    }

    /// The sources as something without room for an amount, with how long to wait for a fresh
    /// allowance that covers it.
    fn shortage(&self, sources: &Sources, amount: i64) -> Missing {
        let wait = |reset_at: Option<DateTime<Utc>>| {
            reset_at.map(|reset_at| microseconds(reset_at) - self.clock.wall)
        };
        let own = self.reset_at.filter(|_| self.fresh().is_none_or(|fresh| amount <= fresh));
        let (Some(price), Some((cost, currency))) = (&self.in_force.price, self.price()) else {
            let limit = self.limit().unwrap_or(i64::MAX);
            let used = self.usage.allowance();
            return Missing::of_allowance(self.scope(), limit, used, wait(own), self.reset_at);
        };
        let needed = sources.beyond_own(amount).saturating_mul(cost);
        let pays =
            !currency.in_force.is_denied && currency.fresh().is_none_or(|fresh| needed <= fresh);
        let paid = currency.reset_at.filter(|_| pays);
        Missing::of_currency(Credits {
            scope: self.scope(),
            feature_type: price.paid_in.clone(),
            limit: currency.limit().unwrap_or(i64::MAX),
            used: currency.usage.allowance(),
            left: sources.currency.as_ref().and_then(|paying| paying.stock.left()).unwrap_or(0),
            needed,
            wait: [wait(own), wait(paid)].into_iter().flatten().min(),
            reset_at: currency.reset_at,
        })
    }

    /// What a fresh period covers: allowance, grants and overage. `None` is unlimited.
    fn fresh(&self) -> Option<i64> {
        let granted = Stock { allowance: self.limit(), ..self.stock() }.left()?;
        let is_own = self.in_force.price.is_none() && self.lapse().is_none();
        let overage = if is_own { self.in_force.overage? } else { 0 };
        Some(granted.saturating_add(overage))
    }
}

/// Checks the rules in order. Anything unknown or missing is a denial.
pub fn decide(standing: &Standing, amount: i64) -> Result<Allowance, Denial> {
    let Standing { entitlement, in_force, usage, .. } = *standing;
    standing.refusal().map_or(Ok(()), Err)?;
    let lapse = standing.lapse();
    if !standing.is_governed() || !entitlement.plan_is_known {
        lapse.map_or(Ok(()), Err)?;
        if !entitlement.plan_is_known {
            let plan_id = entitlement.subscription.plan_id().to_owned();
            return Err(Denial::UnknownPlan { plan_id });
        }
        return of_limit(in_force.limit(entitlement.limit), usage, amount);
    }
    let (limit, sources) = (standing.limit(), standing.sources());
    // Nothing more is admitted if the allowance is exceeded; nothing at all, if only one unit is not.
    let is_over = lapse.is_some() || limit.is_some_and(|limit| usage.allowance() > limit);
    let is_covered = match amount {
        0 => !is_over || sources.cover(1).is_some(),
        _ => sources.cover(amount).is_some(),
    };
    if let Some(lapse) = lapse.filter(|_| !is_covered) {
        return Err(lapse);
    }
    let mut missing = standing.full_caps(&sources, amount);
    if !is_covered {
        missing.push(standing.shortage(&sources, amount));
    }
    if !missing.is_empty() {
        let remaining = standing.remaining(&sources, &Split::default());
        let current_usage = usage.current;
        return Err(Denial::Short(Shortage { limit, current_usage, remaining, missing }));
    }
    let split = sources.split(amount);
    let remaining = standing.remaining(&sources, &split);
    Ok(Allowance { limit, usage, remaining, split })
}

/// The decision if nothing but the plan's limit counts.
fn of_limit(limit: Option<i64>, usage: Usage, amount: i64) -> Result<Allowance, Denial> {
    let current_usage = usage.current;
    let left = limit.map(|limit| limit.saturating_sub(current_usage).saturating_sub(amount));
    match limit {
        Some(limit) if left < Some(0) => Err(Denial::LimitExceeded { limit, current_usage }),
        _ => Ok(Allowance { limit, usage, remaining: left, split: Split::of_allowance(amount) }),
    }
}

/// Counts an amount that has happened, whether or not anything covers it: grants and currency are
/// drawn from as in a decision, and what nothing covers is excess.
pub fn charge(standing: &Standing, amount: i64) -> Split {
    if standing.is_governed() {
        standing.sources().split(amount)
    } else {
        Split::of_allowance(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::State;
    use crate::rule::{Cap, Effect, Holder, Level, Per, Rule};

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
        let usage = Usage::of_allowance(current_usage);
        let (grants, currency) = (&[][..], None);
        let standing = Standing {
            entitlement,
            in_force,
            caps,
            usage,
            carried: 0,
            grants,
            currency,
            reset_at,
            clock,
        };
        decide(&standing, amount)
    }

    fn within(limit: i64, current_usage: i64, remaining: i64) -> Option<[Option<i64>; 3]> {
        Some([Some(limit), Some(current_usage), Some(remaining)])
    }

    /// Limit, usage and what remains.
    fn admitted(decision: Result<Allowance, Denial>) -> Option<[Option<i64>; 3]> {
        let Allowance { limit, usage, remaining, .. } = decision.ok()?;
        Some([limit, Some(usage.current), remaining])
    }

    fn rule(effect: Effect, amount: Option<i64>) -> Rule {
        Rule {
            level: Level::User,
            effect,
            amount,
            per: Per::Period,
            paid_in: None,
            starts_at: 0,
            ends_at: i64::MAX,
            created_at: 0,
            rule_id: Uuid::nil(),
        }
    }

    fn in_force(rules: &[Rule]) -> InForce {
        InForce::of(rules, NOW, Holder::User)
    }

    fn bucket(amount: i64, tat: Option<i64>) -> Capped {
        let cap = Cap { per: Per::Rate { every: 60 * SECOND }, amount, scope: Scope::User };
        Capped { cap, state: State::Bucket { tat } }
    }

    #[test]
    fn a_plan_allows_exactly_its_limit() {
        let exceeded = |current_usage| Err(Denial::LimitExceeded { limit: 3, current_usage });
        assert_eq!(admitted(plain(&free(Some(3)), 0, 1)), within(3, 0, 2));
        assert_eq!(admitted(plain(&free(Some(3)), 2, 1)), within(3, 2, 0));
        assert_eq!(admitted(plain(&free(Some(3)), 3, 0)), within(3, 3, 0));
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
        let unlimited = Some([None, Some(7), None]);
        assert_eq!(admitted(plain(&free(None), 7, i64::from(i32::MAX))), unlimited);
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
        let before = InForce::of(std::slice::from_ref(&add), NOW - 1, Holder::User);
        assert_eq!(admitted(governed(&free(Some(50)), &before, &[], 60, 10)), within(70, 60, 0));
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
        let cap = Cap {
            per: Per::Window(crate::period_kind::PeriodKind::Hour),
            amount: 5,
            scope: Scope::User,
        };
        let hour = |used| Capped { cap, state: State::Window { used, reset_at: end } };
        assert_eq!(
            admitted(governed(&free(Some(100)), &rules, &[hour(2)], 40, 2)),
            within(100, 40, 1)
        );
        assert_eq!(
            admitted(governed(&free(Some(43)), &rules, &[hour(0)], 40, 2)),
            within(43, 40, 1)
        );
        let unlimited = Some([None, Some(40), Some(3)]);
        assert_eq!(admitted(governed(&free(None), &rules, &[hour(1)], 40, 1)), unlimited);
        let Err(Denial::Short(shortage)) = governed(&free(Some(100)), &rules, &[hour(5)], 40, 1)
        else {
            panic!("the hour is full");
        };
        assert_eq!((shortage.remaining, shortage.retry_after()), (Some(0), Some(1_800)));
        assert_eq!((shortage.limit, shortage.current_usage), (Some(100), 40));
        // Nothing is denied by a cap.
        assert_eq!(
            admitted(governed(&free(Some(100)), &rules, &[hour(9)], 40, 0)),
            within(100, 40, 0)
        );
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

    /// A user's standing: the rules, the usage, what is left of grants, and the currency.
    struct Own {
        plan: Entitlement,
        in_force: InForce,
        usage: Usage,
        grants: Vec<(Uuid, i64)>,
        currency: Option<Box<Self>>,
    }

    impl Own {
        fn new(limit: i64, rules: &[Rule], usage: [i64; 3], grants: &[i64]) -> Self {
            let [current, drawn, overage] = usage;
            let grants = (1..).map(Uuid::from_u128).zip(grants.iter().copied()).collect();
            let usage = Usage { current, drawn, overage };
            Self {
                plan: free(Some(limit)),
                in_force: in_force(rules),
                usage,
                grants,
                currency: None,
            }
        }

        fn paid_in(self, currency: Self) -> Self {
            Self { currency: Some(Box::new(currency)), ..self }
        }

        fn lapsed(mut self) -> Self {
            self.plan.subscription.trial_end = Some(-1.0);
            self
        }

        fn decide(&self, amount: i64) -> Result<Allowance, Denial> {
            self.with_standing(|standing| decide(standing, amount))
        }

        fn with_standing<T>(&self, work: impl FnOnce(&Standing) -> T) -> T {
            let currency = self.currency.as_deref().map(|own| Standing {
                entitlement: &own.plan,
                in_force: &own.in_force,
                caps: &[],
                usage: own.usage,
                carried: 0,
                grants: &own.grants,
                currency: None,
                reset_at: DateTime::from_timestamp_micros(NOW + 24 * 3_600 * SECOND),
                clock: Clock { transaction: 0.0, wall: NOW },
            });
            work(&Standing {
                entitlement: &self.plan,
                in_force: &self.in_force,
                caps: &[],
                usage: self.usage,
                carried: 0,
                grants: &self.grants,
                currency: currency.as_ref(),
                reset_at: DateTime::from_timestamp_micros(NOW + 12 * 3_600 * SECOND),
                clock: Clock { transaction: 0.0, wall: NOW },
            })
        }

        fn short(&self, amount: i64) -> Shortage {
            match self.decide(amount) {
                Err(Denial::Short(shortage)) => shortage,
                decision => panic!("not short: {decision:?}"),
            }
        }

        fn remaining(&self, amount: i64) -> Option<i64> {
            self.decide(amount).ok()?.remaining
        }
    }

    #[test]
    fn grants_cover_what_the_allowance_does_not() {
        let user = Own::new(3, &[], [0, 0, 0], &[2, 5, 10]);
        let Allowance { split, remaining, .. } = user.decide(12).expect("20 are left");
        assert_eq!((split.own.allowance, split.drawn(), remaining), (3, 9, Some(8)));
        let next_day = Own::new(3, &[], [0, 0, 0], &[8]);
        assert_eq!(next_day.remaining(0), Some(11));
        // An upgrade frees allowance, and never eats what was paid.
        assert_eq!(Own::new(50, &[], [13, 10, 0], &[7]).remaining(0), Some(54));
    }

    #[test]
    fn a_lapsed_plan_leaves_grants_only() {
        let expired = |grants| Own::new(3, &[], [0, 0, 0], grants).lapsed();
        let allowance = expired(&[2]).decide(2).expect("covered by the grant");
        assert_eq!((allowance.limit, allowance.split.drawn()), (Some(0), 2));
        for (own, amount) in [(expired(&[2]), 3), (expired(&[]), 1), (expired(&[]), 0)] {
            assert!(matches!(own.decide(amount), Err(Denial::TrialExpired { .. })));
        }
        let mut unknown = Own::new(3, &[rule(Effect::Set, None)], [0, 0, 0], &[2]);
        unknown.plan.plan_is_known = false;
        assert!(matches!(unknown.decide(1), Err(Denial::UnknownPlan { .. })));
    }

    #[test]
    fn overage_comes_last_and_counts_in_its_period() {
        let rules = [rule(Effect::Overage, Some(5_000))];
        let allowance = Own::new(1_000, &rules, [1_000, 0, 0], &[]).decide(1).expect("overage");
        assert_eq!((allowance.split.own.overage, allowance.remaining), (1, Some(0)));
        let full = Own::new(1_000, &rules, [6_000, 0, 5_000], &[]);
        assert_eq!(full.short(1).error_code(), "LIMIT_EXCEEDED");
        let raised = Own::new(2_000, &rules, [1_500, 0, 500], &[]);
        assert_eq!(raised.remaining(0), Some(1_000));
        let split = raised.decide(1_000).expect("the allowance").split;
        assert_eq!((split.own.allowance, split.own.overage), (1_000, 0));
    }

    #[test]
    fn a_currency_pays_at_its_price() {
        let price = |cost| {
            let mut price = rule(Effect::Cost, Some(cost));
            price.paid_in = Some("credits".to_owned());
            [price]
        };
        let image = |used, grants: &[i64]| {
            let credits = Own::new(100, &[], [used, 0, 0], grants);
            Own::new(0, &price(5), [0, 0, 0], &[]).paid_in(credits)
        };
        assert_eq!(image(95, &[]).remaining(1), Some(0));
        let shortage = image(96, &[]).short(1);
        assert_eq!(shortage.reason("image_generation"), "not enough credits (4 of 5)");
        assert_eq!(shortage.retry_after(), Some(24 * 3_600));
        let exceeded = serde_json::to_value(shortage.exceeded("image_generation")).expect("JSON");
        assert_eq!(exceeded[0]["feature_type"], "credits");
        assert_eq!((&exceeded[0]["limit"], &exceeded[0]["used"]), (&100.into(), &96.into()));
        let allowance = image(98, &[10]).decide(1).expect("12 credits");
        let taken = allowance.split.paid.expect("paid").taken;
        assert_eq!((taken.allowance, taken.granted(), allowance.remaining), (2, 3, Some(1)));
        let mut blocked = image(0, &[]);
        blocked.currency.as_mut().expect("credits").in_force =
            in_force(&[rule(Effect::Deny, None)]);
        let shortage = blocked.short(1);
        assert_eq!(shortage.reason("image_generation"), "not enough credits (0 of 5)");
        assert_eq!(shortage.retry_after(), None);
    }

    #[test]
    fn nothing_is_admitted_if_the_allowance_is_exceeded_and_nothing_covers_one() {
        let exceeded = |grants| Own::new(3, &[rule(Effect::Add, Some(0))], [5, 0, 0], grants);
        assert_eq!(exceeded(&[]).short(0).error_code(), "LIMIT_EXCEEDED");
        assert_eq!(exceeded(&[1]).remaining(0), Some(1));
    }

    #[test]
    fn what_has_happened_is_counted_whether_or_not_anything_covers_it() {
        let user = Own::new(3, &[], [2, 0, 0], &[2]);
        let split = user.with_standing(|standing| charge(standing, 6));
        assert_eq!((split.own.allowance, split.drawn(), split.excess), (1, 2, 3));
        let plain = Own::new(3, &[], [2, 0, 0], &[]);
        let split = plain.with_standing(|standing| charge(standing, 6));
        assert_eq!(split, Split::of_allowance(6));
    }
}
