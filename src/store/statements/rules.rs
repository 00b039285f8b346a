//! The rules and the grants of a user or a pool: `usage_rules` and `usage_grants`.

use std::rc::Rc;

use super::grants::{OF_POOL, OF_USER};
use crate::pg::statement::Statement;

pub struct RuleStatements {
    /// The rules of user `$1`, feature `$2` and plan `$3`, and those for all, unless they are over;
    /// and the grants of the user of which something is left, in the same columns.
    pub read: Rc<Statement>,
    /// The same for pool `$1`, and member `$4`: rules of the pool, its plan, its members and all, and
    /// those that block the member as a user.
    pub read_of_pool: Rc<Statement>,
    /// The rules of every feature, for user `$1` and plan `$2`, with the feature last.
    pub read_all: Rc<Statement>,
}

impl RuleStatements {
    pub fn new(schema: &str) -> Self {
        // Two parts, so that each has an index of its own.
        let part = |column: &str, condition: &str| {
            format!(
                "SELECT CASE WHEN ur.user_id IS NULL AND ur.applies_to OPERATOR(pg_catalog.=) 'member'
                             THEN 'members' ELSE ur.applies_to::pg_catalog.text END, ur.effect::pg_catalog.text, ur.amount,
                        ur.per::pg_catalog.text,
                        pg_catalog.date_part('epoch', ur.every)::pg_catalog.int8, ur.starts_at,
                        ur.ends_at, ur.created_at, ur.rule_id,
                        ur.paid_in::pg_catalog.text, NULL::pg_catalog.int8{column}
                   FROM {schema}.usage_rules AS ur
                  WHERE {condition}
                    AND (ur.ends_at IS NULL
                         OR ur.ends_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())"
            )
        };
        let of_user = "ur.user_id OPERATOR(pg_catalog.=) $1 AND ur.pool_id IS NULL";
        let of_pool = "ur.pool_id OPERATOR(pg_catalog.=) $1
                       AND (ur.user_id IS NULL OR ur.user_id OPERATOR(pg_catalog.=) $4)";
        let blocks_member = "ur.user_id OPERATOR(pg_catalog.=) $4 AND ur.pool_id IS NULL
                             AND ur.effect OPERATOR(pg_catalog.=) 'deny'";
        let of_others = |plan: &str| {
            format!(
                "ur.user_id IS NULL AND ur.pool_id IS NULL
                 AND (ur.plan_id IS NULL OR ur.plan_id OPERATOR(pg_catalog.=) {plan})"
            )
        };
        let of_feature = "ur.feature_type OPERATOR(pg_catalog.=) $2";
        let grants = |owner: &str| {
            format!(
                "SELECT 'grant', NULL, ug.amount OPERATOR(pg_catalog.-) ug.used, NULL,
                    ug.priority::pg_catalog.int8, ug.effective_at, ug.expires_at, ug.created_at,
                    ug.grant_id, NULL, ug.amount
               FROM {schema}.usage_grants AS ug
              WHERE {owner}
                AND ug.feature_type OPERATOR(pg_catalog.=) $2
                AND ug.voided_at IS NULL AND ug.used OPERATOR(pg_catalog.<) ug.amount
                AND (ug.expires_at IS NULL
                     OR ug.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())"
            )
        };
        let read = |owners: &[&str], grants: &str| {
            let others = of_others("$3");
            let owners = owners.iter().copied().chain([others.as_str()]);
            let rules = owners.map(|owner| part("", &format!("{of_feature} AND {owner}")));
            rules.chain([grants.to_owned()]).collect::<Vec<_>>().join(" UNION ALL ")
        };
        let feature = ", ur.feature_type::pg_catalog.text";
        let read_all =
            format!("{} UNION ALL {}", part(feature, of_user), part(feature, &of_others("$2")));
        Self {
            read: Statement::kept(read(&[of_user], &grants(OF_USER))),
            read_of_pool: Statement::kept(read(&[of_pool, blocks_member], &grants(OF_POOL))),
            read_all: Statement::kept(read_all),
        }
    }
}
