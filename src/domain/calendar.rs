//! Calendars: at which instants the periods of a user begin and end.
//!
//! A calendar is a time zone and an anchor. Without a zone it is UTC. It never depends on the zone
//! of the session, which a client can set: changing it would get a user a second daily quota.

use std::rc::Rc;

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc,
};

use crate::period::Period;
use crate::period_kind::PeriodKind;

/// A time zone: which day it is, and when a day begins.
pub trait Zone {
    /// The local time of an instant.
    fn local(&self, instant: DateTime<Utc>) -> NaiveDateTime;

    /// The instant at which a local day begins. If local midnight is skipped or comes twice, one
    /// instant all the same.
    fn midnight(&self, day: NaiveDate) -> DateTime<Utc>;
}

/// Anchors of those who have none: a Monday and a first of January, so that their billing periods
/// are those of the calendar.
fn default_anchor() -> NaiveDate {
    NaiveDate::from_ymd_opt(2001, 1, 1).unwrap_or_default()
}

/// The most periods that a local day can be away from its instants' period.
const MOST_CORRECTIONS: usize = 4;

/// The time zone and the anchor of a user's periods. The default is UTC without an anchor.
#[derive(Clone, Default)]
pub struct Calendar {
    /// `None` is UTC.
    zone: Option<Rc<dyn Zone>>,
    /// The local day at which billing periods begin.
    anchor: Option<NaiveDate>,
}

/// A period and the instants between which it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub period: Period,
    /// `None` for the total, which has no beginning.
    pub starts_at: Option<DateTime<Utc>>,
    /// When the next period begins and the count is 0 again; `None` for the total.
    pub reset_at: Option<DateTime<Utc>>,
}

impl Calendar {
    /// The calendar of a zone, with the local day of an instant as its anchor.
    pub fn new(zone: Option<Rc<dyn Zone>>, anchor: Option<DateTime<Utc>>) -> Self {
        let calendar = Self { zone, anchor: None };
        let anchor = anchor.map(|instant| calendar.local(instant).date());
        Self { anchor, ..calendar }
    }

    /// The period of a kind that contains an instant.
    pub fn period_at(&self, kind: PeriodKind, instant: DateTime<Utc>) -> Period {
        if kind == PeriodKind::Hour {
            return Period::around(kind, instant.naive_utc());
        }
        let local = self.local(instant);
        let mut period = match steps(kind) {
            None => Period::around(kind, local),
            Some(step) => {
                let step = |k: i64| nth(self.anchor(), step, k);
                let k = index_of(self.anchor(), kind, local.date());
                // An anchor at the end of a month begins later in its own month than k says.
                let day =
                    [k, k - 1].into_iter().find_map(|k| step(k).filter(|day| *day <= local.date()));
                Period::starting(kind, day.unwrap_or(local.date()).and_time(NaiveTime::MIN))
            }
        };
        if self.zone.is_some() {
            // Local midnight may come twice or never: what counts is which instants are inside.
            for _ in 0..MOST_CORRECTIONS {
                let is_late = self.span(period).starts_at.is_some_and(|start| start > instant);
                let Some(before) = is_late.then(|| self.before(period)).flatten() else { break };
                period = before;
            }
            for _ in 0..MOST_CORRECTIONS {
                let is_over = self.span(period).reset_at.is_some_and(|end| end <= instant);
                let Some(after) = is_over.then(|| self.after(period)).flatten() else { break };
                period = after;
            }
        }
        period
    }

    /// The period of a kind that contains an instant, with its beginning and end.
    pub fn span_at(&self, kind: PeriodKind, instant: DateTime<Utc>) -> Span {
        self.span(self.period_at(kind, instant))
    }

