//! Pools: their plans and members, `usage_pools` and `usage_pool_members`, or the views of these names.

use domain::decision::{Entitlement, Membership};
use domain::rule::Holder;
use pgrx::Uuid;

use super::entitlement::{Plan, entitlement};
use super::owner::nobody;
use super::registry::{Registered, Registry};
use crate::error::Report;
use crate::error::installation::InstallationError;
use crate::pg::argument::Argument;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;

/// The plan of a pool, and whether the member may act in it, in the current snapshot.
pub fn plan(
    registry: &Registry,
    registered: &Registered,
    pool_id: Uuid,
    member: Option<Uuid>,
) -> Plan {
    let read = |row: &Row| {
        let holder = Holder::Pool { seats: row.integer(8).unwrap_or(0) };
        let is_member = member.is_none() || row.get(9) == Some(true);
        let membership = if is_member { Membership::Given } else { Membership::Missing };
        let of_plan = entitlement(row);
        Plan {
            entitlement: Entitlement {
                membership,
                limit: holder.of_all_seats(of_plan.limit),
                ..of_plan
            },
            holder,
            zone: row.get(6),
            anchor: row.instant(7),
        }
    };
    let statement = &registered.statements.entitlement.read_of_pool;
    let arguments = [Argument::Uuid(pool_id), Argument::Uuid(member.unwrap_or(nobody()))];
    let mut rows = registry.on_tables(|| statement.rows(&arguments, Snapshot::Caller, read));
    if rows.len() > 1 {
        InstallationError::AmbiguousPool { pool_id: pool_id.to_string() }.raise();
    }
    rows.pop().unwrap_or_else(|| Plan {
        entitlement: Entitlement { membership: Membership::OfNoPool, ..Entitlement::default() },
        holder: Holder::Pool { seats: 0 },
        zone: None,
        anchor: None,
    })
}
