//! A user's plan and its limits: `user_plans`, or the view of that name, and `plan_limits`.

use std::rc::Rc;

use domain::feature::Feature;
use domain::subscription::FREE_PLAN;

use crate::pg::statement::Statement;
use crate::store::tables::Tables;

/// Both read NULLs for a user without a row: such a user has the free plan.
pub struct EntitlementStatements {
    /// The subscription of user `$1`, whether the plan is active, its limit and, if there are
    /// calendars, the user's time zone and anchor.
    pub read: Rc<Statement>,
    /// The same, and the counter of period `$2`: count, whether it has reservations, and its id.
    pub read_with_counter: Rc<Statement>,
    pub has_calendars: bool,
}

impl EntitlementStatements {
    pub fn new(tables: &Tables, feature: &Feature, has_calendars: bool) -> Self {
        let schema = &tables.schema;
        let usage = tables.integer("fu", "feature_usage", &feature.usage_column);
        let id = tables.row_id("fu");
        let mut columns = format!(
            "up.plan_id::pg_catalog.text, up.is_active::pg_catalog.bool,
             up.status::pg_catalog.text, {}, pl.is_active::pg_catalog.bool, {}",
            tables.instant("up", "user_plans", "trial_end_date"),
            tables.integer("pl", "plan_limits", &feature.limit_column)
        );
        if has_calendars {
            columns += &format!(", {}", tables.calendar().join(", "));
        }
        let plan = plan_of(schema, "$1");
        let read = format!("SELECT {columns} FROM (VALUES (true)) AS call {plan}");
        // The tables are in the common lock order.
        let read_with_counter = format!(
            "SELECT {columns}, {usage}, fu.has_reservations, {id}
               FROM (VALUES (true)) AS call
               LEFT JOIN {schema}.feature_usage AS fu
                 ON fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2
               {plan}"
        );
        Self {
            read: Statement::kept(read),
            read_with_counter: Statement::kept(read_with_counter),
            has_calendars,
        }
    }
}

/// Joins the subscription and the plan of a user.
pub fn plan_of(schema: &str, user: &str) -> String {
    format!(
        "LEFT JOIN {schema}.user_plans AS up ON up.user_id OPERATOR(pg_catalog.=) {user}
         LEFT JOIN {schema}.plan_limits AS pl
           ON pl.plan_id OPERATOR(pg_catalog.=)
              COALESCE(up.plan_id::pg_catalog.text, '{FREE_PLAN}')"
    )
}
