//! The rules, `usage_rules`.

use std::rc::Rc;

use crate::pg::statement::Statement;

pub struct RuleStatements {
    /// The rules of user `$1`, feature `$2` and plan `$3`, and those for all, unless they are over.
    pub read: Rc<Statement>,
    /// The same of every feature, for user `$1` and plan `$2`, with the feature last.
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
                        ur.ends_at, ur.created_at, ur.rule_id{column}
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
        let read = format!(
            "{} UNION ALL {}",
            part("", &format!("{of_feature} AND {of_user}")),
            part("", &format!("{of_feature} AND {}", of_others("$3")))
        );
        let feature = ", ur.feature_type::pg_catalog.text";
        let read_all =
            format!("{} UNION ALL {}", part(feature, of_user), part(feature, &of_others("$2")));
        Self { read: Statement::kept(read), read_all: Statement::kept(read_all) }
    }
}
