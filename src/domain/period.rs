//! Periods: the UTC day or month in which a count is kept, named by its period key.
//!
//! A period depends only on an instant in UTC. If it depended on the session's time zone, which a
//! client can set, changing it would get a user a second daily quota.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};

/// How long a feature's counter runs before it starts again at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodKind {
    Day,
    Month,
}

impl PeriodKind {
    /// The kind with this name in the registry.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    /// The format of this kind's period keys, for hints.
    pub fn form(self) -> &'static str {
        match self {
            Self::Day => "YYYY-MM-DD",
            Self::Month => "YYYY-MM",
        }
    }

    /// An example of a period key of this kind, for hints.
    pub fn example(self) -> &'static str {
        match self {
            Self::Day => "2025-02-10",
            Self::Month => "2025-02",
        }
    }

    /// The adjective for features counted per period of this kind.
    pub fn adjective(self) -> &'static str {
        match self {
            Self::Day => "daily",
            Self::Month => "monthly",
        }
    }
}

/// One day or one month, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    kind: PeriodKind,
    /// The day itself, or the first day of the month.
    start: NaiveDate,
}

impl Period {
    /// The period that contains this instant.
    pub fn containing(kind: PeriodKind, instant: DateTime<Utc>) -> Self {
        let day = instant.date_naive();
        let start = match kind {
            PeriodKind::Day => day,
            PeriodKind::Month => day.with_day(1).unwrap_or(day),
        };
        Self { kind, start }
    }

    /// Parses a period key of this kind. Anything else is `None`: another kind's period key, a date
    /// that does not exist, a year outside 0001 to 9999, white space, non-ASCII digits.
    pub fn parse(kind: PeriodKind, key: &str) -> Option<Self> {
        let (year, rest) = (number(key.get(..4)?)?, key.get(4..)?);
        let (month, day) = match (kind, rest.len()) {
            (PeriodKind::Month, 3) => (number(rest.strip_prefix('-')?)?, 1),
            (PeriodKind::Day, 6) => {
                let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
                (two_digits(month)?, two_digits(day)?)
            }
            _ => return None,
        };
        let start = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        (year > 0).then_some(Self { kind, start })
    }

    /// The instant at which the next period starts and the count is 0 again.
    pub fn reset_at(self) -> DateTime<Utc> {
        let next = match self.kind {
            PeriodKind::Day => self.start.checked_add_days(Days::new(1)),
            PeriodKind::Month => self.start.checked_add_months(Months::new(1)),
        };
        // Periods end with 9999-12-31, well within chrono's range.
        next.unwrap_or(NaiveDate::MAX).and_time(NaiveTime::MIN).and_utc()
    }
}

/// The period key, under which the counts are stored.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.start.year(), self.start.month())?;
        match self.kind {
            PeriodKind::Day => write!(f, "-{:02}", self.start.day()),
            PeriodKind::Month => Ok(()),
        }
    }
}

fn two_digits(text: &str) -> Option<u32> {
    (text.len() == 2).then(|| number(text)).flatten()
}

/// Digits only: `u32::from_str` would also accept a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use PeriodKind::{Day, Month};

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("a date in the test")
    }

    #[test]
    fn period_keys_round_trip() {
        for key in ["2025-02-10", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(Period::parse(Day, key).expect(key).to_string(), key);
            assert_eq!(Period::parse(Month, key), None, "{key}");
        }
        for key in ["2025-02", "0001-01", "9999-12"] {
            assert_eq!(Period::parse(Month, key).expect(key).to_string(), key);
            assert_eq!(Period::parse(Day, key), None, "{key}");
        }
    }

    #[test]
    fn invalid_period_keys_are_refused() {
        for key in [
            "",
            " ",
            "2025",
            "2025-",
            "2025-00",
            "2025-13",
            "2025-2",
            "2025-022",
            "202-002",
            "+025-02",
            "2025-+2",
            "2025_02",
            "2025-02 ",
            " 2025-02",
            "0000-01",
            "２０２５-02",
            "20é5-02",
            "2025-0é",
            "2025-02\n",
            "2025-02\0",
            "today",
            "infinity",
        ] {
            assert_eq!(Period::parse(Month, key), None, "{key:?}");
        }
        for key in [
            "2025-02-30",
            "2023-02-29",
            "1900-02-29",
            "2025-04-31",
            "2025-02-00",
            "2025-02-1",
            "2025-2-010",
            "2025-02-010",
            "2025-02-1x",
            "2025-02-+1",
            "2025-02-10T",
            "0000-01-01",
            "2025-02-10'; --",
            "2025/02/10",
        ] {
            assert_eq!(Period::parse(Day, key), None, "{key:?}");
        }
        assert_eq!(Period::parse(Day, &"9".repeat(10_000)), None);
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        let (mut day, end) = (instant("1899-12-31T00:00:00Z"), instant("2301-01-01T00:00:00Z"));
        while day < end {
            let (daily, monthly) = (Period::containing(Day, day), Period::containing(Month, day));
            assert_eq!(Period::parse(Day, &daily.to_string()), Some(daily));
            assert_eq!(Period::parse(Month, &monthly.to_string()), Some(monthly));
            assert_eq!(daily.to_string(), day.format("%Y-%m-%d").to_string());
            day = day.checked_add_days(Days::new(1)).expect("within range");
            assert_eq!(daily.reset_at(), day);
        }
    }

    #[test]
    fn a_period_ends_when_the_next_begins() {
        for (kind, at, key, reset_at) in [
            (Day, "2024-02-28T23:59:59.999999Z", "2024-02-28", "2024-02-29T00:00:00Z"),
            (Day, "2024-02-29T23:59:59.999999Z", "2024-02-29", "2024-03-01T00:00:00Z"),
            (Day, "2025-02-28T00:00:00Z", "2025-02-28", "2025-03-01T00:00:00Z"),
            (Day, "2024-12-31T23:59:59.999999Z", "2024-12-31", "2025-01-01T00:00:00Z"),
            (Day, "2025-01-01T00:00:00Z", "2025-01-01", "2025-01-02T00:00:00Z"),
            (Month, "2024-12-31T23:59:59.999999Z", "2024-12", "2025-01-01T00:00:00Z"),
            (Month, "2025-01-31T12:00:00Z", "2025-01", "2025-02-01T00:00:00Z"),
            (Month, "2024-02-29T12:00:00Z", "2024-02", "2024-03-01T00:00:00Z"),
            (Month, "9999-12-31T12:00:00Z", "9999-12", "+10000-01-01T00:00:00Z"),
        ] {
            let period = Period::containing(kind, instant(at));
            assert_eq!(period.to_string(), key, "{at}");
            assert_eq!(period.reset_at(), instant(reset_at), "{at}");
        }
    }
}
