//! The idempotency keys, `feature_idempotency_keys`.

use std::rc::Rc;

use super::kept;
use crate::store::spi::Statement;

/// Key `$3` of user `$1` for operation `$2`.
const KEY: &str = "ik.user_id OPERATOR(pg_catalog.=) $1 AND ik.operation OPERATOR(pg_catalog.=) $2
                AND ik.key OPERATOR(pg_catalog.=) $3";

/// All but the last take the user, the operation and the key first.
pub struct KeyStatements {
    /// Takes a key for a call with the arguments `$4`. Waits for a call that has the same key in
    /// hand; writes nothing where the key is taken.
    pub take: Rc<Statement>,
    /// What a key was taken for, and what came of it.
    pub read: Rc<Statement>,
    /// Stores what came of the call that has taken the key.
    pub keep_result: Rc<Statement>,
    /// Frees a key whose call had no effect.
    pub free: Rc<Statement>,
    /// Takes many, in one order: for operation `$1`, of users `$2` the keys `$3` with arguments
    /// `$4`. Returns those that were free.
    pub take_many: Rc<Statement>,
}

impl KeyStatements {
    pub fn new(schema: &str) -> Self {
        let keys = format!("{schema}.feature_idempotency_keys");
        let take = format!(
            "INSERT INTO {keys} (user_id, operation, key, arguments)
             VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, operation, key) DO NOTHING"
        );
        let read = format!("SELECT ik.arguments, ik.result FROM {keys} AS ik WHERE {KEY}");
        let keep_result = format!("UPDATE {keys} AS ik SET result = $4 WHERE {KEY}");
        let free = format!("DELETE FROM {keys} AS ik WHERE {KEY}");
        let take_many = format!(
            "INSERT INTO {keys} (user_id, operation, key, arguments, result)
             SELECT k.user_id, $1, k.key, k.arguments::pg_catalog.jsonb, 'true'
               FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))
                    AS k (user_id, key, arguments)
              ORDER BY k.user_id USING OPERATOR(pg_catalog.<),
                       (k.key COLLATE pg_catalog.\"C\") USING OPERATOR(pg_catalog.<)
                 ON CONFLICT (user_id, operation, key) DO NOTHING
          RETURNING user_id, key"
        );
        Self {
            take: kept(take),
            read: kept(read),
            keep_result: kept(keep_result),
            free: kept(free),
            take_many: kept(take_many),
        }
    }
}
