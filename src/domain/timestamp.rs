//! Timestamps in the format of the API.

use chrono::{DateTime, SecondsFormat, Utc};

/// Formats an instant as ISO 8601 in UTC, to the second: `2025-02-11T00:00:00Z`.
pub fn iso8601(instant: DateTime<Utc>) -> String {
    let text = instant.to_rfc3339_opts(SecondsFormat::Secs, true);
    // The last period ends in the year 10000. chrono would write a sign, which Postgres cannot
    // read.
    text.trim_start_matches('+').to_owned()
}

/// An instant in microseconds from 1970.
pub fn microseconds(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// Formats an instant in microseconds from 1970 as ISO 8601, rounded up to the second: what is
/// promised for it is true then.
pub fn iso8601_rounded_up(instant: i64) -> String {
    let second = 1_000_000;
    let rounded = instant.div_euclid(second) + i64::from(instant.rem_euclid(second) > 0);
    DateTime::from_timestamp(rounded, 0).map_or_else(|| "infinity".to_owned(), iso8601)
}

/// Formats seconds since 1970 as ISO 8601; Postgres' `infinity` and `-infinity` keep their names.
pub fn iso8601_from_epoch(seconds: f64) -> String {
    if seconds == f64::INFINITY {
        return "infinity".to_owned();
    }
    DateTime::from_timestamp(seconds.floor() as i64, 0)
        .filter(|_| seconds.is_finite())
        .map_or_else(|| "-infinity".to_owned(), iso8601)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_to_the_second() {
        assert_eq!(iso8601_from_epoch(0.0), "1970-01-01T00:00:00Z");
        assert_eq!(iso8601_from_epoch(1739232000.75), "2025-02-11T00:00:00Z");
        assert_eq!(iso8601_from_epoch(253402300800.0), "10000-01-01T00:00:00Z");
    }

    #[test]
    fn a_promised_instant_is_rounded_up() {
        assert_eq!(iso8601_rounded_up(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso8601_rounded_up(1), "1970-01-01T00:00:01Z");
        assert_eq!(iso8601_rounded_up(1_739_232_000_000_000), "2025-02-11T00:00:00Z");
        assert_eq!(iso8601_rounded_up(1_739_231_999_000_001), "2025-02-11T00:00:00Z");
        assert_eq!(iso8601_rounded_up(i64::MAX), "infinity");
    }

    #[test]
    fn infinite_timestamps_keep_their_names() {
        assert_eq!(iso8601_from_epoch(f64::INFINITY), "infinity");
        assert_eq!(iso8601_from_epoch(f64::NEG_INFINITY), "-infinity");
    }
}
