//! Periods: the hour, day, month … in which a count is kept, named by its period key.
//!
//! A period is a piece of a calendar; a [`Calendar`](crate::calendar::Calendar) says at which
//! instants it begins and ends.
//!
//! This is the only place that reads what callers pass as a period.

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Weekday};

use crate::period_kind::PeriodKind;

/// What callers write for the current period.
const CURRENT: &str = "current";

/// The period key of the only period of its kind.
const TOTAL: &str = "total";

/// Whether a text that may be left out means the current period. Blank does: some gateways send a
/// JSON null for a text as ''.
pub fn means_current(text: &str) -> bool {
    text == CURRENT || text.trim().is_empty()
}

/// Why a text is not a period of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPeriod {
    /// It is not of the kind's form.
    OtherForm,
    /// It is of the form, but the calendar does not have it: 30 February, or month 13.
    NoSuchDate,
    /// It does not begin where the periods of this user do.
    OtherAnchor,
}

/// What a caller requests as a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// The period of now.
    Current,
    Key(Period),
}

impl Requested {
    /// Reads `current` or a period key of this kind.
    pub fn parse(kind: PeriodKind, text: &str) -> Result<Self, NotAPeriod> {
        if text == CURRENT { Ok(Self::Current) } else { Period::parse(kind, text).map(Self::Key) }
    }

    /// The same for a text that may be left out, which means `current`.
    pub fn parse_optional(kind: PeriodKind, text: Option<&str>) -> Result<Self, NotAPeriod> {
        match text.filter(|text| !means_current(text)) {
            Some(key) => Period::parse(kind, key).map(Self::Key),
            None => Ok(Self::Current),
        }
    }
}

/// One hour, day, week …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    kind: PeriodKind,
    /// The local time at which it begins: an hour in UTC, or midnight of a day.
    start: NaiveDateTime,
}

impl Period {
    /// The period that begins with this day, or in the case of an hour, at this time.
    pub(crate) fn starting(kind: PeriodKind, start: NaiveDateTime) -> Self {
        Self { kind, start }
    }

    /// The period of a kind without anchor that contains a local time.
    pub(crate) fn around(kind: PeriodKind, local: NaiveDateTime) -> Self {
        let day = local.date();
        let first = match kind {
            PeriodKind::Week => day.week(Weekday::Mon).checked_first_day(),
            PeriodKind::Month => day.with_day(1),
            PeriodKind::Year => day.with_ordinal(1),
            PeriodKind::Total => Some(NaiveDate::MIN),
            _ => Some(day),
        };
        let hour = if kind == PeriodKind::Hour { local.hour() } else { 0 };
        Self { kind, start: at_hour(first.unwrap_or(day), hour) }
    }

    pub fn kind(self) -> PeriodKind {
        self.kind
    }

    /// The local time at which it begins.
    pub(crate) fn start(self) -> NaiveDateTime {
        self.start
    }

    /// The local time at which the next one begins, for a kind without anchor; `None` if none does.
    pub(crate) fn end_without_anchor(self) -> Option<NaiveDateTime> {
        match self.kind {
            PeriodKind::Hour => self.start.checked_add_signed(TimeDelta::hours(1)),
            PeriodKind::Day => self.start.checked_add_days(Days::new(1)),
            PeriodKind::Week | PeriodKind::BillingWeek => self.start.checked_add_days(Days::new(7)),
            PeriodKind::Month | PeriodKind::BillingMonth => {
                self.start.checked_add_months(Months::new(1))
            }
            PeriodKind::Year | PeriodKind::BillingYear => {
                self.start.checked_add_months(Months::new(12))
            }
            PeriodKind::Total => None,
        }
    }

    /// Parses a period key of this kind. Refuses another kind's period key, a date that does not
    /// exist, a year outside 0001 to 9999, white space and non-ASCII digits.
    pub fn parse(kind: PeriodKind, key: &str) -> Result<Self, NotAPeriod> {
        if kind == PeriodKind::Total {
            let total = Self::around(kind, NaiveDateTime::MIN);
            return if key == TOTAL { Ok(total) } else { Err(NotAPeriod::OtherForm) };
        }
        let parts = Parts::read(kind, key).ok_or(NotAPeriod::OtherForm)?;
        let start = parts.start(kind).filter(|start| (1..=9999).contains(&start.year()));
        start.map(|start| Self { kind, start }).ok_or(NotAPeriod::NoSuchDate)
    }
}

fn at_hour(day: NaiveDate, hour: u32) -> NaiveDateTime {
    day.and_hms_opt(hour, 0, 0).unwrap_or(NaiveDateTime::MIN)
}

/// The period key, under which the counts are stored.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.start.date();
        let (year, month, day_of_month) = (day.year(), day.month(), day.day());
        match self.kind {
            PeriodKind::Total => f.write_str(TOTAL),
            PeriodKind::Year => write!(f, "{year:04}"),
            PeriodKind::Month => write!(f, "{year:04}-{month:02}"),
            PeriodKind::Week => {
                let week = day.iso_week();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            PeriodKind::Hour => {
                write!(f, "{year:04}-{month:02}-{day_of_month:02}T{:02}", self.start.hour())
            }
            kind => {
                write!(f, "{year:04}-{month:02}-{day_of_month:02}{}", suffix(kind))
            }
        }
    }
}

/// What follows the day in a period key: for billing kinds, a duration of ISO 8601.
fn suffix(kind: PeriodKind) -> &'static str {
    match kind {
        PeriodKind::BillingWeek => "/P1W",
        PeriodKind::BillingMonth => "/P1M",
        PeriodKind::BillingYear => "/P1Y",
        _ => "",
    }
}

