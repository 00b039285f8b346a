//! Whose usage a call is about: a user's own, or that of a pool in which a member acts.

use domain::grant;
use domain::rule::Scope;
use pgrx::Uuid;

use super::counter::CounterKey;
use super::windows::WindowKey;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    User(Uuid),
    Pool {
        pool_id: Uuid,
        /// `None` if the call is about the pool alone.
        member: Option<Uuid>,
    },
}

/// Stands for nobody: the pool of users' own rows, and the user of pools' own rows.
pub fn nobody() -> Uuid {
    Uuid::from_bytes([0; 16])
}

impl Owner {
    /// The owner of what a user does, in a pool if there is one.
    pub fn of(user_id: Uuid, pool_id: Option<Uuid>) -> Self {
        match pool_id {
            None => Self::User(user_id),
            Some(pool_id) => Self::Pool { pool_id, member: Some(user_id) },
        }
    }

    /// The user, or the pool alone.
    pub fn without_member(self) -> Self {
        match self {
            Self::User(user_id) => Self::User(user_id),
            Self::Pool { pool_id, .. } => Self::Pool { pool_id, member: None },
        }
    }

    pub fn is_pool(self) -> bool {
        self.pool_id().is_some()
    }

    pub fn pool_id(self) -> Option<Uuid> {
        match self {
            Self::User(_) => None,
            Self::Pool { pool_id, .. } => Some(pool_id),
        }
    }

    /// The user, or the member of the pool.
    pub fn user_id(self) -> Option<Uuid> {
        match self {
            Self::User(user_id) => Some(user_id),
            Self::Pool { member, .. } => member,
        }
    }

    /// The pool and the user of its own rows.
    pub fn ids(self) -> (Uuid, Uuid) {
        match self {
            Self::User(user_id) => (nobody(), user_id),
            Self::Pool { pool_id, .. } => (pool_id, nobody()),
        }
    }

    /// The pool and the user of the rows of the member of a pool.
    pub fn member_ids(self) -> Option<(Uuid, Uuid)> {
        match self {
            Self::User(_) => None,
            Self::Pool { pool_id, member } => member.map(|member| (pool_id, member)),
        }
    }

    /// The scope of its own limits.
    pub fn scope(self) -> Scope {
        if self.is_pool() { Scope::Pool } else { Scope::User }
    }

    /// Its counter of a feature.
    pub fn counter(self, feature_type: &str, period: &str) -> CounterKey {
        let (pool_id, user_id) = self.ids();
        let (feature_type, period) = (feature_type.to_owned(), period.to_owned());
        CounterKey { pool_id, user_id, period, feature_type }
    }

    /// A window or a rate of the owner, or of the member; `None` if there is no member.
    pub fn window(self, scope: Scope, feature_type: &str, period: &str) -> Option<WindowKey> {
        let (pool_id, user_id) = match scope {
            Scope::Member => self.member_ids()?,
            Scope::User | Scope::Pool => self.ids(),
        };
        let (feature_type, period) = (feature_type.to_owned(), period.to_owned());
        Some(WindowKey { pool_id, user_id, feature_type, period })
    }

    /// Whether a counter or a window with these ids is its own, or its member's.
    pub fn has(self, pool_id: Uuid, user_id: Uuid) -> bool {
        self.ids() == (pool_id, user_id) || self.member_ids() == Some((pool_id, user_id))
    }

    /// As a grant names it.
    pub fn of_grants(self) -> grant::Owner {
        let id = |id: Uuid| uuid::Uuid::from_bytes(*id.as_bytes());
        match self {
            Self::User(user_id) => grant::Owner::User(id(user_id)),
            Self::Pool { pool_id, .. } => grant::Owner::Pool(id(pool_id)),
        }
    }
}
