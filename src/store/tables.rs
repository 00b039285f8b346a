//! What the catalog contains about the extension's tables.

use domain::feature::Feature;
use pgrx::pg_sys::{self, Oid};
use pgrx::spi::quote_identifier;

use crate::error::Report;
use crate::error::installation::InstallationError;
use crate::pg::argument::Argument;
use crate::pg::invalidation::MAX_TABLES;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;
use crate::pg::statement::Statement;
use crate::pg::table::{self, Use};

/// Our tables. Every call locks the first one before the others, and so does whoever changes any of
/// them: so they wait for one another there, and never in a circle.
pub const TABLES: [&str; 14] = [
    "feature_usage",
    "user_plans",
    "plan_limits",
    "feature_reservations",
    "feature_idempotency_keys",
    "usage_counters",
    "usage_rules",
    "usage_grants",
    "usage_alerts",
    "usage_ledger",
    "usage_pools",
    "usage_pool_members",
    "usage_increments",
    "usage_features",
];

/// The names of our tables in error messages, or the alias that statements use for a column's
/// table.
pub const NAMES: [&str; 36] = [
    "feature_usage",
    "fu",
    "fu0",
    "fu1",
    "fu2",
    "fu3",
    "fu4",
    "fu5",
    "fu6",
    "fu7",
    "fu8",
    "user_plans",
    "up",
    "plan_limits",
    "pl",
    "feature_reservations",
    "fr",
    "feature_idempotency_keys",
    "ik",
    "usage_counters",
    "uc",
    "usage_rules",
    "ur",
    "usage_grants",
    "ug",
    "usage_alerts",
    "ua",
    "usage_ledger",
    "usage_pools",
    "po",
    "usage_pool_members",
    "pm",
    "usage_increments",
    "ui",
    "usage_features",
    "uf",
];

/// The extension's schema, and the tables in it.
pub struct Tables {
    /// The schema's name, quoted.
    pub schema: String,
    /// The oid of each table; invalid if there is none.
    oids: [Oid; TABLES.len()],
    /// The names of those that are views.
    views: Vec<String>,
    columns: Vec<Column>,
    pub references: Vec<Reference>,
}

struct Column {
    table: String,
    name: String,
    type_oid: Oid,
}

/// A foreign key from `user_id` of a table of the extension, such as to `auth.users`.
pub struct Reference {
    oid: Oid,
    /// The referenced table and column, quoted.
    pub table: String,
    pub column: String,
    /// The owner of the referenced table.
    pub owner: Oid,
}

impl Tables {
    /// Reads the catalog. Raises an error for a table with rules, or distributed by Citus.
    pub fn read() -> Self {
        let (schema, schema_oid) = extension_schema();
        let found = find(schema_oid);
        refuse_distributed(&found);
        let oid = |name| found.iter().find(|table| table.name == name).map(|table| table.oid);
        let oids = TABLES.map(|name| oid(name).unwrap_or(Oid::INVALID));
        lock_first(oids, Use::Read);
        let views = found.iter().filter(|table| !table.is_table).map(|view| view.name.clone());
        Self {
            schema: quote_identifier(schema),
            oids,
            views: views.collect(),
            columns: columns(schema_oid),
            references: references(schema_oid),
        }
    }

    /// Whether a view in place of `user_plans` or `plan_limits` has time zones or anchors. Tables
    /// tell the registry of their first one.
    pub fn views_have_calendars(&self) -> bool {
        let has = |table: &str, column: &str| self.column_type(table, column).is_some();
        ["user_plans", "plan_limits"].into_iter().any(|table| {
            let is_view = self.views.iter().any(|view| view == table);
            is_view && (has(table, "time_zone") || has(table, "period_anchor"))
        })
    }