/// The numbers of a key of a kind's form, whether or not the calendar has them.
struct Parts {
    year: i32,
    /// The month, or the week of the year.
    second: u32,
    day: u32,
    hour: u32,
}

impl Parts {
    fn read(kind: PeriodKind, key: &str) -> Option<Self> {
        let (year, rest) = (digits(key.get(..4)?)?, key.get(4..)?);
        let (second, rest) = match kind {
            PeriodKind::Year => (1, rest),
            PeriodKind::Week => (two_digits(rest.strip_prefix("-W")?)?, ""),
            _ => {
                let rest = rest.strip_prefix('-')?;
                (two_digits(rest.get(..2)?)?, rest.get(2..)?)
            }
        };
        let (day, rest) = match kind {
            PeriodKind::Year | PeriodKind::Month | PeriodKind::Week => (1, rest),
            _ => {
                let rest = rest.strip_prefix('-')?;
                (two_digits(rest.get(..2)?)?, rest.get(2..)?)
            }
        };
        let (hour, rest) = match kind {
            PeriodKind::Hour => (two_digits(rest.strip_prefix('T')?)?, ""),
            _ => (0, rest.strip_prefix(suffix(kind))?),
        };
        let year = i32::try_from(year).ok()?;
        rest.is_empty().then_some(Self { year, second, day, hour })
    }

    fn start(&self, kind: PeriodKind) -> Option<NaiveDateTime> {
        let day = match kind {
            PeriodKind::Week => NaiveDate::from_isoywd_opt(self.year, self.second, Weekday::Mon)?,
            _ => NaiveDate::from_ymd_opt(self.year, self.second, self.day)?,
        };
        day.and_hms_opt(self.hour, 0, 0)
    }
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
    use PeriodKind::{BillingMonth, BillingWeek, BillingYear, Day, Hour, Month, Total, Week, Year};

    /// A period key of each kind, in the order of [`PeriodKind::ALL`].
    const KEYS: [&str; 9] = [
        "2025-02-10T14",
        "2025-02-10",
        "2025-W07",
        "2025-02",
        "2025",
        "total",
        "2025-02-09/P1W",
        "2025-01-31/P1M",
        "2024-02-29/P1Y",
    ];

    #[test]
    fn each_kind_has_a_form_of_its_own() {
        for (kind, key) in PeriodKind::ALL.into_iter().zip(KEYS) {
            assert_eq!(kind.example(), key);
            assert_eq!(Period::parse(kind, key).expect(key).to_string(), key);
            for other in KEYS.into_iter().filter(|other| *other != key) {
                let refused = Err(NotAPeriod::OtherForm);
                assert_eq!(Period::parse(kind, other), refused, "{other} as {kind:?}");
            }
        }
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
    fn hours_weeks_and_anchors_that_the_calendar_does_not_have_are_refused() {
        for (kind, key) in [
            (Hour, "2025-02-10T24"),
            (Hour, "2025-02-30T00"),
            (Week, "2025-W00"),
            (Week, "2025-W53"),
            (Week, "0000-W52"),
            (Year, "0000"),
            (BillingWeek, "2025-02-29/P1W"),
            (BillingMonth, "2025-13-01/P1M"),
            (BillingYear, "0000-01-01/P1Y"),
        ] {
            assert_eq!(Period::parse(kind, key), Err(NotAPeriod::NoSuchDate), "{key}");
        }
        for (kind, key) in [
            (Hour, "2025-02-10t14"),
            (Hour, "2025-02-10T4"),
            (Hour, "2025-02-10T14:00"),
            (Hour, "2025-02-10 14"),
            (Week, "2025-w07"),
            (Week, "2025W07"),
            (Week, "2025-W7"),
            (Week, "2025-W07-1"),
            (Year, "25"),
            (Year, "+2025"),
            (Year, "02025"),
            (Total, "Total"),
            (Total, "total "),
            (Total, ""),
            (BillingMonth, "2025-01-31/P1m"),
            (BillingMonth, "2025-01-31/P01M"),
            (BillingMonth, "2025-01-31/P1M "),
            (BillingMonth, "2025-01-31/P3M"),
            (BillingMonth, "2025-01-31"),
        ] {
            assert_eq!(Period::parse(kind, key), Err(NotAPeriod::OtherForm), "{key:?}");
        }
        assert_eq!(Period::parse(Week, "2026-W53").expect("a long year").to_string(), "2026-W53");
    }

    #[test]
    fn current_is_a_request_of_its_own() {
        for kind in PeriodKind::ALL {
            assert_eq!(Requested::parse(kind, "current"), Ok(Requested::Current));
            assert_eq!(Requested::parse_optional(kind, Some("current")), Ok(Requested::Current));
            assert_eq!(Requested::parse_optional(kind, None), Ok(Requested::Current));
        }
        let day = Period::parse(Day, "2025-02-10").map(Requested::Key);
        assert!(day.is_ok());
        assert_eq!(Requested::parse(Day, "2025-02-10"), day);
        assert_eq!(Requested::parse_optional(Day, Some("2025-02-10")), day);
        for text in ["Current", "CURRENT", "current ", " current", "current\n", "now", "currently"]
        {
            let refused = Err(NotAPeriod::OtherForm);
            assert_eq!(Requested::parse(Day, text), refused, "{text:?}");
            assert_eq!(Requested::parse_optional(Day, Some(text)), refused, "{text:?}");
        }
    }

    #[test]
    fn blank_is_current_only_where_a_period_may_be_left_out() {
        for blank in ["", " ", "\t\n", "\u{a0}"] {
            assert_eq!(Requested::parse(Day, blank), Err(NotAPeriod::OtherForm), "{blank:?}");
            let optional = Requested::parse_optional(Day, Some(blank));
            assert_eq!(optional, Ok(Requested::Current), "{blank:?}");
        }
    }
}
