//! Keeps Rust backtraces out of the errors that callers read.
//!
//! If the server runs with `RUST_BACKTRACE`, pgrx appends a backtrace to the DETAIL of every error
//! that passes through Rust, even of Postgres' own errors.

use std::backtrace::Backtrace;
use std::env;

use pgrx::pg_guard;

/// Overrides `RUST_BACKTRACE` for the standard library of this extension only.
const OVERRIDE: &str = "RUST_LIB_BACKTRACE";

/// Called by Postgres once, when it loads the library.
#[allow(non_snake_case, reason = "Postgres looks for this name")]
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    let before = env::var_os(OVERRIDE);
    // SAFETY: a Postgres backend has one thread, so nobody reads the environment meanwhile.
    unsafe { env::set_var(OVERRIDE, "0") };
    // The standard library reads the environment once, here, and caches the result.
    drop(Backtrace::capture());
    // SAFETY: as above.
    unsafe {
        match before {
            Some(value) => env::set_var(OVERRIDE, value),
            None => env::remove_var(OVERRIDE),
        }
    }
}
