//! Increments that did not wait for their counter, `usage_increments`.

use std::rc::Rc;

use crate::pg::statement::Statement;

pub struct IncrementStatements {
    /// Deletes those of user `$1`, period `$2` and feature `$3`, and returns their amounts.
    pub take: Rc<Statement>,
    /// Inserts amount `$4` for user `$1`, period `$2` and feature `$3`.
    pub insert: Rc<Statement>,
    /// The sum of user `$1`, period `$2` and feature `$3`.
    pub sum: Rc<Statement>,
    /// The sums of user `$1`: feature, period key, amount.
    pub sums_of_user: Rc<Statement>,
    /// At most `$1` counters that have any: user, period key, feature.
    pub counters: Rc<Statement>,
    /// Deletes those of user `$1` and period `$2`, of all features.
    pub forget: Rc<Statement>,
}

impl IncrementStatements {
    pub fn new(schema: &str) -> Self {
        let row = "ui.user_id OPERATOR(pg_catalog.=) $1 AND ui.period OPERATOR(pg_catalog.=) $2";
        let counter = format!("{row} AND ui.feature_type OPERATOR(pg_catalog.=) $3");
        let sum = "COALESCE(pg_catalog.sum(ui.amount), 0)::pg_catalog.int8";
        let of = format!("{schema}.usage_increments AS ui");
        Self {
            take: Statement::kept(format!("DELETE FROM {of} WHERE {counter} RETURNING ui.amount")),
            insert: Statement::kept(format!(
                "INSERT INTO {schema}.usage_increments (user_id, period, feature_type, amount)
                 VALUES ($1, $2, $3, $4)"
            )),
            sum: Statement::kept(format!("SELECT {sum} FROM {of} WHERE {counter}")),
            sums_of_user: Statement::kept(format!(
                "SELECT ui.feature_type, ui.period, {sum} FROM {of}
                  WHERE ui.user_id OPERATOR(pg_catalog.=) $1 GROUP BY ui.feature_type, ui.period"
            )),
            counters: Statement::kept(format!(
                "SELECT DISTINCT ui.user_id, ui.period, ui.feature_type FROM {of} LIMIT $1"
            )),
            forget: Statement::kept(format!("DELETE FROM {of} WHERE {row}")),
        }
    }
}
