//! A user's subscription and plan: `user_plans`, or the app's view of that name, and `plan_limits`.

use std::rc::Rc;

use pgrx::pg_sys;
use pgrx::spi::quote_identifier;

use super::kept;
use crate::store::lookup::{Index, Lookup};
use crate::store::spi::Statement;

pub struct PlanStatements {
    /// The subscription of user `$1`.
    pub subscription: Lookup,
    /// Plan `$1`, if it is active: its whole row, and the names of its boolean columns.
    pub plan: Rc<Statement>,
}

impl PlanStatements {
    pub fn new(schema: &str) -> Self {
        let subscription = format!(
            "SELECT up.plan_id::pg_catalog.text,
                    up.is_active::pg_catalog.bool,
                    up.status::pg_catalog.text,
                    pg_catalog.to_timestamp(pg_catalog.date_part('epoch', up.trial_end_date))
               FROM {schema}.user_plans AS up
              WHERE up.user_id OPERATOR(pg_catalog.=) $1"
        );
        let subscription = Lookup::new(
            "user_plans",
            Index::Unique,
            &[("user_id", pg_sys::UUIDOID)],
            &[
                ("plan_id", &[pg_sys::TEXTOID]),
                ("is_active", &[pg_sys::BOOLOID]),
                ("status", &[pg_sys::TEXTOID]),
                ("trial_end_date", &[pg_sys::TIMESTAMPTZOID]),
            ],
            kept(subscription),
        );
        let plan = format!(
            "SELECT pg_catalog.to_jsonb(pl),
                    ARRAY(SELECT a.attname::pg_catalog.text
                            FROM pg_catalog.pg_attribute AS a
                           WHERE a.attrelid OPERATOR(pg_catalog.=) pl.tableoid
                             AND a.atttypid OPERATOR(pg_catalog.=) 'pg_catalog.bool'::pg_catalog.regtype
                             AND a.attnum OPERATOR(pg_catalog.>) 0
                             AND NOT a.attisdropped)
               FROM {schema}.plan_limits AS pl
              WHERE pl.plan_id OPERATOR(pg_catalog.=) $1 AND pl.is_active"
        );
        Self { subscription, plan: kept(plan) }
    }
}

/// Whether plan `$1` is active, and its limit of a feature.
pub fn limit(schema: &str, limit_column: &str) -> Lookup {
    let quoted = quote_identifier(limit_column);
    let limit = format!(
        "SELECT pl.is_active::pg_catalog.bool, pl.{quoted}::pg_catalog.int8
           FROM {schema}.plan_limits AS pl
          WHERE pl.plan_id OPERATOR(pg_catalog.=) $1"
    );
    Lookup::new(
        "plan_limits",
        Index::Unique,
        &[("plan_id", pg_sys::TEXTOID)],
        &[("is_active", &[pg_sys::BOOLOID]), (limit_column, &[pg_sys::INT4OID, pg_sys::INT8OID])],
        kept(limit),
    )
}
