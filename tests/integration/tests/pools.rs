//! Pools: what members get at once, what they give back to each other, and that their calls never
//! deadlock.

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use integration::frozen::{Frozen, admitted, ask, denials, number, rules, sessions};
use integration::{
    Caller, Cluster, Database, Random, is_to_be_retried, repetitions, require_explained,
    require_parts, reservation_id, seed, sqlstate, together, user,
};
use postgres::Error;
use postgres::error::SqlState;
use serde_json::{Value, json};
use uuid::Uuid;

static SERVER: LazyLock<Frozen> = LazyLock::new(|| Frozen::create("it_pools"));

fn pool(number: u128) -> Uuid {
    Uuid::from_u128(0xFF00 + number)
}

/// A pool with a plan and three members.
fn with_pool(database: &Database, plan: &str, seats: i32) {
    let pool = pool(1);
    database.execute(&format!(
        "INSERT INTO plan_limits (plan_id, insights_limit) VALUES {plan};
         INSERT INTO usage_pools (pool_id, plan_id, seats) VALUES ('{pool}', 'team', {seats})"
    ));
    for member in (1..4).map(user) {
        database.execute(&format!("INSERT INTO usage_pool_members VALUES ('{pool}', '{member}')"));
    }
}

fn consume(member: Uuid, amount: i32) -> String {
    format!("consume_feature('{member}', 'insights', {amount}, p_pool_id => '{}')", pool(1))
}

#[test]
fn a_members_cap_and_the_pools_limit_hold_at_once() {
    SERVER.at("member_cap", "2025-02-10 12:00:00", "insights_limit = 10", |_, database| {
        with_pool(database, "('team', 100)", 1);
        let cap = format!("('member', '{}', 'insights', 'cap', 60, 'month')", pool(1));
        rules(database, "applies_to, pool_id, feature_type, effect, amount, per", &cap);
        let me = user(1);
        assert_eq!(ask(database, &consume(me, 60))["allowed"], true);
        let denied = ask(database, &consume(me, 1));
        assert_eq!(denied["error_code"], "LIMIT_EXCEEDED");
        assert_eq!(
            denied["exceeded"],
            json!([{"effect": "cap", "per": "month", "scope": "member", "feature_type": "insights",
                    "limit": 60, "used": 60, "reset_at": "2025-03-01T00:00:00Z"}])
        );
        // From noon of 10 February to the end of the month.
        assert_eq!(denied["retry_after"], 18 * 86_400 + 43_200);
        let answers = together(&mut sessions(database), |place, caller| {
            let call = format!("SELECT {}", consume(user(2 + u128::from(place % 2)), 1));
            caller.client.query_one(&call, &[]).expect("an answer").get::<_, Value>(0)
        });
        assert_eq!(admitted(&answers), 40);
        assert_eq!(denials(&answers, "error_code"), "LIMIT_EXCEEDED");
        assert_eq!(number(database, "SELECT count(*) FROM feature_usage"), 0);
        let personal = ask(database, &format!("check_feature_limit('{me}', 'insights', 10)"));
        assert_eq!((&personal["allowed"], &personal["remaining"]), (&json!(true), &json!(0)));
    });
}

#[test]
fn what_expired_of_another_member_is_given_back_and_committed_late() {
    SERVER.at("seats", "2025-02-10 12:00:00", "insights_limit = 10", |clock, database| {
        with_pool(database, "('team', 20)", 3);
        let reserve = format!(
            "reserve_feature('{}', 'insights', 50, '1 second', p_pool_id => '{}')",
            user(1),
            pool(1)
        );
        let reservation = reservation_id(&ask(database, &reserve));
        assert_eq!(ask(database, &consume(user(2), 60))["allowed"], false);
        clock.set("2025-02-10 12:00:02");
        assert_eq!(ask(database, &consume(user(2), 60))["allowed"], true);
        let commit = ask(database, &format!("commit_reservation('{reservation}', 50)"));
        assert_eq!((&commit["committed"], &commit["late"]), (&json!(true), &json!(true)));
        let status = format!("usage_status('{}', 'insights', '{}')", user(2), pool(1));
        let status = &ask(database, &status)["features"]["insights"];
        assert_eq!((&status["current_usage"], &status["excess"]), (&json!(110), &json!(50)));
        assert_eq!((&status["member_usage"], &status["limit"]), (&json!(60), &json!(60)));
        assert_eq!(ask(database, &consume(user(2), 1))["error_code"], "LIMIT_EXCEEDED");
    });
}

