//! The rules and the grants of a user: `usage_rules` and `usage_grants`.

use std::rc::Rc;

use crate::pg::statement::Statement;

pub struct RuleStatements {
    /// The rules of user `$1`, feature `$2` and plan `$3`, and those for all, unless they are over;
    /// and the grants of the user of which something is left, in the same columns.
    pub read: Rc<Statement>,
    /// The rules of every feature, for user `$1` and plan `$2`, with the feature last.
    pub read_all: Rc<Statement>,
}

impl RuleStatements {
    pub fn new(schema: &str) -> Self {
        // Two parts, so that each has an index of its own.
        let part = |column: &str, condition: &str| {
            format!(
                "SELECT ur.applies_to::pg_catalog.text, ur.effect::pg_catalog.text, ur.amount,
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
        let of_user = "ur.user_id OPERATOR(pg_catalog.=) $1";
        let of_others = |plan: &str| {
            format!(
                "ur.user_id IS NULL
                 AND (ur.plan_id IS NULL OR ur.plan_id OPERATOR(pg_catalog.=) {plan})"
            )
        };
        let of_feature = "ur.feature_type OPERATOR(pg_catalog.=) $2";
        let grants = format!(
            "SELECT 'grant', NULL, ug.amount OPERATOR(pg_catalog.-) ug.used, NULL,
                    ug.priority::pg_catalog.int8, ug.effective_at, ug.expires_at, ug.created_at,
                    ug.grant_id, NULL, ug.amount
               FROM {schema}.usage_grants AS ug
              WHERE ug.user_id OPERATOR(pg_catalog.=) $1
                AND ug.feature_type OPERATOR(pg_catalog.=) $2
                AND ug.voided_at IS NULL AND ug.used OPERATOR(pg_catalog.<) ug.amount
                AND (ug.expires_at IS NULL
                     OR ug.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())"
        );
        let read = format!(
            "{} UNION ALL {} UNION ALL {grants}",
            part("", &format!("{of_feature} AND {of_user}")),
            part("", &format!("{of_feature} AND {}", of_others("$3")))
        );
        let feature = ", ur.feature_type::pg_catalog.text";
        let read_all =
            format!("{} UNION ALL {}", part(feature, of_user), part(feature, &of_others("$2")));
        Self { read: Statement::kept(read), read_all: Statement::kept(read_all) }
    }
}
