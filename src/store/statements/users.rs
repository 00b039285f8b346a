//! The users that our tables reference, such as `auth.users`.

use std::rc::Rc;

use pgrx::pg_sys::Oid;

use crate::pg::statement::Statement;
use crate::store::tables::Reference;

/// One statement per referenced table, with the owner whose rights it needs.
pub struct UserStatements(pub Vec<UserLock>);

pub struct UserLock {
    pub owner: Oid,
    /// Locks the users `$1` against deletion, in the order of their ids.
    pub lock: Rc<Statement>,
}

impl UserStatements {
    pub fn new(references: &[Reference]) -> Self {
        let lock = |Reference { table, column, owner, .. }: &Reference| {
            let text = format!(
                "SELECT FROM {table} AS u WHERE u.{column} OPERATOR(pg_catalog.=) ANY ($1)
                  ORDER BY u.{column} USING OPERATOR(pg_catalog.<) FOR KEY SHARE"
            );
            UserLock { owner: *owner, lock: Statement::kept(text) }
        };
        Self(references.iter().map(lock).collect())
    }
}
