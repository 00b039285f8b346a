//! Rules: what they say, which of several hold, and what they add up to.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::period_kind::PeriodKind;

/// Whom a rule applies to, from the least to the most specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    All,
    Plan,
    User,
    Pool,
    /// Each member of a pool.
    Members,
    /// One member of a pool.
    Member,
}

impl Level {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "all" => Some(Self::All),
            "plan" => Some(Self::Plan),
            "user" => Some(Self::User),
            "pool" => Some(Self::Pool),
            "members" => Some(Self::Members),
            "member" => Some(Self::Member),
            _ => None,
        }
    }
}

/// Who has the plan that rules change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    User,
    /// A pool, whose plan is multiplied by its seats.
    Pool {
        seats: i64,
    },
}

impl Holder {
    pub fn scope(self) -> Scope {
        match self {
            Self::User => Scope::User,
            Self::Pool { .. } => Scope::Pool,
        }
    }

    /// An amount of the plan for all seats. Without seats, even an unlimited plan allows nothing.
    pub fn of_all_seats(self, amount: Option<i64>) -> Option<i64> {
        match self {
            Self::User => amount,
            Self::Pool { seats } if seats < 1 => Some(0),
            Self::Pool { seats } => amount.map(|amount| amount.saturating_mul(seats)),
        }
    }
}

/// Whose use a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    User,
    Pool,
    /// One member's use of a pool.
    Member,
}

impl Scope {
    pub fn is_member(self) -> bool {
        self == Self::Member
    }

    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Pool => "pool",
            Self::Member => "member",
        }
    }
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Replaces the plan's limit.
    Set,
    /// Adds to the limit.
    Add,
    /// Blocks the feature.
    Deny,
    /// Limits the units per window or per time, from whatever source they come.
    Cap,
    /// Lets the feature be used beyond everything else.
    Overage,
    /// Warns at a percentage of the limit.
    Warn,
    /// Tells when less than an amount is left.
    Low,
    /// What a unit costs in units of another feature.
    Cost,
    /// Keeps a ledger.
    Log,
}

impl Effect {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "set" => Some(Self::Set),
            "add" => Some(Self::Add),
            "deny" => Some(Self::Deny),
            "cap" => Some(Self::Cap),
            "overage" => Some(Self::Overage),
            "warn" => Some(Self::Warn),
            "low" => Some(Self::Low),
            "cost" => Some(Self::Cost),
            "log" => Some(Self::Log),
            _ => None,
        }
    }
}

/// What a cap's amount is counted per.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Per {
    /// The feature's own period.
    Period,
    /// A calendar window.
    Window(PeriodKind),
    /// A time in microseconds, of which the bucket refills continuously.
    Rate { every: i64 },
}

impl Per {
    /// The name in rules and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Period => "period",
            Self::Window(kind) => kind.name(),
            Self::Rate { .. } => "rate",
        }
    }

    /// Whether a cap per this counts what the feature's own counter counts.
    pub fn is_own(self, own: PeriodKind) -> bool {
        self == Self::Period || self == Self::Window(own)
    }
}

/// A row of `usage_rules`. Instants are in microseconds from 1970; infinity is the largest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub level: Level,
    pub effect: Effect,
    /// `None` is unlimited; of a cap it is none, of overage any, of the ledger for ever.
    pub amount: Option<i64>,
    pub per: Per,
    /// The feature that a cost is paid in.
    pub paid_in: Option<String>,
    pub starts_at: i64,
    pub ends_at: i64,
    pub created_at: i64,
    pub rule_id: Uuid,
}

impl Rule {
    fn is_active(&self, now: i64) -> bool {
        self.starts_at <= now && now < self.ends_at
    }

    fn scope(&self, holder: Holder) -> Scope {
        match self.level {
            Level::Members | Level::Member => Scope::Member,
            _ => holder.scope(),
        }
    }

    /// The amount: what a plan sets or adds is per seat.
    fn amount_for(&self, holder: Holder) -> Option<i64> {
        match self.level {
            Level::All | Level::Plan => holder.of_all_seats(self.amount),
            _ => self.amount,
        }
    }
}

/// A limit on the units per window or per time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    pub per: Per,
    pub amount: i64,
    pub scope: Scope,
}

/// What a unit of a feature costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub cost: i64,
    /// The currency: another feature.
    pub paid_in: String,
}

