use std::convert::Infallible;

use pgrx::prelude::*;

use crate::pg::table;

/// Makes every session read the registry again: the trigger of `usage_features`.
#[pg_trigger]
fn usage_features_changed<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, Infallible> {
    let changed = trigger.relation().expect("a trigger runs on a table");
    table::announce_change(changed.oid());
    Ok(None)
}
