//! The alerts, `usage_alerts`.

use std::rc::Rc;

use crate::pg::statement::Statement;

/// User `$1`, feature `$2`, period key `$3`, threshold `$4`, usage `$5`, limit `$6`, pool `$7`. The user
/// of a pool's alert is NULL, and the pool of a user's is zero.
pub struct AlertStatements {
    /// Inserts a warning, unless a higher or the same one was written for the period and the limit.
    pub warn: Rc<Statement>,
    /// Inserts that little is left, unless that was written since the newest grant. The period is empty.
    pub low: Rc<Statement>,
}

impl AlertStatements {
    pub fn new(schema: &str) -> Self {
        let nobody = "'00000000-0000-0000-0000-000000000000'::pg_catalog.uuid";
        let alerts = format!("{schema}.usage_alerts");
        let columns = "user_id, feature_type, period, kind, threshold, usage, limit_value, pool_id,
                       basis, basis_grant";
        let warn = format!(
            "INSERT INTO {alerts} ({columns})
             SELECT $1, $2, $3, 'warn', $4, $5, $6, $7, COALESCE($6, 0), '00000000-0000-0000-0000-000000000000'
              WHERE NOT EXISTS (SELECT FROM {alerts} AS ua
                                 WHERE ua.pool_id OPERATOR(pg_catalog.=) $7
                                   AND COALESCE(ua.user_id, {nobody})
                                       OPERATOR(pg_catalog.=) COALESCE($1, {nobody})
                                   AND ua.feature_type OPERATOR(pg_catalog.=) $2
                                   AND ua.period OPERATOR(pg_catalog.=) $3
                                   AND ua.kind OPERATOR(pg_catalog.=) 'warn'
                                   AND ua.basis OPERATOR(pg_catalog.=) $6
                                   AND ua.threshold OPERATOR(pg_catalog.>=) $4)
                 ON CONFLICT DO NOTHING"
        );
        let low = format!(
            "INSERT INTO {alerts} ({columns})
             SELECT $1, $2, $3, 'low', $4, $5, $6, $7, 0, COALESCE(
                        (SELECT ug.grant_id FROM {schema}.usage_grants AS ug
                          WHERE (ug.user_id OPERATOR(pg_catalog.=) $1 AND ug.pool_id IS NULL
                                 OR ug.pool_id OPERATOR(pg_catalog.=) $7)
                            AND ug.feature_type OPERATOR(pg_catalog.=) $2
                          ORDER BY ug.created_at USING OPERATOR(pg_catalog.>),
                                   ug.grant_id USING OPERATOR(pg_catalog.>) LIMIT 1),
                        '00000000-0000-0000-0000-000000000000')
                 ON CONFLICT DO NOTHING"
        );
        Self { warn: Statement::kept(warn), low: Statement::kept(low) }
    }
}