/// What the active rules of a user or a pool and a feature add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Whether any rule is active.
    pub is_governed: bool,
    pub is_denied: bool,
    /// The limit in place of the plan's; `Some(None)` is unlimited.
    set: Option<Option<i64>>,
    added: i64,
    /// In the order in which answers list them.
    pub caps: Vec<Cap>,
    /// How much may be used beyond everything else; `None` is any amount.
    pub overage: Option<i64>,
    pub price: Option<Price>,
    /// Percentages of the limit at which users are warned, ascending.
    pub warnings: Vec<i64>,
    /// Amounts left at which users are told, ascending.
    pub lows: Vec<i64>,
    /// Whether the ledger has the feature.
    pub is_logged: bool,
}

impl Default for InForce {
    fn default() -> Self {
        Self {
            is_governed: false,
            is_denied: false,
            set: None,
            added: 0,
            caps: Vec::new(),
            overage: Some(0),
            price: None,
            warnings: Vec::new(),
            lows: Vec::new(),
            is_logged: false,
        }
    }
}

impl InForce {
    /// What is active now.
    ///
    /// Of several rules with one effect, the one of the most specific level holds; of several there,
    /// the one that started last, then the one created last. Only additions all hold, and of warnings
    /// all of the most specific level. Caps of a pool and of its members hold side by side.
    pub fn of(rules: &[Rule], now: i64, holder: Holder) -> Self {
        let active: Vec<&Rule> = rules.iter().filter(|rule| rule.is_active(now)).collect();
        let of = |effect: Effect| active.iter().copied().filter(move |rule| rule.effect == effect);
        let added = of(Effect::Add).filter_map(|rule| rule.amount_for(holder));
        let mut caps: Vec<&Rule> = of(Effect::Cap).collect();
        let limits = |rule: &Rule| (rule.scope(holder), rule.per);
        caps.sort_by_key(|rule| (limits(rule), precedence(rule)));
        let of_each = caps.chunk_by(|one, next| limits(one) == limits(next));
        let winners = of_each.filter_map(|rules| rules.last());
        let winner = |effect: Effect| of(effect).max_by_key(|rule| precedence(rule));
        let amounts = |effect: Effect| {
            let level = of(effect).map(|rule| rule.level).max();
            let most_specific = of(effect).filter(|rule| Some(rule.level) == level);
            let amounts: BTreeSet<i64> = most_specific.filter_map(|rule| rule.amount).collect();
            amounts.into_iter().collect()
        };
        let price =
            |rule: &Rule| Some(Price { cost: rule.amount?.max(1), paid_in: rule.paid_in.clone()? });
        Self {
            is_governed: !active.is_empty(),
            is_denied: of(Effect::Deny).next().is_some(),
            set: winner(Effect::Set).map(|rule| rule.amount_for(holder)),
            added: added.fold(0, i64::saturating_add),
            caps: winners
                .filter_map(|rule| {
                    let (scope, per) = limits(rule);
                    rule.amount.map(|amount| Cap { per, amount, scope })
                })
                .collect(),
            overage: winner(Effect::Overage).map_or(Some(0), |rule| rule.amount),
            price: winner(Effect::Cost).and_then(price),
            warnings: amounts(Effect::Warn),
            lows: amounts(Effect::Low),
            is_logged: winner(Effect::Log).is_some(),
        }
    }

    /// The limit in force, given the plan's. Unlimited plus something is unlimited.
    pub fn limit(&self, of_plan: Option<i64>) -> Option<i64> {
        self.set.unwrap_or(of_plan).map(|limit| limit.saturating_add(self.added))
    }

    /// The highest percentage of a limit that a count has reached.
    pub fn warning(&self, limit: Option<i64>, count: i64) -> Option<i64> {
        let limit = limit.filter(|limit| *limit > 0)?;
        self.warnings.iter().rev().copied().find(|percent| count >= threshold(limit, *percent))
    }
}

/// A percentage of a limit, rounded up.
fn threshold(limit: i64, percent: i64) -> i64 {
    let exact = (i128::from(limit) * i128::from(percent) + 99) / 100;
    i64::try_from(exact).unwrap_or(i64::MAX)
}

