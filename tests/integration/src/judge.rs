//! The judge of a round: the limit was admitted exactly, and so was what members may use of it, and the
//! admitted amounts were counted.

use serde_json::Value;

use crate::round::{Plan, Round};
use crate::{Counter, Counts, Feature, Subject, Who, add};

/// An amount that a session was granted and that was committed.
pub struct Grant {
    subject: Subject,
    amount: i64,
    /// From the answer: the count afterwards, and the limit.
    usage: i64,
    limit: i64,
    /// The same of the member's cap, if there is one.
    part: Option<(i64, i64)>,
}

impl Grant {
    pub fn new(who: Who, feature: &Feature, amount: i32, answer: &Value) -> Result<Self, String> {
        let subject = Subject::of_answer(who, feature.name, answer);
        let (Some((usage, limit)), Some(subject)) = (used(answer), subject) else {
            return Err(format!("admitted without a limit: {answer}"));
        };
        Ok(Self { subject, amount: amount.into(), usage, limit, part: used_of_cap(answer, true) })
    }

    /// The counts after it, according to the answer.
    fn steps(&self) -> impl Iterator<Item = (Counter, i64)> {
        let part = self.subject.part().zip(self.part);
        let part = part.map(|(part, (usage, _))| (part, usage));
        [Some((self.subject.counter(), self.usage)), part].into_iter().flatten()
    }
}

/// Rule: no call is denied if there is room.
pub fn judge_denial(round: &Round, who: Who, amount: i32, answer: &Value) -> Result<(), String> {
    let is_full = |used: Option<(i64, i64)>, limits: &[i64]| {
        used.is_some_and(|(usage, limit)| limits.contains(&limit) && limit - usage < amount.into())
    };
    let is_right = match answer["error_code"].as_str() {
        Some("UNKNOWN_PLAN") => round.plan != Plan::Active,
        Some("LIMIT_EXCEEDED") => {
            let caps: Vec<i64> = round.cap_of(who.user).into_iter().collect();
            is_full(used(answer), &round.limits) || is_full(used_of_cap(answer, true), &caps)
        }
        _ => false,
    };
    if is_right { Ok(()) } else { Err(format!("denied {amount} too early: {answer}")) }
}

/// How much is used of which limit: of the only cap that is no member's, if the plan is unlimited.
fn used(answer: &Value) -> Option<(i64, i64)> {
    let usage = answer["current_usage"].as_i64().zip(answer["limit"].as_i64());
    usage.or_else(|| used_of_cap(answer, false))
}

fn used_of_cap(answer: &Value, is_members: bool) -> Option<(i64, i64)> {
    let mut caps = answer["caps"].as_array()?.iter();
    let cap = caps.find(|cap| (cap["scope"] == "member") == is_members)?;
    cap["used"].as_i64().zip(cap["limit"].as_i64())
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
        for Grant { subject, usage, limit, part, .. } in grants {
            if !limits.contains(limit) {
                return Err(format!("limit {limit} is none of {limits:?}"));
            }
            let cap = self.round.cap_of(subject.who.user);
            if part.map(|(_, cap)| cap) != cap {
                return Err(format!("the cap {cap:?} of {:?} is told as {part:?}", subject.who));
            }
            for (usage, limit) in [Some((*usage, *limit)), *part].into_iter().flatten() {
                if usage > limit {
                    return Err(format!("over the limit: an answer admits {usage} of {limit}"));
                }
            }
        }
        let used = self.used(grants);
        for (counter, usage) in &used {
            let most = self.round.cap_of(counter.user).map_or(most, |cap| cap.min(most));
            if *usage > most {
                return Err(format!("over the limit: admitted {usage} of {most}"));
            }
        }
        if self.after != used {
            return Err(format!("counted {:?}, but admitted {used:?}", self.after));
        }
        match self.round.with_reservations {
            true => Ok(()),
            false => self.require_steps(grants),
        }
    }

    /// Rule: the limit is reached, or by a member at least their cap.
    pub fn require_all(&self, grants: &[Grant]) -> Result<(), String> {
        if self.round.plan != Plan::Active {
            return Ok(());
        }
        let limit = self.round.limits[1];
        let used = self.used(grants);
        for feature in &self.round.features {
            for who in self.round.members() {
                let subject = Subject { who, feature: feature.name, period: String::new() };
                let usage = last(&used, &subject.counter());
                let part = subject.part().map_or(usage, |part| last(&used, &part));
                let is_capped = self.round.cap_of(who.user) == Some(part);
                if usage < limit && !is_capped {
                    return Err(format!(
                        "denied too early: admitted {usage} of {limit}, {part} of them to {who:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// How many caps of members have been reached.
    pub fn reached_caps(&self, grants: &[Grant]) -> u64 {
        let used = self.used(grants);
        let is_reached = |(counter, usage): &(&Counter, &i64)| {
            !counter.user.is_nil() && self.round.cap_of(counter.user) == Some(**usage)
        };
        used.iter().filter(is_reached).count() as u64
    }

    /// Rule: the answers are those of some serial order, each starting from the count before it.
    fn require_steps(&self, grants: &[Grant]) -> Result<(), String> {
        let of_grant = |grant: &Grant| grant.steps().map(|step| (step, grant.amount)).collect();
        let mut steps: Vec<((Counter, i64), i64)> =
            grants.iter().flat_map::<Vec<_>, _>(of_grant).collect();
        steps.sort();
        let mut reached = self.used(&[]);
        for ((counter, usage), amount) in steps {
            let reached = reached.entry(counter).or_default();
            if usage - amount != *reached {
                return Err(format!("an answer adds {amount} to {reached} and says {usage}"));
            }
            *reached = usage;
        }
        Ok(())
    }

    /// Earlier usage plus the granted amounts.
    fn used(&self, grants: &[Grant]) -> Counts {
        let mut used = self.before.clone();
        for Grant { subject, amount, .. } in grants {
            for counter in subject.counters() {
                add(&mut used, counter, *amount);
            }
        }
        used
    }
}

/// How much is used in the last period. After midnight, the previous day may end below its limit.
fn last(used: &Counts, of: &Counter) -> i64 {
    let last = used.iter().rev().find(|(counter, _)| counter.differs_in_period_only(of));
    last.map_or(0, |(_, usage)| *usage)
}
