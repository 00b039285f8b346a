//! A user's plan and the current counts of every feature, in one statement.

use std::rc::Rc;

use domain::feature::Feature;
use domain::period_kind::PeriodKind;
use pgrx::spi::quote_identifier;

use super::entitlements::plan_of;
use crate::pg::statement::Statement;
use crate::store::tables::Tables;

/// The statement, and the layout of its result columns.
pub struct SummaryStatement {
    /// For user `$1`, with a period key per kind in `columns.kinds`, from `$2` on.
    pub read: Rc<Statement>,
    pub columns: SummaryColumns,
}

/// First the plan: its id, name and whether it is active. Then, for each kind of period, whether its
/// row has reservations and increments, and its id. Then each feature's limit and count. Then the flags.
pub struct SummaryColumns {
    pub kinds: Vec<PeriodKind>,
    /// The names of the `has_…` columns.
    pub flags: Vec<String>,
}

impl SummaryStatement {
    pub fn new(tables: &Tables, features: &[Feature]) -> Self {
        let schema = &tables.schema;
        let mut kinds: Vec<PeriodKind> = Vec::new();
        for feature in features {
            if !kinds.contains(&feature.period) {
                kinds.push(feature.period);
            }
        }
        let flags = tables.flags("plan_limits");
        let flags: Vec<String> =
            flags.into_iter().filter(|flag| flag.starts_with("has_")).map(String::from).collect();

        let mut selected = vec![
            "pl.plan_id::pg_catalog.text".to_owned(),
            "pl.plan_name::pg_catalog.text".to_owned(),
            "pl.is_active::pg_catalog.bool".to_owned(),
        ];
        let mut counters = String::new();
        for place in 0..kinds.len() {
            selected.push(format!("fu{place}.has_reservations"));
            selected.push(format!("fu{place}.has_increments"));
            selected.push(tables.row_id(&format!("fu{place}")));
            counters += &format!(
                "LEFT JOIN {schema}.feature_usage AS fu{place}
                   ON fu{place}.user_id OPERATOR(pg_catalog.=) $1
                  AND fu{place}.period OPERATOR(pg_catalog.=) ${} ",
                place + 2
            );
        }
        for feature in features {
            let place = kinds.iter().position(|kind| *kind == feature.period).unwrap_or(0);
            selected.push(if tables.limits(feature) {
                tables.integer("pl", "plan_limits", &feature.limit_column)
            } else {
                "0::pg_catalog.int8".to_owned()
            });
            selected.push(if tables.counts(feature) {
                tables.integer(&format!("fu{place}"), "feature_usage", &feature.usage_column)
            } else {
                "0::pg_catalog.int8".to_owned()
            });
        }
        selected.extend(flags.iter().map(|flag| format!("pl.{}", quote_identifier(flag))));
        let read = format!(
            "SELECT {} FROM (VALUES (true)) AS call {counters} {}",
            selected.join(", "),
            plan_of(schema, "$1")
        );
        Self { read: Statement::kept(read), columns: SummaryColumns { kinds, flags } }
    }
}
