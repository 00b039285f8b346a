//! The answer of a check, a consume or a reserve, as callers read it.

use serde::Serialize;

use crate::burn::Split;
use crate::calendar::Span;
use crate::cap::Capped;
use crate::decision::{Allowance, Standing};
use crate::denial::Denial;
use crate::feature::{self, Feature};
use crate::shortage::Exceeded;
use crate::timestamp::{iso8601, iso8601_rounded_up};

/// The answer. Keys may be added; none is ever renamed.
///
/// The fields are in the order in which jsonb stores keys, shortest first, so that no sorting is
/// needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The caps in force, with what is used of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caps: Vec<CapReport>,
    /// How much of the current usage grants or a currency covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    drawn: Option<i64>,
    /// `Some(None)`, a JSON null, means unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    allowed: bool,
    /// How much of the current usage is beyond everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    overage: Option<i64>,
    /// The pool in which the user acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_id: Option<String>,
    /// Where the amount comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Covered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<Warning>,
    /// How much a consume counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed: Option<i32>,
    /// Everything that has no room.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exceeded: Vec<Exceeded>,
    /// How much of the current usage is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<i64>,
    /// A JSON null for the total, which never ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_at: Option<Option<String>>,
    /// What is left: after the requested amount if it is allowed, without it if it is denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// In seconds; a JSON null if waiting does not help.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_unlimited: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_usage: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_end_date: Option<String>,
}

/// Where an admitted amount comes from. The fields are in the order of jsonb.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Covered {
    /// Units of the currency per unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<i64>,
    grants: i64,
    overage: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_in: Option<String>,
    allowance: i64,
}

/// A threshold of the limit that the usage has reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Warning {
    per: &'static str,
    /// A percentage.
    threshold: i64,
}

/// How an answer tells what governed a call.
#[derive(Clone, Copy)]
pub struct Governed<'a> {
    pub standing: &'a Standing<'a>,
    /// What covers the amount, if it is allowed.
    pub split: Option<&'a Split>,
    /// Whether the amount is counted, or only asked for.
    pub is_counted: bool,
}

/// A cap in an answer. The fields are in the order of jsonb.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CapReport {
    per: &'static str,
    used: i64,
    /// The seconds of a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<i64>,
    limit: i64,
    scope: &'static str,
    reset_at: Option<String>,
    remaining: i64,
}

impl CapReport {
    pub fn new(capped: &Capped, now: i64) -> Self {
        Self {
            per: capped.cap.per.name(),
            used: capped.used(now),
            every: capped.every(),
            limit: capped.cap.amount,
            scope: capped.cap.scope.name(),
            reset_at: capped.reset_at(now).map(iso8601_rounded_up),
            remaining: capped.left(now),
        }
    }
}

impl Answer {
    /// The denial for a feature that is not registered, among those that are.
    pub fn of_unknown_feature(feature_type: Option<&str>, known: &[&str]) -> Self {
        let reason = feature::unknown(feature_type, known);
        Self::default().denied(Denial::InvalidFeature { reason })
    }

    /// The answer about a feature in a period.
    pub fn new(feature: &Feature, span: &Span, decision: Result<Allowance, Denial>) -> Self {
        let subject = Self {
            feature_type: Some(feature.feature_type.clone()),
            period: Some(span.period.to_string()),
            reset_at: Some(span.reset_at.map(iso8601)),
            ..Self::default()
        };
        match decision {
            Ok(allowance) => subject.allowed(allowance),
            Err(denial) => subject.denied(denial),
        }
    }

    /// Adds what rules and grants have to do with the answer, if any is active: where the amount
    /// comes from, the caps afterwards, and after a denial how long to wait.
    pub fn with_governed(self, governed: Governed) -> Self {
        let Governed { standing, split, is_counted } = governed;
        if !standing.is_governed() {
            return self;
        }
        let Standing { in_force, caps, usage, clock, .. } = *standing;
        let amount = split.map_or(0, Split::total);
        let report = |cap: &Capped| CapReport::new(&cap.counted(amount, clock.wall), clock.wall);
        let usage = split.filter(|_| is_counted).map_or(usage, |split| usage.with(split));
        let covered = |split: &Split| Covered {
            cost: in_force.price.as_ref().map(|price| price.cost),
            grants: split.own.granted(),
            overage: split.own.overage,
            paid_in: in_force.price.as_ref().map(|price| price.paid_in.clone()),
            allowance: split.own.allowance,
        };
        let warning = in_force.warning(standing.limit(), usage.current);
        // Answers that tell no usage tell nothing of it here either.
        let tells_usage = self.current_usage.is_some();
        Self {
            sources: split.map(covered),
            retry_after: if self.allowed { None } else { Some(self.retry_after.flatten()) },
            caps: if tells_usage { caps.iter().map(report).collect() } else { Vec::new() },
            drawn: tells_usage.then_some(usage.drawn),
            overage: tells_usage.then_some(usage.overage),
            warning: warning
                .filter(|_| tells_usage)
                .map(|threshold| Warning { per: "period", threshold }),
            ..self
        }
    }

