//! The grants, `usage_grants`.

use std::rc::Rc;

use crate::pg::statement::Statement;

/// The grants of user `$1`, and those of pool `$1`, with the exact predicates of the partial indexes.
pub const OF_USER: &str = "ug.user_id OPERATOR(pg_catalog.=) $1 AND ug.pool_id IS NULL";
pub const OF_POOL: &str = "ug.pool_id OPERATOR(pg_catalog.=) $1";

pub struct GrantStatements {
    /// Grants with ids `$1`: id, feature, what is left, priority, when it is effective, expires and
    /// was made, whether it is void, its user, its amount and its pool.
    pub read: Rc<Statement>,
    /// The same, locked in the order of their ids.
    pub lock: Rc<Statement>,
    /// The same, without those that another transaction has locked.
    pub lock_if_free: Rc<Statement>,
    /// Adds `$2` to what is used of the grants with ids `$1`; each may be negative.
    pub draw: Rc<Statement>,
    /// The grants of user `$1` and feature `$2`, as [`Stored`]. So are the others.
    ///
    /// [`Stored`]: crate::store::grants::Stored
    pub list: Rc<Statement>,
    /// The grants of pool `$1` and feature `$2`.
    pub list_of_pool: Rc<Statement>,
    /// The grant of source `$1` and feature `$2`.
    pub find: Rc<Statement>,
    /// Locks the grants of source `$1`, in the order of their ids.
    pub lock_of_source: Rc<Statement>,
    /// Inserts a grant, unless its source has one for the feature: user `$1`, feature `$2`, amount
    /// `$3`, source `$4`, effective `$5`, expiry `$6`, priority `$7`, reason `$8`, pool `$9`.
    pub insert: Rc<Statement>,
    /// Voids the grants with ids `$1`, and adds `$2` to their reasons.
    pub void: Rc<Statement>,
}

impl GrantStatements {
    pub fn new(schema: &str) -> Self {
        let grants = format!("{schema}.usage_grants");
        let read = format!(
            "SELECT ug.grant_id, ug.feature_type::pg_catalog.text,
                    ug.amount OPERATOR(pg_catalog.-) ug.used, ug.priority::pg_catalog.int8,
                    ug.effective_at, ug.expires_at, ug.created_at, ug.voided_at IS NOT NULL,
                    ug.user_id, ug.amount, ug.pool_id
               FROM {grants} AS ug WHERE ug.grant_id OPERATOR(pg_catalog.=) ANY ($1)"
        );
        let lock =
            format!("{read} ORDER BY ug.grant_id USING OPERATOR(pg_catalog.<) FOR NO KEY UPDATE");
        let draw = format!(
            "UPDATE {grants} AS ug SET used = ug.used OPERATOR(pg_catalog.+) d.amount
               FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS d (grant_id, amount)
              WHERE ug.grant_id OPERATOR(pg_catalog.=) d.grant_id"
        );
        let columns = "ug.grant_id, ug.feature_type::pg_catalog.text, ug.amount, ug.used,
                       ug.priority::pg_catalog.int8, ug.effective_at, ug.expires_at,
                       ug.source_ref::pg_catalog.text, ug.user_id, ug.voided_at IS NOT NULL,
                       ug.pool_id";
        let select = format!("SELECT {columns} FROM {grants} AS ug WHERE");
        let list =
            |owner: &str| format!("{select} {owner} AND ug.feature_type OPERATOR(pg_catalog.=) $2");
        let find = format!(
            "{select} ug.source_ref OPERATOR(pg_catalog.=) $1
                  AND ug.feature_type OPERATOR(pg_catalog.=) $2"
        );
        let lock_of_source = format!(
            "{select} ug.source_ref OPERATOR(pg_catalog.=) $1
              ORDER BY ug.grant_id USING OPERATOR(pg_catalog.<) FOR NO KEY UPDATE"
        );
        let insert = format!(
            "INSERT INTO {grants} AS ug
                    (user_id, feature_type, amount, source_ref, effective_at, expires_at, priority,
                     reason, pool_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 ON CONFLICT (source_ref, feature_type) DO NOTHING
          RETURNING {columns}"
        );
        let void = format!(
            "UPDATE {grants} AS ug
                SET voided_at = pg_catalog.now(),
                    reason = NULLIF(pg_catalog.concat_ws('; ', ug.reason,
                                        'voided: ' OPERATOR(pg_catalog.||) $2), '')
              WHERE ug.grant_id OPERATOR(pg_catalog.=) ANY ($1)"
        );
        Self {
            read: Statement::kept(read),
            lock_if_free: Statement::kept(format!("{lock} SKIP LOCKED")),
            lock: Statement::kept(lock),
            draw: Statement::kept(draw),
            list: Statement::kept(list(OF_USER)),
            list_of_pool: Statement::kept(list(OF_POOL)),
            find: Statement::kept(find),
            lock_of_source: Statement::kept(lock_of_source),
            insert: Statement::kept(insert),
            void: Statement::kept(void),
        }
    }
}
