//! Rules: what they say, which of several hold, and what they add up to.

use uuid::Uuid;

use crate::period_kind::PeriodKind;

/// Whom a rule applies to, from the least to the most specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    All,
    Plan,
    User,
}

impl Level {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "all" => Some(Self::All),
            "plan" => Some(Self::Plan),
            "user" => Some(Self::User),
            _ => None,
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
}

impl Effect {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "set" => Some(Self::Set),
            "add" => Some(Self::Add),
            "deny" => Some(Self::Deny),
            "cap" => Some(Self::Cap),
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
    /// `None` is unlimited, and of a cap: none.
    pub amount: Option<i64>,
    pub per: Per,
    pub starts_at: i64,
    pub ends_at: i64,
    pub created_at: i64,
    pub rule_id: Uuid,
}

impl Rule {
    fn is_active(&self, now: i64) -> bool {
        self.starts_at <= now && now < self.ends_at
    }
}

/// A limit on the units per window or per time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    pub per: Per,
    pub amount: i64,
}

/// What the active rules of a user and a feature add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// Whether any rule is active.
    pub is_governed: bool,
    pub is_denied: bool,
    /// The limit in place of the plan's; `Some(None)` is unlimited.
    set: Option<Option<i64>>,
    added: i64,
    /// In the order in which answers list them.
    pub caps: Vec<Cap>,
}

impl InForce {
    /// What is active now.
    ///
    /// Of several rules with one effect, the one of the most specific level holds; of several there,
    /// the one that started last, then the one created last. Only additions all hold.
    pub fn of(rules: &[Rule], now: i64) -> Self {
        let active: Vec<&Rule> = rules.iter().filter(|rule| rule.is_active(now)).collect();
        let of = |effect: Effect| active.iter().copied().filter(move |rule| rule.effect == effect);
        let added = of(Effect::Add).filter_map(|rule| rule.amount);
        let mut caps: Vec<&Rule> = of(Effect::Cap).collect();
        caps.sort_by_key(|rule| (rule.per, precedence(rule)));
        let of_each = caps.chunk_by(|one, next| one.per == next.per);
        let winners = of_each.filter_map(|rules| rules.last());
        Self {
            is_governed: !active.is_empty(),
            is_denied: of(Effect::Deny).next().is_some(),
            set: of(Effect::Set).max_by_key(|rule| precedence(rule)).map(|rule| rule.amount),
            added: added.fold(0, i64::saturating_add),
            caps: winners
                .filter_map(|rule| rule.amount.map(|amount| Cap { per: rule.per, amount }))
                .collect(),
        }
    }

    /// The limit in force, given the plan's. Unlimited plus something is unlimited.
    pub fn limit(&self, of_plan: Option<i64>) -> Option<i64> {
        self.set.unwrap_or(of_plan).map(|limit| limit.saturating_add(self.added))
    }
}

/// The greatest wins.
fn precedence(rule: &Rule) -> (Level, i64, i64, Uuid) {
    (rule.level, rule.starts_at, rule.created_at, rule.rule_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(level: Level, effect: Effect, amount: Option<i64>, starts_at: i64) -> Rule {
        let (per, rule_id) = (Per::Period, Uuid::nil());
        Rule { level, effect, amount, per, starts_at, ends_at: i64::MAX, created_at: 0, rule_id }
    }

    fn cap(level: Level, per: Per, amount: Option<i64>, starts_at: i64) -> Rule {
        Rule { per, ..rule(level, Effect::Cap, amount, starts_at) }
    }

    fn limit(rules: &[Rule], now: i64) -> Option<i64> {
        InForce::of(rules, now).limit(Some(50))
    }

    #[test]
    fn without_rules_the_limit_is_the_plans() {
        assert_eq!(InForce::of(&[], 0), InForce::default());
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
            assert!(InForce::of(&rules, 10).is_denied);
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
            Cap { per: Per::Period, amount: 40 },
            Cap { per: hour, amount: 20 },
            Cap { per: Per::Rate { every: 1_000_000 }, amount: 2 },
            Cap { per: minute, amount: 5 },
        ];
        assert_eq!(InForce::of(&rules, 10).caps, expected);
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
