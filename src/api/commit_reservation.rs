use domain::settlement::{Request, Settled};
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::{not_negative, required};
use crate::actions::settle::settle;
use crate::pg::jsonb::Jsonb;

/// Ends a reservation after success, and counts what was used, by default the reserved amount. Less
/// gives the rest back; more is counted in full, and the next call is denied.
///
/// It counts in the period of the reservation, even if that or the reservation is over, which the
/// answer calls `late`. The same commit again returns the same answer; another one has `committed`
/// false and `RESERVATION_FINALIZED`. With a user, only a reservation of that user is found.
///
/// | SQLSTATE | when |
/// |---|---|
/// | 22004 | the id is NULL |
/// | 22023 | the amount is negative |
/// | P0002 | there is no such reservation |
/// | 22003 | the count does not fit into the column |
#[pg_extern(volatile)]
fn commit_reservation(
    p_reservation_id: Option<Uuid>,
    p_actual: default!(Option<i32>, "NULL"),
    p_user_id: default!(Option<Uuid>, "NULL"),
) -> Jsonb<Settled> {
    let actual = p_actual.map(|actual| not_negative(actual, "p_actual"));
    let reservation_id = required(p_reservation_id, "p_reservation_id");
    Jsonb(settle(reservation_id, p_user_id, Request::Commit(actual)))
}
