//! The status of a user, the result of `usage_status`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::answer::CapReport;
use crate::calendar::Span;
use crate::decision::{Allowance, Standing};
use crate::denial::Denial;
use crate::timestamp::iso8601;

/// `{"user_id", "plan_id", "features": {…}}`. The fields are in the order of jsonb, here and below.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// A JSON null if there is no feature to ask about.
    pub plan_id: Option<String>,
    user_id: String,
    pub features: BTreeMap<String, FeatureStatus>,
}

impl Status {
    pub fn of_user(user_id: String) -> Self {
        Self { plan_id: None, user_id, features: BTreeMap::new() }
    }
}

/// A feature in its current period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeatureStatus {
    caps: Vec<CapReport>,
    /// The limit in force: 0 if the plan allows nothing, a JSON null if it is unlimited.
    limit: Option<i64>,
    period: String,
    reserved: i64,
    reset_at: Option<String>,
    /// What would be admitted now; a JSON null if that is unlimited.
    remaining: Option<i64>,
    /// What a consume of nothing would be denied with.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    is_unlimited: bool,
    current_usage: i64,
}

impl FeatureStatus {
    /// `decision` is the one about an amount of 0.
    pub fn new(
        span: &Span,
        standing: &Standing,
        decision: Result<Allowance, Denial>,
        reserved: i64,
    ) -> Self {
        let entitlement = standing.entitlement;
        let is_usable = entitlement.plan_is_known
            && entitlement.subscription.require_active(standing.clock.transaction).is_ok();
        let in_force = standing.in_force.limit(entitlement.limit);
        let limit = if is_usable { in_force } else { Some(0) };
        let (remaining, error_code) = match decision {
            Ok(allowance) => (allowance.remaining, None),
            Err(denial) => (Some(0), Some(denial.error_code())),
        };
        let report = |capped| CapReport::new(capped, standing.clock.wall);
        Self {
            caps: standing.caps.iter().map(report).collect(),
            limit,
            period: span.period.to_string(),
            reserved,
            reset_at: span.reset_at.map(iso8601),
            remaining,
            error_code,
            is_unlimited: limit.is_none(),
            current_usage: standing.current_usage,
        }
    }
}
