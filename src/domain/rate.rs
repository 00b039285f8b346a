//! Rates: a bucket of `limit` units that refills evenly within a time (GCRA).
//!
//! The state is one instant, the theoretical arrival time `tat`: when the bucket is full again. All
//! arithmetic is on integers, in microseconds, so no unit is won or lost by rounding. A unit takes
//! `every / limit` to refill, rounded up: rounded down, a little more than the limit would be
//! admitted per time.

/// A limit of units per time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub limit: i64,
    /// In microseconds.
    pub every: i64,
}

/// Why units can't be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They can be taken after this many microseconds.
    Wait(i64),
    /// They are more than the bucket holds.
    Never,
}

impl Rate {
    /// Takes units from a bucket that is full again at `tat`. Returns when it is full again
    /// afterwards.
    pub fn take(self, tat: Option<i64>, now: i64, units: i64) -> Result<i64, Refusal> {
        let base = self.base(tat, now);
        if units == 0 {
            return Ok(base);
        }
        if units > self.limit {
            return Err(Refusal::Never);
        }
        let full = base + units * self.unit();
        match full - self.capacity() - now {
            wait @ 1.. => Err(Refusal::Wait(wait)),
            _ => Ok(full),
        }
    }

    /// Takes units that have been used already: as many as there are.
    pub fn take_used(self, tat: Option<i64>, now: i64, units: i64) -> i64 {
        let taken = units.saturating_mul(self.unit());
        self.base(tat, now).saturating_add(taken).min(now + self.capacity())
    }

    /// The units that can be taken now.
    pub fn left(self, tat: Option<i64>, now: i64) -> i64 {
        if self.limit == 0 {
            return 0;
        }
        let left = (now + self.capacity() - self.base(tat, now)) / self.unit();
        left.min(self.limit)
    }

    /// When the bucket is full again, if it is not.
    pub fn full_at(self, tat: Option<i64>, now: i64) -> Option<i64> {
        Some(self.base(tat, now)).filter(|full| *full > now)
    }

    /// An instant in the past means that the bucket is full. One too far in the future, because the
    /// clock was set back, means that it is empty and no more.
    fn base(self, tat: Option<i64>, now: i64) -> i64 {
        tat.unwrap_or(now).clamp(now, now + self.capacity())
    }

    /// The time in which one unit refills.
    fn unit(self) -> i64 {
        if self.limit == 0 { self.every } else { (self.every + self.limit - 1) / self.limit }
    }

