//! The windows and rates of caps, `usage_counters`.

use std::rc::Rc;

use crate::pg::statement::Statement;

/// Each statement is about one row: pool `$1`, user `$2`, feature `$3`, period key `$4`.
pub struct WindowStatements {
    /// What is used, when the bucket of a rate is full, whether it has reservations, and what grants
    /// and overage covered.
    pub read: Rc<Statement>,
    /// The same, locked.
    pub lock: Rc<Statement>,
    /// The same, but nothing if another transaction has locked it.
    pub lock_if_free: Rc<Statement>,
    /// The months, years and the total of pool `$1`, user `$2` and feature `$3`: period key, and when
    /// the row was made.
    pub sums: Rc<Statement>,
    /// All windows of pool `$1`, user `$2` and feature `$3`: period key, and what is used.
    pub all_counts: Rc<Statement>,
    /// Inserts the row with `$5` used, unless it exists, and notes whether it may hold reservations,
    /// `$6`.
    pub insert: Rc<Statement>,
    /// Adds `$5`, which may be negative, and notes whether it is for a reservation, `$6`.
    pub add: Rc<Statement>,
    /// Sets when the bucket of a rate is full to `$5`.
    pub fill: Rc<Statement>,
    /// Adds `$5` to what grants and a currency covered of a period of the feature itself, and `$6` to
    /// its overage; each may be negative. Inserts the row if there is none.
    pub cover: Rc<Statement>,
}

impl WindowStatements {
    pub fn new(schema: &str) -> Self {
        let of_feature = "uc.pool_id OPERATOR(pg_catalog.=) $1
                          AND uc.user_id OPERATOR(pg_catalog.=) $2
                          AND uc.feature_type OPERATOR(pg_catalog.=) $3";
        let row = format!("{of_feature} AND uc.period OPERATOR(pg_catalog.=) $4");
        let read = format!(
            "SELECT uc.used, uc.tat, uc.has_reservations, uc.drawn, uc.overage
               FROM {schema}.usage_counters AS uc WHERE {row}"
        );
        let lock = format!("{read} FOR NO KEY UPDATE");
        let sums = format!(
            "SELECT uc.period::pg_catalog.text, uc.created_at FROM {schema}.usage_counters AS uc
              WHERE {of_feature}
                AND (uc.period OPERATOR(pg_catalog.=) 'total'
                     OR uc.period OPERATOR(pg_catalog.~~) '____'
                     OR uc.period OPERATOR(pg_catalog.~~) '____-__')"
        );
        let all_counts = format!(
            "SELECT uc.period::pg_catalog.text, uc.used FROM {schema}.usage_counters AS uc
              WHERE {of_feature} AND uc.used OPERATOR(pg_catalog.>) 0"
        );
        let insert = format!(
            "INSERT INTO {schema}.usage_counters
                    (pool_id, user_id, feature_type, period, used, has_reservations)
             VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (pool_id, user_id, feature_type, period) DO NOTHING"
        );
        // Somebody may have lowered the count by hand.
        let add = format!(
            "UPDATE {schema}.usage_counters AS uc
                SET used = GREATEST(uc.used OPERATOR(pg_catalog.+) $5, 0),
                    has_reservations = uc.has_reservations OR $6, updated_at = pg_catalog.now()
              WHERE {row}"
        );
        let fill = format!(
            "UPDATE {schema}.usage_counters AS uc SET tat = $5, updated_at = pg_catalog.now()
              WHERE {row}"
        );
        let cover = format!(
            "INSERT INTO {schema}.usage_counters AS uc
                    (pool_id, user_id, feature_type, period, drawn, overage)
             VALUES ($1, $2, $3, $4, GREATEST($5, 0), GREATEST($6, 0))
                 ON CONFLICT (pool_id, user_id, feature_type, period) DO UPDATE
                SET drawn = GREATEST(uc.drawn OPERATOR(pg_catalog.+) $5, 0),
                    overage = GREATEST(uc.overage OPERATOR(pg_catalog.+) $6, 0),
                    updated_at = pg_catalog.now()"
        );
        Self {
            lock_if_free: Statement::kept(format!("{lock} SKIP LOCKED")),
            lock: Statement::kept(lock),
            read: Statement::kept(read),
            sums: Statement::kept(sums),
            all_counts: Statement::kept(all_counts),
            insert: Statement::kept(insert),
            add: Statement::kept(add),
            fill: Statement::kept(fill),
            cover: Statement::kept(cover),
        }
    }
}
