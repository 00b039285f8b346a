//! Postgres' hash of a uuid, which a router can use to choose a database.

use pgrx::{IntoDatum, Uuid, direct_function_call, pg_sys};

/// `uuid_hash(uuid)`, as SQL returns it.
pub fn uuid_hash(uuid: Uuid) -> i32 {
    // SAFETY: the function takes one uuid, and returns an integer.
    let hash = unsafe { direct_function_call(pg_sys::uuid_hash, &[uuid.into_datum()]) };
    hash.expect("uuid_hash is strict, and its argument is a value")
}