    /// The time in which an empty bucket refills.
    fn capacity(self) -> i64 {
        self.limit * self.unit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    /// Any instant: a rate knows no calendar.
    const START: i64 = 1_739_188_800_000_000;

    fn per_minute(limit: i64) -> Rate {
        Rate { limit, every: 60 * SECOND }
    }

    /// How many single units a bucket gives at an instant, and its state afterwards.
    fn drain(rate: Rate, mut tat: Option<i64>, now: i64) -> (i64, Option<i64>) {
        let mut taken = 0;
        while let Ok(full) = rate.take(tat, now, 1) {
            (tat, taken) = (Some(full), taken + 1);
        }
        (taken, tat)
    }

    #[test]
    fn ten_a_minute_are_ten_at_once_and_one_every_six_seconds() {
        let rate = per_minute(10);
        let (taken, tat) = drain(rate, None, START);
        assert_eq!(taken, 10);
        assert_eq!(rate.take(tat, START, 1), Err(Refusal::Wait(6 * SECOND)));
        let almost = START + 6 * SECOND - 1;
        assert_eq!(rate.take(tat, almost, 1), Err(Refusal::Wait(1)));
        assert_eq!(drain(rate, tat, START + 6 * SECOND).0, 1);
        let mut total = taken;
        let mut state = tat;
        for second in 1..60 {
            let (taken, tat) = drain(rate, state, START + second * SECOND + 999_000);
            (total, state) = (total + taken, tat);
        }
        assert_eq!(total, 19);
        assert_eq!(drain(rate, state, START + 60 * SECOND).0, 1);
    }

    #[test]
    fn seven_a_minute_are_seven_at_once_and_never_six() {
        let rate = per_minute(7);
        assert_eq!(rate.unit(), 8_571_429);
        let (taken, tat) = drain(rate, None, START);
        assert_eq!(taken, 7);
        assert_eq!(rate.take(tat, START, 1), Err(Refusal::Wait(8_571_429)));
        // A window of the time in which the bucket refills admits at most 13.
        let mut total = taken;
        let mut state = tat;
        for millisecond in 1..60_000 {
            let (taken, tat) = drain(rate, state, START + millisecond * 1_000);
            (total, state) = (total + taken, tat);
        }
        assert_eq!(total, 13);
    }

    #[test]
    fn one_unit_is_admitted_from_a_full_bucket() {
        let rate = Rate { limit: 1, every: 10 * SECOND };
        assert_eq!(drain(rate, None, START).0, 1);
        assert_eq!(rate.left(None, START), 1);
        assert_eq!(rate.take(None, START, 2), Err(Refusal::Never));
    }

    #[test]
    fn a_limit_of_zero_admits_nothing() {
        let rate = per_minute(0);
        assert_eq!(rate.take(None, START, 1), Err(Refusal::Never));
        assert_eq!(rate.take(None, START, 0), Ok(START));
        assert_eq!(rate.left(None, START), 0);
        assert_eq!(rate.take_used(None, START, 5), START);
    }

    #[test]
    fn a_clock_that_is_set_back_empties_the_bucket_for_its_own_time_at_most() {
        let rate = per_minute(10);
        let far = Some(START + 365 * 86_400 * SECOND);
        assert_eq!(rate.take(far, START, 1), Err(Refusal::Wait(6 * SECOND)));
        assert_eq!(rate.take(far, START, 10), Err(Refusal::Wait(60 * SECOND)));
        assert_eq!(rate.left(Some(i64::MAX), START), 0);
        assert_eq!(rate.left(Some(i64::MIN), START), 10);
    }

    #[test]
    fn used_units_are_taken_without_a_debt() {
        let rate = per_minute(10);
        assert_eq!(rate.take_used(None, START, 4), START + 24 * SECOND);
        let most = START + 60 * SECOND;
        assert_eq!(rate.take_used(None, START, 10), most);
        assert_eq!(rate.take_used(Some(most), START, i64::MAX), most);
    }

    #[test]
    fn what_is_left_is_what_can_be_taken() {
        for limit in [1, 2, 3, 7, 10, 59, 60, 61, 1_000, 59_999] {
            let rate = per_minute(limit);
            for step in 0..200 {
                let tat = Some(START + step * 300_007);
                let left = rate.left(tat, START);
                if left > 0 {
                    assert!(rate.take(tat, START, left).is_ok(), "{limit} {step}");
                }
                let wait = rate.take(tat, START, left + 1);
                match wait {
                    Err(Refusal::Wait(wait)) => {
                        assert!(rate.take(tat, START + wait, left + 1).is_ok(), "{limit} {step}");
                        assert!(rate.take(tat, START + wait - 1, left + 1).is_err());
                    }
                    Err(Refusal::Never) => assert_eq!(left, limit),
                    Ok(_) => panic!("{limit} a minute has more than {left} left at {step}"),
                }
            }
        }
    }

    #[test]
    fn the_largest_rates_do_not_overflow() {
        let month = Rate { limit: 1_000 * 31 * 86_400, every: 31 * 86_400 * SECOND };
        assert_eq!(month.unit(), 1_000);
        assert_eq!(month.take(None, START, i32::MAX.into()).map(|tat| tat > START), Ok(true));
        let slow = Rate { limit: 1, every: 31 * 86_400 * SECOND };
        assert_eq!(slow.take(None, START, i32::MAX.into()), Err(Refusal::Never));
        assert_eq!(slow.take_used(None, START, i32::MAX.into()), START + slow.every);
    }
}
