//! A pool in the model: who may act in it, and what its plan and its caps leave.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::Subject;
use crate::model::decide_limit;

/// A pool.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    pub seats: i64,
    /// The limits of its plan for one seat; `None` is unlimited.
    pub limits: BTreeMap<&'static str, Option<i64>>,
    pub members: BTreeSet<Uuid>,
    pub caps: Vec<Cap>,
}

/// A rule that caps the use of members.
#[derive(Clone, Copy, Debug)]
pub struct Cap {
    /// The only member whom it is for; `None` is each.
    pub of: Option<Uuid>,
    pub feature: &'static str,
    pub per: Per,
    /// `None` lifts the cap of each member.
    pub amount: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Period,
    Total,
}

impl Per {
    pub fn name(self) -> &'static str {
        match self {
            Self::Period => "period",
            Self::Total => "total",
        }
    }
}

impl Pool {
    pub fn limit(&self, feature: &str) -> Option<i64> {
        self.limits[feature].map(|limit| limit * self.seats)
    }

    /// The caps that a member has, one per period: that of the member alone wins.
    pub fn caps_of(&self, member: Uuid, feature: &str) -> Vec<(Per, i64)> {
        let of = |per: Per, of: Option<Uuid>| {
            self.caps.iter().find(|cap| (cap.feature, cap.per, cap.of) == (feature, per, of))
        };
        let cap = |per: Per| {
            let amount = of(per, Some(member)).or_else(|| of(per, None))?.amount?;
            Some((per, amount))
        };
        [Per::Period, Per::Total].into_iter().filter_map(cap).collect()
    }

    /// Decides for a member: the limit of all, and each cap of the member must have room. What the pool
    /// and the member have used is known to the model.
    pub(crate) fn decide(
        &self,
        subject: &Subject,
        amount: i64,
        usage: i64,
        usage_per: impl Fn(Per) -> i64,
    ) -> Value {
        let feature = subject.feature;
        let limit = self.limit(feature);
        let caps = self.caps_of(subject.who.user, feature).into_iter();
        let caps: Vec<(Per, i64, i64)> =
            caps.map(|(per, cap)| (per, cap, usage_per(per))).collect();
        let mut answer = decide_limit(limit, usage, amount);

        let full = |per: Per, limit: i64, used: i64, effect: &str, scope: &str| {
            json!({"per": per.name(), "scope": scope, "limit": limit, "used": used, "effect": effect,
                   "feature_type": feature})
        };
        let mut exceeded = Vec::new();
        for (per, cap, used) in &caps {
            if amount > 0 && used + amount > *cap {
                exceeded.push(full(*per, *cap, *used, "cap", "member"));
            }
        }
        if let (false, Some(limit)) = (answer["allowed"] == true, limit) {
            exceeded.push(full(Per::Period, limit, usage, "allowance", "pool"));
        }

        let is_allowed = exceeded.is_empty();
        let taken = if is_allowed { amount } else { 0 };
        let left = |limit: i64, used: i64| (limit - used - taken).max(0);
        let of_caps = caps.iter().map(|(_, cap, used)| left(*cap, *used));
        answer["remaining"] = of_caps.chain(limit.map(|limit| left(limit, usage))).min().into();
        answer["allowed"] = is_allowed.into();
        if !caps.is_empty() {
            let cap = |(per, cap, used): &(Per, i64, i64)| {
                json!({"per": per.name(), "scope": "member", "limit": cap, "used": used + taken,
                       "remaining": left(*cap, *used)})
            };
            answer["caps"] = caps.iter().map(cap).collect();
        }
        (answer["drawn"], answer["overage"]) = (0.into(), 0.into());
        if is_allowed {
            answer["sources"] = json!({"allowance": amount, "grants": 0, "overage": 0});
        } else {
            answer["error_code"] = "LIMIT_EXCEEDED".into();
            answer["exceeded"] = exceeded.into();
        }
        answer
    }
}