#[test]
fn sessions_that_use_one_key_in_a_pool_count_once() {
    SERVER.at("one_key", "2025-02-10 12:00:00", "insights_limit = 10", |_, database| {
        with_pool(database, "('team', 1)", 1);
        let call = format!(
            "SELECT consume_feature('{}', 'insights', 1, 'once', p_pool_id => '{}')",
            user(1),
            pool(1)
        );
        let answers = together(&mut sessions(database), |_, caller| {
            caller.client.query_one(&call, &[]).expect("an answer").get::<_, Value>(0)
        });
        let replayed = answers.iter().filter(|answer| answer["replayed"] == true).count();
        assert_eq!((admitted(&answers), replayed), (64, 63));
    });
}

const SESSIONS: u64 = 64;
const CALLS: u64 = 10_000;
const MEMBERS: u64 = 4;

/// Members consume, reserve and settle in two pools crosswise, are killed in between, and leave expired
/// reservations to each other.
#[test]
fn members_of_two_pools_never_deadlock_and_all_counts_agree() {
    let cluster = Cluster::create("it_pools_under_load");
    let database = cluster.database("load");
    let [one, other] = [1, 2].map(pool);
    database.execute(&format!(
        "SELECT add_feature('credits', 'month');
         INSERT INTO plan_limits (plan_id, insights_limit, voice_seconds_limit, credits_limit)
         VALUES ('team', 2000, 0, 3000);
         INSERT INTO usage_pools (pool_id, plan_id, seats) VALUES ('{one}', 'team', 1), ('{other}', 'team', 2);
         INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in)
         VALUES ('all', 'voice_seconds', 'cost', 2, 'credits');
         INSERT INTO usage_rules (applies_to, pool_id, feature_type, effect, amount, per)
         VALUES ('member', '{one}', 'insights', 'cap', 900, 'total'), ('pool', '{one}', 'credits', 'overage', 100, 'period'),
                ('pool', '{other}', 'insights', 'cap', 100000, 'total'), ('member', '{other}', 'credits', 'cap', 100000, 'week');
         INSERT INTO usage_rules (applies_to, feature_type, effect)
         SELECT 'all', feature_type, 'log' FROM usage_features;
         SELECT grant_usage(NULL, 'credits', 500, 'pack of ' || pool_id, p_pool_id => pool_id),
                grant_usage(NULL, 'insights', 200, 'pack of ' || pool_id, p_pool_id => pool_id) FROM usage_pools"
    ));
    for member in (0..MEMBERS).map(|number| user(1 + u128::from(number))) {
        database.execute(&format!(
            "INSERT INTO usage_pool_members SELECT pool_id, '{member}' FROM usage_pools"
        ));
    }
    let (calls, seed) = (repetitions(CALLS) / SESSIONS, seed());
    let mut sessions: Vec<u64> = (0..SESSIONS).collect();
    let admitted: u64 = thread::scope(|scope| {
        let killing = scope.spawn(|| kill_some(&database));
        let told = together(&mut sessions, |_, session| {
            Player::new(&database, seed, *session).play(calls)
        });
        killing.join().expect("a session that kills");
        told.into_iter().sum()
    });
    assert!(admitted * 10 > calls * SESSIONS, "only {admitted} calls were admitted");
    require_agreement(&database);
    database.execute(
        "UPDATE feature_reservations SET expires_at = '2020-01-01' WHERE status = 'reserved'",
    );
    database.execute("SELECT expire_reservations(1000000)");
    let open = "SELECT count(*) FROM feature_reservations WHERE status = 'reserved'";
    assert_eq!(number(&database, open), 0);
    require_agreement(&database);
}

