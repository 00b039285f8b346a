//! The reservations, `feature_reservations`.

use std::rc::Rc;

use pgrx::pg_sys;

use super::kept;
use crate::store::lookup::{Index, Lookup};
use crate::store::spi::Statement;

/// The open reservations of user `$1`, in the words of the index of what is open.
const OPEN: &str = "fr.user_id OPERATOR(pg_catalog.=) $1
                AND fr.status OPERATOR(pg_catalog.=) 'reserved'";

/// Of these, the ones of feature `$3` in period `$2`.
const OF_COUNTER: &str = "fr.period OPERATOR(pg_catalog.=) $2
                AND fr.feature_type OPERATOR(pg_catalog.=) $3";

/// The clock goes on while a transaction waits for a lock.
const IS_PAST: &str = "fr.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()";

/// What a reservation is about, in the order in which it is read.
const RESERVATION: &str = "fr.user_id, fr.feature_type::pg_catalog.text, \
     fr.period::pg_catalog.text, fr.amount";

pub struct ReservationStatements {
    /// Writes down a reservation of `$4`, by its id `$5` and its end `$6`.
    pub reserve: Rc<Statement>,
    /// Settles a reservation that is open: status `$2`, and the amount `$3` or, for -1, what was
    /// reserved. Returns what it was; nothing if it does not have the status `$4`, reserved. That
    /// is an argument so that the planner can't take the index of all that are open.
    pub settle_open: Rc<Statement>,
    /// Locks a reservation, in whatever state, and reads it.
    pub lock: Rc<Statement>,
    /// Settles one that has expired before: status `$2` and amount `$3`, or none for -1.
    pub settle_late: Rc<Statement>,
    /// The open reservations of user `$1`: feature, period, amount and end.
    pub open: Lookup,
    /// Which counters have some of the `$1` reservations that expired first.
    pub past_of_any: Rc<Statement>,
    /// Marks up to `$4` expired reservations of a counter, and returns their amounts. One that is
    /// locked is passed over.
    pub expire: Rc<Statement>,
}

impl ReservationStatements {
    pub fn new(schema: &str) -> Self {
        let reserve = format!(
            "INSERT INTO {schema}.feature_reservations
                    (user_id, period, feature_type, amount, status, reservation_id, expires_at)
             VALUES ($1, $2, $3, $4, 'reserved', $5, $6)"
        );
        let settle_open = format!(
            "UPDATE {schema}.feature_reservations AS fr
                SET status = $2,
                    actual = CASE WHEN $2 OPERATOR(pg_catalog.<>) 'committed' THEN NULL
                                  WHEN $3 OPERATOR(pg_catalog.<) 0 THEN fr.amount ELSE $3 END,
                    late = {IS_PAST},
                    updated_at = pg_catalog.now()
              WHERE fr.reservation_id OPERATOR(pg_catalog.=) $1
                AND fr.status OPERATOR(pg_catalog.=) $4
          RETURNING {RESERVATION}, 'reserved'::pg_catalog.text, fr.late, NULL::pg_catalog.int4"
        );
        let lock = format!(
            "SELECT {RESERVATION}, fr.status::pg_catalog.text, COALESCE(fr.late, {IS_PAST}),
                    fr.actual
               FROM {schema}.feature_reservations AS fr
              WHERE fr.reservation_id OPERATOR(pg_catalog.=) $1 FOR UPDATE"
        );
        let settle_late = format!(
            "UPDATE {schema}.feature_reservations AS fr
                SET status = $2, actual = CASE WHEN $3 OPERATOR(pg_catalog.>=) 0 THEN $3 END,
                    late = true, updated_at = pg_catalog.now()
              WHERE fr.reservation_id OPERATOR(pg_catalog.=) $1"
        );
        let open = format!(
            "SELECT fr.feature_type::pg_catalog.text, fr.period::pg_catalog.text, fr.amount,
                    fr.expires_at, fr.status::pg_catalog.text
               FROM {schema}.feature_reservations AS fr WHERE {OPEN}"
        );
        let open = Lookup::new(
            "feature_reservations",
            Index::Named("feature_reservations_open"),
            &[("user_id", pg_sys::UUIDOID)],
            &[
                ("feature_type", &[pg_sys::TEXTOID]),
                ("period", &[pg_sys::TEXTOID]),
                ("amount", &[pg_sys::INT4OID]),
                ("expires_at", &[pg_sys::TIMESTAMPTZOID]),
                ("status", &[pg_sys::TEXTOID]),
            ],
            kept(open),
        );
        let past_of_any = format!(
            "SELECT fr.user_id, fr.period::pg_catalog.text, fr.feature_type::pg_catalog.text
               FROM {schema}.feature_reservations AS fr
              WHERE fr.status OPERATOR(pg_catalog.=) 'reserved' AND {IS_PAST}
              ORDER BY fr.expires_at USING OPERATOR(pg_catalog.<) LIMIT $1"
        );
        let expire = format!(
            "WITH past AS (
                 SELECT fr.reservation_id FROM {schema}.feature_reservations AS fr
                  WHERE {OPEN} AND {OF_COUNTER} AND {IS_PAST}
                  ORDER BY fr.expires_at USING OPERATOR(pg_catalog.<) LIMIT $4
                    FOR UPDATE SKIP LOCKED
             )
             UPDATE {schema}.feature_reservations AS fr
                SET status = 'expired', updated_at = pg_catalog.now()
               FROM past WHERE fr.reservation_id OPERATOR(pg_catalog.=) past.reservation_id
          RETURNING fr.amount"
        );
        Self {
            reserve: kept(reserve),
            settle_open: kept(settle_open),
            lock: kept(lock),
            settle_late: kept(settle_late),
            open,
            past_of_any: kept(past_of_any),
            expire: kept(expire),
        }
    }
}
