//! The answer of a check, as callers read it.

use serde::Serialize;

use super::decision::{Allowance, Denial};
use super::feature::Feature;
use super::period::Period;
use super::timestamp::iso8601;

/// What was asked about, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    feature_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_at: Option<String>,
}

impl Subject {
    pub fn new(feature: &Feature, period: Option<Period>) -> Self {
        Self {
            feature_type: Some(feature.feature_type.clone()),
            period: period.map(|period| period.to_string()),
            reset_at: period.map(|period| iso8601(period.reset_at())),
        }
    }
}

/// The answer itself. Further keys may be added; none is ever renamed.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Allowed {
        allowed: bool,
        limit: Option<i64>,
        current_usage: i64,
        /// What is left after the requested amount.
        remaining: Option<i64>,
        is_unlimited: bool,
        #[serde(flatten)]
        subject: Subject,
    },
    LimitReached {
        allowed: bool,
        limit: i64,
        current_usage: i64,
        /// What is left without it.
        remaining: i64,
        reason: String,
        error_code: &'static str,
        is_unlimited: bool,
        #[serde(flatten)]
        subject: Subject,
    },
    Denied {
        allowed: bool,
        reason: String,
        error_code: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        trial_end_date: Option<String>,
        #[serde(flatten)]
        subject: Subject,
    },
}

impl Answer {
    pub fn new(decision: Result<Allowance, Denial>, subject: Subject) -> Self {
        match decision {
            Ok(allowance) => Self::allowed(allowance, subject),
            Err(denial) => Self::denied(denial, subject),
        }
    }

    fn allowed(allowance: Allowance, subject: Subject) -> Self {
        let (limit, current_usage, remaining) = match allowance {
            Allowance::Unlimited { current_usage } => (None, current_usage, None),
            Allowance::WithinLimit { limit, current_usage, remaining } => {
                (Some(limit), current_usage, Some(remaining))
            }
        };
        let is_unlimited = limit.is_none();
        Self::Allowed { allowed: true, limit, current_usage, remaining, is_unlimited, subject }
    }

    fn denied(denial: Denial, subject: Subject) -> Self {
        let error_code = denial.error_code();
        let reason = denial.reason(subject.feature_type.as_deref().unwrap_or("feature"));
        match denial {
            Denial::LimitExceeded { limit, current_usage } => Self::LimitReached {
                allowed: false,
                limit,
                current_usage,
                remaining: (limit - current_usage).max(0),
                reason,
                error_code,
                is_unlimited: false,
                subject,
            },
            Denial::TrialExpired { trial_end_date } => Self::Denied {
                allowed: false,
                reason,
                error_code,
                trial_end_date: Some(trial_end_date),
                subject,
            },
            _ => {
                Self::Denied { allowed: false, reason, error_code, trial_end_date: None, subject }
            }
        }
    }
}

impl Denial {
    /// The code that programs read.
    pub fn error_code(&self) -> &'static str {
        match self {
            Self::InvalidFeature => "INVALID_FEATURE",
            Self::InvalidAmount => "INVALID_AMOUNT",
            Self::InvalidPeriod => "INVALID_PERIOD",
            Self::TrialExpired { .. } => "TRIAL_EXPIRED",
            Self::NoSubscription => "NO_SUBSCRIPTION",
            Self::UnknownPlan { .. } => "UNKNOWN_PLAN",
            Self::LimitExceeded { .. } => "LIMIT_EXCEEDED",
        }
    }

    /// The sentence that people read.
    fn reason(&self, feature_type: &str) -> String {
        match self {
            Self::InvalidFeature => "unknown feature type".to_owned(),
            Self::InvalidAmount => "the requested amount must be 0 or more".to_owned(),
            Self::InvalidPeriod => format!("not a period of {feature_type}"),
            Self::TrialExpired { trial_end_date } => format!("the trial ended at {trial_end_date}"),
            Self::NoSubscription => "no active subscription".to_owned(),
            Self::UnknownPlan { plan_id } => format!("plan \"{plan_id}\" is not available"),
            Self::LimitExceeded { limit, current_usage } => {
                format!("{feature_type} limit exceeded ({current_usage}/{limit})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::period::PeriodKind;
    use serde_json::{Value, json};

    fn images() -> Subject {
        let feature = Feature {
            feature_type: "image_generation".into(),
            usage_column: "images_generated".into(),
            limit_column: "image_generation_daily_limit".into(),
            period: PeriodKind::Day,
        };
        Subject::new(&feature, Period::parse(PeriodKind::Day, "2025-02-10"))
    }

    fn written(decision: Result<Allowance, Denial>, subject: Subject) -> Value {
        serde_json::to_value(Answer::new(decision, subject)).expect("an answer is JSON")
    }

    #[test]
    fn allowed() {
        let allowance = Allowance::WithinLimit { limit: 3, current_usage: 1, remaining: 1 };
        assert_eq!(
            written(Ok(allowance), images()),
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
            written(Ok(Allowance::Unlimited { current_usage: 9 }), Subject::default()),
            json!({
                "allowed": true, "limit": null, "remaining": null, "is_unlimited": true,
                "current_usage": 9
            })
        );
    }

    #[test]
    fn denied_by_the_limit() {
        for (current_usage, remaining) in [(3, 0), (1, 2), (5, 0)] {
            assert_eq!(
                written(Err(Denial::LimitExceeded { limit: 3, current_usage }), images()),
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
    fn denied_otherwise() {
        let denial = Denial::TrialExpired { trial_end_date: "2025-01-01T00:00:00Z".into() };
        assert_eq!(
            written(Err(denial), images()),
            json!({
                "allowed": false, "reason": "the trial ended at 2025-01-01T00:00:00Z",
                "error_code": "TRIAL_EXPIRED", "trial_end_date": "2025-01-01T00:00:00Z",
                "feature_type": "image_generation", "period": "2025-02-10",
                "reset_at": "2025-02-11T00:00:00Z"
            })
        );
        assert_eq!(
            written(Err(Denial::InvalidFeature), Subject::default()),
            json!({
                "allowed": false, "reason": "unknown feature type",
                "error_code": "INVALID_FEATURE"
            })
        );
    }
}
