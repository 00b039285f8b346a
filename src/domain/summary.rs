//! The summary of a user's plan and usage that `get_user_limits` gives.

use serde::Serialize;
use serde_json::{Map, Value};

use super::feature::Feature;

/// `{"limits": …, "usage": …}`; an unknown plan has no limits.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    limits: Option<Map<String, Value>>,
    usage: Map<String, Value>,
}

/// A row of `plan_limits`.
pub struct Plan {
    /// The whole row, by column.
    pub columns: Map<String, Value>,
    /// The names of its boolean columns.
    pub boolean_columns: Vec<String>,
}

impl Summary {
    /// `usage` gives each feature with its count in its own current period.
    pub fn new<'a>(
        plan: Option<Plan>,
        usage: impl Iterator<Item = (&'a Feature, i64)> + Clone,
    ) -> Self {
        let features = usage.clone().map(|(feature, _)| feature);
        Self {
            limits: plan.map(|plan| plan.limits(features)),
            usage: usage.map(|(feature, n)| (feature.usage_column.clone(), n.into())).collect(),
        }
    }
}

impl Plan {
    fn limits<'a>(&self, features: impl Iterator<Item = &'a Feature>) -> Map<String, Value> {
        let mut limits: Map<String, Value> = features
            .map(|feature| (feature.limit_key().to_owned(), self.column(&feature.limit_column)))
            .collect();
        limits.insert("plan_id".to_owned(), self.column("plan_id"));
        limits.insert("plan_name".to_owned(), self.column("plan_name"));
        limits.insert("features".to_owned(), Value::Object(self.flags()));
        limits
    }

    /// The `has_…` columns without their prefix. A NULL says nothing, and so grants nothing.
    fn flags(&self) -> Map<String, Value> {
        self.boolean_columns
            .iter()
            .filter_map(|name| name.strip_prefix("has_").map(|flag| (name, flag)))
            .map(|(name, flag)| (flag.to_owned(), (self.column(name) == true).into()))
            .collect()
    }

    fn column(&self, name: &str) -> Value {
        self.columns.get(name).cloned().unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::period::PeriodKind;
    use serde_json::json;

    fn feature(usage_column: &str, limit_column: &str) -> Feature {
        Feature {
            feature_type: usage_column.into(),
            usage_column: usage_column.into(),
            limit_column: limit_column.into(),
            period: PeriodKind::Day,
        }
    }

    fn plan(row: Value, boolean_columns: &[&str]) -> Plan {
        let Value::Object(columns) = row else { panic!("a row is an object") };
        Plan { columns, boolean_columns: boolean_columns.iter().map(|&n| n.into()).collect() }
    }

    #[test]
    fn limits_and_usage_of_every_feature() {
        let features = [
            feature("images_generated", "image_generation_daily_limit"),
            feature("insights_count", "insights_limit"),
        ];
        let row = json!({
            "plan_id": "pro", "plan_name": "Pro", "image_generation_daily_limit": 50,
            "insights_limit": null, "has_voice_mode": true, "has_early_access": null,
            "has_notes": "text, no flag", "is_active": true
        });
        let plan = plan(row, &["has_voice_mode", "has_early_access", "is_active"]);
        let summary = Summary::new(Some(plan), features.iter().zip([7, 0]));
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
        let summary = Summary::new(None, [(&images, 2)].into_iter());
        assert_eq!(
            serde_json::to_value(summary).expect("a summary is JSON"),
            json!({"limits": null, "usage": {"images_generated": 2}})
        );
    }
}
