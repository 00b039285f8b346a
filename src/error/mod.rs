//! Every error that the native functions raise, by family: SQLSTATE, message, hint.
//!
//! Wrong use is an error; a denial is an answer, see `denial` in the domain.

pub mod argument;
pub mod batch;
pub mod counting;
pub mod grant;
pub mod installation;
pub mod reservation;

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};

/// An error that can be raised.
pub trait Report {
    fn code(&self) -> PgSqlErrorCode;
    fn message(&self) -> String;
    fn hint(&self) -> Option<String>;

    /// Raises the error; the caller's statement is rolled back.
    fn raise(&self) -> ! {
        let mut report = ErrorReport::new(self.code(), self.message(), "feature_usage");
        if let Some(hint) = self.hint() {
            report = report.set_hint(hint);
        }
        report.report(PgLogLevel::ERROR);
        unreachable!("an error report does not return");
    }
}
