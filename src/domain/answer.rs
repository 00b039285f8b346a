//! The answer of a check, a consume or a reserve, as callers read it.

use serde::Serialize;

use crate::decision::Allowance;
use crate::denial::Denial;
use crate::feature::{self, Feature};
use crate::period::Period;
use crate::timestamp::iso8601;

/// The answer. Keys may be added; none is ever renamed.
///
/// The fields are in the order in which jsonb stores keys, shortest first, so that no sorting is
/// needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// `Some(None)`, a JSON null, means unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    allowed: bool,
    /// How much a consume counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed: Option<i32>,
    /// How much of the current usage is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_at: Option<String>,
    /// What is left: after the requested amount if it is allowed, without it if it is denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
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

impl Answer {
    /// The denial for a feature that is not registered, among those that are.
    pub fn of_unknown_feature(feature_type: Option<&str>, known: &[&str]) -> Self {
        let reason = feature::unknown(feature_type, known);
        Self::default().denied(Denial::InvalidFeature { reason })
    }

    /// The answer about a feature in a period.
    pub fn new(feature: &Feature, period: Period, decision: Result<Allowance, Denial>) -> Self {
        let subject = Self {
            feature_type: Some(feature.feature_type.clone()),
            period: Some(period.to_string()),
            reset_at: Some(iso8601(period.reset_at())),
            ..Self::default()
        };
        match decision {
            Ok(allowance) => subject.allowed(allowance),
            Err(denial) => subject.denied(denial),
        }
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
        let (limit, current_usage, remaining) = match allowance {
            Allowance::Unlimited { current_usage } => (None, current_usage, None),
            Allowance::WithinLimit { limit, current_usage, remaining } => {
                (Some(limit), current_usage, Some(remaining))
            }
        };
        Self {
            allowed: true,
            limit: Some(limit),
            current_usage: Some(current_usage),
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
    use crate::period::PeriodKind;
    use serde_json::{Value, json};

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
            Period::parse(PeriodKind::Day, "2025-02-10").expect("a day"),
            decision,
        ))
    }

    fn written(answer: &Answer) -> Value {
        serde_json::to_value(answer).expect("an answer is JSON")
    }

    #[test]
    fn allowed() {
        let allowance = Allowance::WithinLimit { limit: 3, current_usage: 1, remaining: 1 };
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
            about_images(Ok(Allowance::Unlimited { current_usage: 9 })),
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

    #[test]
    fn the_keys_are_written_in_the_order_of_jsonb() {
        let denial = Denial::LimitExceeded { limit: 3, current_usage: 3 };
        let feature = Feature {
            feature_type: "chat".into(),
            usage_column: "chat_messages".into(),
            limit_column: "chat_messages_daily_limit".into(),
            period: PeriodKind::Day,
            max_count: i32::MAX.into(),
        };
        let period = Period::parse(PeriodKind::Day, "2025-02-10").expect("a day");
        let text = serde_json::to_string(&Answer::new(&feature, period, Err(denial)))
            .expect("an answer is JSON");
        let keys: Vec<&str> = text
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|part| text.contains(&format!("\"{part}\":")))
            .collect();
        let mut sorted = keys.clone();
        sorted.sort_by_key(|key| (key.len(), *key));
        assert_eq!(keys, sorted);
    }
}
