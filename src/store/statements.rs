//! The statements: every SQL text that the native functions execute.
//!
//! Names and operators are qualified, so a caller's search path can't change what they mean, and
//! every selected value is cast, so a table or view of the app's own may have its own types.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::spi::quote_identifier;

use super::spi::Statement;
use crate::domain::feature::Feature;
use crate::domain::subscription::FREE_PLAN;

/// The statements of one feature. All take the user and the period's key first.
pub struct FeatureStatements {
    /// Adds `$3` to a counter that exists and has room for it.
    pub update: Rc<Statement>,
    /// The same where there is no row yet, or was none a moment ago.
    pub upsert: Rc<Statement>,
    /// Subscription, plan, limit and count in one row.
    pub standing: Rc<Statement>,
}

impl FeatureStatements {
    pub fn new(schema: &str, feature: &Feature) -> Self {
        let usage = quote_identifier(&feature.usage_column);
        let limit = quote_identifier(&feature.limit_column);
        // The guard keeps an overflow from being an error of the executor's, without a hint.
        let update = format!(
            "UPDATE {schema}.feature_usage AS fu
                SET {usage} = fu.{usage} OPERATOR(pg_catalog.+) $3, updated_at = pg_catalog.now()
              WHERE fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2
                AND fu.{usage} OPERATOR(pg_catalog.<=) (2147483647 OPERATOR(pg_catalog.-) $3)"
        );
        let upsert = format!(
            "INSERT INTO {schema}.feature_usage AS fu (user_id, period, {usage}, updated_at)
             VALUES ($1, $2, $3, pg_catalog.now())
             ON CONFLICT (user_id, period) DO UPDATE
                SET {usage} = fu.{usage} OPERATOR(pg_catalog.+) excluded.{usage},
                    updated_at = excluded.updated_at
              WHERE fu.{usage} OPERATOR(pg_catalog.<=)
                    (2147483647 OPERATOR(pg_catalog.-) excluded.{usage})"
        );
        let plan = plan_of_user(schema);
        let standing = format!(
            "SELECT up.plan_id::pg_catalog.text,
                    up.is_active::pg_catalog.bool,
                    up.status::pg_catalog.text,
                    pg_catalog.date_part('epoch', up.trial_end_date),
                    pl.is_active::pg_catalog.bool,
                    pl.{limit}::pg_catalog.int8,
                    fu.{usage}::pg_catalog.int8
               FROM {plan}
               LEFT JOIN {schema}.feature_usage AS fu
                      ON fu.user_id OPERATOR(pg_catalog.=) u.user_id
                     AND fu.period OPERATOR(pg_catalog.=) $2"
        );
        Self { update: kept(update), upsert: kept(upsert), standing: kept(standing) }
    }
}

/// The extension's schema, and the table whose changes make a registry out of date.
pub fn extension() -> Rc<Statement> {
    kept(
        "SELECT n.nspname::pg_catalog.text, c.oid
           FROM pg_catalog.pg_extension AS e
           JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
           JOIN pg_catalog.pg_class AS c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid
                                        AND c.relname OPERATOR(pg_catalog.=) 'usage_features'
          WHERE e.extname OPERATOR(pg_catalog.=) 'feature_usage'"
            .to_owned(),
    )
}

/// The registry's rows.
pub fn features(schema: &str) -> Rc<Statement> {
    kept(format!(
        "SELECT feature_type, usage_column, limit_column, period
           FROM {schema}.usage_features ORDER BY feature_type COLLATE pg_catalog.\"C\""
    ))
}

/// User `$1` as `u`, with the subscription as `up` and the plan as `pl`; one row, whatever is
/// missing. It ends with the condition on the plan, so that another one can follow.
fn plan_of_user(schema: &str) -> String {
    format!(
        "(SELECT $1 AS user_id) AS u
               LEFT JOIN {schema}.user_plans AS up
                      ON up.user_id OPERATOR(pg_catalog.=) u.user_id
               LEFT JOIN {schema}.plan_limits AS pl
                      ON pl.plan_id OPERATOR(pg_catalog.=)
                         COALESCE(up.plan_id::pg_catalog.text, '{FREE_PLAN}')"
    )
}

/// The plan of user `$1`: the row of `plan_limits` and the names of its boolean columns.
pub fn plan(schema: &str) -> Rc<Statement> {
    let plan = plan_of_user(schema);
    kept(format!(
        "SELECT pg_catalog.to_jsonb(pl),
                ARRAY(SELECT a.attname::pg_catalog.text
                        FROM pg_catalog.pg_attribute AS a
                       WHERE a.attrelid OPERATOR(pg_catalog.=) pl.tableoid
                         AND a.atttypid OPERATOR(pg_catalog.=) 'pg_catalog.bool'::pg_catalog.regtype
                         AND a.attnum OPERATOR(pg_catalog.>) 0
                         AND NOT a.attisdropped)
           FROM {plan} AND pl.is_active"
    ))
}

/// The counts of user `$1` in the periods `$2` and `$3`.
pub fn counts(schema: &str) -> Rc<Statement> {
    kept(format!(
        "SELECT fu.period::pg_catalog.text, pg_catalog.to_jsonb(fu)
           FROM {schema}.feature_usage AS fu
          WHERE fu.user_id OPERATOR(pg_catalog.=) $1
            AND (fu.period OPERATOR(pg_catalog.=) $2 OR fu.period OPERATOR(pg_catalog.=) $3)"
    ))
}

thread_local! {
    static KEPT: RefCell<HashMap<String, Rc<Statement>>> = RefCell::default();
}

/// The statement with this text, the same one for as long as the backend lives: a registry that is
/// read again finds its plans again.
fn kept(text: String) -> Rc<Statement> {
    KEPT.with_borrow_mut(|kept| {
        Rc::clone(kept.entry(text).or_insert_with_key(|text| Rc::new(Statement::new(text.clone()))))
    })
}
