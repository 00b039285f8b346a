//! A user's subscription and plan: `user_plans`, or the app's view of that name, and `plan_limits`.

use std::rc::Rc;

use super::kept;
use crate::domain::subscription::FREE_PLAN;
use crate::store::spi::Statement;

pub struct PlanStatements {
    /// The subscription of user `$1`.
    pub subscription: Rc<Statement>,
    /// Plan `$1`, if it is active: its whole row, and the names of its boolean columns.
    pub plan: Rc<Statement>,
}

const SUBSCRIPTION: &str = "up.plan_id::pg_catalog.text,
                    up.is_active::pg_catalog.bool,
                    up.status::pg_catalog.text,
                    pg_catalog.date_part('epoch', up.trial_end_date)";

impl PlanStatements {
    pub fn new(schema: &str) -> Self {
        let subscription = format!(
            "SELECT {SUBSCRIPTION} FROM {schema}.user_plans AS up
              WHERE up.user_id OPERATOR(pg_catalog.=) $1"
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
        Self { subscription: kept(subscription), plan: kept(plan) }
    }
}

/// What a plan says of one feature: whether it is active, and its limit.
fn allowance(limit_column: &str) -> String {
    format!("pl.is_active::pg_catalog.bool, pl.{limit_column}::pg_catalog.int8")
}

/// The text of [`super::FeatureStatements::entitlement`].
pub fn entitlement(schema: &str, limit_column: &str) -> String {
    let allowance = allowance(limit_column);
    format!(
        "SELECT {SUBSCRIPTION}, {allowance}
           FROM {schema}.user_plans AS up
           LEFT JOIN {schema}.plan_limits AS pl
                  ON pl.plan_id OPERATOR(pg_catalog.=)
                     COALESCE(up.plan_id::pg_catalog.text, '{FREE_PLAN}')
          WHERE up.user_id OPERATOR(pg_catalog.=) $1"
    )
}

/// The text of [`super::FeatureStatements::free_plan`].
pub fn free_plan(schema: &str, limit_column: &str) -> String {
    let allowance = allowance(limit_column);
    format!(
        "SELECT {allowance} FROM {schema}.plan_limits AS pl
          WHERE pl.plan_id OPERATOR(pg_catalog.=) '{FREE_PLAN}'"
    )
}
