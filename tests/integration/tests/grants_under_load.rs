//! Many sessions draw from grants, a currency and overage, reserve, settle late, void, and are killed in
//! between: nobody deadlocks, and at the end the grants, the counters and the windows tell the same.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use integration::frozen::number;
use integration::{
    Caller, Cluster, Database, Random, is_to_be_retried, repetitions, require_explained,
    reservation_id, seed, sqlstate, together, user,
};
use postgres::Error;
use postgres::error::SqlState;
use serde_json::{Value, json};
use uuid::Uuid;

const SESSIONS: u64 = 32;
const CALLS: u64 = 100_000;
/// How many calls are made between two changes, so that a fast run has as many changes as a slow one.
const CALLS_PER_CHANGE: u64 = 50;
const USERS: u64 = 3;
/// What is called, with its counter: the first two are paid in credits, which nobody uses directly.
const FEATURES: [(&str, &str); 3] =
    [("chat", "chat_messages"), ("insights", "insights_count"), ("therai_calls", "therai_calls")];

#[test]
fn grants_counters_and_windows_tell_the_same_whoever_is_killed() {
    let cluster = Cluster::create("it_grants_under_load");
    let database = cluster.database("load");
    database.execute(
        "SELECT add_feature('credits', 'total');
         UPDATE plan_limits SET credits_limit = 300, chat_messages_daily_limit = 20, insights_limit = 30,
                                therai_calls_limit = 40;
         INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in)
         VALUES ('all', 'chat', 'cost', 2, 'credits'), ('all', 'insights', 'cost', 3, 'credits');
         INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per)
         VALUES ('all', 'therai_calls', 'overage', 25, 'period'), ('all', 'credits', 'overage', 100, 'period'),
                ('all', 'chat', 'cap', 100000000, 'total'), ('all', 'credits', 'cap', 100000000, 'week'),
                ('all', 'credits', 'warn', 80, 'period'), ('all', 'credits', 'low', 50, 'period');
         INSERT INTO usage_rules (applies_to, feature_type, effect)
         SELECT 'all', feature_type, 'log' FROM usage_features",
    );
    let calls = repetitions(CALLS) / SESSIONS;
    let (made, is_over, seed) = (AtomicU64::new(0), AtomicBool::new(false), seed());
    let mut sessions: Vec<u64> = (0..SESSIONS).collect();
    let told = thread::scope(|scope| {
        let is_over = Over(&is_over);
        let disturbing = scope.spawn(|| disturb(&database, &made, is_over.0, seed));
        let told = together(&mut sessions, |_, session| {
            Player::new(&database, seed, *session).play(calls, &made)
        });
        drop(is_over);
        let kills = disturbing.join().expect("a session that works");
        assert!(kills > 5, "only {kills} sessions were killed");
        told
    });
    let [admitted, retried] = [0, 1].map(|which| told.iter().map(|told| told[which]).sum::<u64>());
    println!("{} calls, {admitted} admitted, {retried} to be retried", calls * SESSIONS);
    assert!(admitted * 20 > calls * SESSIONS, "only {admitted} calls were admitted");
    assert!(retried * 100 < calls * SESSIONS, "{retried} calls failed with 40001");
    compare(&database);
    // What is still open gives back exactly what it holds.
    database.execute(
        "UPDATE feature_reservations SET expires_at = '2020-01-01' WHERE status = 'reserved'",
    );
    database.execute("SELECT expire_reservations(1000000)");
    let open = "SELECT count(*) FROM feature_reservations WHERE status = 'reserved'";
    assert_eq!(number(&database, open), 0);
    compare(&database);
    assert!(number(&database, "SELECT count(*) FROM usage_alerts") > 0, "nobody was warned");
}

