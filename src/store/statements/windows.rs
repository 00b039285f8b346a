//! The windows and rates of caps, `usage_counters`.

use std::rc::Rc;

use crate::pg::statement::Statement;

/// Each statement is about one row of a user: user `$1`, feature `$2`, period key `$3`.
pub struct WindowStatements {
    /// What is used, when the bucket of a rate is full, whether it has reservations, and what grants
    /// and overage covered.
    pub read: Rc<Statement>,
    /// The same, locked.
    pub lock: Rc<Statement>,
    /// The same, but nothing if another transaction has locked it.
    pub lock_if_free: Rc<Statement>,
    /// The months, years and the total of user `$1` and feature `$2`: period key, and when the row was
    /// made.
    pub sums: Rc<Statement>,
    /// Inserts the row with `$4` used, unless it exists, and notes whether it may hold reservations,
    /// `$5`.
    pub insert: Rc<Statement>,
    /// Adds `$4`, which may be negative, and notes whether it is for a reservation, `$5`.
    pub add: Rc<Statement>,
    /// Sets when the bucket of a rate is full to `$4`.
    pub fill: Rc<Statement>,
    /// Adds `$4` to what grants and a currency covered of a period of the feature itself, and `$5` to
    /// its overage; each may be negative. Inserts the row if there is none.
    pub cover: Rc<Statement>,
}

impl WindowStatements {
    pub fn new(schema: &str) -> Self {
        // The pool of users themselves.
        let pool = "'00000000-0000-0000-0000-000000000000'::pg_catalog.uuid";
        let row = format!(
            "uc.pool_id OPERATOR(pg_catalog.=) {pool}
             AND uc.user_id OPERATOR(pg_catalog.=) $1
             AND uc.feature_type OPERATOR(pg_catalog.=) $2
             AND uc.period OPERATOR(pg_catalog.=) $3"
        );
        let read = format!(
            "SELECT uc.used, uc.tat, uc.has_reservations, uc.drawn, uc.overage
               FROM {schema}.usage_counters AS uc WHERE {row}"
        );
        let lock = format!("{read} FOR NO KEY UPDATE");
        let sums = format!(
            "SELECT uc.period::pg_catalog.text, uc.created_at FROM {schema}.usage_counters AS uc
              WHERE uc.pool_id OPERATOR(pg_catalog.=) {pool}
                AND uc.user_id OPERATOR(pg_catalog.=) $1
                AND uc.feature_type OPERATOR(pg_catalog.=) $2
                AND (uc.period OPERATOR(pg_catalog.=) 'total'
                     OR uc.period OPERATOR(pg_catalog.~~) '____'
                     OR uc.period OPERATOR(pg_catalog.~~) '____-__')"
        );
        let insert = format!(
            "INSERT INTO {schema}.usage_counters 
                    (pool_id, user_id, feature_type, period, used, has_reservations)
             VALUES ({pool}, $1, $2, $3, $4, $5)
                 ON CONFLICT (pool_id, user_id, feature_type, period) DO NOTHING"
        );
        // Somebody may have lowered the count by hand.
        let add = format!(
            "UPDATE {schema}.usage_counters AS uc
                SET used = GREATEST(uc.used OPERATOR(pg_catalog.+) $4, 0),
                    has_reservations = uc.has_reservations OR $5, updated_at = pg_catalog.now()
              WHERE {row}"
        );
        let fill = format!(
            "UPDATE {schema}.usage_counters AS uc SET tat = $4, updated_at = pg_catalog.now()
              WHERE {row}"
        );
        let cover = format!(
            "INSERT INTO {schema}.usage_counters AS uc
                    (pool_id, user_id, feature_type, period, drawn, overage)
             VALUES ({pool}, $1, $2, $3, GREATEST($4, 0), GREATEST($5, 0))
                 ON CONFLICT (pool_id, user_id, feature_type, period) DO UPDATE
                SET drawn = GREATEST(uc.drawn OPERATOR(pg_catalog.+) $4, 0),
                    overage = GREATEST(uc.overage OPERATOR(pg_catalog.+) $5, 0),
                    updated_at = pg_catalog.now()"
        );
        Self {
            lock_if_free: Statement::kept(format!("{lock} SKIP LOCKED")),
            lock: Statement::kept(lock),
            read: Statement::kept(read),
            sums: Statement::kept(sums),
            insert: Statement::kept(insert),
            add: Statement::kept(add),
            fill: Statement::kept(fill),
            cover: Statement::kept(cover),
        }
    }
}
