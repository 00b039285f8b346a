use domain::settlement::{Request, Settled};
use pgrx::Uuid;
use pgrx::prelude::*;

use super::arguments::required;
use crate::actions::settle::settle;
use crate::pg::jsonb::Jsonb;

/// Settles a reservation after failure, and subtracts all of it from the counter. Repeating the
/// release returns the same answer; a release after a commit has `released` false and
/// `RESERVATION_FINALIZED`. With a user, only a reservation of that user is found. A NULL id is
/// 22004, an unknown one P0002.
#[pg_extern(volatile)]
fn release_reservation(
    p_reservation_id: Option<Uuid>,
    p_user_id: default!(Option<Uuid>, "NULL"),
) -> Jsonb<Settled> {
    let reservation_id = required(p_reservation_id, "p_reservation_id");
    Jsonb(settle(reservation_id, p_user_id, Request::Release))
}
