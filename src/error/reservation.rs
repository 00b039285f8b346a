//! Reservations that could not be found or stored.

use pgrx::PgSqlErrorCode;

use super::Report;

#[derive(Debug)]
pub enum ReservationError {
    Unknown {
        reservation_id: String,
    },
    /// Several users have reservations with this id; ids that the extension makes are unique.
    Ambiguous {
        reservation_id: String,
    },
    /// A user-defined trigger suppressed the change of a reservation.
    Suppressed,
}

impl Report for ReservationError {
    fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::Unknown { .. } => PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            Self::Ambiguous { .. } => PgSqlErrorCode::ERRCODE_CARDINALITY_VIOLATION,
            Self::Suppressed => PgSqlErrorCode::ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Unknown { reservation_id } => format!("there is no reservation {reservation_id}"),
            Self::Ambiguous { reservation_id } => {
                format!("several users have a reservation {reservation_id}")
            }
            Self::Suppressed => "a trigger suppressed the reservation".to_owned(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unknown { .. } => {
                "Pass the reservation_id that reserve_feature() returned and, if you pass \
                 p_user_id, the user who reserved."
            }
            Self::Ambiguous { .. } => "Pass p_user_id as well.",
            Self::Suppressed => "A BEFORE trigger on feature_reservations must return the row.",
        };
        Some(hint.to_owned())
    }
}
