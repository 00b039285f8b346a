//! Tables as a whole: their locks, and the news that one has changed.

use pgrx::pg_sys::{self, Oid};

/// How a table is going to be used.
#[derive(Clone, Copy)]
pub enum Use {
    Read,
    Write,
}

/// Locks a table until the end of the transaction, as a statement that uses it would.
pub fn lock(table: Oid, usage: Use) {
    let mode = match usage {
        Use::Read => pg_sys::AccessShareLock,
        Use::Write => pg_sys::RowExclusiveLock,
    };
    // SAFETY: a lock may be taken on any oid, also of a table that was dropped.
    unsafe { pg_sys::LockRelationOid(table, mode as pg_sys::LOCKMODE) };
}

/// Tells every session, when this transaction commits, that a table has changed.
pub fn announce_change(table: Oid) {
    // SAFETY: the table exists, since one of its triggers is running.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
}
