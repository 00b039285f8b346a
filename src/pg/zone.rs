//! Time zones, by Postgres' own data.

use std::ffi::CString;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use domain::calendar::Zone;
use pgrx::pg_sys;

use super::clock;

/// A time zone that Postgres knows by its full name. Abbreviations such as `EST` or `CEST` are none:
/// which zone one means depends on a setting of the session.
pub struct Named(*mut pg_sys::pg_tz);

impl Named {
    /// The time zone of this name; `None` if Postgres does not know it, or if it is not one of the
    /// Earth: Postgres takes `A+167` for a zone that is a week away from UTC.
    pub fn find(name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the name ends with a NUL. Postgres keeps what it has loaded as long as the backend
        // lives, and returns NULL for a name that it does not know.
        let zone = unsafe { pg_sys::pg_tzset(name.as_ptr()) };
        let zone = Self((!zone.is_null()).then_some(zone)?);
        let (now, half_a_year) = (clock::now(), TimeDelta::days(182));
        let is_near = |at: DateTime<Utc>| {
            zone.local(at).signed_duration_since(at.naive_utc()).abs() < TimeDelta::days(1)
        };
        (is_near(now) && is_near(now + half_a_year)).then_some(zone)
    }
}

impl Zone for Named {
    fn local(&self, instant: DateTime<Utc>) -> NaiveDateTime {
        let seconds: pg_sys::pg_time_t = instant.timestamp();
        // SAFETY: the zone is loaded. The result is a static variable, or NULL for a year that does
        // not fit into an integer, which no instant of ours has.
        let east = unsafe { pg_sys::pg_localtime(&raw const seconds, self.0).as_ref() };
        let east = east.map_or(0, |local| local.tm_gmtoff);
        instant.naive_utc() + TimeDelta::seconds(east)
    }

    fn midnight(&self, day: NaiveDate) -> DateTime<Utc> {
        let mut local = pg_sys::pg_tm {
            tm_year: day.year(),
            tm_mon: day.month() as i32,
            tm_mday: day.day() as i32,
            ..pg_sys::pg_tm::default()
        };
        // SAFETY: the zone is loaded, and the date is one of the calendar. This is what Postgres makes
        // of a local time, even if a clock skips or repeats it.
        let west = unsafe { pg_sys::DetermineTimeZoneOffset(&raw mut local, self.0) };
        (day.and_time(NaiveTime::MIN) + TimeDelta::seconds(west.into())).and_utc()
    }
}
