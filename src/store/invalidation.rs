//! What a backend keeps, and how it learns that it is out of date.
//!
//! Postgres tells every backend, when a transaction commits, which tables and schemas have changed.
//! The callbacks here only set flags: they may run where no catalog can be read.

use std::cell::Cell;

use pgrx::pg_sys::{self, Datum, Oid};

thread_local! {
    static IS_WATCHING: Cell<bool> = const { Cell::new(false) };
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    static REGISTRY_TABLE: Cell<Oid> = const { Cell::new(Oid::INVALID) };
    static REGISTRY_IS_CURRENT: Cell<bool> = const { Cell::new(false) };
}

/// Counts the changes of tables, schemas and roles, any of them, that this backend has been told of.
pub fn generation() -> u64 {
    GENERATION.get()
}

/// Whether what was read of the registry is still what it says.
pub fn registry_is_current() -> bool {
    REGISTRY_IS_CURRENT.get()
}

/// Says that the registry, this table, has been read, beginning in that generation. A change that
/// has arrived meanwhile may be one of the registry.
pub fn has_read_registry(table: Oid, beginning: u64) {
    REGISTRY_TABLE.set(table);
    REGISTRY_IS_CURRENT.set(beginning == generation());
}

/// Tells every session, when this transaction commits, that a table has changed.
pub fn invalidate(table: Oid) {
    // SAFETY: the table exists, since one of its triggers is running.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
}

/// Asks Postgres, once a backend, to be told of changes.
pub fn watch() {
    if IS_WATCHING.replace(true) {
        return;
    }
    let schemas = pg_sys::SysCacheIdentifier::NAMESPACEOID as i32;
    let roles = pg_sys::SysCacheIdentifier::AUTHOID as i32;
    let memberships = pg_sys::SysCacheIdentifier::AUTHMEMROLEMEM as i32;
    // SAFETY: the callbacks live as long as the library, which is never unloaded, and none
    // reads a catalog or raises an error.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_table_change), Datum::null());
        pg_sys::CacheRegisterSyscacheCallback(schemas, Some(on_schema_change), Datum::null());
        pg_sys::CacheRegisterSyscacheCallback(roles, Some(on_role_change), Datum::null());
        pg_sys::CacheRegisterSyscacheCallback(memberships, Some(on_role_change), Datum::null());
    }
}

unsafe extern "C-unwind" fn on_table_change(_: Datum, table: Oid) {
    GENERATION.set(GENERATION.get() + 1);
    // No table named means that any may have changed.
    if table == Oid::INVALID || table == REGISTRY_TABLE.get() {
        REGISTRY_IS_CURRENT.set(false);
    }
}

unsafe extern "C-unwind" fn on_schema_change(_: Datum, _: i32, _: u32) {
    GENERATION.set(GENERATION.get() + 1);
    REGISTRY_IS_CURRENT.set(false);
}

/// What a role may do has changed.
unsafe extern "C-unwind" fn on_role_change(_: Datum, _: i32, _: u32) {
    GENERATION.set(GENERATION.get() + 1);
}