    /// An expression for the time zone of whoever has a plan, and one for the anchor, in place of which
    /// the plan's are taken.
    pub fn calendar(&self, alias: &str, table: &str) -> [String; 2] {
        let of_both = |expression: &dyn Fn(&str, &str) -> Option<String>| {
            let parts = [expression(alias, table), expression("pl", "plan_limits")];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| format!("COALESCE({})", parts.join(", ")))
        };
        let zone = of_both(&|alias, table| {
            self.column_type(table, "time_zone")?;
            Some(format!("{alias}.time_zone::pg_catalog.text"))
        });
        let anchor = of_both(&|alias, table| {
            self.column_type(table, "period_anchor")?;
            Some(self.instant(alias, table, "period_anchor"))
        });
        let none = |sql_type: &str| format!("NULL::pg_catalog.{sql_type}");
        [zone.unwrap_or_else(|| none("text")), anchor.unwrap_or_else(|| none("timestamptz"))]
    }

    /// The tables whose changes invalidate this; `None` if one is missing, because it may be
    /// created at any time.
    pub fn watched(&self) -> Option<[Oid; MAX_TABLES]> {
        let mut watched = [Oid::INVALID; MAX_TABLES];
        watched[..TABLES.len()].copy_from_slice(&self.oids);
        let referenced = self.references.iter().map(|reference| reference.oid);
        for (place, oid) in watched[TABLES.len()..].iter_mut().zip(referenced) {
            *place = oid;
        }
        (!self.oids.contains(&Oid::INVALID)).then_some(watched)
    }

    /// Locks the first table. For calls whose first statement is about another one.
    pub fn lock_first(&self) {
        lock_first(self.oids, Use::Write);
    }

    /// Whether the feature has its counter column.
    pub fn counts(&self, feature: &Feature) -> bool {
        self.column_type("feature_usage", &feature.usage_column).is_some()
    }

    /// Whether the feature has its limit column.
    pub fn limits(&self, feature: &Feature) -> bool {
        self.column_type("plan_limits", &feature.limit_column).is_some()
    }

    /// An expression for an integer column, cast only if its type differs: a cast slows every call.
    pub fn integer(&self, alias: &str, table: &str, column: &str) -> String {
        let quoted = quote_identifier(column);
        match self.column_type(table, column) {
            Some(pg_sys::INT4OID | pg_sys::INT8OID) => format!("{alias}.{quoted}"),
            _ => format!("{alias}.{quoted}::pg_catalog.int8"),
        }
    }

    /// An expression for the id of a row of `feature_usage`. An existing table may have none, or
    /// one of another type; its rows are then not told apart.
    pub fn row_id(&self, alias: &str) -> String {
        match self.column_type("feature_usage", "id") {
            Some(pg_sys::UUIDOID) => format!("{alias}.id"),
            _ => "NULL::pg_catalog.uuid".to_owned(),
        }
    }

    /// An expression for an instant. A timestamp without time zone is taken as UTC.
    pub fn instant(&self, alias: &str, table: &str, column: &str) -> String {
        match self.column_type(table, column) {
            Some(pg_sys::TIMESTAMPTZOID) => format!("{alias}.{column}"),
            _ => {
                format!("pg_catalog.to_timestamp(pg_catalog.date_part('epoch', {alias}.{column}))")
            }
        }
    }

    /// The type of a column; `None` if there is no such column.
    pub fn column_type(&self, table: &str, name: &str) -> Option<Oid> {
        let is_meant = |column: &&Column| column.table == table && column.name == name;
        self.columns.iter().find(is_meant).map(|column| column.type_oid)
    }

    /// The names of the boolean columns of a table.
    pub fn flags(&self, table: &str) -> Vec<&str> {
        let is_flag =
            |column: &&Column| column.table == table && column.type_oid == pg_sys::BOOLOID;
        self.columns.iter().filter(is_flag).map(|column| column.name.as_str()).collect()
    }
}

fn lock_first([first, ..]: [Oid; TABLES.len()], usage: Use) {
    if first != Oid::INVALID {
        table::lock(first, usage);
    }
}

struct Found {
    name: String,
    oid: Oid,
    is_table: bool,
}

fn extension_schema() -> (String, Oid) {
    let statement = Statement::kept(
        "SELECT n.nspname::pg_catalog.text, n.oid
           FROM pg_catalog.pg_extension AS e
           JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
          WHERE e.extname OPERATOR(pg_catalog.=) 'feature_usage'"
            .to_owned(),
    );
    let rows = statement.rows(&[], Snapshot::Latest, |row| row.get(0).zip(row.get(1)));
    rows.into_iter().flatten().next().unwrap_or_else(|| InstallationError::NotInstalled.raise())
}

