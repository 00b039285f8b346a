//! The trigger that makes a change of the registry known to every session.

use std::convert::Infallible;

use pgrx::prelude::*;

use crate::store::invalidation;

/// Runs after every statement that changes `usage_features`.
#[pg_trigger]
fn usage_features_changed<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    let changed = trigger.relation().expect("a trigger runs on a table");
    invalidation::invalidate(changed.oid());
    Ok(None)
}
