//! The users that our tables reference, such as `auth.users`.

use pgrx::Uuid;

use super::registry::Registry;
use crate::pg::argument::Argument;
use crate::pg::role;
use crate::pg::snapshot::Snapshot;

/// Locks users against deletion until the end of the transaction, if a table of the extension
/// references them.
///
/// A foreign key locks the user when a row is inserted. Deleting a user locks the user first and
/// the counter second, so a call that has locked a counter by then could deadlock with it. To
/// prevent that, lock the user first.
pub fn lock(registry: &Registry, user_ids: &[Uuid]) {
    for users in &registry.statements.users.0 {
        role::as_owner(users.owner, || {
            users.lock.rows(&[Argument::Uuids(user_ids)], Snapshot::Command, |_| ())
        });
    }
}
