//! The windows and rates of caps, `usage_counters`. Every statement takes rows: pools `$1`, users
//! `$2`, features `$3`, period keys `$4`.
//!
//! The pool is always zero, but not written as a constant: while the table is empty, the planner would
//! take it for the best way to find rows.

use std::rc::Rc;

use crate::pg::statement::Statement;

pub struct WindowStatements {
    /// The keys of those that exist, what is used of each, when the bucket of a rate is full, and
    /// whether it has reservations.
    pub read: Rc<Statement>,
    /// The same, locked in the order of the key.
    pub lock: Rc<Statement>,
    /// The same, without those that another transaction has locked.
    pub lock_if_free: Rc<Statement>,
    /// Inserts those that are missing, with `$5` used of each, in the order of the key.
    pub insert: Rc<Statement>,
    /// Adds `$5`, which may be negative, sets when the bucket is full to `$6` unless that is NULL,
    /// and notes whether it is for a reservation, `$7`.
    pub add: Rc<Statement>,
}

impl WindowStatements {
    pub fn new(schema: &str) -> Self {
        let rows = |more_arrays: &str, more_columns: &str| {
            format!(
                "ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),
                            pg_catalog.unnest($4){more_arrays})
                      AS k (pool_id, user_id, feature_type, period{more_columns})"
            )
        };
        let read = format!(
            "SELECT uc.user_id, uc.feature_type::pg_catalog.text, uc.period::pg_catalog.text,
                    uc.used, uc.tat, uc.has_reservations
               FROM {} JOIN {schema}.usage_counters AS uc ON {SAME}",
            rows("", "")
        );
        let lock = format!("{read} ORDER BY {} FOR NO KEY UPDATE OF uc", in_order("uc"));
        let insert = format!(
            "INSERT INTO {schema}.usage_counters (pool_id, user_id, feature_type, period, used)
             SELECT k.pool_id, k.user_id, k.feature_type, k.period, k.used FROM {}
              ORDER BY {}
                 ON CONFLICT (pool_id, user_id, feature_type, period) DO NOTHING",
            rows(", pg_catalog.unnest($5)", ", used"),
            in_order("k")
        );
        // Somebody may have lowered the count by hand.
        let add = format!(
            "UPDATE {schema}.usage_counters AS uc
                SET used = GREATEST(uc.used OPERATOR(pg_catalog.+) k.amount, 0),
                    tat = COALESCE(k.tat, uc.tat),
                    has_reservations = uc.has_reservations OR $7,
                    updated_at = pg_catalog.now()
               FROM {} WHERE {SAME}",
            rows(", pg_catalog.unnest($5), pg_catalog.unnest($6)", ", amount, tat")
        );
        Self {
            lock_if_free: Statement::kept(format!("{lock} SKIP LOCKED")),
            lock: Statement::kept(lock),
            read: Statement::kept(read),
            insert: Statement::kept(insert),
            add: Statement::kept(add),
        }
    }
}

/// The row `uc` of the key `k`.
const SAME: &str = "uc.pool_id OPERATOR(pg_catalog.=) k.pool_id
                AND uc.user_id OPERATOR(pg_catalog.=) k.user_id
                AND uc.feature_type OPERATOR(pg_catalog.=) k.feature_type
                AND uc.period OPERATOR(pg_catalog.=) k.period";

/// The order in which every call locks rows.
fn in_order(alias: &str) -> String {
    format!(
        "{alias}.pool_id USING OPERATOR(pg_catalog.<),
         {alias}.user_id USING OPERATOR(pg_catalog.<),
         ({alias}.feature_type COLLATE pg_catalog.\"C\") USING OPERATOR(pg_catalog.<),
         ({alias}.period COLLATE pg_catalog.\"C\") USING OPERATOR(pg_catalog.<)"
    )
}
