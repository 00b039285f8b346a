//! The counters as stored in the tables.

use std::collections::BTreeMap;

use postgres::Client;
use uuid::Uuid;

use crate::{FEATURES, Who};

/// A counter of one feature in one period: a user's, a pool's total, or a member's part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// Zero is no pool.
    pub pool: Uuid,
    /// Zero is the pool's total.
    pub user: Uuid,
    pub feature: &'static str,
    pub period: String,
}

impl Counter {
    /// The counter of a user.
    pub fn of(user: Uuid, feature: &'static str, period: &str) -> Self {
        Self { pool: Uuid::nil(), user, feature, period: period.to_owned() }
    }

    /// Whether both count the same use, perhaps in other periods.
    pub fn differs_in_period_only(&self, other: &Self) -> bool {
        (self.pool, self.user, self.feature) == (other.pool, other.user, other.feature)
    }
}

/// Those that are not 0.
pub type Counts = BTreeMap<Counter, i64>;

/// Adds to counts, and leaves out what is 0 then.
pub fn add(counts: &mut Counts, counter: Counter, amount: i64) {
    *counts.entry(counter).or_default() += amount;
    counts.retain(|_, count| *count != 0);
}

/// The rows of `feature_usage`, with what was appended to their counters.
pub fn usage() -> String {
    let counter = |feature: &crate::Feature| {
        let (column, name) = (feature.column, feature.name);
        format!(
            "fu.{column} + coalesce((
                SELECT sum(ui.amount)::integer FROM usage_increments AS ui
                 WHERE fu.has_increments AND ui.user_id = fu.user_id AND ui.period = fu.period
                   AND ui.feature_type = '{name}'), 0) AS {column}"
        )
    };
    let counters: Vec<String> = FEATURES.iter().map(counter).collect();
    format!("(SELECT fu.user_id, fu.period, {} FROM feature_usage AS fu)", counters.join(", "))
}

/// All counters.
pub fn counts(client: &mut Client) -> Counts {
    let mut counts = read(client.query(&format!("SELECT * FROM {} AS u", usage()), &[]));
    counts.extend(of_pools(client, None));
    counts
}

/// The counters of one user, or of a whole pool.
pub fn counts_of(client: &mut Client, who: Who) -> Counts {
    match who.pool {
        Some(pool) => of_pools(client, Some(pool)),
        None => {
            let query = format!("SELECT * FROM {} AS u WHERE user_id = $1", usage());
            read(client.query(&query, &[&who.user]))
        }
    }
}

fn read(rows: Result<Vec<postgres::Row>, postgres::Error>) -> Counts {
    let mut counts = Counts::new();
    for row in rows.expect("rows") {
        for feature in &FEATURES {
            let count: i32 = row.get(feature.column);
            if count != 0 {
                let counter = Counter::of(row.get("user_id"), feature.name, row.get("period"));
                counts.insert(counter, count.into());
            }
        }
    }
    counts
}

/// The totals and parts of one pool, or of all, without the windows of caps.
fn of_pools(client: &mut Client, pool: Option<Uuid>) -> Counts {
    let query = "SELECT pool_id, user_id, feature_type, period, used FROM usage_counters
                  WHERE pool_id = coalesce($1, pool_id) AND pool_id <> $2 AND used <> 0";
    let mut counts = Counts::new();
    for row in client.query(query, &[&pool, &Uuid::nil()]).expect("rows") {
        let (name, period): (&str, String) = (row.get(2), row.get(3));
        let is_own = |feature: &&crate::Feature| {
            feature.name == name && feature.period("2024-02-29").len() == period.len()
        };
        if let Some(feature) = FEATURES.iter().find(is_own) {
            let (pool, user, feature) = (row.get(0), row.get(1), feature.name);
            counts.insert(Counter { pool, user, feature, period }, row.get(4));
        }
    }
    counts
}

/// The rows of `usage_counters` of pools: whose each is, and whether it counts the feature's own period, which
/// is a day or a month, or the window of a cap.
const OF_POOLS: &str = "(
    SELECT c.*, c.user_id = '00000000-0000-0000-0000-000000000000' AS is_total,
           length(c.period) = CASE f.period WHEN 'day' THEN 10 WHEN 'month' THEN 7 END AS is_own
      FROM usage_counters AS c JOIN usage_features AS f USING (feature_type)
     WHERE c.pool_id <> '00000000-0000-0000-0000-000000000000')";

/// Requires that the ledger adds up to every counter of a feature that is logged, in pools to the members' parts.
pub fn require_explained(client: &mut Client) {
    let unexplained = format!(
        "SELECT format('%s of %s in %s %s: %s counted, %s entered', feature_type, user_id, pool_id, period, count, entered)
        FROM (SELECT '00000000-0000-0000-0000-000000000000' AS pool_id, fu.user_id, fu.period, uf.feature_type,
                     (to_jsonb(fu) ->> uf.usage_column)::bigint AS count
                FROM feature_usage AS fu CROSS JOIN usage_features AS uf
               UNION ALL
              SELECT pool_id, user_id, period, feature_type, used FROM {OF_POOLS} AS p WHERE is_own AND NOT is_total) AS c
        FULL JOIN (SELECT coalesce(pool_id, '00000000-0000-0000-0000-000000000000') AS pool_id, user_id, period, feature_type,
                          sum(amount) AS entered
                     FROM usage_ledger WHERE period <> '' GROUP BY 1, 2, 3, 4) AS e USING (pool_id, user_id, period, feature_type)
       WHERE coalesce(count, 0) <> coalesce(entered, 0)
         AND feature_type IN (SELECT feature_type FROM usage_rules WHERE effect = 'log')"
    );
    require_none(client, "the ledger does not explain counters", &unexplained);
}

/// Requires that the total of every pool is the sum of its members' parts, and that caps on all that is ever
/// used have counted as much.
pub fn require_parts(client: &mut Client) {
    let differing = format!(
        "SELECT pool_id, feature_type, period, sum(used) FILTER (WHERE is_total) AS total,
                sum(used) FILTER (WHERE NOT is_total) AS parts
           FROM {OF_POOLS} AS c WHERE is_own GROUP BY 1, 2, 3
         HAVING sum(used) FILTER (WHERE is_total) IS DISTINCT FROM sum(used) FILTER (WHERE NOT is_total)"
    );
    require_none(client, "totals and members' parts differ", &differing);
    let windows = format!(
        "SELECT pool_id, user_id, feature_type, sum(used) FILTER (WHERE period = 'total') AS window,
                sum(used) FILTER (WHERE is_own) AS counted
           FROM {OF_POOLS} AS c GROUP BY 1, 2, 3
         HAVING sum(used) FILTER (WHERE period = 'total') <> coalesce(sum(used) FILTER (WHERE is_own), 0)"
    );
    require_none(client, "windows and counters differ", &windows);
}

/// Requires that a query, which lists what contradicts itself, returns no rows.
pub fn require_none(client: &mut Client, what: &str, query: &str) {
    let rows = client.query(&format!("SELECT q::text FROM ({query}) AS q"), &[]).expect(query);
    let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(rows.is_empty(), "{what}: {rows:#?}");
}
