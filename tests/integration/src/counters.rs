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

/// Requires that the ledger adds up to every counter of a feature that is logged.
pub fn require_explained(client: &mut Client) {
    let unexplained = "SELECT format('%s of %s in %s: %s counted, %s entered', feature_type, user_id, period, count, entered)
        FROM (SELECT fu.user_id, fu.period, uf.feature_type, (to_jsonb(fu) ->> uf.usage_column)::bigint AS count
                FROM feature_usage AS fu CROSS JOIN usage_features AS uf) AS c
        FULL JOIN (SELECT user_id, period, feature_type, sum(amount) AS entered
                     FROM usage_ledger WHERE period <> '' AND pool_id IS NULL GROUP BY 1, 2, 3) AS e USING (user_id, period, feature_type)
       WHERE coalesce(count, 0) <> coalesce(entered, 0)
         AND feature_type IN (SELECT feature_type FROM usage_rules WHERE effect = 'log')";
    require_none(client, "the ledger does not explain counters", unexplained);
}

/// Requires that a query, which lists what contradicts itself, returns no rows.
pub fn require_none(client: &mut Client, what: &str, query: &str) {
    let rows = client.query(&format!("SELECT q::text FROM ({query}) AS q"), &[]).expect(query);
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(rows.is_empty(), "{what}: {rows:#?}");
}
