//! Arguments that a function cannot take.

use domain::excerpt::excerpt;
use domain::feature::Feature;
use domain::idempotency::MAX_KEY_BYTES;
use domain::period::NotAPeriod;
use domain::period_kind::PeriodKind;
use pgrx::PgSqlErrorCode;

use super::Report;

#[derive(Debug)]
pub enum ArgumentError<'a> {
    /// A required argument is NULL.
    Null { name: &'static str },
    /// A user could reset a quota by lowering a count, so counts only grow.
    NegativeAmount { name: &'static str, amount: i32 },
    /// A maximum number of items that is negative.
    NegativeMaximum { name: &'static str, maximum: i32 },
    /// The feature is not in the registry.
    UnknownFeature { feature_type: &'a str, known: Vec<&'a str> },
    /// The zero uuid is nobody.
    Nobody { name: &'static str },
    /// Neither or both of a user and a pool.
    NotOneOwner,
    /// A text without a word.
    Blank { name: &'static str },
    /// Not a period of the feature's kind.
    InvalidPeriod { feature: &'a Feature, text: &'a str, problem: NotAPeriod },
    /// A time zone of a user or plan that Postgres does not know.
    UnknownZone { zone: &'a str },
    /// A feature that others are paid in, but that is not registered, or has a cost itself.
    UnusableCurrency { currency: &'a str },
    /// An anchor of a user or plan, or an instant, outside the years 1 to 9999.
    InvalidInstant { name: &'static str },
    /// A time to live outside 1 second to 24 hours.
    InvalidTtl,
    /// An idempotency key of a call about a pool alone: keys belong to users.
    KeyOfNobody,
    /// An idempotency key that is empty or too long.
    InvalidKey { length: usize },
}

impl Report for ArgumentError<'_> {
    fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::Null { .. } => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Self::InvalidPeriod { .. } => PgSqlErrorCode::ERRCODE_INVALID_DATETIME_FORMAT,
            _ => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Null { name } => format!("{name} must not be null"),
            Self::NegativeAmount { name, amount: number }
            | Self::NegativeMaximum { name, maximum: number } => {
                format!("{name} must not be negative, but is {number}")
            }
            Self::UnknownFeature { feature_type, .. } => {
                format!("unknown feature type \"{}\"", excerpt(feature_type))
            }
            Self::Nobody { name } => format!("{name} is the zero uuid"),
            Self::NotOneOwner => "give exactly one of p_user_id and p_pool_id".to_owned(),
            Self::Blank { name } => format!("{name} is blank"),
            Self::InvalidPeriod { feature, text, problem } => feature.not_a_period(text, *problem),
            Self::UnknownZone { zone } => format!("unknown time zone \"{}\"", excerpt(zone)),
            Self::UnusableCurrency { currency } => {
                format!("nothing can be paid in \"{}\"", excerpt(currency))
            }
            Self::InvalidInstant { name } => format!("{name} is not within the years 1 to 9999"),
            Self::InvalidTtl => "p_ttl is not between 1 second and 24 hours".to_owned(),
            Self::KeyOfNobody => "p_idempotency_key needs a p_user_id".to_owned(),
            Self::InvalidKey { length: 0 } => "p_idempotency_key is empty".to_owned(),
            Self::InvalidKey { length } => format!("p_idempotency_key is {length} bytes long"),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Null { name: "p_user_id" } => "Pass the id of the user.".to_owned(),
            Self::Null { name: "p_period" } => {
                "Pass 'current' for the current period of the feature.".to_owned()
            }
            Self::Null { .. } => "Pass a value for this argument.".to_owned(),
            Self::NegativeAmount { name: "p_actual", .. } => {
                "Pass 0 or more, or NULL for the reserved amount.".to_owned()
            }
            Self::NegativeAmount { .. } => {
                "Counts only grow; to correct one, call correct_usage().".to_owned()
            }
            Self::NegativeMaximum { .. } => "Pass 0 or more.".to_owned(),
            Self::UnknownFeature { known, .. } if known.is_empty() => {
                "No feature is registered: run SELECT feature_usage_setup(); as the extension's \
                 owner."
                    .to_owned()
            }
            Self::UnknownFeature { known, .. } => format!(
                "The feature types are {}. Register others with add_feature().",
                known.join(", ")
            ),
            Self::Nobody { name: "p_pool_id" } => "Pass the id of the pool.".to_owned(),
            Self::Nobody { .. } => "Pass the id of the user.".to_owned(),
            Self::NotOneOwner => "Pass the id of the user or of the pool, whose it is to be; and \
                                  NULL for the other."
                .to_owned(),
            Self::Blank { .. } => "Say why, for whoever reads the ledger.".to_owned(),
            Self::InvalidPeriod { feature, problem: NotAPeriod::OtherForm, .. }
                if feature.period == PeriodKind::Total =>
            {
                format!("{} is counted in total: pass 'current' or 'total'.", feature.feature_type)
            }
            Self::InvalidPeriod { feature, problem: NotAPeriod::OtherForm, .. } => format!(
                "{} is counted {}: pass 'current', or {} as {}, for example {}.",
                feature.feature_type,
                feature.period.adverb(),
                feature.period.one(),
                feature.period.form(),
                feature.period.example()
            ),
            Self::InvalidPeriod { feature, problem: NotAPeriod::OtherAnchor, .. } => format!(
                "Pass 'current', or the period that usage_period() returns for this user and {}.",
                feature.feature_type
            ),
            Self::InvalidPeriod { feature, problem: NotAPeriod::NoSuchDate, .. } => format!(
                "Pass 'current', or {} of the calendar, for example {}.",
                feature.period.one(),
                feature.period.example()
            ),
            Self::UnknownZone { .. } => {
                "Correct time_zone in user_plans, usage_pools or plan_limits; SELECT \
                                         name FROM pg_timezone_names lists what there is."
                    .to_owned()
            }
            Self::UnusableCurrency { .. } => {
                "A rule has the effect cost. Its currency, paid_in, must \
                                              be registered and have no cost itself."
                    .to_owned()
            }
            Self::InvalidInstant { name: "period_anchor" } => {
                "Correct period_anchor in user_plans, usage_pools or plan_limits.".to_owned()
            }
            Self::InvalidInstant { .. } => "Pass a finite instant of these years.".to_owned(),
            Self::InvalidTtl => "Pass an interval such as '5 minutes'.".to_owned(),
            Self::KeyOfNobody => {
                "Pass the user whose part of the pool is corrected, or no key.".to_owned()
            }
            Self::InvalidKey { .. } => {
                format!("Pass a key of 1 to {MAX_KEY_BYTES} bytes, or NULL for none.")
            }
        };
        Some(hint)
    }
}
