//! The ledger, `usage_ledger`.

use std::rc::Rc;

use crate::pg::statement::Statement;

pub struct LedgerStatements {
    /// A row if a rule logs feature `$1` now.
    pub is_logged: Rc<Statement>,
    /// Inserts an entry: user `$1`, feature `$2`, period key `$3`, kind `$4`, amount `$5`, overage
    /// `$6`, sources `$7`, reservation `$8`, idempotency key `$9`, metadata `$10`, pool `$11`.
    pub insert: Rc<Statement>,
}

impl LedgerStatements {
    pub fn new(schema: &str) -> Self {
        let is_logged = format!(
            "SELECT true FROM {schema}.usage_rules AS ur
              WHERE ur.feature_type OPERATOR(pg_catalog.=) $1 AND ur.user_id IS NULL
                AND ur.pool_id IS NULL AND ur.applies_to OPERATOR(pg_catalog.=) 'all'
                AND ur.effect OPERATOR(pg_catalog.=) 'log'
                AND ur.starts_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()
                AND (ur.ends_at IS NULL
                     OR ur.ends_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()) LIMIT 1"
        );
        let insert = format!(
            "INSERT INTO {schema}.usage_ledger
                    (user_id, feature_type, period, kind, amount, overage, sources, reservation_id,
                     idempotency_key, metadata, pool_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::pg_catalog.jsonb, $11)"
        );
        Self { is_logged: Statement::kept(is_logged), insert: Statement::kept(insert) }
    }
}
