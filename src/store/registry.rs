//! The registry of features, read once a backend and again after it has changed.
//!
//! Two things make a copy out of date, in whichever session they happen: a change of
//! `usage_features`, whose trigger invalidates the table's relcache entry, and a renamed schema.
//! Postgres tells every backend of both.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::spi::quote_identifier;

use super::statements::{self, FeatureStatements};
use crate::domain::feature::Feature;
use crate::domain::period::PeriodKind;

/// A backend's copy of the registry.
pub struct Registry {
    /// The extension's schema, quoted.
    pub schema: String,
    pub features: Vec<Registered>,
}

/// A feature with its statements.
pub struct Registered {
    pub feature: Feature,
    pub statements: FeatureStatements,
}

impl Registry {
    pub fn find(&self, feature_type: &str) -> Option<&Registered> {
        self.features.iter().find(|registered| registered.feature.feature_type == feature_type)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Registry>>> = const { RefCell::new(None) };
    static IS_CURRENT: Cell<bool> = const { Cell::new(false) };
    static WATCHED_TABLE: Cell<Oid> = const { Cell::new(Oid::INVALID) };
    static IS_WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// The registry as it is now.
pub fn current() -> Rc<Registry> {
    if IS_CURRENT.get()
        && let Some(registry) = CURRENT.with_borrow(Option::clone)
    {
        return registry;
    }
    watch();
    // Before reading, so that a change that arrives meanwhile makes it false again.
    IS_CURRENT.set(true);
    let registry = Rc::new(load());
    CURRENT.set(Some(Rc::clone(&registry)));
    registry
}

/// Reads what is committed by now: the snapshot of a REPEATABLE READ transaction may be older than
/// the change that is being followed, and the copy outlives the transaction.
fn load() -> Registry {
    // An error leaves a copy that is known to be out of date.
    IS_CURRENT.set(false);
    let (schema, table) = statements::extension().read_latest(&[], |rows| {
        let schema: Option<String> = rows.get(0, 0);
        (quote_identifier(schema.unwrap_or_default()), rows.get(0, 1))
    });
    WATCHED_TABLE.set(table.unwrap_or(Oid::INVALID));
    IS_CURRENT.set(true);
    let features = statements::features(&schema).read_latest(&[], |rows| {
        (0..rows.len())
            .filter_map(|row| {
                Some(Feature {
                    feature_type: rows.get(row, 0)?,
                    usage_column: rows.get(row, 1)?,
                    limit_column: rows.get(row, 2)?,
                    period: PeriodKind::from_name(&rows.get::<String>(row, 3)?)?,
                })
            })
            .collect::<Vec<_>>()
    });
    let features = features
        .into_iter()
        .map(|feature| Registered {
            statements: FeatureStatements::new(&schema, &feature),
            feature,
        })
        .collect();
    Registry { schema, features }
}

/// Asks Postgres, once a backend, to be told of changes.
fn watch() {
    if IS_WATCHING.replace(true) {
        return;
    }
    let namespaces = pg_sys::SysCacheIdentifier::NAMESPACEOID as i32;
    // SAFETY: both callbacks live as long as the library, which is never unloaded, and only set a
    // flag: a callback may run where no catalog can be read and no error raised.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_table_change), Datum::null());
        pg_sys::CacheRegisterSyscacheCallback(namespaces, Some(on_schema_change), Datum::null());
    }
}

unsafe extern "C-unwind" fn on_table_change(_: Datum, table: Oid) {
    // No table named means that any may have changed.
    if table == Oid::INVALID || table == WATCHED_TABLE.get() {
        IS_CURRENT.set(false);
    }
}

unsafe extern "C-unwind" fn on_schema_change(_: Datum, _: i32, _: u32) {
    IS_CURRENT.set(false);
}

/// Tells every session, when this transaction commits, that the registry has changed.
pub fn invalidate(table: Oid) {
    // SAFETY: the table exists, since one of its triggers is running.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
}
