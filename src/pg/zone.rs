//! Time zones, by Postgres' own data.

use std::panic::AssertUnwindSafe;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use domain::calendar::Zone;
use pgrx::pg_sys::{self, Datum, FunctionCallInfo};
use pgrx::{IntoDatum, PgSqlErrorCode, PgTryBuilder, direct_function_call_as_datum};

use super::clock;

/// A time zone that Postgres knows.
pub struct Named(String);

impl Named {
    /// The time zone of this name; `None` if Postgres does not know it, or if it is not one of the
    /// Earth: Postgres takes `A+167` for a zone that is a week away from UTC.
    pub fn find(name: &str) -> Option<Self> {
        let zone = Self(name.to_owned());
        let offset = |instant| zone.local(instant).signed_duration_since(instant.naive_utc());
        PgTryBuilder::new(AssertUnwindSafe(|| {
            let (now, half_a_year) = (clock::now(), TimeDelta::days(182));
            [now, now + half_a_year].into_iter().all(|at| offset(at).abs() < TimeDelta::days(1))
        }))
        .catch_when(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, |_| false)
        .execute()
        .then_some(zone)
    }

    /// Converts a timestamp, in microseconds from 2000.
    fn convert(
        &self,
        function: unsafe fn(FunctionCallInfo) -> Datum,
        since_2000: i64,
    ) -> DateTime<Utc> {
        let arguments = [self.0.as_str().into_datum(), Some(Datum::from(since_2000))];
        // SAFETY: both functions take a zone's name and a timestamp, and return a timestamp.
        let converted = unsafe { direct_function_call_as_datum(function, &arguments) };
        let since_2000 = converted.expect("the function is strict").value() as i64;
        clock::from_2000(since_2000).unwrap_or_default()
    }
}

impl Zone for Named {
    fn local(&self, instant: DateTime<Utc>) -> NaiveDateTime {
        self.convert(pg_sys::timestamptz_zone, clock::since_2000(instant)).naive_utc()
    }

    fn midnight(&self, day: NaiveDate) -> DateTime<Utc> {
        let local = day.and_time(NaiveTime::MIN).and_utc();
        self.convert(pg_sys::timestamp_zone, clock::since_2000(local))
    }
}
