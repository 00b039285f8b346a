//! The judge of a round: the limit was admitted exactly, and the admitted amounts were counted.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::round::{Plan, Round};
use crate::{Counts, Feature};

/// An amount that a session was granted and that was committed.
pub struct Grant {
    feature: &'static str,
    period: String,
    amount: i64,
    /// From the answer: the count afterwards, and the limit.
    usage: i64,
    limit: i64,
}

impl Grant {
    pub fn new(feature: &Feature, amount: i32, answer: &Value) -> Result<Self, String> {
        let (Some((usage, limit)), Some(period)) = (used(answer), answer["period"].as_str()) else {
            return Err(format!("admitted without a limit: {answer}"));
        };
        let (period, amount) = (period.to_owned(), amount.into());
        Ok(Self { feature: feature.name, period, amount, usage, limit })
    }
}

/// Rule: no call is denied if there is room.
pub fn judge_denial(round: &Round, amount: i32, answer: &Value) -> Result<(), String> {
    let is_right = match answer["error_code"].as_str() {
        Some("UNKNOWN_PLAN") => round.plan != Plan::Active,
        Some("LIMIT_EXCEEDED") => {
            let used = used(answer).filter(|(_, limit)| round.limits.contains(limit));
            used.is_some_and(|(usage, limit)| limit - usage < amount.into())
        }
        _ => false,
    };
    if is_right { Ok(()) } else { Err(format!("denied {amount} too early: {answer}")) }
}

/// How much is used of which limit: of the only cap, if the plan is unlimited.
fn used(answer: &Value) -> Option<(i64, i64)> {
    let of = |limited: &Value, usage: &str| limited[usage].as_i64().zip(limited["limit"].as_i64());
    of(answer, "current_usage").or_else(|| of(&answer["caps"][0], "used"))
}

pub struct Judge<'a> {
    pub round: &'a Round,
    pub before: Counts,
    pub after: Counts,
}

impl Judge<'_> {
    /// Rule: no more than the limit is admitted, and the counter is the sum of the admitted
    /// amounts.
    pub fn judge(&self, grants: &[Grant]) -> Result<(), String> {
        let limits = self.round.limits;
        let most = limits[0].max(limits[1]);
        if self.round.plan != Plan::Active && !grants.is_empty() {
            return Err("admitted by a plan that is not in use".to_owned());
        }
        for Grant { usage, limit, .. } in grants {
            if !limits.contains(limit) {
                return Err(format!("limit {limit} is none of {limits:?}"));
            }
            if usage > limit {
                return Err(format!("over the limit: an answer admits {usage} of {limit}"));
            }
        }
        let used = self.used(grants);
        if let Some(usage) = used.values().find(|usage| **usage > most) {
            return Err(format!("over the limit: admitted {usage} of {most}"));
        }
        let mut counted: Used = BTreeMap::new();
        for (counter, count) in &self.after {
            counted.insert((counter.feature, &counter.period), *count);
        }
        if counted != used {
            return Err(format!("counted {counted:?}, but admitted {used:?}"));
        }
        match self.round.with_reservations {
            true => Ok(()),
            false => self.require_steps(grants),
        }
    }

    /// Rule: the limit is reached.
    pub fn require_all(&self, grants: &[Grant]) -> Result<(), String> {
        if self.round.plan != Plan::Active {
            return Ok(());
        }
        let limit = self.round.limits[1];
        let used = self.used(grants);
        for feature in &self.round.features {
            // After midnight, the previous day may end below its limit.
            let last = used.iter().rev().find(|((name, _), _)| *name == feature.name);
            let usage = last.map_or(0, |(_, usage)| *usage);
            if usage < limit {
                return Err(format!("denied too early: admitted {usage} of {limit}"));
            }
        }
        Ok(())
    }

    /// Rule: the answers are those of some serial order, each starting from the count before it.
    fn require_steps(&self, grants: &[Grant]) -> Result<(), String> {
        let mut grants: Vec<&Grant> = grants.iter().collect();
        grants.sort_by_key(|grant| (grant.feature, &grant.period, grant.usage));
        let mut reached = self.used(&[]);
        for Grant { feature, period, amount, usage, .. } in grants {
            let reached = reached.entry((*feature, period)).or_default();
            if *usage - *amount != *reached {
                return Err(format!("an answer adds {amount} to {reached} and says {usage}"));
            }
            *reached = *usage;
        }
        Ok(())
    }

    /// Earlier usage plus the granted amounts.
    fn used<'a>(&'a self, grants: &'a [Grant]) -> Used<'a> {
        let mut used: Used = BTreeMap::new();
        for (counter, count) in &self.before {
            used.insert((counter.feature, &counter.period), *count);
        }
        for Grant { feature, period, amount, .. } in grants {
            *used.entry((*feature, period)).or_default() += amount;
        }
        used.retain(|_, usage| *usage != 0);
        used
    }
}

/// By feature and period.
type Used<'a> = BTreeMap<(&'static str, &'a str), i64>;
