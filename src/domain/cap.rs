//! Caps: limits beside the allowance, each with what is used of it.

use chrono::{DateTime, Utc};

use crate::calendar::{Calendar, Span};
use crate::period_kind::PeriodKind;
use crate::rate::{Rate, Refusal};
use crate::rule::{Cap, Per, Scope};
use crate::timestamp::microseconds;

/// A cap, and where what is used of it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub cap: Cap,
    pub at: At,
}

/// Where a cap is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// In the feature's own counter.
    Own,
    /// In a window of its own.
    Window(Span),
    /// In a bucket of this many seconds.
    Bucket(i64),
}

impl Place {
    /// Where the caps of a feature are counted at an instant.
    pub fn of(caps: &[Cap], own: PeriodKind, calendar: &Calendar, now: DateTime<Utc>) -> Vec<Self> {
        let at = |cap: &Cap| match cap.per {
            Per::Window(kind) if kind != own => At::Window(calendar.span_at(kind, now)),
            Per::Rate { every } => At::Bucket(every / 1_000_000),
            // The feature's own counter is the pool's.
            _ if cap.scope == Scope::Member => At::Window(calendar.span_at(own, now)),
            _ => At::Own,
        };
        caps.iter().map(|cap| Self { cap: *cap, at: at(cap) }).collect()
    }

    /// The key of the row that counts it, beside the feature's own counter.
    pub fn key(&self) -> Option<String> {
        match self.at {
            At::Own => None,
            At::Window(span) => Some(span.period.to_string()),
            At::Bucket(seconds) => Some(format!("rate/{seconds}")),
        }
    }

    /// The name and the key of a window, for a reservation that is counted there.
    pub fn window(&self) -> Option<(&'static str, String)> {
        match self.at {
            At::Window(span) => Some((self.cap.per.name(), span.period.to_string())),
            At::Own | At::Bucket(_) => None,
        }
    }
}

/// A cap with what is used of it. Instants are in microseconds from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capped {
    pub cap: Cap,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The units used in a window, and when it ends.
    Window { used: i64, reset_at: Option<DateTime<Utc>> },
    /// When the bucket of a rate is full again.
    Bucket { tat: Option<i64> },
}

/// How long to wait until something has room, in microseconds; `None` is for ever.
pub type Wait = Option<i64>;

impl Capped {
    /// How long to wait if there is no room for an amount. There always is for none.
    pub fn lacks(&self, amount: i64, now: i64) -> Option<Wait> {
        match self.state {
            _ if amount == 0 => None,
            State::Window { used, reset_at } => (used.saturating_add(amount) > self.cap.amount)
                .then(|| reset_at.filter(|_| amount <= self.cap.amount))
                .map(|reset_at| reset_at.map(|end| microseconds(end) - now)),
            State::Bucket { tat } => match self.rate().take(tat, now, amount) {
                Ok(_) => None,
                Err(Refusal::Wait(wait)) => Some(Some(wait)),
                Err(Refusal::Never) => Some(None),
            },
        }
    }

    /// The units that have room now.
    pub fn left(&self, now: i64) -> i64 {
        match self.state {
            State::Window { used, .. } => self.cap.amount.saturating_sub(used).max(0),
            State::Bucket { tat } => self.rate().left(tat, now),
        }
    }

    pub fn used(&self, now: i64) -> i64 {
        match self.state {
            State::Window { used, .. } => used,
            State::Bucket { .. } => self.cap.amount - self.left(now),
        }
    }

    /// The cap once an amount is counted, whether or not there was room.
    pub fn counted(self, amount: i64, now: i64) -> Self {
        let state = match self.state {
            State::Window { used, reset_at } => {
                State::Window { used: used.saturating_add(amount), reset_at }
            }
            State::Bucket { tat } => {
                State::Bucket { tat: Some(self.rate().take_used(tat, now, amount)) }
            }
        };
        Self { state, ..self }
    }

    /// When a window ends or a bucket is full again, in microseconds from 1970.
    pub fn reset_at(&self, now: i64) -> Option<i64> {
        match self.state {
            State::Window { reset_at, .. } => reset_at.map(microseconds),
            State::Bucket { tat } => self.rate().full_at(tat, now),
        }
    }

    /// When the bucket of a rate is full again, as it is stored.
    pub fn tat(&self) -> Option<i64> {
        match self.state {
            State::Window { .. } => None,
            State::Bucket { tat } => tat,
        }
    }

    /// The seconds of a rate.
    pub fn every(&self) -> Option<i64> {
        match self.cap.per {
            Per::Rate { every } => Some(every / 1_000_000),
            _ => None,
        }
    }

    fn rate(&self) -> Rate {
        let every = match self.cap.per {
            Per::Rate { every } => every,
            _ => 0,
        };
        Rate { limit: self.cap.amount, every }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period_kind::PeriodKind;
    use crate::rule::Scope;

    const SECOND: i64 = 1_000_000;

    fn hour(amount: i64, used: i64) -> Capped {
        let reset_at = DateTime::from_timestamp(7_200, 0);
        let per = Per::Window(PeriodKind::Hour);
        Capped {
            cap: Cap { per, amount, scope: Scope::User },
            state: State::Window { used, reset_at },
        }
    }

    #[test]
    fn a_window_has_room_up_to_its_amount_and_again_at_its_end() {
        let now = 7_198 * SECOND;
        assert_eq!(hour(10, 9).lacks(1, now), None);
        assert_eq!(hour(10, 10).lacks(1, now), Some(Some(2 * SECOND)));
        assert_eq!(hour(10, 9).lacks(2, now), Some(Some(2 * SECOND)));
        assert_eq!(hour(10, 0).lacks(11, now), Some(None));
        assert_eq!(hour(10, i64::MAX).lacks(i64::MAX, now), Some(None));
        assert_eq!((hour(10, 4).left(now), hour(10, 12).left(now)), (6, 0));
    }

    #[test]
    fn nothing_has_room_everywhere() {
        let rate = Cap { per: Per::Rate { every: SECOND }, amount: 0, scope: Scope::User };
        let bucket = Capped { cap: rate, state: State::Bucket { tat: None } };
        assert_eq!(bucket.lacks(0, 0), None);
        assert_eq!(hour(10, 12).lacks(0, 0), None);
    }

    #[test]
    fn counting_moves_a_window_and_empties_a_bucket() {
        assert_eq!(hour(10, 9).counted(5, 0).used(0), 14);
        let rate = Cap { per: Per::Rate { every: 60 * SECOND }, amount: 10, scope: Scope::User };
        let bucket = Capped { cap: rate, state: State::Bucket { tat: None } };
        assert_eq!((bucket.used(0), bucket.left(0), bucket.reset_at(0)), (0, 10, None));
        let bucket = bucket.counted(4, 0);
        assert_eq!((bucket.used(0), bucket.left(0)), (4, 6));
        assert_eq!(bucket.reset_at(0), Some(24 * SECOND));
        assert_eq!(bucket.lacks(7, 0), Some(Some(6 * SECOND)));
        assert_eq!(bucket.every(), Some(60));
    }
}
