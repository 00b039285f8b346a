//! Whole tables: lock them, notify other sessions of a change.

use pgrx::pg_sys::{self, Oid};

/// The use that a table is locked for.
#[derive(Clone, Copy)]
pub enum Use {
    Read,
    Write,
}

/// Locks a table until the end of the transaction, like a statement that uses it.
pub fn lock(table: Oid, usage: Use) {
    let mode = match usage {
        Use::Read => pg_sys::AccessShareLock,
        Use::Write => pg_sys::RowExclusiveLock,
    };
    // SAFETY: any oid can be locked, even that of a dropped table.
    unsafe { pg_sys::LockRelationOid(table, mode as pg_sys::LOCKMODE) };
}

/// Notifies every session, when this transaction commits, that a table has changed.
pub fn announce_change(table: Oid) {
    // SAFETY: the table exists, since one of its triggers is running.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
}
