//! The users that our tables reference, such as `auth.users`.

use pgrx::Uuid;

use super::registry::Registry;
use crate::pg::argument::Argument;
use crate::pg::role;
use crate::pg::snapshot::Snapshot;

/// Locks users against deletion until the end of the transaction, if our tables reference them.
///
/// A foreign key locks the user when a row is inserted. A call that has locked a counter by then
/// could deadlock with the deletion of the user, which locks the user first and the counter after
/// it. So such a call locks the user before anything else.
pub fn lock(registry: &Registry, user_ids: &[Uuid]) {
    for users in &registry.statements.users.0 {
        role::as_owner(users.owner, || {
            users.lock.rows(&[Argument::Uuids(user_ids)], Snapshot::Command, |_| ())
        });
    }
}
