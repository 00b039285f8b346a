//! Checks that all functions make of their arguments.

use pgrx::Uuid;

use crate::actions::admit::Acting;
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::store::owner::{Owner, nobody};

/// An argument that must be given.
pub fn required<T>(value: Option<T>, name: &'static str) -> T {
    value.unwrap_or_else(|| ArgumentError::Null { name }.raise())
}

/// The user who acts, in a pool if one is given.
pub fn acting(user_id: Option<Uuid>, pool_id: Option<Uuid>) -> Acting {
    let user_id = required(user_id, "p_user_id");
    if pool_id.is_some() {
        refuse_nobody(Some(user_id), pool_id);
    }
    Acting { user_id, pool_id }
}

/// A user, a pool, or a user in a pool.
pub fn owner(user_id: Option<Uuid>, pool_id: Option<Uuid>) -> Owner {
    refuse_nobody(user_id.filter(|_| pool_id.is_some()), pool_id);
    match pool_id {
        None => Owner::User(required(user_id, "p_user_id")),
        Some(pool_id) => Owner::Pool { pool_id, member: user_id },
    }
}

/// Either a user or a pool.
pub fn only_owner(user_id: Option<Uuid>, pool_id: Option<Uuid>) -> Owner {
    if user_id.is_some() == pool_id.is_some() {
        ArgumentError::NotOneOwner.raise();
    }
    refuse_nobody(user_id, pool_id);
    owner(user_id, pool_id)
}

fn refuse_nobody(user_id: Option<Uuid>, pool_id: Option<Uuid>) {
    for (name, id) in [("p_user_id", user_id), ("p_pool_id", pool_id)] {
        if id == Some(nobody()) {
            ArgumentError::Nobody { name }.raise();
        }
    }
}

/// An amount that is not negative.
pub fn not_negative(amount: i32, name: &'static str) -> i32 {
    if amount < 0 {
        ArgumentError::NegativeAmount { name, amount }.raise();
    }
    amount
}
