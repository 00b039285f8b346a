use domain::settlement::{Request, Settled};
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::{not_negative, required};
use crate::actions::settle::settle;
use crate::pg::jsonb::Jsonb;

/// Settles a reservation after success, and counts what was used, by default the reserved amount.
/// If less was used, the rest is released; if more, all of it is counted, even beyond the limit.
///
/// It counts in the period of the reservation, even if that is over. If the reservation has expired,
/// the answer has `late` true. Repeating the commit returns the same answer; a different one has
/// `committed` false and `RESERVATION_FINALIZED`. With a user, only a reservation of that user is
/// found.
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