    /// Adds the pool, if the call is about one.
    pub fn with_pool(self, pool_id: Option<String>) -> Self {
        Self { pool_id, ..self }
    }

    /// Adds the part of the current usage that is reserved.
    pub fn with_reserved(self, reserved: i64) -> Self {
        Self { reserved: self.current_usage.map(|_| reserved), ..self }
    }

    /// Adds the consumed amount; 0 after a denial.
    pub fn with_consumed(self, amount: i32) -> Self {
        Self { consumed: Some(if self.allowed { amount } else { 0 }), ..self }
    }

    /// Adds the new reservation, and its amount to `reserved`.
    pub fn with_reservation(self, reservation_id: String, expires_at: String, amount: i32) -> Self {
        Self {
            reservation_id: Some(reservation_id),
            expires_at: Some(expires_at),
            reserved: self.reserved.map(|reserved| reserved + i64::from(amount)),
            ..self
        }
    }

    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    fn allowed(self, allowance: Allowance) -> Self {
        let Allowance { limit, usage, remaining, .. } = allowance;
        Self {
            allowed: true,
            limit: Some(limit),
            current_usage: Some(usage.current),
            remaining: Some(remaining),
            is_unlimited: Some(limit.is_none()),
            ..self
        }
    }

    fn denied(self, denial: Denial) -> Self {
        let denied = Self {
            allowed: false,
            reason: Some(denial.reason(self.feature_type.as_deref().unwrap_or_default())),
            error_code: Some(denial.error_code()),
            ..self
        };
        match denial {
            Denial::LimitExceeded { limit, current_usage } => Self {
                limit: Some(Some(limit)),
                current_usage: Some(current_usage),
                remaining: Some(Some(limit.saturating_sub(current_usage).max(0))),
                is_unlimited: Some(false),
                ..denied
            },
            Denial::Short(shortage) => Self {
                limit: Some(shortage.limit),
                current_usage: Some(shortage.current_usage),
                remaining: Some(shortage.remaining),
                is_unlimited: Some(shortage.limit.is_none()),
                exceeded: shortage.exceeded(denied.feature_type.as_deref().unwrap_or_default()),
                retry_after: Some(shortage.retry_after()),
                ..denied
            },
            Denial::TrialExpired { trial_end_date } => {
                Self { trial_end_date: Some(trial_end_date), ..denied }
            }
            _ => denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendar;
    use crate::cap::State;
    use crate::decision::{Clock, Entitlement, Usage};
    use crate::period::Period;
    use crate::period_kind::PeriodKind;
    use crate::rule::{Cap, Effect, Holder, InForce, Level, Per, Rule, Scope};
    use crate::shortage::{Missing, Shortage};
    use serde_json::{Value, json};

    fn allowance(limit: Option<i64>, current_usage: i64, remaining: Option<i64>) -> Allowance {
        let split = Split::of_allowance(1);
        Allowance { limit, usage: Usage::of_allowance(current_usage), remaining, split }
    }

    fn about_images(decision: Result<Allowance, Denial>) -> Value {
        let feature = Feature {
            feature_type: "image_generation".into(),
            usage_column: "images_generated".into(),
            limit_column: "image_generation_daily_limit".into(),
            period: PeriodKind::Day,
            max_count: i32::MAX.into(),
        };
        written(&Answer::new(
            &feature,
            &Calendar::default().span(Period::parse(PeriodKind::Day, "2025-02-10").expect("a day")),
            decision,
        ))
    }

    fn written(answer: &Answer) -> Value {
        serde_json::to_value(answer).expect("an answer is JSON")
    }

    #[test]
    fn allowed() {
        let allowance = allowance(Some(3), 1, Some(1));
        assert_eq!(
            about_images(Ok(allowance)),
            json!({
                "allowed": true, "limit": 3, "current_usage": 1, "remaining": 1,
                "is_unlimited": false, "feature_type": "image_generation",
                "period": "2025-02-10", "reset_at": "2025-02-11T00:00:00Z"
            })
        );
    }

    #[test]
    fn unlimited() {
        assert_eq!(
            about_images(Ok(allowance(None, 9, None))),
            json!({
                "allowed": true, "limit": null, "remaining": null, "is_unlimited": true,
                "current_usage": 9, "feature_type": "image_generation", "period": "2025-02-10",
                "reset_at": "2025-02-11T00:00:00Z"
            })
        );
    }

    #[test]
    fn denied_by_the_limit() {
        for (current_usage, remaining) in [(3, 0), (1, 2), (5, 0)] {
            assert_eq!(
                about_images(Err(Denial::LimitExceeded { limit: 3, current_usage })),
                json!({
                    "allowed": false, "limit": 3, "current_usage": current_usage,
                    "remaining": remaining, "is_unlimited": false,
                    "reason": format!("image_generation limit exceeded ({current_usage}/3)"),
                    "error_code": "LIMIT_EXCEEDED", "feature_type": "image_generation",
                    "period": "2025-02-10", "reset_at": "2025-02-11T00:00:00Z"
                })
            );
        }
    }

    #[test]
    fn denied_for_another_reason() {
        let denial = Denial::TrialExpired { trial_end_date: "2025-01-01T00:00:00Z".into() };
        assert_eq!(
            about_images(Err(denial)),
            json!({
                "allowed": false, "reason": "the trial ended at 2025-01-01T00:00:00Z",
                "error_code": "TRIAL_EXPIRED", "trial_end_date": "2025-01-01T00:00:00Z",
                "feature_type": "image_generation", "period": "2025-02-10",
                "reset_at": "2025-02-11T00:00:00Z"
            })
        );
        assert_eq!(
            written(&Answer::of_unknown_feature(Some("imges"), &["chat", "image_generation"])),
            json!({
                "allowed": false, "error_code": "INVALID_FEATURE",
                "reason": "unknown feature type \"imges\"; there are chat, image_generation"
            })
        );
    }

    const SECOND: i64 = 1_000_000;
    /// 2025-02-10T12:00:00Z.
    const NOW: i64 = 1_739_188_800 * SECOND;

    fn images() -> Feature {
        Feature {
            feature_type: "image_generation".into(),
            usage_column: "images_generated".into(),
            limit_column: "image_generation_daily_limit".into(),
            period: PeriodKind::Day,
            max_count: i32::MAX.into(),
        }
    }

    fn rate(tat: i64) -> Capped {
        let cap = Cap { per: Per::Rate { every: 60 * SECOND }, amount: 10, scope: Scope::User };
        Capped { cap, state: State::Bucket { tat: Some(tat) } }
    }

    fn one_rule() -> InForce {
        let rule = Rule {
            level: Level::All,
            effect: Effect::Cap,
            amount: Some(10),
            per: Per::Rate { every: 60 * SECOND },
            paid_in: None,
            starts_at: 0,
            ends_at: i64::MAX,
            created_at: 0,
            rule_id: uuid::Uuid::nil(),
        };
        InForce::of(&[rule], NOW, Holder::User)
    }

    /// Adds what governs an answer: rules, caps and a usage of 4, if an amount of 1 is counted.
    fn governed(
        answer: Answer,
        in_force: &InForce,
        caps: &[Capped],
        split: Option<&Split>,
    ) -> Answer {
        let entitlement =
            Entitlement { plan_is_known: true, limit: Some(50), ..Entitlement::default() };
        let standing = Standing {
            entitlement: &entitlement,
            in_force,
            caps,
            usage: Usage::of_allowance(4),
            carried: 0,
            grants: &[],
            currency: None,
            reset_at: None,
            clock: Clock { transaction: 0.0, wall: NOW },
        };
        answer.with_governed(Governed { standing: &standing, split, is_counted: true })
    }

    fn today() -> Span {
        Calendar::default().span(Period::parse(PeriodKind::Day, "2025-02-10").expect("a day"))
    }

    #[test]
    fn rules_add_sources_and_caps() {
        let allowance = allowance(Some(50), 4, Some(5));
        let answer = Answer::new(&images(), &today(), Ok(allowance));
        let one = Split::of_allowance(1);
        let ruled = governed(answer.clone(), &one_rule(), &[rate(NOW + 24 * SECOND)], Some(&one));
        assert_eq!(
            written(&ruled),
            json!({
                "allowed": true, "limit": 50, "current_usage": 4, "remaining": 5,
                "is_unlimited": false, "feature_type": "image_generation", "period": "2025-02-10",
                "reset_at": "2025-02-11T00:00:00Z",
                "sources": {"allowance": 1, "grants": 0, "overage": 0}, "drawn": 0, "overage": 0,
                "caps": [{"per": "rate", "every": 60, "scope": "user", "limit": 10, "used": 5,
                          "remaining": 5, "reset_at": "2025-02-10T12:00:30Z"}]
            })
        );
        let plain = governed(answer.clone(), &InForce::default(), &[], Some(&one));
        assert_eq!(plain, answer);
    }

    #[test]
    fn a_governed_denial_says_how_long_to_wait() {
        let full = rate(NOW + 60 * SECOND);
        let missing = vec![Missing::of_cap(&full, None, Some(6 * SECOND), NOW)];
        let shortage = Shortage { limit: Some(50), current_usage: 10, remaining: Some(0), missing };
        let answer = Answer::new(&images(), &today(), Err(Denial::Short(shortage)));
        let answer = governed(answer, &one_rule(), &[full], None);
        assert_eq!(
            written(&answer),
            json!({
                "allowed": false, "error_code": "RATE_LIMITED",
                "reason": "image_generation rate exceeded (10 per 60 seconds)", "retry_after": 6,
                "limit": 50, "current_usage": 10, "remaining": 0, "is_unlimited": false,
                "feature_type": "image_generation", "period": "2025-02-10",
                "reset_at": "2025-02-11T00:00:00Z",
                "exceeded": [{"effect": "cap", "per": "rate", "every": 60, "scope": "user",
                              "feature_type": "image_generation", "limit": 10, "used": 10,
                              "reset_at": "2025-02-10T12:00:06Z"}],
                "caps": [{"per": "rate", "every": 60, "scope": "user", "limit": 10, "used": 10,
                          "remaining": 0, "reset_at": "2025-02-10T12:01:00Z"}],
                "drawn": 0, "overage": 0
            })
        );
        let blocked = Answer::new(&images(), &today(), Err(Denial::Denied));
        assert_eq!(
            written(&governed(blocked, &one_rule(), &[], None)),
            json!({
                "allowed": false, "error_code": "DENIED", "reason": "image_generation is blocked",
                "retry_after": null, "feature_type": "image_generation", "period": "2025-02-10",
                "reset_at": "2025-02-11T00:00:00Z"
            })
        );
    }

    #[test]
    fn the_keys_are_written_in_the_order_of_jsonb() {
        let full = rate(NOW + 60 * SECOND);
        let missing = vec![Missing::of_cap(&full, None, Some(6 * SECOND), NOW)];
        let shortage = Shortage { limit: Some(3), current_usage: 3, remaining: Some(0), missing };
        let answer = Answer::new(&images(), &today(), Err(Denial::Short(shortage)));
        let answer = governed(answer, &one_rule(), &[full], None);
        in_the_order_of_jsonb(&answer);
        let allowance = allowance(Some(50), 4, Some(5));
        let answer = Answer::new(&images(), &today(), Ok(allowance));
        let one = Split::of_allowance(1);
        let answer = governed(answer, &one_rule(), &[full], Some(&one)).with_consumed(1);
        in_the_order_of_jsonb(&answer.with_reserved(0));
    }

    /// Shorter keys come first, in every object.
    fn in_the_order_of_jsonb(answer: &Answer) {
        let text = serde_json::to_string(answer).expect("an answer is JSON");
        let mut objects: Vec<Vec<&str>> = Vec::new();
        let mut parts = text.split('"');
        // No string has a quote in it, so the parts are alternately outside and inside of strings.
        while let Some(outside) = parts.next() {
            for sign in outside.chars() {
                match sign {
                    '{' => objects.push(Vec::new()),
                    '}' => {
                        let keys = objects.pop().expect("an object");
                        assert!(keys.is_sorted_by_key(|key| (key.len(), *key)), "{keys:?}");
                    }
                    _ => {}
                }
            }
            let Some(inside) = parts.next() else { break };
            if text.contains(&format!("\"{inside}\":")) {
                objects.last_mut().expect("an object").push(inside);
            }
        }
        assert!(objects.is_empty());
    }
}
