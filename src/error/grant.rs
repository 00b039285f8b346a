//! Grants that can't be made.

use pgrx::PgSqlErrorCode;

use super::Report;

/// The longest reference of a source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 255;

#[derive(Debug)]
pub enum GrantError<'a> {
    /// A grant of nothing.
    Amount {
        amount: i64,
    },
    /// A reference that is empty or too long.
    Source {
        length: usize,
    },
    Priority {
        priority: i32,
    },
    /// It would have expired before it can be used.
    Expiry,
    /// A maximum or an allowance to carry over that is negative.
    Negative {
        name: &'static str,
        amount: i64,
    },
    /// A period that is not over may still be used.
    NotOver {
        period: &'a str,
    },
    /// A total never ends.
    Total {
        feature_type: &'a str,
    },
    /// Nothing is left over of what is unlimited.
    Unlimited {
        feature_type: &'a str,
    },
}

impl Report for GrantError<'_> {
    fn code(&self) -> PgSqlErrorCode {
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE
    }

    fn message(&self) -> String {
        match self {
            Self::Amount { amount } => format!("p_amount must be at least 1, but is {amount}"),
            Self::Source { length: 0 } => "p_source_ref is empty".to_owned(),
            Self::Source { length } => format!("p_source_ref is {length} bytes long"),
            Self::Priority { priority } => {
                format!("p_priority must be 0 to 32767, but is {priority}")
            }
            Self::Expiry => "p_expires_at is over, or not after p_effective_at".to_owned(),
            Self::Negative { name, amount } => {
                format!("{name} must not be negative, but is {amount}")
            }
            Self::NotOver { period } => format!("period {period} is not over"),
            Self::Total { feature_type } => {
                format!("{feature_type} is counted in total, which never ends")
            }
            Self::Unlimited { feature_type } => {
                format!("{feature_type} is unlimited: nothing is left over")
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Amount { .. } => "To take units back, use void_grant().".to_owned(),
            Self::Source { .. } => {
                format!(
                    "Pass what is granted for, such as a payment, in 1 to {MAX_SOURCE_BYTES} bytes."
                )
            }
            Self::Priority { .. } => "Grants with a lower priority are used first.".to_owned(),
            Self::Expiry => {
                "Pass a later instant, or NULL for a grant that never expires.".to_owned()
            }
            Self::Negative { .. } => "Pass 0 or more.".to_owned(),
            Self::NotOver { .. } => {
                "Pass a period that has ended, such as the one before the current \
                                     period of usage_period()."
                    .to_owned()
            }
            Self::Total { .. } | Self::Unlimited { .. } => {
                "Only a limited allowance of a period can be carried over.".to_owned()
            }
        };
        Some(hint)
    }
}
