//! Denials: why a call is not admitted.

use crate::shortage::Shortage;

/// Why a call is denied. A denial is an answer, never an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    InvalidFeature {
        reason: String,
    },
    InvalidAmount,
    InvalidPeriod {
        reason: String,
    },
    /// There is no such pool.
    UnknownPool,
    /// The user is not a member of the pool.
    NotAMember,
    /// A rule blocks the feature.
    Denied,
    TrialExpired {
        trial_end_date: String,
    },
    NoSubscription,
    UnknownPlan {
        plan_id: String,
    },
    LimitExceeded {
        limit: i64,
        current_usage: i64,
    },
    /// The same for a governed call: its allowance or caps have no room.
    Short(Shortage),
    /// The call's idempotency key was used for a call with other arguments.
    IdempotencyMismatch,
}

impl Denial {
    /// The code that programs read.
    pub fn error_code(&self) -> &'static str {
        match self {
            Self::InvalidFeature { .. } => "INVALID_FEATURE",
            Self::InvalidAmount => "INVALID_AMOUNT",
            Self::InvalidPeriod { .. } => "INVALID_PERIOD",
            Self::UnknownPool => "UNKNOWN_POOL",
            Self::NotAMember => "NOT_A_MEMBER",
            Self::Denied => "DENIED",
            Self::TrialExpired { .. } => "TRIAL_EXPIRED",
            Self::NoSubscription => "NO_SUBSCRIPTION",
            Self::UnknownPlan { .. } => "UNKNOWN_PLAN",
            Self::LimitExceeded { .. } => "LIMIT_EXCEEDED",
            Self::Short(shortage) => shortage.error_code(),
            Self::IdempotencyMismatch => "IDEMPOTENCY_MISMATCH",
        }
    }

    /// The sentence that people read.
    pub fn reason(&self, feature_type: &str) -> String {
        match self {
            Self::InvalidFeature { reason } | Self::InvalidPeriod { reason } => reason.clone(),
            Self::InvalidAmount => "the requested amount must be 0 or more".to_owned(),
            Self::UnknownPool => "there is no such pool".to_owned(),
            Self::NotAMember => "not a member of the pool".to_owned(),
            Self::Denied => format!("{feature_type} is blocked"),
            Self::TrialExpired { trial_end_date } => format!("the trial ended at {trial_end_date}"),
            Self::NoSubscription => "no active subscription".to_owned(),
            Self::UnknownPlan { plan_id } => format!("plan \"{plan_id}\" is not available"),
            Self::IdempotencyMismatch => "the idempotency key was used for another call".to_owned(),
            Self::LimitExceeded { limit, current_usage } => {
                format!("{feature_type} limit exceeded ({current_usage}/{limit})")
            }
            Self::Short(shortage) => shortage.reason(feature_type),
        }
    }
}
