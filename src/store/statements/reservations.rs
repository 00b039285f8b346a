//! The reservations, `feature_reservations`.

use std::rc::Rc;

use crate::pg::statement::Statement;

/// The open reservations that user `$1` made outside of pools, with the exact predicate of the partial
/// index.
const OPEN: &str = "fr.user_id OPERATOR(pg_catalog.=) $1 AND fr.pool_id IS NULL
                AND fr.status OPERATOR(pg_catalog.=) 'reserved'";

/// Those of pool `$1`.
const OPEN_OF_POOL: &str = "fr.pool_id OPERATOR(pg_catalog.=) $1
                        AND fr.status OPERATOR(pg_catalog.=) 'reserved'";

/// Advances while a transaction waits for a lock, unlike `now()`.
const IS_PAST: &str = "fr.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()";

pub struct ReservationStatements {
    /// Inserts a reservation: user `$1`, period `$2`, feature `$3`, amount `$4`, id `$5`, expiry
    /// `$6`, and the id of the counter's row, `$7`.
    pub insert: Rc<Statement>,
    /// The same with its sources, `$8`, and the pool, `$9`.
    pub insert_with_sources: Rc<Statement>,
    /// The users of reservation `$1`.
    pub owners: Rc<Statement>,
    /// Locks reservation `$1`, open or not, and reads it.
    pub lock: Rc<Statement>,
    /// The same if it belongs to user `$2`.
    pub lock_of_user: Rc<Statement>,
    /// Settles reservation `$1` of user `$2`: status `$3`, whether it was late, `$4`.
    pub release: Rc<Statement>,
    /// The same for a commit, with the amount that was used, `$5`.
    pub commit: Rc<Statement>,
    /// The open reservations of user `$1`: feature, period, amount, expiry, id of the counter's row,
    /// id, sources, when it was made, the user and the pool.
    pub open: Rc<Statement>,
    /// The same of pool `$1`.
    pub open_of_pool: Rc<Statement>,
    /// The same of the `$1` reservations that expired first.
    pub past_of_any: Rc<Statement>,
    /// Marks the expired reservations of a counter, and returns their amounts and the ids of the
    /// counter's row. Skips those that another transaction has locked.
    pub expire: Rc<Statement>,
    /// Marks those of users `$1` with ids `$2` that have expired, and returns the ids of those it
    /// marked. Skips those that another transaction has locked.
    pub expire_these: Rc<Statement>,
}

impl ReservationStatements {
    pub fn new(schema: &str) -> Self {
        let reservations = format!("{schema}.feature_reservations");
        let insert = |column: &str, value: &str| {
            format!(
                "INSERT INTO {reservations}
                        (user_id, period, feature_type, amount, status, reservation_id, expires_at,
                         counter_id{column})
                 VALUES ($1, $2, $3, $4, 'reserved', $5, $6, $7{value})"
            )
        };
        let lock = |and: &str| {
            format!(
                "SELECT fr.user_id, fr.feature_type::pg_catalog.text, fr.period::pg_catalog.text,
                        fr.amount, fr.status::pg_catalog.text, fr.expires_at, fr.late, fr.actual,
                        fr.counter_id, fr.sources, fr.created_at, fr.pool_id
                   FROM {reservations} AS fr
                  WHERE fr.reservation_id OPERATOR(pg_catalog.=) $1 {and} FOR UPDATE"
            )
        };
        let owners = format!(
            "SELECT fr.user_id FROM {reservations} AS fr
              WHERE fr.reservation_id OPERATOR(pg_catalog.=) $1"
        );
        let settle = |and_set: &str| {
            format!(
                "UPDATE {reservations} AS fr
                    SET status = $3, late = $4, updated_at = pg_catalog.now(){and_set}
                  WHERE fr.reservation_id OPERATOR(pg_catalog.=) $1
                    AND fr.user_id OPERATOR(pg_catalog.=) $2"
            )
        };
        let open = |condition: &str| {
            format!(
                "SELECT fr.feature_type::pg_catalog.text, fr.period::pg_catalog.text, fr.amount,
                        fr.expires_at, fr.counter_id, fr.reservation_id, fr.sources, fr.created_at,
                        fr.user_id, fr.pool_id
                   FROM {reservations} AS fr WHERE {condition}"
            )
        };
        let past_of_any = open(&format!(
            "fr.status OPERATOR(pg_catalog.=) 'reserved' AND {IS_PAST}
              ORDER BY fr.expires_at USING OPERATOR(pg_catalog.<) LIMIT $1"
        ));
        let expire = format!(
            "WITH past AS (
                 SELECT fr.reservation_id, fr.user_id FROM {reservations} AS fr
                  WHERE {OPEN} AND fr.period OPERATOR(pg_catalog.=) $2
                    AND fr.feature_type OPERATOR(pg_catalog.=) $3 AND {IS_PAST}
                  ORDER BY fr.reservation_id USING OPERATOR(pg_catalog.<)
                    FOR UPDATE SKIP LOCKED
             )
             UPDATE {reservations} AS fr
                SET status = 'expired', updated_at = pg_catalog.now()
               FROM past
              WHERE fr.reservation_id OPERATOR(pg_catalog.=) past.reservation_id
                AND fr.user_id OPERATOR(pg_catalog.=) past.user_id
          RETURNING fr.amount, fr.counter_id"
        );
        let expire_these = format!(
            "WITH past AS (
                 SELECT fr.reservation_id, fr.user_id FROM {reservations} AS fr
                  WHERE fr.reservation_id OPERATOR(pg_catalog.=) ANY ($2)
                    AND fr.user_id OPERATOR(pg_catalog.=) ANY ($1)
                    AND fr.status OPERATOR(pg_catalog.=) 'reserved' AND {IS_PAST}
                  ORDER BY fr.reservation_id USING OPERATOR(pg_catalog.<)
                    FOR UPDATE SKIP LOCKED
             )
             UPDATE {reservations} AS fr
                SET status = 'expired', updated_at = pg_catalog.now()
               FROM past
              WHERE fr.reservation_id OPERATOR(pg_catalog.=) past.reservation_id
                AND fr.user_id OPERATOR(pg_catalog.=) past.user_id
          RETURNING fr.reservation_id"
        );
        Self {
            insert: Statement::kept(insert("", "")),
            insert_with_sources: Statement::kept(insert(", sources, pool_id", ", $8, $9")),
            owners: Statement::kept(owners),
            lock: Statement::kept(lock("")),
            lock_of_user: Statement::kept(lock("AND fr.user_id OPERATOR(pg_catalog.=) $2")),
            release: Statement::kept(settle("")),
            commit: Statement::kept(settle(", actual = $5")),
            open: Statement::kept(open(OPEN)),
            open_of_pool: Statement::kept(open(OPEN_OF_POOL)),
            past_of_any: Statement::kept(past_of_any),
            expire: Statement::kept(expire),
            expire_these: Statement::kept(expire_these),
        }
    }
}
