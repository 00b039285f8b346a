//! The status of a user or a pool, the result of `usage_status`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::answer::CapReport;
use crate::calendar::Span;
use crate::decision::{Allowance, Standing, Usage};
use crate::denial::Denial;
use crate::timestamp::iso8601;

/// `{"user_id", "pool_id", "plan_id", "features": {…}}`. The fields are in the order of jsonb, here and below.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// A JSON null if there is no feature to ask about.
    pub plan_id: Option<String>,
    pool_id: Option<String>,
    /// In a pool the member; a JSON null if the status is that of the pool alone.
    user_id: Option<String>,
    pub features: BTreeMap<String, FeatureStatus>,
}

impl Status {
    pub fn of(user_id: Option<String>, pool_id: Option<String>) -> Self {
        Self { plan_id: None, pool_id, user_id, features: BTreeMap::new() }
    }
}

/// What a unit costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Cost {
    amount: i64,
    paid_in: String,
}

/// An active grant. Its fields are in the order of jsonb, like all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantReport {
    pub used: i64,
    pub amount: i64,
    pub grant_id: String,
    pub priority: i64,
    pub remaining: i64,
    pub expires_at: Option<String>,
    pub source_ref: String,
    pub effective_at: String,
}

/// A feature in its current period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeatureStatus {
    caps: Vec<CapReport>,
    cost: Option<Cost>,
    drawn: i64,
    /// The limit in force: 0 if the plan allows nothing, a JSON null if it is unlimited.
    limit: Option<i64>,
    /// What was counted although nothing covered it.
    excess: i64,
    /// The active grants, in the order in which they burn down.
    grants: Vec<GrantReport>,
    period: String,
    overage: i64,
    reserved: i64,
    reset_at: Option<String>,
    /// What would be admitted now; a JSON null if that is unlimited.
    remaining: Option<i64>,
    /// What a consume of nothing would be denied with.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    is_unlimited: bool,
    /// The member's part of the current usage of a pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_usage: Option<i64>,
    current_usage: i64,
}

impl FeatureStatus {
    /// `decision` is the one about an amount of 0.
    pub fn new(
        span: &Span,
        standing: &Standing,
        decision: Result<Allowance, Denial>,
        reserved: i64,
        grants: Vec<GrantReport>,
    ) -> Self {
        let limit = standing.limit();
        let Usage { current, drawn, overage } = standing.usage;
        let allowance = standing.usage.allowance();
        let price = standing.in_force.price.as_ref();
        let (remaining, error_code) = match decision {
            Ok(allowance) => (allowance.remaining, None),
            Err(denial) => (Some(0), Some(denial.error_code())),
        };
        let report = |capped| CapReport::new(capped, standing.clock.wall);
        Self {
            caps: standing.caps.iter().map(report).collect(),
            cost: price.map(|price| Cost { amount: price.cost, paid_in: price.paid_in.clone() }),
            drawn,
            limit,
            excess: limit.map_or(0, |limit| (allowance - limit.max(0)).max(0)),
            grants,
            period: span.period.to_string(),
            overage,
            reserved,
            reset_at: span.reset_at.map(iso8601),
            remaining,
            error_code,
            is_unlimited: limit.is_none(),
            member_usage: None,
            current_usage: current,
        }
    }

    /// Adds the member's part of the current usage.
    pub fn with_member_usage(self, member_usage: Option<i64>) -> Self {
        Self { member_usage, ..self }
    }
}
