//! Batches that could not be counted.

use domain::feature::Feature;
use pgrx::PgSqlErrorCode;

use super::Report;

#[derive(Debug)]
pub enum BatchError<'a> {
    /// The argument is not an array.
    NotAnArray,
    /// An event is invalid: its index, and what is wrong with it.
    InvalidEvent { index: usize, problem: String },
    /// An event makes a count too large for the column's type.
    Overflow { index: usize, feature: &'a Feature, amount: i32 },
    /// A user-defined trigger suppressed a count.
    Suppressed,
}

impl Report for BatchError<'_> {
    fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::NotAnArray | Self::InvalidEvent { .. } => {
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE
            }
            Self::Overflow { .. } => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Self::Suppressed => PgSqlErrorCode::ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NotAnArray => "p_events is not an array".to_owned(),
            Self::InvalidEvent { index, problem } => format!("event {index}: {problem}"),
            Self::Overflow { index, feature, amount } => format!(
                "event {index}: {} can't be increased by {amount}: out of range",
                feature.usage_column
            ),
            Self::Suppressed => "a trigger suppressed a count of the batch".to_owned(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotAnArray => {
                r#"Pass [{"user_id": …, "feature_type": …, "amount": …}, …], not a string of it."#
            }
            Self::InvalidEvent { .. } | Self::Overflow { .. } => {
                "Nothing of the batch was counted. Events are numbered from 0."
            }
            Self::Suppressed => "A BEFORE trigger on feature_usage must return the row.",
        };
        Some(hint.to_owned())
    }
}