/// A currency comes before some features that are paid in it, and after others; of a pool all are in one
/// table. Whoever uses it directly locks it first.
#[test]
fn a_currency_that_is_used_directly_never_deadlocks() {
    let cluster = Cluster::create("it_currency_under_load");
    let database = cluster.database("load");
    let pool = Uuid::from_u128(0xFF01);
    database.execute(&format!(
        "SELECT add_feature('credits', 'month');
         UPDATE plan_limits SET credits_limit = NULL, chat_messages_daily_limit = 0, insights_limit = 0;
         INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in)
         VALUES ('all', 'chat', 'cost', 2, 'credits'), ('all', 'insights', 'cost', 3, 'credits');
         INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per)
         VALUES ('all', 'credits', 'cap', 1000000000, 'week');
         INSERT INTO usage_pools (pool_id) VALUES ('{pool}');
         INSERT INTO usage_pool_members SELECT '{pool}', '{}'",
        user(1)
    ));
    let mut callers = Caller::many(&database, SESSIONS, integration::FUNCTIONS);
    let calls = repetitions(16_000) / SESSIONS;
    // Of each session: how many calls were counted, and how many credits they cost.
    let told = together(&mut callers, |place, caller| {
        let mut told = [0, 0];
        for call in 0..calls {
            let (feature, cost) =
                [("chat", 2), ("insights", 3), ("credits", 1)][((place + call) % 3) as usize];
            let pool = ((place + call / 3) % 2 == 0).then(|| pool.to_string());
            let event = json!([{"user_id": user(1).to_string(), "feature_type": feature, "amount": 1,
                                "pool_id": pool}]);
            let query = match call % 7 {
                0 => format!("SELECT to_jsonb(record_usage('{event}') = 1)"),
                _ => format!(
                    "SELECT consume_feature('{}', '{feature}', 1, p_pool_id => {}) -> 'allowed'",
                    user(1),
                    pool.map_or("NULL".to_owned(), |pool| format!("'{pool}'"))
                ),
            };
            match caller.client.query_one(&query, &[]) {
                Ok(row) if row.get::<_, Value>(0) == true => {
                    told = [told[0] + 1, told[1] + cost];
                }
                Ok(row) => panic!("{query}: {}", row.get::<_, Value>(0)),
                Err(error) => assert_eq!(sqlstate::<()>(Err(error)), "40001"),
            }
        }
        told
    });
    let [counted, credits] = [0, 1].map(|which| told.iter().map(|told| told[which]).sum::<u64>());
    assert!(counted * 10 > calls * SESSIONS * 9, "only {counted} calls were counted");
    let paid = "SELECT ((SELECT sum(credits) FROM feature_usage)
                        + (SELECT used FROM usage_counters WHERE feature_type = 'credits' AND length(period) = 7
                              AND user_id = '00000000-0000-0000-0000-000000000000'))::bigint";
    assert_eq!(number(&database, paid) as u64, credits);
}

/// Ends the disturbance, even if a session fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Kills sessions, raises limits, voids grants and gives new ones while calls are made. Returns how many
/// sessions it killed.
fn disturb(database: &Database, made: &AtomicU64, is_over: &AtomicBool, seed: u64) -> u64 {
    let mut client = database.connect();
    let mut random = Random(seed ^ 0xC0_FFEE);
    let mut kills = 0;
    let mut step = 0;
    while !is_over.load(Ordering::Relaxed) {
        if made.load(Ordering::Relaxed) < step * CALLS_PER_CHANGE {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        step += 1;
        let user = user(1 + u128::from(random.below(USERS)));
        let feature = random.pick(&["credits", "therai_calls"]);
        let change = match random.below(8) {
            0 => {
                kills += 1;
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE application_name = 'player' ORDER BY random() LIMIT 1"
                    .to_owned()
            }
            // Limits never go down, which would leave more counted than they cover.
            1 => "UPDATE plan_limits SET credits_limit = credits_limit + 5,
                                         therai_calls_limit = therai_calls_limit + 1"
                .to_owned(),
            2 => "SELECT void_grant(source_ref) FROM usage_grants ORDER BY random() LIMIT 1"
                .to_owned(),
            3 => format!(
                "SELECT grant_usage('{user}', '{feature}', {}, 'short {step}',
                                    clock_timestamp() + interval '300 ms', p_priority => 1)",
                1 + random.below(20)
            ),
            _ => format!(
                "SELECT grant_usage('{user}', '{feature}', {}, 'pack {step}')",
                1 + random.below(40)
            ),
        };
        client.batch_execute(&change).expect(&change);
    }
    kills
}

struct Player<'a> {
    database: &'a Database,
    caller: Caller,
    random: Random,
    reservations: Vec<Uuid>,
}

impl<'a> Player<'a> {
    fn new(database: &'a Database, seed: u64, session: u64) -> Self {
        let random = Random(seed ^ session);
        Self {
            database,
            caller: Caller::to_be_killed(database, "player"),
            random,
            reservations: Vec::new(),
        }
    }

    /// Returns how many calls were admitted, and how many failed with 40001.
    fn play(mut self, calls: u64, made: &AtomicU64) -> [u64; 2] {
        let mut told = [0, 0];
        for _ in 0..calls {
            made.fetch_add(1, Ordering::Relaxed);
            match self.call() {
                Ok(is_admitted) => told[0] += u64::from(is_admitted),
                Err(error)
                    if self.caller.client.is_closed()
                        || error.code() == Some(&SqlState::ADMIN_SHUTDOWN) =>
                {
                    self.caller = Caller::to_be_killed(self.database, "player");
                }
                Err(error) => {
                    assert!(is_to_be_retried(&error), "{error:?}");
                    assert_eq!(sqlstate::<()>(Err(error)), "40001");
                    told[1] += 1;
                }
            }
        }
        told
    }