    /// A period with its beginning and end.
    pub fn span(&self, period: Period) -> Span {
        if period.kind() == PeriodKind::Total {
            return Span { period, starts_at: None, reset_at: None };
        }
        let end = self.after(period).map(Period::start);
        Span {
            period,
            starts_at: Some(self.instant(period.kind(), period.start())),
            // The last period ends in the year 10000, well within chrono's range.
            reset_at: Some(
                end.map_or(DateTime::<Utc>::MAX_UTC, |end| self.instant(period.kind(), end)),
            ),
        }
    }

    /// Whether a period begins where those of this calendar do; only billing periods may not.
    pub fn has(&self, period: Period) -> bool {
        let Some(step) = steps(period.kind()) else { return true };
        let day = period.start().date();
        let k = index_of(self.anchor(), period.kind(), day);
        nth(self.anchor(), step, k) == Some(day)
    }

    fn after(&self, period: Period) -> Option<Period> {
        let start = match steps(period.kind()) {
            None => period.end_without_anchor(),
            Some(_) if !self.has(period) => period.end_without_anchor(),
            Some(step) => {
                let k = index_of(self.anchor(), period.kind(), period.start().date());
                nth(self.anchor(), step, k + 1).map(|day| day.and_time(NaiveTime::MIN))
            }
        };
        start.map(|start| Period::starting(period.kind(), start))
    }

    fn before(&self, period: Period) -> Option<Period> {
        let start = match steps(period.kind()) {
            None => {
                let last = period.start().checked_sub_signed(TimeDelta::seconds(1))?;
                Period::around(period.kind(), last).start()
            }
            Some(step) => {
                let k = index_of(self.anchor(), period.kind(), period.start().date());
                nth(self.anchor(), step, k - 1)?.and_time(NaiveTime::MIN)
            }
        };
        (period.kind() != PeriodKind::Total).then(|| Period::starting(period.kind(), start))
    }

    fn anchor(&self) -> NaiveDate {
        self.anchor.unwrap_or_else(default_anchor)
    }

    fn local(&self, instant: DateTime<Utc>) -> NaiveDateTime {
        self.zone.as_ref().map_or_else(|| instant.naive_utc(), |zone| zone.local(instant))
    }

    /// The instant of a local beginning. Hours are in UTC in every zone.
    fn instant(&self, kind: PeriodKind, start: NaiveDateTime) -> DateTime<Utc> {
        match &self.zone {
            Some(zone) if kind != PeriodKind::Hour => zone.midnight(start.date()),
            _ => start.and_utc(),
        }
    }
}

/// The length of an anchored period.
#[derive(Clone, Copy)]
enum Step {
    Weeks,
    Months(i64),
}

fn steps(kind: PeriodKind) -> Option<Step> {
    match kind {
        PeriodKind::BillingWeek => Some(Step::Weeks),
        PeriodKind::BillingMonth => Some(Step::Months(1)),
        PeriodKind::BillingYear => Some(Step::Months(12)),
        _ => None,
    }
}

/// The first day of the period number `k` after the anchor, or before it if `k` is negative. It is
/// always computed from the anchor: from period to period, the 31st would become the 28th for ever.
fn nth(anchor: NaiveDate, step: Step, k: i64) -> Option<NaiveDate> {
    let size = k.unsigned_abs();
    match step {
        Step::Weeks if k < 0 => anchor.checked_sub_days(Days::new(7 * size)),
        Step::Weeks => anchor.checked_add_days(Days::new(7 * size)),
        Step::Months(length) => {
            let months = Months::new(u32::try_from(size * length.unsigned_abs()).ok()?);
            if k < 0 {
                anchor.checked_sub_months(months)
            } else {
                anchor.checked_add_months(months)
            }
        }
    }
}

/// The number of the period that begins in the same week, month or year as the day.
fn index_of(anchor: NaiveDate, kind: PeriodKind, day: NaiveDate) -> i64 {
    match kind {
        PeriodKind::BillingWeek => day.signed_duration_since(anchor).num_days().div_euclid(7),
        PeriodKind::BillingMonth => months_of(day) - months_of(anchor),
        _ => i64::from(day.year()) - i64::from(anchor.year()),
    }
}

