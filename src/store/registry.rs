//! The registry of features, read once a backend and again after it has changed.
//!
//! Two things make a copy out of date, in whichever session they happen: a change of
//! `usage_features`, whose trigger invalidates the table's relcache entry, and a renamed schema.
//! Postgres tells every backend of both.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::pg_sys::Oid;
use pgrx::spi::quote_identifier;

use super::executor::Row;
use super::invalidation;
use super::lookup::Lookup;
use super::spi::{self, Argument};
use super::statements::{self, FeatureStatements, Statements};
use crate::domain::feature::Feature;
use crate::domain::period::PeriodKind;
use crate::error::Error;

/// A backend's copy of the registry.
pub struct Registry {
    /// The extension's schema, quoted.
    pub schema: String,
    schema_oid: Oid,
    pub statements: Statements,
    pub features: Vec<Rc<Registered>>,
}

/// A feature with its statements.
pub struct Registered {
    pub feature: Feature,
    pub statements: FeatureStatements,
}

impl Registry {
    pub fn find(&self, feature_type: &str) -> Option<&Rc<Registered>> {
        self.features.iter().find(|registered| registered.feature.feature_type == feature_type)
    }

    pub fn feature_types(&self) -> Vec<&str> {
        self.features.iter().map(|registered| registered.feature.feature_type.as_str()).collect()
    }

    /// Looks up rows of one of our tables, in the caller's view.
    pub fn look_up<T>(
        &self,
        lookup: &Lookup,
        arguments: &[Argument],
        take: impl FnMut(&Row) -> T,
    ) -> Vec<T> {
        self.on_tables(|| lookup.read(self.schema_oid, arguments, take))
    }

    /// Does work with our tables. Where one of them, or a column of one, is not there, the error
    /// says how to get it back.
    pub fn on_tables<T>(&self, work: impl FnOnce() -> T) -> T {
        spi::on_tables(&self.schema, statements::TABLES, work)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Registry>>> = const { RefCell::new(None) };
}

/// The registry as it is now.
pub fn current() -> Rc<Registry> {
    let kept = CURRENT.with_borrow(Option::clone);
    if let Some(registry) = kept.filter(|_| invalidation::registry_is_current()) {
        return registry;
    }
    let registry = Rc::new(load());
    CURRENT.set(Some(Rc::clone(&registry)));
    registry
}

/// Reads what is committed by now: the snapshot of a REPEATABLE READ transaction may be older than
/// the change that is being followed, and the copy outlives the transaction.
fn load() -> Registry {
    invalidation::watch();
    // Should the reading fail, there is no copy that could be taken for a current one.
    CURRENT.set(None);
    let before = invalidation::generation();
    let extension = statements::extension()
        .read_latest(&[], |row| Some((row.get::<String>(0)?, row.get::<Oid>(1)?, row.get(2)?)))
        .pop();
    let Some((schema, schema_oid, table)) = extension.flatten() else { Error::NoRegistry.raise() };
    let schema = quote_identifier(schema);
    let features = statements::features(&schema).read_latest(&[], |row| {
        Some(Feature {
            feature_type: row.get(0)?,
            usage_column: row.get(1)?,
            limit_column: row.get(2)?,
            period: PeriodKind::from_name(&row.get::<String>(3)?)?,
        })
    });
    // A role that is shown no features must not hide them from the next one.
    if !features.is_empty() {
        invalidation::has_read_registry(table, before);
    }
    let features: Vec<_> = features
        .into_iter()
        .flatten()
        .map(|feature| {
            let statements = FeatureStatements::new(&schema, &feature);
            Rc::new(Registered { feature, statements })
        })
        .collect();
    let statements = Statements::new(&schema, &features);
    Registry { schema, schema_oid, statements, features }
}