    fn call(&mut self) -> Result<bool, Error> {
        let (name, column) = self.random.pick(&FEATURES);
        let user = user(1 + u128::from(self.random.below(USERS)));
        let amount = 1 + self.random.below(3) as i32;
        let caller = &mut self.caller;
        match self.random.below(20) {
            0..6 => return Ok(caller.consume(user, name, amount, None)?["allowed"] == true),
            6..11 => {
                let answer = caller.reserve(user, name, 2 * amount, "1 second", None)?;
                if answer["allowed"] == true {
                    let id = reservation_id(&answer);
                    // Half of them are over when they are settled or given back.
                    if self.random.one_in(2) {
                        caller.pass(id)?;
                    }
                    self.reservations.push(id);
                }
                return Ok(answer["allowed"] == true);
            }
            11..16 => {
                let Some(id) = self.reservations.pop() else { return Ok(false) };
                match self.random.below(4) {
                    0 => caller.release(id)?,
                    1 => caller.commit(id, Some(2 * amount + 1))?,
                    2 => caller.commit(id, Some(1))?,
                    _ => caller.commit(id, None)?,
                };
            }
            16 => {
                let call = format!("SELECT increment_{column}($1, 1, 'current')");
                caller.client.execute(&call, &[&user])?;
            }
            17 => {
                let events = FEATURES.map(|(name, _)| {
                    json!({"user_id": user.to_string(), "feature_type": name, "amount": 1})
                });
                caller.record(&Value::from(events.to_vec()))?;
            }
            18 => drop(caller.expire(5)?),
            _ => {
                caller.client.query_one("SELECT usage_status($1)", &[&user])?;
            }
        }
        Ok(false)
    }
}

/// Lists what contradicts itself, per user.
fn compare(database: &Database) {
    let mut client = database.connect();
    let mut require_none =
        |what: &str, query: &str| integration::require_none(&mut client, what, query);
    let sums = |feature: &str, column: &str| {
        format!(
            "(SELECT u.id, coalesce(c.count, 0) AS count, coalesce(d.drawn, 0) AS drawn,
                     coalesce(d.overage, 0) AS overage, coalesce(g.used, 0) AS granted
                FROM (SELECT DISTINCT user_id AS id FROM feature_usage) AS u
                LEFT JOIN (SELECT user_id AS id, sum({column}) AS count FROM feature_usage GROUP BY 1) AS c USING (id)
                LEFT JOIN (SELECT user_id AS id, sum(drawn) AS drawn, sum(overage) AS overage
                             FROM usage_counters WHERE feature_type = '{feature}' GROUP BY 1) AS d USING (id)
                LEFT JOIN (SELECT user_id AS id, sum(used) AS used
                             FROM usage_grants WHERE feature_type = '{feature}' GROUP BY 1) AS g USING (id))"
        )
    };
    for (feature, column) in FEATURES.into_iter().chain([("credits", "credits")]) {
        let of = sums(feature, column);
        let query = format!("SELECT * FROM {of} AS s WHERE drawn + overage > count OR count < 0");
        require_none(&format!("{feature}: more is covered than counted"), &query);
    }
    for (feature, column) in [("therai_calls", "therai_calls"), ("credits", "credits")] {
        let query = format!("SELECT * FROM {} AS s WHERE drawn <> granted", sums(feature, column));
        require_none(&format!("{feature}: grants and counters differ"), &query);
        let most = if feature == "credits" { 100 } else { 25 };
        let query = format!("SELECT * FROM {} AS s WHERE overage > {most}", sums(feature, column));
        require_none(&format!("{feature}: more overage than the rule allows"), &query);
    }
    let paid = format!(
        "SELECT id, credits.count, 2 * chat.drawn + 3 * insights.drawn AS paid FROM {} AS credits
           JOIN {} AS chat USING (id) JOIN {} AS insights USING (id)
          WHERE credits.count <> 2 * chat.drawn + 3 * insights.drawn",
        sums("credits", "credits"),
        sums("chat", "chat_messages"),
        sums("insights", "insights_count")
    );
    require_none("what is paid is not what the currency counts", &paid);
    for (feature, column, per) in
        [("chat", "chat_messages", "total"), ("credits", "credits", "____-W__")]
    {
        let windows = format!(
            "SELECT c.id, c.count, w.used FROM {} AS c
               JOIN (SELECT user_id AS id, sum(used) AS used FROM usage_counters
                      WHERE feature_type = '{feature}' AND period LIKE '{per}' GROUP BY 1) AS w USING (id)
              WHERE c.count <> w.used",
            sums(feature, column)
        );
        require_none(&format!("{feature}: windows and counters differ"), &windows);
    }
    // What grants gave and took back, as the ledger tells it of themselves and of the currency.
    let granted = "SELECT ug.grant_id, ug.used, l.used AS told FROM usage_grants AS ug
        FULL JOIN (SELECT (part ->> 0)::uuid AS grant_id, sum(sign(ul.amount) * (part ->> 1)::bigint) AS used
                     FROM usage_ledger AS ul, jsonb_array_elements(ul.sources -> 'grants') AS part
                    WHERE ul.amount <> 0 GROUP BY 1) AS l USING (grant_id)
        WHERE ug.used IS DISTINCT FROM coalesce(l.used, 0)";
    require_none("grants and the ledger differ", granted);
    require_explained(&mut client);
}
