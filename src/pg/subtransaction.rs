//! Internal subtransactions, like those of a PL/pgSQL block with an exception handler.

use std::panic::AssertUnwindSafe;
use std::ptr;

use pgrx::PgTryBuilder;
use pgrx::pg_sys;

/// Runs work in a subtransaction. If it returns an error, everything that it wrote and locked is
/// undone; if it raises one, that as well, and the error is raised again.
pub fn attempt<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let open = Open::begin();
    let result = PgTryBuilder::new(AssertUnwindSafe(work))
        .catch_others(|caught| {
            open.roll_back();
            caught.rethrow()
        })
        .catch_rust_panic(|caught| {
            open.roll_back();
            caught.rethrow()
        })
        .execute();
    match &result {
        Ok(_) => open.release(),
        Err(_) => open.roll_back(),
    }
    result
}

/// A subtransaction, and what was current before it.
#[derive(Clone, Copy)]
struct Open {
    context: pg_sys::MemoryContext,
    owner: pg_sys::ResourceOwner,
}

impl Open {
    fn begin() -> Self {
        // SAFETY: a function of the extension is running, so there is a transaction. The work goes
        // on in the caller's memory, which outlives the subtransaction.
        unsafe {
            let open =
                Self { context: pg_sys::CurrentMemoryContext, owner: pg_sys::CurrentResourceOwner };
            pg_sys::BeginInternalSubTransaction(ptr::null());
            pg_sys::MemoryContextSwitchTo(open.context);
            open
        }
    }

    fn release(self) {
        // SAFETY: the work has ended everything that it had begun.
        unsafe { pg_sys::ReleaseCurrentSubTransaction() };
        self.restore();
    }

    fn roll_back(self) {
        // SAFETY: aborts whatever the work had begun; pgrx has flushed the error's state.
        unsafe { pg_sys::RollbackAndReleaseCurrentSubTransaction() };
        self.restore();
    }

    fn restore(self) {
        // SAFETY: these were current before, and are older than the subtransaction.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.context);
            pg_sys::CurrentResourceOwner = self.owner;
        }
    }
}
