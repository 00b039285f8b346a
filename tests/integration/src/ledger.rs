//! The answers of many sessions, combined: they must form one history, and match the table.

use std::collections::BTreeMap;

use postgres::Client;
use uuid::Uuid;

use crate::model::Status;
use crate::{Counter, Counts, Subject};

/// The result of one call.
#[derive(Clone, Debug)]
pub enum Told {
    Consumed {
        subject: Subject,
        amount: i64,
    },
    Reserved {
        id: Uuid,
        subject: Subject,
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
    /// The reservation was settled before, in this way.
    Finalized {
        id: Uuid,
        status: String,
    },
    /// The number of reservations expired by one call.
    Expired(i64),
}

/// A reservation as stored in its row.
pub struct Row {
    pub status: String,
    pub actual: Option<i64>,
    pub late: Option<bool>,
    pub is_past: bool,
}

/// All reservations.
pub fn rows(client: &mut Client) -> BTreeMap<Uuid, Row> {
    let query = "SELECT reservation_id, status, actual, late, expires_at <= clock_timestamp()
                   FROM feature_reservations";
    let rows = client.query(query, &[]).expect("rows");
    let row = |row: postgres::Row| {
        let actual: Option<i32> = row.get(2);
        let actual = actual.map(i64::from);
        (row.get(0), Row { status: row.get(1), actual, late: row.get(3), is_past: row.get(4) })
    };
    rows.into_iter().map(row).collect()
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
    reserved: BTreeMap<Uuid, (Subject, i64)>,
    settled: BTreeMap<Uuid, Settlement>,
    finalized: Vec<(Uuid, String)>,
    pub expired: i64,
}

impl Ledger {
    /// Records a result. All results about one reservation must agree.
    pub fn note(&mut self, told: Told) {
        match told {
            Told::Consumed { subject, amount } => {
                for counter in subject.counters() {
                    *self.consumed.entry(counter).or_default() += amount;
                }
            }
            Told::Reserved { id, subject, amount } => {
                assert!(self.reserved.insert(id, (subject, amount)).is_none(), "{id} is not new");
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

    /// Compares with the rows of the reservations, and returns the expected counters: committed,
    /// reserved and consumed amounts.
    pub fn counts(&self, rows: &BTreeMap<Uuid, Row>) -> Counts {
        assert!(rows.keys().eq(self.reserved.keys()), "unexpected reservations");
        for (id, status) in &self.finalized {
            let settled = self.settled.get(id).map(|settled| settled.status.name());
            assert_eq!(settled, Some(status.as_str()), "{id}: settled according to the answer");
        }
        let mut counts = self.consumed.clone();
        for (id, (subject, amount)) in &self.reserved {
            let row = &rows[id];
            let counted = match self.settled.get(id) {
                Some(settled) => {
                    assert_eq!(row.status, settled.status.name(), "{id}");
                    assert_eq!(row.actual.unwrap_or(0), settled.actual, "{id}");
                    assert_eq!(row.late, Some(settled.late), "{id}");
                    assert!(row.is_past || !settled.late, "{id} is late before its expiry");
                    settled.actual
                }
                None if row.status == "reserved" => *amount,
                None => {
                    assert!(row.status == "expired" && row.is_past, "{id} is {}", row.status);
                    0
                }
            };
            for counter in subject.counters() {
                *counts.entry(counter).or_default() += counted;
            }
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// The amounts of live reservations, and of expired ones that are still counted.
    pub fn held(&self, rows: &BTreeMap<Uuid, Row>, counter: &Counter) -> (i64, i64) {
        let of_counter = self.reserved.iter().filter(|(_, (of, _))| of.counter() == *counter);
        let open = of_counter.filter(|(id, _)| rows[id].status == "reserved");
        open.fold((0, 0), |(live, past), (id, (_, amount))| match rows[id].is_past {
            true => (live, past + amount),
            false => (live + amount, past),
        })
    }
}
