//! The counters as stored in the table.

use std::collections::BTreeMap;

use postgres::Client;
use uuid::Uuid;

use crate::FEATURES;

/// One user's counter of one feature in one period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    pub user: Uuid,
    pub feature: &'static str,
    pub period: String,
}

/// Those that are not 0.
pub type Counts = BTreeMap<Counter, i64>;

/// All counters.
pub fn counts(client: &mut Client) -> Counts {
    read(client.query("SELECT * FROM feature_usage", &[]))
}

/// The counters of one user.
pub fn counts_of(client: &mut Client, user: Uuid) -> Counts {
    read(client.query("SELECT * FROM feature_usage WHERE user_id = $1", &[&user]))
}

fn read(rows: Result<Vec<postgres::Row>, postgres::Error>) -> Counts {
    let mut counts = Counts::new();
    for row in rows.expect("rows") {
        for feature in &FEATURES {
            let (user, period) = (row.get("user_id"), row.get("period"));
            let count: i32 = row.get(feature.column);
            if count != 0 {
                counts.insert(Counter { user, feature: feature.name, period }, count.into());
            }
        }
    }
    counts
}
