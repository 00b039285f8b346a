//! Periods: the UTC day or month in which a count is kept, named by its period key.
//!
//! A period depends only on an instant in UTC. If it depended on the session's time zone, which a
//! client can set, changing it would get a user a second daily quota.
//!
//! This is the only place that reads what callers pass as a period.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};

/// What callers write for the current period.
const CURRENT: &str = "current";

/// Whether a text that may be left out means the current period. Blank does: some gateways send a
/// JSON null for a text as ''.
pub fn means_current(text: &str) -> bool {
    text == CURRENT || text.trim().is_empty()
}

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

    /// The noun for a period of this kind.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// Why a text is not a period of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPeriod {
    /// It is not of the kind's form.
    OtherForm,
    /// It is of the form, but the calendar does not have it: 30 February, or month 13.
    NoSuchDate,
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

    /// The period that a caller requests: `current`, which is the period of now, or a period key.
    pub fn requested(kind: PeriodKind, text: &str, now: DateTime<Utc>) -> Result<Self, NotAPeriod> {
        if text == CURRENT { Ok(Self::containing(kind, now)) } else { Self::parse(kind, text) }
    }

    /// The same for a text that may be left out, which means `current`.
    pub fn requested_or_current(
        kind: PeriodKind,
        text: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Self, NotAPeriod> {
        match text.filter(|text| !means_current(text)) {
            Some(key) => Self::parse(kind, key),
            None => Ok(Self::containing(kind, now)),
        }
    }

    /// Parses a period key of this kind. Refuses another kind's period key, a date that does not
    /// exist, a year outside 0001 to 9999, white space and non-ASCII digits.
    pub fn parse(kind: PeriodKind, key: &str) -> Result<Self, NotAPeriod> {
        let (year, month, day) = numbers(kind, key).ok_or(NotAPeriod::OtherForm)?;
        NaiveDate::from_ymd_opt(year, month, day)
            .filter(|_| year > 0)
            .map(|start| Self { kind, start })
            .ok_or(NotAPeriod::NoSuchDate)
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

/// Year, month and day of a key of this kind's form, whether or not the calendar has them.
fn numbers(kind: PeriodKind, key: &str) -> Option<(i32, u32, u32)> {
    let (year, rest) = (digits(key.get(..4)?)?, key.get(4..)?);
    let (month, day) = match (kind, rest.len()) {
        (PeriodKind::Month, 3) => (digits(rest.strip_prefix('-')?)?, 1),
        (PeriodKind::Day, 6) => {
            let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
            (two_digits(month)?, two_digits(day)?)
        }
        _ => return None,
    };
    Some((i32::try_from(year).ok()?, month, day))
}

fn two_digits(text: &str) -> Option<u32> {
    (text.len() == 2).then(|| digits(text)).flatten()
}

/// Digits only: `u32::from_str` would also accept a sign.
fn digits(text: &str) -> Option<u32> {
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
            assert_eq!(Period::parse(Month, key), Err(NotAPeriod::OtherForm), "{key}");
        }
        for key in ["2025-02", "0001-01", "9999-12"] {
            assert_eq!(Period::parse(Month, key).expect(key).to_string(), key);
            assert_eq!(Period::parse(Day, key), Err(NotAPeriod::OtherForm), "{key}");
        }
    }

    #[test]
    fn texts_of_another_form_are_refused() {
        for key in [
            "",
            " ",
            "2025",
            "2025-",
            "2025-2",
            "2025-022",
            "202-002",
            "+025-02",
            "2025-+2",
            "2025_02",
            "2025-02 ",
            " 2025-02",
            "２０２５-02",
            "20é5-02",
            "2025-0é",
            "2025-02\n",
            "2025-02\0",
            "today",
            "infinity",
            "current",
        ] {
            assert_eq!(Period::parse(Month, key), Err(NotAPeriod::OtherForm), "{key:?}");
        }
        for key in [
            "2025-02-1",
            "2025-2-010",
            "2025-02-010",
            "2025-02-1x",
            "2025-02-+1",
            "2025-02-10T",
            "2025-02-10'; --",
            "2025/02/10",
        ] {
            assert_eq!(Period::parse(Day, key), Err(NotAPeriod::OtherForm), "{key:?}");
        }
        assert_eq!(Period::parse(Day, &"9".repeat(10_000)), Err(NotAPeriod::OtherForm));
    }

    #[test]
    fn days_and_months_that_the_calendar_does_not_have_are_refused() {
        for key in ["2025-00", "2025-13", "0000-01"] {
            assert_eq!(Period::parse(Month, key), Err(NotAPeriod::NoSuchDate), "{key}");
        }
        for key in [
            "2026-11-31",
            "2025-02-30",
            "2023-02-29",
            "1900-02-29",
            "2025-04-31",
            "2025-02-00",
            "2025-13-01",
            "0000-01-01",
        ] {
            assert_eq!(Period::parse(Day, key), Err(NotAPeriod::NoSuchDate), "{key}");
        }
    }

    #[test]
    fn current_is_the_period_of_now() {
        let now = instant("2024-02-29T23:59:59.999999Z");
        for (kind, key) in [(Day, "2024-02-29"), (Month, "2024-02")] {
            let expected = Period::parse(kind, key);
            assert!(expected.is_ok(), "{key}");
            assert_eq!(Period::requested(kind, "current", now), expected);
            assert_eq!(Period::requested_or_current(kind, Some("current"), now), expected);
            assert_eq!(Period::requested_or_current(kind, None, now), expected);
        }
        let other = Period::parse(Day, "2025-02-10");
        assert_eq!(Period::requested(Day, "2025-02-10", now), other);
        assert_eq!(Period::requested_or_current(Day, Some("2025-02-10"), now), other);
        for text in ["Current", "CURRENT", "current ", " current", "current\n", "now", "currently"]
        {
            let refused = Err(NotAPeriod::OtherForm);
            assert_eq!(Period::requested(Day, text, now), refused, "{text:?}");
            assert_eq!(Period::requested_or_current(Day, Some(text), now), refused, "{text:?}");
        }
    }

    #[test]
    fn blank_is_current_only_where_a_period_may_be_left_out() {
        let now = instant("2025-02-10T12:00:00Z");
        for blank in ["", " ", "\t\n", "\u{a0}"] {
            assert_eq!(Period::requested(Day, blank, now), Err(NotAPeriod::OtherForm), "{blank:?}");
            let current = Period::requested_or_current(Day, Some(blank), now);
            assert_eq!(current, Period::parse(Day, "2025-02-10"), "{blank:?}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        let (mut day, end) = (instant("1899-12-31T00:00:00Z"), instant("2301-01-01T00:00:00Z"));
        while day < end {
            let (daily, monthly) = (Period::containing(Day, day), Period::containing(Month, day));
            assert_eq!(Period::parse(Day, &daily.to_string()), Ok(daily));
            assert_eq!(Period::parse(Month, &monthly.to_string()), Ok(monthly));
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
