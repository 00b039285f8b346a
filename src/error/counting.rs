//! Counts that could not be written.

use domain::feature::Feature;
use pgrx::PgSqlErrorCode;

use super::Report;

#[derive(Debug)]
pub enum CountingError<'a> {
    /// The count does not fit into the column's type.
    Overflow { feature: &'a Feature, amount: i64 },
    /// A user-defined trigger suppressed the count.
    Suppressed { feature: &'a Feature },
    /// A user-defined trigger suppressed the count of a cap.
    WindowSuppressed,
    /// A user-defined trigger suppressed the count of a grant, or somebody has deleted it.
    GrantSuppressed,
    /// A user-defined trigger suppressed an entry of the ledger.
    EntrySuppressed,
    /// Other transactions changed the same row again and again.
    Contention,
}

impl Report for CountingError<'_> {
    fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::Overflow { .. } => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Self::Suppressed { .. }
            | Self::WindowSuppressed
            | Self::GrantSuppressed
            | Self::EntrySuppressed => PgSqlErrorCode::ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
            Self::Contention => PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Overflow { feature, amount } => {
                format!("{} can't be increased by {amount}: out of range", feature.usage_column)
            }
            Self::Suppressed { feature } => {
                format!("{} was not changed: a trigger suppressed it", feature.usage_column)
            }
            Self::WindowSuppressed => "a trigger suppressed the count of a cap".to_owned(),
            Self::GrantSuppressed => "a trigger suppressed the count of a grant".to_owned(),
            Self::EntrySuppressed => "a trigger suppressed an entry of the ledger".to_owned(),
            Self::Contention => "could not serialize access due to concurrent updates".to_owned(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Overflow { feature, .. } => {
                format!("The counter holds at most {}; nothing was counted.", feature.max_count)
            }
            Self::Suppressed { .. } => {
                "A BEFORE trigger on feature_usage must return the row.".to_owned()
            }
            Self::WindowSuppressed => {
                "A BEFORE trigger on usage_counters must return the row.".to_owned()
            }
            Self::GrantSuppressed => {
                "A BEFORE trigger on usage_grants must return the row.".to_owned()
            }
            Self::EntrySuppressed => {
                "A BEFORE trigger on usage_ledger must return the row.".to_owned()
            }
            Self::Contention => "Try again.".to_owned(),
        };
        Some(hint)
    }
}
