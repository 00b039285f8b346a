//! Reservations as a state machine: what a commit, a release and expiry do to one.

/// The state of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Open: its amount is counted until the reservation is settled or expires.
    Reserved,
    Committed,
    Released,
    /// Not settled in time; its amount was subtracted from the counter.
    Expired,
}

impl Status {
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Reserved, Self::Committed, Self::Released, Self::Expired]
            .into_iter()
            .find(|status| status.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub amount: i32,
    pub status: Status,
    /// Open: whether it has expired. Settled: whether that was after its expiry.
    pub is_past: bool,
    /// The amount that a commit counted.
    pub actual: Option<i32>,
}

/// The result of settling a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The reservation changes, and so may the counter.
    Change(Change),
    /// It was settled in the same way before: the same answer is returned.
    Repeat,
    /// It was settled in another way before: refused.
    Finalized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub status: Status,
    /// What to add to the counter; may be negative.
    pub delta: i32,
    /// Whether the reservation had expired.
    pub late: bool,
    pub actual: Option<i32>,
}

impl Reservation {
    /// Counts what was used, by default what was reserved. Usage that is more, less or late is
    /// counted too, because it has happened.
    pub fn commit(self, actual: Option<i32>) -> Settlement {
        let actual = actual.unwrap_or(self.amount);
        match self.status {
            Status::Reserved | Status::Expired => Settlement::Change(Change {
                status: Status::Committed,
                delta: actual - self.held(),
                late: self.is_late(),
                actual: Some(actual),
            }),
            Status::Committed if self.actual == Some(actual) => Settlement::Repeat,
            Status::Committed | Status::Released => Settlement::Finalized,
        }
    }

    /// Releases the whole amount.
    pub fn release(self) -> Settlement {
        match self.status {
            Status::Reserved | Status::Expired => Settlement::Change(Change {
                status: Status::Released,
                delta: -self.held(),
                late: self.is_late(),
                actual: None,
            }),
            Status::Released => Settlement::Repeat,
            Status::Committed => Settlement::Finalized,
        }
    }

    /// The part of the counter that it holds. Neither this nor the used amount is negative, so
    /// their difference fits into an integer.
    fn held(self) -> i32 {
        if self.status == Status::Reserved { self.amount } else { 0 }
    }

    fn is_late(self) -> bool {
        self.is_past || self.status == Status::Expired
    }
}

/// How much of one counter its open reservations hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub live: i64,
    /// The amount of reservations that have expired but are still counted.
    pub past: i64,
}

impl Held {
    /// How much of `amount`, held by some of these reservations, can be subtracted from the
    /// counter.
    ///
    /// All of it, unless somebody lowered the counter by hand: then what the other open
    /// reservations hold stays counted.
    pub fn returnable(self, counted: i64, amount: i64) -> i64 {
        // A row without reservations counts none of them, whatever they say.
        let amount = amount.min(self.live + self.past);
        let others = self.live + self.past - amount;
        (counted - others).clamp(0, amount)
    }

    /// The usage without expired reservations.
    pub fn usage(self, counted: i64) -> i64 {
        counted - self.returnable(counted, self.past)
    }
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 60 * 60 * SECOND;

/// A time to live in microseconds, if it is within 1 second and 24 hours. Months are refused because
/// they have no fixed length; in an infinite interval every part has its largest value.
pub fn ttl_in_microseconds(months: i32, days: i32, microseconds: i64) -> Option<i64> {
    let total = i64::from(days).checked_mul(DAY)?.checked_add(microseconds)?;
    (months == 0 && (SECOND..=DAY).contains(&total)).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reservation(status: Status) -> Reservation {
        Reservation { amount: 5, status, is_past: false, actual: None }
    }

    fn committed(actual: i32, delta: i32, late: bool) -> Settlement {
        let status = Status::Committed;
        Settlement::Change(Change { status, delta, late, actual: Some(actual) })
    }

    fn released(delta: i32, late: bool) -> Settlement {
        Settlement::Change(Change { status: Status::Released, delta, late, actual: None })
    }

    #[test]
    fn a_commit_counts_what_was_used() {
        let open = reservation(Status::Reserved);
        assert_eq!(open.commit(None), committed(5, 0, false));
        assert_eq!(open.commit(Some(2)), committed(2, -3, false));
        assert_eq!(open.commit(Some(9)), committed(9, 4, false));
        assert_eq!(open.commit(Some(0)), committed(0, -5, false));
    }

    #[test]
    fn a_late_commit_counts_and_is_marked_late() {
        let past = Reservation { is_past: true, ..reservation(Status::Reserved) };
        assert_eq!(past.commit(None), committed(5, 0, true));
        let expired = reservation(Status::Expired);
        assert_eq!(expired.commit(None), committed(5, 5, true));
        assert_eq!(expired.commit(Some(2)), committed(2, 2, true));
    }

    #[test]
    fn a_repeated_commit_has_the_same_result_and_a_different_one_is_refused() {
        let committed = Reservation { actual: Some(3), ..reservation(Status::Committed) };
        assert_eq!(committed.commit(Some(3)), Settlement::Repeat);
        assert_eq!(committed.commit(None), Settlement::Finalized);
        assert_eq!(committed.release(), Settlement::Finalized);
        assert_eq!(reservation(Status::Released).commit(None), Settlement::Finalized);
    }

    #[test]
    fn a_release_subtracts_the_amount_once() {
        assert_eq!(reservation(Status::Reserved).release(), released(-5, false));
        assert_eq!(reservation(Status::Expired).release(), released(0, true));
        assert_eq!(reservation(Status::Released).release(), Settlement::Repeat);
    }

    #[test]
    fn expiry_subtracts_what_reservations_held() {
        let held = Held { live: 5, past: 0 };
        assert_eq!(held.returnable(9, 5), 5);
        assert_eq!(held.returnable(5, 5), 5);
        assert_eq!(Held { live: 3, past: 4 }.usage(10), 6);
    }

    #[test]
    fn a_counter_lowered_by_hand_keeps_what_other_reservations_hold() {
        let two = Held { live: 10, past: 0 };
        assert_eq!(two.returnable(5, 5), 0);
        assert_eq!(two.returnable(7, 5), 2);
        assert_eq!(Held { live: 5, past: 0 }.returnable(3, 5), 3);
        assert_eq!(Held { live: 5, past: 0 }.returnable(0, 5), 0);
        assert_eq!(Held::default().returnable(8, 5), 0);
        assert_eq!(Held { live: 3, past: 4 }.usage(5), 3);
        assert_eq!(Held { live: 3, past: 4 }.usage(2), 2);
    }

    #[test]
    fn a_time_to_live_is_1_second_to_24_hours() {
        assert_eq!(ttl_in_microseconds(0, 0, SECOND), Some(SECOND));
        assert_eq!(ttl_in_microseconds(0, 0, SECOND - 1), None);
        assert_eq!(ttl_in_microseconds(0, 1, 0), Some(DAY));
        assert_eq!(ttl_in_microseconds(0, 1, 1), None);
        assert_eq!(ttl_in_microseconds(0, 1, -SECOND), Some(DAY - SECOND));
        assert_eq!(ttl_in_microseconds(1, -29, 0), None);
        assert_eq!(ttl_in_microseconds(i32::MAX, i32::MAX, i64::MAX), None);
        assert_eq!(ttl_in_microseconds(0, i32::MIN, i64::MIN), None);
    }

    #[test]
    fn states_round_trip() {
        for status in [Status::Reserved, Status::Committed, Status::Released, Status::Expired] {
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
        assert_eq!(Status::from_name("open"), None);
    }
}
