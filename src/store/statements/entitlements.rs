//! Plans and their limits: of users, `user_plans`, and of pools, `usage_pools`, or the views of these
//! names, with `plan_limits`.

use std::rc::Rc;

use domain::feature::Feature;
use domain::subscription::FREE_PLAN;

use crate::pg::statement::Statement;
use crate::store::tables::Tables;

/// The first two read NULLs for a user without a row: such a user has the free plan.
pub struct EntitlementStatements {
    /// The subscription of user `$1`, whether the plan is active, its limit and, if there are
    /// calendars, the user's time zone and anchor.
    pub read: Rc<Statement>,
    /// The same, and the counter of period `$2`: count, whether it has reservations and
    /// increments, and its id.
    pub read_with_counter: Rc<Statement>,
    pub has_calendars: bool,
    /// The subscription of pool `$1`, whether the plan is active, its limit, the time zone, the
    /// anchor, the seats, and whether user `$2` is a member. No row if there is no such pool.
    pub read_of_pool: Rc<Statement>,
}

impl EntitlementStatements {
    pub fn new(tables: &Tables, feature: &Feature, has_calendars: bool) -> Self {
        let schema = &tables.schema;
        let usage = tables.integer("fu", "feature_usage", &feature.usage_column);
        let id = tables.row_id("fu");
        let subscription = |alias: &str, table: &str| {
            format!(
                "{alias}.plan_id::pg_catalog.text, {alias}.is_active::pg_catalog.bool,
                 {alias}.status::pg_catalog.text, {}, pl.is_active::pg_catalog.bool, {}",
                tables.instant(alias, table, "trial_end_date"),
                tables.integer("pl", "plan_limits", &feature.limit_column)
            )
        };
        let mut columns = subscription("up", "user_plans");
        if has_calendars {
            columns += &format!(", {}", tables.calendar("up", "user_plans").join(", "));
        }
        let plan = plan_of(schema, "$1");
        let read = format!("SELECT {columns} FROM (VALUES (true)) AS call {plan}");
        // The tables are in the common lock order.
        let read_with_counter = format!(
            "SELECT {columns}, {usage}, fu.has_reservations, fu.has_increments, {id}
               FROM (VALUES (true)) AS call
               LEFT JOIN {schema}.feature_usage AS fu
                 ON fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2
               {plan}"
        );
        // A view may have no seats: then it is one.
        let seats = match tables.column_type("usage_pools", "seats") {
            Some(_) => "COALESCE(po.seats::pg_catalog.int8, 0)",
            None => "1::pg_catalog.int8",
        };
        let read_of_pool = format!(
            "SELECT {}, {}, {seats},
                    EXISTS (SELECT FROM {schema}.usage_pool_members AS pm
                             WHERE pm.pool_id OPERATOR(pg_catalog.=) $1
                               AND pm.user_id OPERATOR(pg_catalog.=) $2)
               FROM {schema}.usage_pools AS po
               LEFT JOIN {schema}.plan_limits AS pl
                 ON pl.plan_id OPERATOR(pg_catalog.=)
                    COALESCE(po.plan_id::pg_catalog.text, '{FREE_PLAN}')
              WHERE po.pool_id OPERATOR(pg_catalog.=) $1",
            subscription("po", "usage_pools"),
            tables.calendar("po", "usage_pools").join(", ")
        );
        Self {
            read_of_pool: Statement::kept(read_of_pool),
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