fn months_of(day: NaiveDate) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month0())
}

#[cfg(test)]
mod tests {
    use super::*;
    use PeriodKind::{BillingMonth, BillingWeek, BillingYear, Day, Hour, Month, Total, Week, Year};

    /// A zone with one offset.
    struct Fixed(TimeDelta);

    impl Zone for Fixed {
        fn local(&self, instant: DateTime<Utc>) -> NaiveDateTime {
            instant.naive_utc() + self.0
        }

        fn midnight(&self, day: NaiveDate) -> DateTime<Utc> {
            (day.and_time(NaiveTime::MIN) - self.0).and_utc()
        }
    }

    /// A zone whose clock jumps once, as `midnight` of Postgres takes it: a local time that is
    /// skipped is as far from the jump as the clock was before, and one that comes twice is the
    /// second.
    struct Jumping {
        at: DateTime<Utc>,
        before: TimeDelta,
        after: TimeDelta,
    }

    impl Zone for Jumping {
        fn local(&self, instant: DateTime<Utc>) -> NaiveDateTime {
            instant.naive_utc() + if instant < self.at { self.before } else { self.after }
        }

        fn midnight(&self, day: NaiveDate) -> DateTime<Utc> {
            let local = day.and_time(NaiveTime::MIN);
            let (early, late) = ((local - self.before).and_utc(), (local - self.after).and_utc());
            if late >= self.at { late } else { early }
        }
    }

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("a date in the test")
    }

    fn minutes(offset: i64) -> Calendar {
        Calendar::new(Some(Rc::new(Fixed(TimeDelta::minutes(offset)))), None)
    }

    fn anchored(offset: i64, anchor: &str) -> Calendar {
        let zone: Rc<dyn Zone> = Rc::new(Fixed(TimeDelta::minutes(offset)));
        Calendar::new(Some(zone), Some(instant(anchor)))
    }

    fn key(calendar: &Calendar, kind: PeriodKind, at: &str) -> String {
        calendar.period_at(kind, instant(at)).to_string()
    }

    fn reset(calendar: &Calendar, kind: PeriodKind, at: &str) -> DateTime<Utc> {
        calendar.span_at(kind, instant(at)).reset_at.expect("an end")
    }

    #[test]
    fn every_kind_has_its_key_and_end() {
        let at = "2025-02-10T14:30:00Z";
        let utc = Calendar::default();
        for (kind, expected, end) in [
            (Hour, "2025-02-10T14", "2025-02-10T15:00:00Z"),
            (Day, "2025-02-10", "2025-02-11T00:00:00Z"),
            (Week, "2025-W07", "2025-02-17T00:00:00Z"),
            (Month, "2025-02", "2025-03-01T00:00:00Z"),
            (Year, "2025", "2026-01-01T00:00:00Z"),
            (BillingWeek, "2025-02-10/P1W", "2025-02-17T00:00:00Z"),
            (BillingMonth, "2025-02-01/P1M", "2025-03-01T00:00:00Z"),
            (BillingYear, "2025-01-01/P1Y", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(key(&utc, kind, at), expected);
            assert_eq!(reset(&utc, kind, at), instant(end), "{kind:?}");
        }
        let total = utc.span_at(Total, instant(at));
        assert_eq!((total.starts_at, total.reset_at), (None, None));
        assert_eq!(total.period.to_string(), "total");

        let sunday = Calendar::new(None, Some(instant("2025-02-09T10:00:00Z")));
        assert_eq!(key(&sunday, BillingWeek, at), "2025-02-09/P1W");
        assert_eq!(reset(&sunday, BillingWeek, at), instant("2025-02-16T00:00:00Z"));
        let leap_day = Calendar::new(None, Some(instant("2024-02-29T00:00:00Z")));
        assert_eq!(key(&leap_day, BillingYear, at), "2024-02-29/P1Y");
        assert_eq!(reset(&leap_day, BillingYear, at), instant("2025-02-28T00:00:00Z"));
    }

    #[test]
    fn months_are_counted_from_the_anchor_and_not_from_the_month_before() {
        let calendar = Calendar::new(None, Some(instant("2025-01-31T18:30:00Z")));
        for (at, expected, end) in [
            ("2025-01-31T00:00:00Z", "2025-01-31/P1M", "2025-02-28T00:00:00Z"),
            ("2025-02-28T00:00:00Z", "2025-02-28/P1M", "2025-03-31T00:00:00Z"),
            ("2025-03-30T23:59:59.999999Z", "2025-02-28/P1M", "2025-03-31T00:00:00Z"),
            ("2025-03-31T00:00:00Z", "2025-03-31/P1M", "2025-04-30T00:00:00Z"),
            ("2025-04-30T00:00:00Z", "2025-04-30/P1M", "2025-05-31T00:00:00Z"),
            ("2025-01-30T23:59:59Z", "2024-12-31/P1M", "2025-01-31T00:00:00Z"),
        ] {
            assert_eq!(key(&calendar, BillingMonth, at), expected, "{at}");
            assert_eq!(reset(&calendar, BillingMonth, at), instant(end), "{at}");
        }
        let kolkata = anchored(330, "2025-01-31T18:30:00Z");
        let last = "2025-01-31T18:29:59Z";
        assert_eq!(key(&kolkata, BillingMonth, last), "2025-01-01/P1M");
        let first = "2025-01-31T18:30:00Z";
        assert_eq!(key(&kolkata, BillingMonth, first), "2025-02-01/P1M");
        assert_eq!(reset(&kolkata, BillingMonth, first), instant("2025-02-28T18:30:00Z"));
    }

    #[test]
    fn a_day_is_that_of_the_zone_and_an_hour_is_not() {
        let (kiritimati, niue) = (minutes(14 * 60), minutes(-11 * 60));
        let noon = "2025-02-10T12:00:00Z";
        assert_eq!(key(&kiritimati, Day, noon), "2025-02-11");
        assert_eq!(key(&niue, Day, "2025-02-10T10:59:59Z"), "2025-02-09");
        assert_eq!(key(&niue, Day, "2025-02-10T11:00:00Z"), "2025-02-10");
        assert_eq!(reset(&niue, Day, noon), instant("2025-02-11T11:00:00Z"));
        for calendar in [&kiritimati, &niue] {
            assert_eq!(key(calendar, Hour, noon), "2025-02-10T12");
            assert_eq!(reset(calendar, Hour, noon), instant("2025-02-10T13:00:00Z"));
        }
    }

    #[test]
    fn weeks_are_numbered_as_in_iso_8601() {
        let utc = Calendar::default();
        for (at, expected) in [
            ("2024-12-29T23:59:59Z", "2024-W52"),
            ("2024-12-30T00:00:00Z", "2025-W01"),
            ("2027-01-01T00:00:00Z", "2026-W53"),
            ("2027-01-03T23:59:59Z", "2026-W53"),
            ("2027-01-04T00:00:00Z", "2027-W01"),
        ] {
            assert_eq!(key(&utc, Week, at), expected, "{at}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_in_one_period_of_each_kind() {
        let calendars = [
            Calendar::default(),
            minutes(-11 * 60),
            anchored(345, "2024-02-29T12:00:00Z"),
            Calendar::new(None, Some(instant("2025-08-31T00:00:00Z"))),
            Calendar::new(None, Some(instant("9999-12-31T23:59:59Z"))),
            Calendar::new(None, Some(instant("0001-01-30T00:00:00Z"))),
        ];
        for calendar in &calendars {
            for kind in [Day, Week, Month, Year, BillingWeek, BillingMonth, BillingYear] {
                let end = instant("2301-01-01T00:00:00Z");
                let mut span = calendar.span_at(kind, instant("1899-12-31T00:00:00Z"));
                while span.starts_at < Some(end) {
                    let Span { period, starts_at, reset_at } = span;
                    let (start, next) = (starts_at.expect("a start"), reset_at.expect("an end"));
                    assert!(start < next, "{period}");
                    assert!(calendar.has(period), "{period}");
                    assert_eq!(Period::parse(kind, &period.to_string()), Ok(period));
                    for inside in [start, next - TimeDelta::microseconds(1)] {
                        assert_eq!(calendar.period_at(kind, inside), period, "{inside}");
                    }
                    span = calendar.span_at(kind, next);
                    assert_eq!(span.starts_at, Some(next), "after {period}");
                }
            }
        }
    }

    #[test]
    fn instants_around_a_jump_of_the_clock_are_in_one_period() {
        let hours = TimeDelta::hours;
        for (at, before, after) in [
            // Midnight is skipped; the hour before it comes twice; the hour around it does; a day is
            // skipped; a day comes twice.
            ("2018-11-04T03:00:00Z", hours(-3), hours(-2)),
            ("2018-02-18T02:00:00Z", hours(-2), hours(-3)),
            ("2018-02-18T02:30:00Z", hours(-2), hours(-3)),
            ("2011-12-30T10:00:00Z", hours(-10), hours(14)),
            ("1969-09-30T13:00:00Z", hours(11), hours(-12)),
        ] {
            let at = instant(at);
            let calendar = Calendar::new(Some(Rc::new(Jumping { at, before, after })), None);
            for kind in [Day, Week, Month, BillingMonth] {
                let mut last = calendar.span_at(kind, at - hours(50));
                for minute in 0..6_000 {
                    let instant = at - hours(50) + TimeDelta::minutes(minute);
                    let span = calendar.span_at(kind, instant);
                    let is_inside =
                        span.starts_at <= Some(instant) && Some(instant) < span.reset_at;
                    assert!(is_inside, "{instant} is not in {span:?}");
                    assert!(span == last || span.starts_at >= last.reset_at, "{span:?} {last:?}");
                    last = span;
                }
            }
        }
    }

    #[test]
    fn the_month_before_a_midnight_that_comes_twice_is_counted_from_the_anchor() {
        let (before, after) = (TimeDelta::hours(-2), TimeDelta::hours(-3));
        let zone = Jumping { at: instant("2018-02-28T02:30:00Z"), before, after };
        let calendar = Calendar::new(Some(Rc::new(zone)), Some(instant("2018-01-31T12:00:00Z")));
        for (at, expected) in [
            // The first midnight of 28 February has been, the second has not.
            ("2018-02-28T02:15:00Z", "2018-01-31/P1M"),
            ("2018-02-28T02:59:59Z", "2018-01-31/P1M"),
            ("2018-02-28T03:00:00Z", "2018-02-28/P1M"),
        ] {
            assert_eq!(key(&calendar, BillingMonth, at), expected, "{at}");
        }
    }

    #[test]
    fn a_period_of_another_anchor_is_told() {
        let calendar = Calendar::new(None, Some(instant("2025-01-31T00:00:00Z")));
        for (kind, key, is_own) in [
            (BillingMonth, "2025-02-28/P1M", true),
            (BillingMonth, "2024-02-29/P1M", true),
            (BillingMonth, "2025-02-27/P1M", false),
            (BillingMonth, "2025-03-28/P1M", false),
            (BillingWeek, "2025-02-07/P1W", true),
            (BillingWeek, "2025-02-06/P1W", false),
            (BillingYear, "2020-01-31/P1Y", true),
            (BillingYear, "2020-01-30/P1Y", false),
            (Day, "2020-01-30", true),
            (Total, "total", true),
        ] {
            assert_eq!(calendar.has(Period::parse(kind, key).expect(key)), is_own, "{key}");
        }
    }
}