fn kill_some(database: &Database) {
    let mut client = database.connect();
    for _ in 0..20 {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name = 'member' ORDER BY random() LIMIT 1";
        client.batch_execute(kill).expect("a session that is killed");
        thread::sleep(Duration::from_millis(30));
    }
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
            caller: Caller::to_be_killed(database, "member"),
            random,
            reservations: Vec::new(),
        }
    }

    /// Returns how many calls were admitted.
    fn play(mut self, calls: u64) -> u64 {
        let mut admitted = 0;
        for _ in 0..calls {
            match self.call() {
                Ok(is_admitted) => admitted += u64::from(is_admitted),
                Err(error)
                    if self.caller.client.is_closed()
                        || error.code() == Some(&SqlState::ADMIN_SHUTDOWN) =>
                {
                    self.caller = Caller::to_be_killed(self.database, "member");
                }
                Err(error) => {
                    assert!(is_to_be_retried(&error), "{error:?}");
                    assert_eq!(sqlstate::<()>(Err(error)), "40001");
                }
            }
        }
        admitted
    }

    fn call(&mut self) -> Result<bool, Error> {
        let member = user(1 + u128::from(self.random.below(MEMBERS)));
        let pool = pool(1 + u128::from(self.random.below(2)));
        let feature = self.random.pick(&["insights", "voice_seconds"]);
        let amount = 1 + self.random.below(3);
        let in_pool = format!("'{member}', '{feature}', {amount}");
        match self.random.below(16) {
            0..6 => {
                let answer =
                    self.ask(&format!("consume_feature({in_pool}, p_pool_id => '{pool}')"))?;
                Ok(answer["allowed"] == true)
            }
            6..10 => {
                let reserve =
                    format!("reserve_feature({in_pool}, '1 second', p_pool_id => '{pool}')");
                let answer = self.ask(&reserve)?;
                if answer["allowed"] == true {
                    let id = reservation_id(&answer);
                    if self.random.one_in(2) {
                        self.caller.pass(id)?;
                    }
                    self.reservations.push(id);
                }
                Ok(answer["allowed"] == true)
            }
            10..14 => {
                let Some(id) = self.reservations.pop() else { return Ok(false) };
                match self.random.below(3) {
                    0 => self.caller.release(id)?,
                    1 => self.caller.commit(id, Some(amount as i32 + 1))?,
                    _ => self.caller.commit(id, Some(1))?,
                };
                Ok(false)
            }
            14 => {
                // Two pools and two users in one batch, in any order.
                let event = |number: u128, pool: Option<Uuid>| {
                    let (user, pool) =
                        (user(number).to_string(), pool.map(|pool| pool.to_string()));
                    json!({"user_id": user, "pool_id": pool, "feature_type": feature, "amount": 1})
                };
                let [one, other] = [1, 2].map(self::pool);
                let mut events = vec![event(1, Some(one)), event(2, Some(other)), event(3, None)];
                self.random.shuffle(&mut events);
                self.caller.record(&Value::from(events))?;
                Ok(false)
            }
            _ => {
                self.caller.expire(5)?;
                Ok(false)
            }
        }
    }

    fn ask(&mut self, call: &str) -> Result<Value, Error> {
        Ok(self.caller.client.query_one(&format!("SELECT {call}"), &[])?.get(0))
    }
}

/// The total of a pool is the sum of its members' parts and of the ledger; what is paid, is what the
/// currency counts; grants are used by what was drawn.
fn require_agreement(database: &Database) {
    let mut client = database.connect();
    require_parts(&mut client);
    require_explained(&mut client);
    let mut require_none =
        |what: &str, query: &str| integration::require_none(&mut client, what, query);
    let nobody = Uuid::nil();
    let of_pools = format!(
        "(SELECT *, user_id = '{nobody}' AS is_total FROM usage_counters WHERE pool_id <> '{nobody}')"
    );
    require_none(
        "a window counts something else",
        &format!(
            "SELECT * FROM {of_pools} AS w JOIN {of_pools} AS c USING (pool_id, user_id, feature_type)
              WHERE w.feature_type = 'credits' AND NOT w.is_total
                AND w.period LIKE '____-W__' AND length(c.period) = 7 AND w.used <> c.used"
        ),
    );
    require_none(
        "what is paid is not what the currency counts",
        &format!(
            "SELECT pool_id, c.used, v.drawn FROM {of_pools} AS c JOIN {of_pools} AS v USING (pool_id, user_id, period)
              WHERE c.is_total AND c.feature_type = 'credits' AND v.feature_type = 'voice_seconds' AND c.used <> 2 * v.drawn"
        ),
    );
    require_none(
        "grants and counters differ",
        &format!(
            "SELECT * FROM usage_grants AS g JOIN {of_pools} AS c USING (pool_id, feature_type)
              WHERE c.is_total AND length(c.period) = 7 AND g.used <> c.drawn"
        ),
    );
    require_none(
        "more is counted than allowed",
        &format!(
            "SELECT * FROM {of_pools} AS c WHERE length(period) = 7 AND drawn + overage > used AND is_total"
        ),
    );
}
