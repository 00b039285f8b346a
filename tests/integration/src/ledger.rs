//! What many sessions were told, put together: it must be one history, and the table's.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::model::Status;
use crate::{Counter, Counts};

/// What a session was told.
#[derive(Clone, Debug)]
pub enum Told {
    Consumed {
        counter: Counter,
        amount: i64,
    },
    Reserved {
        id: Uuid,
        counter: Counter,
        amount: i64,
    },
    Committed {
        id: Uuid,
        actual: i64,
        late: bool,
    },
    Released {
        id: Uuid,
        late: bool,
    },
    /// It is settled already, and so.
    Finalized {
        id: Uuid,
        status: String,
    },
    /// How many reservations were expired by one call.
    Expired(i64),
}

/// A reservation as its row shows it.
pub struct Row {
    pub status: String,
    pub actual: Option<i64>,
    pub late: Option<bool>,
    pub is_past: bool,
}

/// How a reservation was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settlement {
    status: Status,
    actual: i64,
    late: bool,
}

#[derive(Default)]
pub struct Ledger {
    consumed: Counts,
    reserved: BTreeMap<Uuid, (Counter, i64)>,
    settled: BTreeMap<Uuid, Settlement>,
    finalized: Vec<(Uuid, String)>,
    pub expired: i64,
}

impl Ledger {
    /// Notes what a session was told. Of one reservation, all must have been told the same.
    pub fn note(&mut self, told: Told) {
        match told {
            Told::Consumed { counter, amount } => {
                *self.consumed.entry(counter).or_default() += amount;
            }
            Told::Reserved { id, counter, amount } => {
                assert!(self.reserved.insert(id, (counter, amount)).is_none(), "{id} is not new");
            }
            Told::Committed { id, actual, late } => {
                self.settle(id, Settlement { status: Status::Committed, actual, late });
            }
            Told::Released { id, late } => {
                self.settle(id, Settlement { status: Status::Released, actual: 0, late });
            }
            Told::Finalized { id, status } => self.finalized.push((id, status)),
            Told::Expired(number) => self.expired += number,
        }
    }

    fn settle(&mut self, id: Uuid, settlement: Settlement) {
        let first = *self.settled.entry(id).or_insert(settlement);
        assert_eq!(first, settlement, "{id} was settled in two ways");
    }

    /// Compares with the rows of the reservations, and gives what the counters must be: what is
    /// committed, what is reserved, and what was consumed.
    pub fn counts(&self, rows: &BTreeMap<Uuid, Row>) -> Counts {
        assert!(rows.keys().eq(self.reserved.keys()), "other reservations than were told");
        for (id, status) in &self.finalized {
            let settled = self.settled.get(id).map(|settled| settled.status.name());
            assert_eq!(settled, Some(status.as_str()), "{id} is said to be settled");
        }
        let mut counts = self.consumed.clone();
        for (id, (counter, amount)) in &self.reserved {
            let row = &rows[id];
            let counted = match self.settled.get(id) {
                Some(settled) => {
                    assert_eq!(row.status, settled.status.name(), "{id}");
                    assert_eq!(row.actual.unwrap_or(0), settled.actual, "{id}");
                    assert_eq!(row.late, Some(settled.late), "{id}");
                    assert!(row.is_past || !settled.late, "{id} is late before its end");
                    settled.actual
                }
                None if row.status == "reserved" => *amount,
                None => {
                    assert!(row.status == "expired" && row.is_past, "{id} is {}", row.status);
                    0
                }
            };
            *counts.entry(counter.clone()).or_default() += counted;
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// What live reservations hold, and what is past and not given back yet.
    pub fn held(&self, rows: &BTreeMap<Uuid, Row>, counter: &Counter) -> (i64, i64) {
        let of_counter = self.reserved.iter().filter(|(_, (of, _))| of == counter);
        let open = of_counter.filter(|(id, _)| rows[id].status == "reserved");
        open.fold((0, 0), |(live, past), (id, (_, amount))| match rows[id].is_past {
            true => (live, past + amount),
            false => (live + amount, past),
        })
    }
}
