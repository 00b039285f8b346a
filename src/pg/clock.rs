//! The server's clock: `now()`, the start of the transaction, in UTC.

use chrono::{DateTime, Utc};
use pgrx::pg_sys;

/// Microseconds from 1970, chrono's epoch, to 2000, Postgres' epoch.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

pub fn now() -> DateTime<Utc> {
    // SAFETY: reads one variable of the backend; valid whenever a function of ours is running.
    let since_2000 = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
    DateTime::from_timestamp_micros(since_2000 + POSTGRES_EPOCH).unwrap_or_default()
}

/// The current time, which advances while a transaction runs or waits.
pub fn wall() -> DateTime<Utc> {
    // SAFETY: asks the operating system.
    let since_2000 = unsafe { pg_sys::GetCurrentTimestamp() };
    DateTime::from_timestamp_micros(since_2000 + POSTGRES_EPOCH).unwrap_or_default()
}

/// The current time in microseconds from 1970.
pub fn wall_in_microseconds() -> i64 {
    wall().timestamp_micros()
}

/// An instant in microseconds from 2000, as Postgres stores it; `None` if it is infinite.
pub fn from_2000(since_2000: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(since_2000.checked_add(POSTGRES_EPOCH)?)
        .filter(|_| since_2000 != i64::MIN)
}

/// Microseconds from 2000 as microseconds from 1970; Postgres' infinities stay the extremes.
pub fn from_1970(since_2000: i64) -> i64 {
    match since_2000 {
        i64::MIN => i64::MIN,
        _ => since_2000.saturating_add(POSTGRES_EPOCH),
    }
}

/// An instant in microseconds from 2000, as Postgres stores it.
pub fn since_2000(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros() - POSTGRES_EPOCH
}

/// An instant in microseconds from 2000 as seconds from 1970; Postgres' infinities stay infinite.
pub fn epoch_of(since_2000: i64) -> f64 {
    match since_2000 {
        i64::MAX => f64::INFINITY,
        i64::MIN => f64::NEG_INFINITY,
        // Computed in floats: Postgres' last years do not fit into microseconds from 1970.
        _ => since_2000 as f64 / 1e6 + POSTGRES_EPOCH as f64 / 1e6,
    }
}

/// `now()` in seconds, like `date_part('epoch', now())`.
pub fn now_in_seconds() -> f64 {
    now().timestamp_micros() as f64 / 1e6
}
