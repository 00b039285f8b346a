//! The registry of features, `usage_features`: read once per backend, and again after a change.
//!
//! A change in any session makes every copy out of date: the table's trigger invalidates its
//! relcache entry, and Postgres notifies every backend. The same happens if a table of the
//! extension changes its columns, rules or foreign keys, and if a schema is renamed.

use std::cell::RefCell;
use std::rc::Rc;

use domain::feature::Feature;
use domain::period_kind::PeriodKind;
use pgrx::pg_sys;

use super::statements::{FeatureStatements, Statements};
use super::tables::{NAMES, Tables};
use crate::pg::invalidation;
use crate::pg::snapshot::Snapshot;
use crate::pg::statement::{Statement, on_tables};

/// A backend's copy of the registry, with the statements for its features.
pub struct Registry {
    pub tables: Tables,
    pub statements: Statements,
    pub features: Vec<Rc<Registered>>,
    /// Whether any user or plan has a time zone or an anchor.
    pub has_calendars: bool,
}

/// A feature with its statements.
pub struct Registered {
    pub feature: Feature,
    /// Whether `feature_usage` has its column.
    pub has_counter: bool,
    /// Whether its calls read rules.
    pub is_governed: bool,
    /// Whether its current period depends on the user.
    pub reads_calendar: bool,
    pub statements: FeatureStatements,
}

impl Registry {
    pub fn find(&self, feature_type: &str) -> Option<&Rc<Registered>> {
        self.features.iter().find(|registered| registered.feature.feature_type == feature_type)
    }

    /// Whether our tables reference users, such as those of `auth.users`.
    pub fn has_user_references(&self) -> bool {
        !self.tables.references.is_empty()
    }

    pub fn feature_types(&self) -> Vec<&str> {
        self.features.iter().map(|registered| registered.feature.feature_type.as_str()).collect()
    }

    /// Executes statements. If a table or column is missing, the error's hint says how to restore
    /// it.
    pub fn on_tables<T>(&self, work: impl FnOnce() -> T) -> T {
        on_tables(&self.tables.schema, &NAMES, work)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Registry>>> = const { RefCell::new(None) };
}

/// Whether a feature is still governed, and its period determined, as a call supposed that has
/// waited for a lock meanwhile.
pub fn still_has(registry: &Rc<Registry>, registered: &Registered) -> bool {
    invalidation::accept();
    let now = current();
    if Rc::ptr_eq(&now, registry) {
        return true;
    }
    let feature = now.find(&registered.feature.feature_type);
    now.has_calendars == registry.has_calendars
        && feature.is_some_and(|feature| feature.is_governed == registered.is_governed)
}

/// The current registry.
pub fn current() -> Rc<Registry> {
    let kept = CURRENT.with_borrow(Option::clone);
    if let Some(registry) = kept.filter(|_| invalidation::is_current()) {
        return registry;
    }
    let registry = Rc::new(load());
    CURRENT.set(Some(Rc::clone(&registry)));
    registry
}

/// Reads what is committed now: the copy outlives the transaction, whose snapshot at REPEATABLE
/// READ may be older than the change.
fn load() -> Registry {
    invalidation::register();
    // If reading fails, the old copy must not count as current.
    CURRENT.set(None);
    let beginning = invalidation::generation();
    let tables = Tables::read();
    let rows = read_features(&tables);
    // Do not keep an empty registry: row-level security may hide it from this role only.
    if let Some(watched) = tables.watched().filter(|_| !rows.is_empty()) {
        invalidation::watch(watched, beginning);
    }
    let has_calendars = rows.iter().any(|row| row.reads_calendars) || tables.views_have_calendars();
    let (features, governed): (Vec<Feature>, Vec<bool>) =
        rows.into_iter().map(|row| (row.feature, row.is_governed)).unzip();
    let statements = Statements::new(&tables, &features);
    let register = |(feature, is_governed): (Feature, bool)| {
        let statements = FeatureStatements::new(&tables, &feature, has_calendars);
        let has_counter = tables.counts(&feature);
        let reads_calendar = has_calendars && feature.period.depends_on_user();
        Rc::new(Registered { feature, has_counter, is_governed, reads_calendar, statements })
    };
    let features = features.into_iter().zip(governed).map(register).collect();
    Registry { tables, statements, features, has_calendars }
}

/// A row of the registry.
struct RegistryRow {
    feature: Feature,
    is_governed: bool,
    reads_calendars: bool,
}

fn read_features(tables: &Tables) -> Vec<RegistryRow> {
    let schema = &tables.schema;
    let statement = Statement::kept(format!(
        "SELECT uf.feature_type::pg_catalog.text, uf.usage_column::pg_catalog.text,
                uf.limit_column::pg_catalog.text, uf.period::pg_catalog.text,
                uf.is_governed, uf.reads_calendars
           FROM {schema}.usage_features AS uf ORDER BY uf.feature_type COLLATE pg_catalog.\"C\""
    ));
    let rows = on_tables(schema, &NAMES, || {
        statement.rows(&[], Snapshot::Latest, |row| {
            let usage_column: String = row.get(1)?;
            let max_count = match tables.column_type("feature_usage", &usage_column) {
                Some(pg_sys::INT8OID) => i64::MAX,
                _ => i32::MAX.into(),
            };
            let feature = Feature {
                feature_type: row.get(0)?,
                usage_column,
                limit_column: row.get(2)?,
                period: PeriodKind::from_name(&row.get::<String>(3)?)?,
                max_count,
            };
            Some(RegistryRow {
                feature,
                // Unknown means governed: rules that are not there cost a little, those that are
                // must hold.
                is_governed: row.get(4) != Some(false),
                reads_calendars: row.get(5) != Some(false),
            })
        })
    });
    rows.into_iter().flatten().collect()
}
