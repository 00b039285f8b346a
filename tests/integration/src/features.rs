//! The five features, and calls of the functions.

use postgres::{Client, Error, Row};
use serde_json::Value;
use uuid::Uuid;

/// A built-in feature, described independently of the registry.
#[derive(Clone, Copy)]
pub struct Feature {
    pub name: &'static str,
    pub increment: &'static str,
    pub column: &'static str,
    pub is_daily: bool,
    /// Its limit in the free plan.
    pub free_limit: i64,
}

#[rustfmt::skip]
pub const FEATURES: [Feature; 5] = [
    Feature { name: "voice_seconds", increment: "increment_voice_seconds", column: "voice_seconds", is_daily: false, free_limit: 120 },
    Feature { name: "insights", increment: "increment_insights_count", column: "insights_count", is_daily: false, free_limit: 0 },
    Feature { name: "therai_calls", increment: "increment_therai_calls", column: "therai_calls", is_daily: true, free_limit: 3 },
    Feature { name: "chat", increment: "increment_chat_messages", column: "chat_messages", is_daily: true, free_limit: 3 },
    Feature { name: "image_generation", increment: "increment_images_generated", column: "images_generated", is_daily: true, free_limit: 3 },
];

impl Feature {
    /// The period key of this feature for a day such as `2025-02-10`.
    pub fn period<'a>(&self, day: &'a str) -> &'a str {
        if self.is_daily { day } else { &day[..7] }
    }
}

/// The n-th user.
pub fn user(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Calls an increment function, whose name may include its schema.
pub fn increment(
    client: &mut impl postgres::GenericClient,
    function: &str,
    user: Uuid,
    amount: i32,
    period: &str,
) -> Result<(), Error> {
    let call = format!("SELECT {function}($1, $2, $3)");
    client.execute(&call, &[&user, &amount, &period]).map(drop)
}

/// A counter of a row: those of add_feature() are bigint, the built-in ones integer.
pub fn counted(row: &Row, column: &str) -> i64 {
    match row.try_get::<_, i32>(column) {
        Ok(count) => count.into(),
        Err(_) => row.get(column),
    }
}

/// Checks a feature in its current period.
pub fn check(client: &mut Client, feature: &str, user: Uuid, amount: i32) -> Value {
    let call = "SELECT check_feature_limit($1, $2, $3)";
    let row = client.query_one(call, &[&user, &feature, &amount]);
    row.expect("an answer").get(0)
}

/// The summary of a user.
pub fn limits(client: &mut Client, user: Uuid) -> Value {
    let row = client.query_one("SELECT get_user_limits($1)", &[&user]);
    row.expect("a summary").get(0)
}
