//! Grants: stocks of units beside the allowance, and the order in which they burn down.

use uuid::Uuid;

/// Who has a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    User(Uuid),
    Pool(Uuid),
}

/// A grant with what is left of it. Instants are in microseconds from 1970; infinity is the largest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub grant_id: Uuid,
    pub owner: Owner,
    pub feature_type: String,
    pub left: i64,
    /// What was granted.
    pub amount: i64,
    pub priority: i64,
    pub effective_at: i64,
    pub expires_at: i64,
    pub created_at: i64,
    pub is_void: bool,
}

impl Grant {
    fn is_active(&self, now: i64) -> bool {
        !self.is_void && self.effective_at <= now && now < self.expires_at
    }
}

/// What is left of the grants that are active, in the order in which they burn down: those with the
/// lower priority first, then those that expire first.
pub fn in_burn_order<'a>(grants: impl Iterator<Item = &'a Grant>, now: i64) -> Vec<(Uuid, i64)> {
    let mut active: Vec<&Grant> =
        grants.filter(|grant| grant.is_active(now) && grant.left > 0).collect();
    active.sort_by_key(|grant| {
        let Grant { priority, expires_at, effective_at, created_at, grant_id, .. } = grant;
        (*priority, *expires_at, *effective_at, *created_at, *grant_id)
    });
    active.into_iter().map(|grant| (grant.grant_id, grant.left)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(id: u128, priority: i64, expires_at: i64) -> Grant {
        Grant {
            grant_id: Uuid::from_u128(id),
            owner: Owner::User(Uuid::nil()),
            feature_type: "chat".to_owned(),
            left: 5,
            amount: 9,
            priority,
            effective_at: 10,
            expires_at,
            created_at: 0,
            is_void: false,
        }
    }

    fn order(grants: &[Grant], now: i64) -> Vec<u128> {
        in_burn_order(grants.iter(), now).into_iter().map(|(id, _)| id.as_u128()).collect()
    }

    #[test]
    fn the_lower_priority_burns_first_then_the_earlier_expiry() {
        let grants = [
            grant(1, 100, i64::MAX),
            grant(2, 100, 90),
            grant(3, 1, i64::MAX),
            Grant { effective_at: 9, ..grant(4, 100, i64::MAX) },
            Grant { created_at: -1, ..grant(5, 100, i64::MAX) },
            grant(6, 100, i64::MAX),
        ];
        assert_eq!(order(&grants, 20), [3, 2, 4, 5, 1, 6]);
    }

    #[test]
    fn only_active_grants_burn() {
        let mut grants = [grant(1, 0, 90)];
        let at = |grants: &[Grant], now| order(grants, now).len();
        assert_eq!([9, 10, 89, 90].map(|now| at(&grants, now)), [0, 1, 1, 0]);
        grants[0].is_void = true;
        assert_eq!(at(&grants, 20), 0);
        grants[0] = Grant { left: 0, ..grant(1, 0, 90) };
        assert_eq!(at(&grants, 20), 0);
    }
}