/// The greatest wins.
fn precedence(rule: &Rule) -> (Level, i64, i64, Uuid) {
    (rule.level, rule.starts_at, rule.created_at, rule.rule_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(level: Level, effect: Effect, amount: Option<i64>, starts_at: i64) -> Rule {
        Rule {
            level,
            effect,
            amount,
            per: Per::Period,
            paid_in: None,
            starts_at,
            ends_at: i64::MAX,
            created_at: 0,
            rule_id: Uuid::nil(),
        }
    }

    fn cap(level: Level, per: Per, amount: Option<i64>, starts_at: i64) -> Rule {
        Rule { per, ..rule(level, Effect::Cap, amount, starts_at) }
    }

    fn limit(rules: &[Rule], now: i64) -> Option<i64> {
        InForce::of(rules, now, Holder::User).limit(Some(50))
    }

    #[test]
    fn without_rules_the_limit_is_the_plans() {
        assert_eq!(InForce::of(&[], 0, Holder::User), InForce::default());
        assert_eq!(limit(&[], 0), Some(50));
        assert_eq!(InForce::default().limit(None), None);
    }

    #[test]
    fn a_rule_is_active_from_its_start_until_just_before_its_end() {
        let until = Rule { ends_at: 100, ..rule(Level::User, Effect::Add, Some(20), 10) };
        for (now, expected) in [(9, 50), (10, 70), (99, 70), (100, 50), (101, 50)] {
            assert_eq!(limit(std::slice::from_ref(&until), now), Some(expected), "at {now}");
        }
        let empty = Rule { ends_at: 10, ..until };
        assert_eq!(limit(&[empty], 10), Some(50));
    }

    #[test]
    fn the_latest_override_wins_and_additions_add_up() {
        let (monday, tuesday, wednesday) = (1, 2, 3);
        let mut rules = vec![
            rule(Level::User, Effect::Set, Some(100), monday),
            rule(Level::User, Effect::Set, Some(10), tuesday),
            rule(Level::Plan, Effect::Add, Some(5), monday),
            rule(Level::User, Effect::Add, Some(7), monday),
        ];
        assert_eq!(limit(&rules, wednesday), Some(22));
        rules[1].ends_at = wednesday;
        assert_eq!(limit(&rules, wednesday), Some(112));
        rules.push(rule(Level::User, Effect::Set, None, wednesday));
        assert_eq!(limit(&rules, wednesday), None);
    }

    #[test]
    fn what_a_plan_sets_or_adds_is_per_seat_and_what_a_pool_has_is_not() {
        let seats = Holder::Pool { seats: 3 };
        let limit = |rules: &[Rule]| InForce::of(rules, 9, seats).limit(Some(60));
        let mut rules = vec![
            rule(Level::All, Effect::Add, Some(1), 0),
            rule(Level::Plan, Effect::Add, Some(2), 0),
            rule(Level::Pool, Effect::Add, Some(4), 0),
        ];
        assert_eq!(limit(&rules), Some(60 + 3 + 6 + 4));
        rules.push(rule(Level::Plan, Effect::Set, Some(10), 0));
        assert_eq!(limit(&rules), Some(30 + 3 + 6 + 4));
        rules.push(rule(Level::Pool, Effect::Set, Some(10), 0));
        assert_eq!(limit(&rules), Some(10 + 3 + 6 + 4));
        assert_eq!(seats.of_all_seats(None), None);
        assert_eq!(seats.of_all_seats(Some(i64::MAX)), Some(i64::MAX));
        let none = Holder::Pool { seats: 0 };
        assert_eq!([none.of_all_seats(None), none.of_all_seats(Some(5))], [Some(0), Some(0)]);
    }

    #[test]
    fn caps_of_a_pool_and_of_its_members_hold_side_by_side() {
        let cap = |level, amount| cap(level, Per::Period, Some(amount), 0);
        let mut rules = vec![cap(Level::Plan, 100), cap(Level::Members, 60), cap(Level::Pool, 200)];
        let caps = |rules: &[Rule]| -> Vec<(Scope, i64)> {
            let in_force = InForce::of(rules, 9, Holder::Pool { seats: 2 });
            in_force.caps.iter().map(|cap| (cap.scope, cap.amount)).collect()
        };
        assert_eq!(caps(&rules), [(Scope::Pool, 200), (Scope::Member, 60)]);
        rules.push(cap(Level::Member, 70));
        assert_eq!(caps(&rules), [(Scope::Pool, 200), (Scope::Member, 70)]);
    }

    #[test]
    fn the_most_specific_level_wins_however_old_it_is() {
        let mut rules = vec![
            rule(Level::User, Effect::Set, Some(1), 0),
            rule(Level::Plan, Effect::Set, Some(2), 5),
            rule(Level::All, Effect::Set, Some(3), 9),
        ];
        assert_eq!(limit(&rules, 10), Some(1));
        rules.remove(0);
        assert_eq!(limit(&rules, 10), Some(2));
        rules.remove(0);
        assert_eq!(limit(&rules, 10), Some(3));
    }

    #[test]
    fn of_two_the_one_that_started_last_wins_even_if_it_was_created_first() {
        let early = Rule { created_at: 9, ..rule(Level::User, Effect::Set, Some(1), 1) };
        let late = Rule { created_at: 8, ..rule(Level::User, Effect::Set, Some(2), 2) };
        assert_eq!(limit(&[early.clone(), late.clone()], 10), Some(2));
        assert_eq!(limit(&[late, early], 10), Some(2));
    }

    #[test]
    fn of_two_that_start_together_the_one_created_last_wins_then_the_greater_id() {
        let set = |amount, created_at, id| Rule {
            created_at,
            rule_id: Uuid::from_u128(id),
            ..rule(Level::User, Effect::Set, Some(amount), 0)
        };
        for rules in [[set(1, 5, 9), set(2, 6, 1)], [set(2, 6, 1), set(1, 5, 9)]] {
            assert_eq!(limit(&rules, 10), Some(2));
        }
        for rules in [[set(1, 5, 1), set(2, 5, 9)], [set(2, 5, 9), set(1, 5, 1)]] {
            assert_eq!(limit(&rules, 10), Some(2));
        }
    }

    #[test]
    fn a_denial_of_any_level_holds() {
        for level in [Level::All, Level::Plan, Level::User] {
            let rules =
                [rule(level, Effect::Deny, None, 0), rule(Level::User, Effect::Set, None, 5)];
            assert!(InForce::of(&rules, 10, Holder::User).is_denied);
        }
    }

    #[test]
    fn caps_win_per_window_and_time() {
        let (hour, minute) = (Per::Window(PeriodKind::Hour), Per::Rate { every: 60_000_000 });
        let rules = [
            cap(Level::All, hour, Some(10), 0),
            cap(Level::User, hour, Some(20), 0),
            cap(Level::Plan, minute, Some(5), 0),
            cap(Level::Plan, Per::Rate { every: 1_000_000 }, Some(2), 0),
            cap(Level::Plan, Per::Period, Some(40), 0),
            cap(Level::Plan, Per::Window(PeriodKind::Total), Some(90), 0),
            // Lifts the plan's.
            cap(Level::User, Per::Window(PeriodKind::Total), None, 0),
        ];
        let expected = [
            Cap { per: Per::Period, amount: 40, scope: Scope::User },
            Cap { per: hour, amount: 20, scope: Scope::User },
            Cap { per: Per::Rate { every: 1_000_000 }, amount: 2, scope: Scope::User },
            Cap { per: minute, amount: 5, scope: Scope::User },
        ];
        assert_eq!(InForce::of(&rules, 10, Holder::User).caps, expected);
    }

    #[test]
    fn overage_is_none_without_a_rule_and_any_without_an_amount() {
        assert_eq!(InForce::of(&[], 10, Holder::User).overage, Some(0));
        let of_plan = rule(Level::Plan, Effect::Overage, None, 0);
        assert_eq!(InForce::of(std::slice::from_ref(&of_plan), 10, Holder::User).overage, None);
        let of_user = rule(Level::User, Effect::Overage, Some(5), 0);
        assert_eq!(InForce::of(&[of_plan, of_user], 10, Holder::User).overage, Some(5));
    }

    #[test]
    fn a_cost_has_a_price_and_a_currency() {
        let cost = |level, amount| Rule {
            paid_in: Some("credits".to_owned()),
            ..rule(level, Effect::Cost, Some(amount), 0)
        };
        let in_force = InForce::of(&[cost(Level::User, 3), cost(Level::Plan, 5)], 10, Holder::User);
        let price = Price { cost: 3, paid_in: "credits".to_owned() };
        assert_eq!(in_force.price, Some(price));
    }

    #[test]
    fn all_warnings_of_the_most_specific_level_hold_and_the_highest_reached_is_told() {
        let warn = |level, percent| rule(level, Effect::Warn, Some(percent), 0);
        let rules = [
            warn(Level::Plan, 100),
            warn(Level::Plan, 80),
            warn(Level::Plan, 80),
            warn(Level::All, 50),
        ];
        let in_force = InForce::of(&rules, 10, Holder::User);
        assert_eq!(in_force.warnings, [80, 100]);
        let reached = |limit, count| in_force.warning(Some(limit), count);
        assert_eq!((reached(10, 7), reached(10, 8), reached(10, 10)), (None, Some(80), Some(100)));
        assert_eq!((reached(3, 2), reached(3, 3)), (None, Some(100)));
        assert_eq!((reached(0, 9), in_force.warning(None, 9)), (None, None));
        assert_eq!(reached(i64::MAX, i64::MAX), Some(100));
        assert_eq!(threshold(i64::MAX, 1000), i64::MAX);
    }

    #[test]
    fn sums_do_not_overflow() {
        let rules = [
            rule(Level::User, Effect::Add, Some(i64::MAX), 0),
            rule(Level::Plan, Effect::Add, Some(i64::MAX), 0),
        ];
        assert_eq!(limit(&rules, 10), Some(i64::MAX));
    }
}
