//! The windows and rates of caps, `usage_counters`. Every statement takes rows of users: users `$1`,
//! features `$2`, period keys `$3`.

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
    /// Inserts those that are missing, with `$4` used of each, in the order of the key.
    pub insert: Rc<Statement>,
    /// Adds `$4`, which may be negative, sets when the bucket is full to `$5` unless that is NULL,
    /// and notes whether it is for a reservation, `$6`.
    pub add: Rc<Statement>,
}

impl WindowStatements {
    pub fn new(schema: &str) -> Self {
        let keys = "ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))
                    AS k (user_id, feature_type, period)";
        let read = format!(
            "SELECT uc.user_id, uc.feature_type::pg_catalog.text, uc.period::pg_catalog.text,
                    uc.used, uc.tat, uc.has_reservations
               FROM {keys} JOIN {schema}.usage_counters AS uc ON {}",
            same("k")
        );
        let lock = format!("{read} ORDER BY {} FOR NO KEY UPDATE OF uc", in_order("uc"));
        let insert = format!(
            "INSERT INTO {schema}.usage_counters (user_id, feature_type, period, used)
             SELECT k.user_id, k.feature_type, k.period, k.used
               FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),
                               pg_catalog.unnest($4)) AS k (user_id, feature_type, period, used)
              ORDER BY {}
                 ON CONFLICT (pool_id, user_id, feature_type, period) DO NOTHING",
            in_order("k")
        );
        // Somebody may have lowered the count by hand.
        let add = format!(
            "UPDATE {schema}.usage_counters AS uc
                SET used = GREATEST(uc.used OPERATOR(pg_catalog.+) k.amount, 0),
                    tat = COALESCE(k.tat, uc.tat),
                    has_reservations = uc.has_reservations OR $6,
                    updated_at = pg_catalog.now()
               FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),
                               pg_catalog.unnest($4), pg_catalog.unnest($5))
                    AS k (user_id, feature_type, period, amount, tat)
              WHERE {}",
            same("k")
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

/// The rows of users themselves.
fn same(alias: &str) -> String {
    format!(
        "uc.pool_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
         AND uc.user_id OPERATOR(pg_catalog.=) {alias}.user_id
         AND uc.feature_type OPERATOR(pg_catalog.=) {alias}.feature_type
         AND uc.period OPERATOR(pg_catalog.=) {alias}.period"
    )
}

/// The order in which every call locks rows.
fn in_order(alias: &str) -> String {
    format!(
        "{alias}.user_id USING OPERATOR(pg_catalog.<),
         ({alias}.feature_type COLLATE pg_catalog.\"C\") USING OPERATOR(pg_catalog.<),
         ({alias}.period COLLATE pg_catalog.\"C\") USING OPERATOR(pg_catalog.<)"
    )
}
