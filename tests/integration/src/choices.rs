//! What random calls of reservations are about.

use uuid::Uuid;

use crate::{Random, Who, user};

/// Users' features with their limits: small ones, which are reached often, and unlimited.
pub const LIMITS: [(&str, Option<i64>); 3] =
    [("image_generation", Some(12)), ("voice_seconds", Some(40)), ("chat", None)];

/// The users of a generation. After some calls a new one follows, whose limits are not used up.
pub const USERS: u64 = 3;

pub fn users(generation: u64) -> impl Iterator<Item = Uuid> {
    (1 + generation * USERS..).take(USERS as usize).map(|number| user(number.into()))
}

pub fn some_user(random: &mut Random, generation: u64) -> Uuid {
    let place = random.below(USERS) as usize;
    users(generation).nth(place).expect("a user")
}

/// A user, who mostly acts in one of these pools if there are any.
pub fn some_who(random: &mut Random, generation: u64, pools: &[Uuid]) -> Who {
    let user = some_user(random, generation);
    if pools.is_empty() || random.one_in(5) {
        return user.into();
    }
    Who::in_pool(random.pick(pools), user)
}

pub fn some_feature(random: &mut Random) -> &'static str {
    random.pick(&LIMITS).0
}

pub fn some_amount(random: &mut Random) -> i32 {
    random.pick(&[0, 1, 1, 2, 3, 5, 13, 41])
}

/// Less than was reserved, the same, more, or no amount.
pub fn some_actual(random: &mut Random, reserved: i32) -> Option<i32> {
    match random.below(5) {
        0 => Some(random.below(reserved as u64 + 1) as i32),
        1 => Some(reserved),
        2 => Some(reserved + 1 + random.below(3) as i32),
        _ => None,
    }
}

/// Mostly one of the newest, which are more often open.
pub fn some_reservation(random: &mut Random, known: &[Uuid]) -> Option<Uuid> {
    let newest = known.len().checked_sub(1)? as u64;
    let back = if random.one_in(8) { newest + 1 } else { (newest + 1).min(12) };
    Some(known[(newest - random.below(back)) as usize])
}
