//! A user's subscription and plan: `user_plans`, or the app's view of that name, and `plan_limits`.

use std::rc::Rc;

use super::kept;
use crate::domain::subscription::FREE_PLAN;
use crate::store::spi::Statement;

/// User `$1` as `u`, with the subscription as `up` and the plan as `pl`; one row, whatever is
/// missing. It ends with the condition on the plan, so that another one can follow.
pub fn plan_of_user(schema: &str) -> String {
    format!(
        "(SELECT $1 AS user_id) AS u
               LEFT JOIN {schema}.user_plans AS up
                      ON up.user_id OPERATOR(pg_catalog.=) u.user_id
               LEFT JOIN {schema}.plan_limits AS pl
                      ON pl.plan_id OPERATOR(pg_catalog.=)
                         COALESCE(up.plan_id::pg_catalog.text, '{FREE_PLAN}')"
    )
}

/// What the rules ask of them.
pub fn plan_columns(limit_column: &str) -> String {
    format!(
        "up.plan_id::pg_catalog.text,
                    up.is_active::pg_catalog.bool,
                    up.status::pg_catalog.text,
                    pg_catalog.date_part('epoch', up.trial_end_date),
                    pl.is_active::pg_catalog.bool,
                    pl.{limit_column}::pg_catalog.int8"
    )
}

/// See [`super::Statements::plan`].
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
