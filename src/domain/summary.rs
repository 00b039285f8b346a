//! The summary of a user's plan and usage, the result of `get_user_limits`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::feature::Feature;

/// `{"limits": …, "usage": …}`. The limits of an unknown plan are null.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    limits: Option<Map<String, Value>>,
    usage: Map<String, Value>,
}

/// A plan that is active.
pub struct Plan {
    pub plan_id: Option<String>,
    pub plan_name: Option<String>,
    /// The limit of each feature, in the order of the registry; `None` is unlimited.
    pub limits: Vec<Option<i64>>,
    /// The `has_…` columns.
    pub flags: Vec<(String, bool)>,
}

impl Summary {
    /// `usage` has the count of each feature in its own current period.
    pub fn new<'a>(
        plan: Option<Plan>,
        features: impl Iterator<Item = &'a Feature> + Clone,
        usage: &[i64],
    ) -> Self {
        let counts = features.clone().zip(usage);
        Self {
            limits: plan.map(|plan| plan.limits(features)),
            usage: counts.map(|(feature, n)| (feature.usage_column.clone(), (*n).into())).collect(),
        }
    }
}

impl Plan {
    fn limits<'a>(self, features: impl Iterator<Item = &'a Feature>) -> Map<String, Value> {
        let mut limits: Map<String, Value> = features
            .zip(self.limits)
            .map(|(feature, limit)| (feature.limit_key().to_owned(), limit.into()))
            .collect();
        let flag = |(name, is_set): (String, bool)| {
            name.strip_prefix("has_").map(|name| (name.to_owned(), is_set.into()))
        };
        let flags: Map<String, Value> = self.flags.into_iter().filter_map(flag).collect();
        limits.insert("plan_id".to_owned(), self.plan_id.into());
        limits.insert("plan_name".to_owned(), self.plan_name.into());
        limits.insert("features".to_owned(), Value::Object(flags));
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period_kind::PeriodKind;
    use serde_json::json;

    fn feature(usage_column: &str, limit_column: &str) -> Feature {
        Feature {
            feature_type: usage_column.into(),
            usage_column: usage_column.into(),
            limit_column: limit_column.into(),
            period: PeriodKind::Day,
            max_count: i32::MAX.into(),
        }
    }

    #[test]
    fn limits_and_usage_of_every_feature() {
        let features = [
            feature("images_generated", "image_generation_daily_limit"),
            feature("insights_count", "insights_limit"),
        ];
        let plan = Plan {
            plan_id: Some("pro".into()),
            plan_name: Some("Pro".into()),
            limits: vec![Some(50), None],
            flags: vec![("has_voice_mode".into(), true), ("has_early_access".into(), false)],
        };
        let summary = Summary::new(Some(plan), features.iter(), &[7, 0]);
        assert_eq!(
            serde_json::to_value(summary).expect("a summary is JSON"),
            json!({
                "limits": {
                    "plan_id": "pro", "plan_name": "Pro", "image_generation_daily": 50,
                    "insights": null, "features": {"voice_mode": true, "early_access": false}
                },
                "usage": {"images_generated": 7, "insights_count": 0}
            })
        );
    }

    #[test]
    fn an_unknown_plan_has_no_limits() {
        let images = feature("images_generated", "image_generation_daily_limit");
        let summary = Summary::new(None, [&images].into_iter(), &[2]);
        assert_eq!(
            serde_json::to_value(summary).expect("a summary is JSON"),
            json!({"limits": null, "usage": {"images_generated": 2}})
        );
    }
}
