//! Every error that the native functions raise: SQLSTATE, what was wrong, what to do about it.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};

use crate::domain::feature::Feature;

/// Wrong use, as opposed to a denial, which is an answer.
#[derive(Debug)]
pub enum Error<'a> {
    /// An argument that must be given is NULL.
    NullArgument { name: &'static str },
    /// A count can't be lowered: that is how a user would reset a quota.
    NegativeAmount { name: &'static str, amount: i32 },
    /// A limit of how much is done at once.
    NegativeLimit { name: &'static str, limit: i32 },
    /// The feature is not in the registry.
    UnknownFeature { feature_type: &'a str, known: Vec<&'a str> },
    /// Not a key of the feature's kind of period.
    InvalidPeriod { feature: &'a Feature, key: &'a str },
    /// The count would no longer fit into an integer.
    CountOverflow { feature: &'a Feature, amount: i32 },
    /// A trigger of the app's has suppressed the count.
    NotCounted { feature: &'a Feature },
    /// A rule has made another statement of ours.
    Rewritten,
    /// The extension's own catalog entry or registry can't be found.
    NoRegistry,
    /// `user_plans`, a view perhaps, gives a user more than one row.
    AmbiguousPlan { user_id: String },
    /// A reservation that does not exist.
    UnknownReservation { reservation_id: String },
    /// A time to live that is too short or too long.
    InvalidTtl,
    /// A key that can't be one.
    InvalidKey { length: usize },
    /// A batch that is not an array.
    InvalidBatch,
    /// An event of a batch, by its index, and what is wrong with it.
    InvalidEvent { index: usize, problem: String },
    /// An event of a batch would make a count too large.
    EventOverflow { index: usize, feature: &'a Feature, amount: i32 },
    /// A trigger of the app's has suppressed a count of a batch.
    BatchNotCounted,
    /// A trigger of the app's has suppressed a reservation.
    NotReserved,
    /// Others changed the same row again and again.
    Contention,
    /// A table or a column of ours is not there.
    TablesMissing { code: PgSqlErrorCode, message: &'a str, schema: &'a str },
    /// SPI refused a statement for a reason that it has no error for.
    Statement { code: i32 },
}

impl Error<'_> {
    /// Raises the error; the statement that called us ends here and nothing of it is kept.
    pub fn raise(&self) -> ! {
        let mut report = ErrorReport::new(self.code(), self.message(), "feature_usage");
        if let Some(hint) = self.hint() {
            report = report.set_hint(hint);
        }
        report.report(PgLogLevel::ERROR);
        unreachable!("an error report does not return");
    }

    fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::NullArgument { .. } => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Self::NegativeAmount { .. }
            | Self::NegativeLimit { .. }
            | Self::UnknownFeature { .. }
            | Self::InvalidTtl
            | Self::InvalidKey { .. }
            | Self::InvalidBatch
            | Self::InvalidEvent { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::UnknownReservation { .. } => PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            Self::Contention => PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
            Self::InvalidPeriod { .. } => PgSqlErrorCode::ERRCODE_INVALID_DATETIME_FORMAT,
            Self::CountOverflow { .. } | Self::EventOverflow { .. } => {
                PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE
            }
            Self::NotCounted { .. } | Self::BatchNotCounted | Self::NotReserved => {
                PgSqlErrorCode::ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION
            }
            Self::Rewritten => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::NoRegistry => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::AmbiguousPlan { .. } => PgSqlErrorCode::ERRCODE_CARDINALITY_VIOLATION,
            Self::TablesMissing { code, .. } => *code,
            Self::Statement { .. } => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NullArgument { name } => format!("{name} must not be null"),
            Self::NegativeAmount { name, amount } => {
                format!("{name} must not be negative, but is {amount}")
            }
            Self::NegativeLimit { name, limit } => {
                format!("{name} must not be negative, but is {limit}")
            }
            Self::UnknownFeature { feature_type, .. } => {
                format!("unknown feature type \"{}\"", excerpt(feature_type))
            }
            Self::InvalidPeriod { feature, key } => {
                format!("\"{}\" is not a period of {}", excerpt(key), feature.feature_type)
            }
            Self::CountOverflow { feature, amount } => {
                format!(
                    "{} can't be increased by {amount}: integer out of range",
                    feature.usage_column
                )
            }
            Self::NotCounted { feature } => {
                format!("{} was not changed: a trigger has suppressed it", feature.usage_column)
            }
            Self::Rewritten => "a rule has replaced a statement of feature_usage".to_owned(),
            Self::NoRegistry => "the table usage_features of the extension is missing".to_owned(),
            Self::AmbiguousPlan { user_id } => {
                format!("user {user_id} has more than one plan, or more than one count of a period")
            }
            Self::UnknownReservation { reservation_id } => {
                format!("there is no reservation {reservation_id}")
            }
            Self::InvalidTtl => "p_ttl is not between 1 second and 24 hours".to_owned(),
            Self::InvalidKey { length: 0 } => "p_idempotency_key is empty".to_owned(),
            Self::InvalidKey { length } => format!("p_idempotency_key has {length} bytes"),
            Self::InvalidBatch => "p_events is not an array".to_owned(),
            Self::InvalidEvent { index, problem } => format!("event {index}: {problem}"),
            Self::EventOverflow { index, feature, amount } => format!(
                "event {index}: {} can't be increased by {amount}: integer out of range",
                feature.usage_column
            ),
            Self::BatchNotCounted => "a trigger has suppressed a count of the batch".to_owned(),
            Self::NotReserved => "a trigger has suppressed the reservation".to_owned(),
            Self::Contention => "could not serialize access due to concurrent updates".to_owned(),
            Self::TablesMissing { message, .. } => (*message).to_owned(),
            Self::Statement { code } => format!("SPI refused a statement (code {code})"),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NullArgument { .. } => Some("Pass a value for every argument.".to_owned()),
            Self::NegativeAmount { name: "p_actual", .. } => {
                Some("Pass 0 or more, or NULL for what was reserved.".to_owned())
            }
            Self::NegativeAmount { .. } => Some(
                "Counts only grow; to correct one, update feature_usage as its owner.".to_owned(),
            ),
            Self::NegativeLimit { .. } => Some("Pass how many at most.".to_owned()),
            Self::UnknownFeature { known, .. } => Some(format!(
                "The feature types are {}. Others are registered with add_feature().",
                known.join(", ")
            )),
            Self::InvalidPeriod { feature, .. } => Some(format!(
                "{} is counted {}: write the period as {}, for example {}.",
                feature.feature_type,
                feature.period.adjective(),
                feature.period.form(),
                feature.period.example()
            )),
            Self::CountOverflow { .. } => {
                Some("A counter holds at most 2147483647; nothing was counted.".to_owned())
            }
            Self::NotCounted { .. } | Self::BatchNotCounted => {
                Some("A BEFORE trigger on feature_usage must return the row.".to_owned())
            }
            Self::Rewritten => {
                Some("Drop the rules on the tables of feature_usage.".to_owned())
            }
            Self::NoRegistry => {
                Some("Drop the extension and create it again; the counts are kept.".to_owned())
            }
            Self::AmbiguousPlan { .. } => {
                Some("A view in place of user_plans must give one row a user, and feature_usage must keep its key.".to_owned())
            }
            Self::TablesMissing { schema, .. } => Some(format!(
                "Run SELECT {schema}.feature_usage_setup(); as the extension's owner."
            )),
            Self::UnknownReservation { .. } => {
                Some("Pass the reservation_id that reserve_feature() gave.".to_owned())
            }
            Self::InvalidTtl => Some("Pass an interval such as '5 minutes'.".to_owned()),
            Self::InvalidKey { .. } => {
                Some("Pass a key of 1 to 255 bytes, or NULL for none.".to_owned())
            }
            Self::InvalidBatch => {
                Some(r#"Pass [{"user_id": …, "feature_type": …, "amount": …}, …]."#.to_owned())
            }
            Self::InvalidEvent { .. } | Self::EventOverflow { .. } => {
                Some("Nothing of the batch was counted. Events are numbered from 0.".to_owned())
            }
            Self::NotReserved => {
                Some("A BEFORE trigger on feature_reservations must return the row.".to_owned())
            }
            Self::Contention => Some("Try again.".to_owned()),
            Self::Statement { .. } => None,
        }
    }
}

/// The beginning of a caller's text: enough to recognise it, short enough for a log.
fn excerpt(text: &str) -> String {
    const CHARACTERS: usize = 64;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
