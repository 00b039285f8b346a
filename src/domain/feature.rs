//! Features: what is counted, in which column, against which limit.

use super::period::PeriodKind;

/// A row of the registry, `usage_features`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The name callers use, such as `image_generation`.
    pub feature_type: String,
    /// The column of `feature_usage` that holds the count.
    pub usage_column: String,
    /// The column of `plan_limits` that holds the limit.
    pub limit_column: String,
    pub period: PeriodKind,
}

impl Feature {
    /// The key of this feature's limit in the answer of `get_user_limits`.
    pub fn limit_key(&self) -> &str {
        self.limit_column.strip_suffix("_limit").unwrap_or(&self.limit_column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_key_is_the_limit_column_without_its_suffix() {
        let mut feature = Feature {
            feature_type: "image_generation".into(),
            usage_column: "images_generated".into(),
            limit_column: "image_generation_daily_limit".into(),
            period: PeriodKind::Day,
        };
        assert_eq!(feature.limit_key(), "image_generation_daily");
        feature.limit_column = "videos".into();
        assert_eq!(feature.limit_key(), "videos");
    }
}