/// The condition that the row `c` of `pg_class` is a table of the extension in schema `$1`.
fn is_ours() -> String {
    let names = TABLES.map(|name| format!("'{name}'")).join(", ");
    format!(
        "c.relnamespace OPERATOR(pg_catalog.=) $1
         AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[{names}]::pg_catalog.name[])"
    )
}

fn read_catalog<T>(text: String, schema: Oid, take: impl FnMut(&Row) -> Option<T>) -> Vec<T> {
    let rows = Statement::kept(text).rows(&[Argument::Oid(schema)], Snapshot::Latest, take);
    rows.into_iter().flatten().collect()
}

fn find(schema: Oid) -> Vec<Found> {
    let text = format!(
        "SELECT c.relname::pg_catalog.text, c.oid,
                c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]),
                EXISTS (SELECT FROM pg_catalog.pg_rewrite AS r
                             WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid)
           FROM pg_catalog.pg_class AS c WHERE {}",
        is_ours()
    );
    read_catalog(text, schema, |row| {
        let name: String = row.get(0)?;
        let is_table = row.get(2) == Some(true);
        if is_table && row.get(3) == Some(true) {
            InstallationError::HasRules { table: &name }.raise();
        }
        Some(Found { name, oid: row.get(1)?, is_table })
    })
}

/// A distributed table is empty on this node: every count would appear to be 0.
fn refuse_distributed(found: &[Found]) {
    let exists = Statement::kept(
        "SELECT c.oid FROM pg_catalog.pg_class AS c
          WHERE c.relnamespace OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.regnamespace
            AND c.relname OPERATOR(pg_catalog.=) 'pg_dist_partition'"
            .to_owned(),
    );
    if exists.rows(&[], Snapshot::Latest, |_| ()).is_empty() {
        return;
    }
    let distributed = Statement::kept(
        "SELECT d.logicalrelid::pg_catalog.oid FROM pg_catalog.pg_dist_partition AS d".to_owned(),
    );
    let oids: Vec<Option<Oid>> = distributed.rows(&[], Snapshot::Latest, |row| row.get(0));
    if let Some(table) = found.iter().find(|table| oids.contains(&Some(table.oid))) {
        InstallationError::Distributed { table: &table.name }.raise();
    }
}

fn columns(schema: Oid) -> Vec<Column> {
    let text = format!(
        "SELECT c.relname::pg_catalog.text, a.attname::pg_catalog.text, a.atttypid
           FROM pg_catalog.pg_class AS c
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
          WHERE {} AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped",
        is_ours()
    );
    read_catalog(text, schema, |row| {
        Some(Column { table: row.get(0)?, name: row.get(1)?, type_oid: row.get(2)? })
    })
}

fn references(schema: Oid) -> Vec<Reference> {
    let text = format!(
        "SELECT DISTINCT u.oid, n.nspname::pg_catalog.text, u.relname::pg_catalog.text,
                k.attname::pg_catalog.text, u.relowner
           FROM pg_catalog.pg_class AS c
           JOIN pg_catalog.pg_constraint AS f ON f.conrelid OPERATOR(pg_catalog.=) c.oid
                                             AND f.contype OPERATOR(pg_catalog.=) 'f'
           JOIN pg_catalog.pg_attribute AS a
             ON a.attrelid OPERATOR(pg_catalog.=) c.oid
            AND a.attname OPERATOR(pg_catalog.=) 'user_id'
            AND f.conkey OPERATOR(pg_catalog.=) ARRAY[a.attnum]
           JOIN pg_catalog.pg_attribute AS k
             ON k.attrelid OPERATOR(pg_catalog.=) f.confrelid
            AND k.attnum OPERATOR(pg_catalog.=) f.confkey[1]
           JOIN pg_catalog.pg_class AS u ON u.oid OPERATOR(pg_catalog.=) f.confrelid
           JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) u.relnamespace
          WHERE {} ORDER BY u.oid USING OPERATOR(pg_catalog.<)",
        is_ours()
    );
    read_catalog(text, schema, |row| {
        let (schema, name): (String, String) = (row.get(1)?, row.get(2)?);
        Some(Reference {
            oid: row.get(0)?,
            table: format!("{}.{}", quote_identifier(schema), quote_identifier(name)),
            column: quote_identifier(row.get::<String>(3)?),
            owner: row.get(4)?,
        })
    })
}
