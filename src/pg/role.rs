//! The role whose rights apply.

use pgrx::pg_sys::{self, Oid};

/// The role that executes the current function.
pub fn current() -> Oid {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::GetUserId() }
}

/// Executes work with the rights of a table's owner, as Postgres does for foreign keys: the caller
/// needs no right to read the table, and row-level security does not hide its rows.
///
/// Only for statements whose text the caller cannot influence.
pub fn as_owner<T>(owner: Oid, work: impl FnOnce() -> T) -> T {
    let _restored = Restored::switch_to(owner);
    work()
}

/// Restores the role on drop, even after an error.
struct Restored {
    role: Oid,
    context: i32,
}

impl Restored {
    fn switch_to(owner: Oid) -> Self {
        let (mut role, mut context) = (Oid::INVALID, 0);
        let flags = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS;
        // SAFETY: dropping the result restores what is changed here; if an error unwinds, the
        // transaction's abort restores it as well.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&raw mut role, &raw mut context);
            pg_sys::SetUserIdAndSecContext(owner, context | flags as i32);
        }
        Self { role, context }
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        // SAFETY: these are the previous values.
        unsafe { pg_sys::SetUserIdAndSecContext(self.role, self.context) };
    }
}
