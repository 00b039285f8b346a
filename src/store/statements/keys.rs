//! The idempotency keys, `feature_idempotency_keys`.

use std::rc::Rc;

use crate::pg::statement::Statement;

pub struct KeyStatements {
    /// The arguments and the result of the call of user `$1`, operation `$2` and key `$3`.
    pub read: Rc<Statement>,
    /// Stores that call with its arguments `$4` and its result `$5`, unless the idempotency key is
    /// already used. Waits for a transaction that is inserting the same one.
    pub insert: Rc<Statement>,
    /// The same for many, in the order of the unique key: operation `$1`, users `$2`, keys `$3`,
    /// arguments `$4`. Returns the idempotency keys that were unused.
    pub insert_many: Rc<Statement>,
    /// The arguments of those of users `$2` and keys `$3` that are used for operation `$1`.
    pub read_many: Rc<Statement>,
}

impl KeyStatements {
    pub fn new(schema: &str) -> Self {
        let keys = format!("{schema}.feature_idempotency_keys");
        let read = format!(
            "SELECT ik.arguments, ik.result FROM {keys} AS ik
              WHERE ik.user_id OPERATOR(pg_catalog.=) $1
                AND ik.operation OPERATOR(pg_catalog.=) $2
                AND ik.key OPERATOR(pg_catalog.=) $3"
        );
        let insert = format!(
            "INSERT INTO {keys} (user_id, operation, key, arguments, result)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, operation, key) DO NOTHING"
        );
        let insert_many = format!(
            "INSERT INTO {keys} (user_id, operation, key, arguments, result)
             SELECT k.user_id, $1, k.key, k.arguments::pg_catalog.jsonb, 'true'
               FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))
                    AS k (user_id, key, arguments)
              ORDER BY k.user_id USING OPERATOR(pg_catalog.<),
                       (k.key COLLATE pg_catalog.\"C\") USING OPERATOR(pg_catalog.<)
                 ON CONFLICT (user_id, operation, key) DO NOTHING
          RETURNING user_id, key"
        );
        let read_many = format!(
            "SELECT ik.user_id, ik.key, ik.arguments
               FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS k (user_id, key)
               JOIN {keys} AS ik ON ik.user_id OPERATOR(pg_catalog.=) k.user_id
                                AND ik.operation OPERATOR(pg_catalog.=) $1
                                AND ik.key OPERATOR(pg_catalog.=) k.key"
        );
        Self {
            read: Statement::kept(read),
            insert: Statement::kept(insert),
            insert_many: Statement::kept(insert_many),
            read_many: Statement::kept(read_many),
        }
    }
}
