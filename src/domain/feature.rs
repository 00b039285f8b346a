//! Features: what is counted, in which column, against which limit.

use crate::excerpt::excerpt;
use crate::period::NotAPeriod;
use crate::period_kind::PeriodKind;

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
    /// The largest count that the type of the usage column can hold.
    pub max_count: i64,
}

impl Feature {
    /// Whether the counter has room for an amount beside this count.
    pub fn has_room(&self, counted: i64, amount: i64) -> bool {
        counted.checked_add(amount).is_some_and(|sum| sum <= self.max_count)
    }

    /// The key of this feature's limit in the answer of `get_user_limits`.
    pub fn limit_key(&self) -> &str {
        self.limit_column.strip_suffix("_limit").unwrap_or(&self.limit_column)
    }

    /// Says why what a caller passed is not a period of this feature.
    pub fn not_a_period(&self, text: &str, problem: NotAPeriod) -> String {
        let kind = self.period;
        let problem = match problem {
            NotAPeriod::OtherForm => format!("it is not of the form {}", kind.form()),
            NotAPeriod::NoSuchDate => format!("there is no such {}", kind.noun()),
            NotAPeriod::OtherAnchor => format!("no {} of this user begins then", kind.noun()),
        };
        format!("\"{}\" is not a period of {}: {problem}", excerpt(text), self.feature_type)
    }
}

/// Says that there is no such feature, and which there are.
pub fn unknown(feature_type: Option<&str>, known: &[&str]) -> String {
    let unknown = match feature_type {
        Some(feature_type) => format!("unknown feature type \"{}\"", excerpt(feature_type)),
        None => "the feature type is null".to_owned(),
    };
    match known {
        [] => format!("{unknown}; none is registered"),
        [only] => format!("{unknown}; there is {only}"),
        _ => format!("{unknown}; there are {}", known.join(", ")),
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
            max_count: i32::MAX.into(),
        };
        assert_eq!(feature.limit_key(), "image_generation_daily");
        feature.limit_column = "videos".into();
        assert_eq!(feature.limit_key(), "videos");
    }

    #[test]
    fn what_is_not_a_period_is_named_with_the_reason() {
        let mut feature = Feature {
            feature_type: "chat".into(),
            usage_column: "chat_messages".into(),
            limit_column: "chat_messages_daily_limit".into(),
            period: PeriodKind::Day,
            max_count: i32::MAX.into(),
        };
        assert_eq!(
            feature.not_a_period("2025-02", NotAPeriod::OtherForm),
            "\"2025-02\" is not a period of chat: it is not of the form YYYY-MM-DD"
        );
        assert_eq!(
            feature.not_a_period("2026-11-31", NotAPeriod::NoSuchDate),
            "\"2026-11-31\" is not a period of chat: there is no such day"
        );
        feature.period = PeriodKind::Month;
        assert_eq!(
            feature.not_a_period("2026-13", NotAPeriod::NoSuchDate),
            "\"2026-13\" is not a period of chat: there is no such month"
        );
        let long = feature.not_a_period(&"9".repeat(10_000), NotAPeriod::OtherForm);
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn what_is_unknown_is_named_beside_what_there_is() {
        assert_eq!(
            unknown(Some("imges"), &["chat", "image_generation"]),
            "unknown feature type \"imges\"; there are chat, image_generation"
        );
        assert_eq!(unknown(None, &["chat"]), "the feature type is null; there is chat");
        assert_eq!(unknown(Some(""), &[]), "unknown feature type \"\"; none is registered");
        let long = unknown(Some(&"chat".repeat(2_500)), &["chat"]);
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn a_counter_has_room_up_to_the_maximum_of_its_type() {
        let feature = |max_count| Feature {
            feature_type: "chat".into(),
            usage_column: "chat_messages".into(),
            limit_column: "chat_messages_daily_limit".into(),
            period: PeriodKind::Day,
            max_count,
        };
        let integer = feature(i32::MAX.into());
        assert!(integer.has_room(2147483646, 1));
        assert!(!integer.has_room(2147483647, 1));
        let bigint = feature(i64::MAX);
        assert!(bigint.has_room(2147483647, 1));
        assert!(bigint.has_room(i64::MAX - 1, 1));
        assert!(!bigint.has_room(i64::MAX, 1));
    }
}
