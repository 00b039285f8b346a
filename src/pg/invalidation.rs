//! Invalidation: tells a backend that its copy of the catalogs is out of date.
//!
//! When a transaction commits, Postgres notifies every backend which tables and schemas have
//! changed. The callbacks here only set flags, because they may run when no catalog can be read.

use std::cell::Cell;

use pgrx::pg_sys::{self, Datum, Oid};

/// The most tables that can be watched.
pub const MAX_TABLES: usize = 20;

thread_local! {
    static IS_REGISTERED: Cell<bool> = const { Cell::new(false) };
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    static WATCHED: Cell<[Oid; MAX_TABLES]> = const { Cell::new([Oid::INVALID; MAX_TABLES]) };
    static IS_CURRENT: Cell<bool> = const { Cell::new(false) };
}

/// The number of changes of tables and schemas that this backend has been notified of.
pub fn generation() -> u64 {
    GENERATION.get()
}

/// Whether no watched table and no schema has changed since [`watch`].
pub fn is_current() -> bool {
    IS_CURRENT.get()
}

/// Takes notice of what other sessions have committed. Postgres does so when a statement locks a
/// table, but not when it has waited for a row.
pub fn accept() {
    // SAFETY: a function of the extension is running, so the catalogs can be read afterwards.
    unsafe { pg_sys::AcceptInvalidationMessages() };
}

/// Watches tables that were read after generation `beginning`. If a notification has arrived since,
/// it may be about one of them.
pub fn watch(tables: [Oid; MAX_TABLES], beginning: u64) {
    WATCHED.set(tables);
    IS_CURRENT.set(beginning == generation());
}

/// Registers the callbacks, once per backend.
pub fn register() {
    if IS_REGISTERED.replace(true) {
        return;
    }
    let schemas = pg_sys::SysCacheIdentifier::NAMESPACEOID as i32;
    // SAFETY: the callbacks live as long as the library, which is never unloaded, and neither
    // reads a catalog or raises an error.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_table_change), Datum::null());
        pg_sys::CacheRegisterSyscacheCallback(schemas, Some(on_schema_change), Datum::null());
    }
}

unsafe extern "C-unwind" fn on_table_change(_: Datum, table: Oid) {
    GENERATION.set(GENERATION.get() + 1);
    // No oid means that any table may have changed.
    if table == Oid::INVALID || WATCHED.get().contains(&table) {
        IS_CURRENT.set(false);
    }
}

unsafe extern "C-unwind" fn on_schema_change(_: Datum, _: i32, _: u32) {
    GENERATION.set(GENERATION.get() + 1);
    IS_CURRENT.set(false);
}
