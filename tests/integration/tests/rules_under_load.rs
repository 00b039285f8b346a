//! Many sessions call governed features across a midnight, while rules begin, change and end: nobody
//! deadlocks, and every window counts what the counters count.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use integration::{
    Caller, Cluster, Database, FUNCTIONS, Random, is_to_be_retried, repetitions, require_explained,
    reservation_id, seed, sqlstate, together, user,
};
use postgres::{Client, Error};
use serde_json::{Value, json};
use uuid::Uuid;

const SESSIONS: u64 = 32;
const CALLS: u64 = 100_000;
const FEATURES: [(&str, &str); 2] =
    [("chat", "chat_messages"), ("image_generation", "images_generated")];
const USERS: u64 = 3;

#[test]
fn nobody_deadlocks_and_windows_equal_counters() {
    let cluster = Cluster::create("it_rules_under_load");
    let database = cluster.database("load");
    // In the time zone of the plan, a day ends in the run: longer windows are then shared by the
    // counters of two days.
    database.execute(
        "UPDATE plan_limits SET chat_messages_daily_limit = NULL, image_generation_daily_limit = 5000,
                time_zone = 'XXX-' || make_interval(secs => mod(
                    2 * 86400 - 5 - extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC')::time)::integer, 86400))::text;
         INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per)
         SELECT 'all', feature, 'cap', 100000000, per
           FROM unnest(ARRAY['chat', 'image_generation']) AS feature, unnest(ARRAY['total', 'month']) AS per;
         INSERT INTO usage_rules (applies_to, feature_type, effect)
         VALUES ('all', 'chat', 'log'), ('all', 'image_generation', 'log')",
    );
    let calls = repetitions(CALLS) / SESSIONS;
    let (is_over, seed) = (AtomicBool::new(false), seed());
    let mut callers = Caller::many(&database, SESSIONS, FUNCTIONS);
    let told = thread::scope(|scope| {
        let is_over = Over(&is_over);
        let changing = scope.spawn(|| change_rules(&database, is_over.0, seed));
        let told = together(&mut callers, |session, caller| {
            Player::new(seed ^ session).play(caller, calls)
        });
        drop(is_over);
        let changes = changing.join().expect("a session that works");
        assert!(changes > 100, "only {changes} changes of rules");
        told
    });
    let retried: u64 = told.iter().map(|told| told.retried).sum();
    println!("{} calls, {retried} to be retried", calls * SESSIONS);
    assert!(retried * 1000 < calls * SESSIONS, "{retried} of {calls} calls each failed with 40001");
    let days = number(&mut callers[0].client, "SELECT count(DISTINCT period) FROM feature_usage");
    assert_eq!(days, 2, "the run was within one day");
    compare(&database, &told);
}

/// Ends the changes of rules, even if a session fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a session has counted for good, per feature.
#[derive(Default)]
struct Told {
    counted: [i64; 2],
    retried: u64,
}

struct Player {
    random: Random,
    reservations: Vec<Uuid>,
    told: Told,
}

impl Player {
    fn new(seed: u64) -> Self {
        Self { random: Random(seed), reservations: Vec::new(), told: Told::default() }
    }

    fn play(mut self, caller: &mut Caller, calls: u64) -> Told {
        for _ in 0..calls {
            if let Err(error) = self.call(caller) {
                // Rules that change again and again may end a call with 40001, never with a deadlock.
                assert!(is_to_be_retried(&error), "{error:?}");
                assert_eq!(sqlstate::<()>(Err(error)), "40001");
                self.told.retried += 1;
            }
        }
        self.told
    }

    fn call(&mut self, caller: &mut Caller) -> Result<(), Error> {
        let feature = self.random.below(2) as usize;
        let (name, column) = FEATURES[feature];
        let user = user(1 + u128::from(self.random.below(USERS)));
        let amount = 1 + self.random.below(3) as i32;
        match self.random.below(20) {
            0..9 => {
                let answer = caller.consume(user, name, amount, None)?;
                self.told.counted[feature] += answer["consumed"].as_i64().expect("an amount");
            }
            9..12 => {
                let answer = caller.reserve(user, name, amount, "1 second", None)?;
                if answer["allowed"] == true {
                    self.reservations.push(reservation_id(&answer));
                }
            }
            12..15 => {
                let Some(id) = self.reservations.pop() else { return Ok(()) };
                match self.random.below(4) {
                    0 => caller.release(id)?,
                    1 => caller.commit(id, Some(amount + 2))?,
                    _ => caller.commit(id, None)?,
                };
            }
            15 => {
                let call = format!("SELECT increment_{column}($1, $2, 'current')");
                caller.client.execute(&call, &[&user, &amount])?;
                self.told.counted[feature] += i64::from(amount);
            }
            16 => self.record(caller)?,
            17 => drop(caller.expire(10)?),
            18 => drop(caller.check(user, name, amount)?),
            _ => {
                caller.client.query_one("SELECT usage_status($1)", &[&user])?;
            }
        }
        Ok(())
    }

    fn record(&mut self, caller: &mut Caller) -> Result<(), Error> {
        let picked: Vec<(usize, u128)> = (0..4)
            .map(|_| (self.random.below(2) as usize, 1 + u128::from(self.random.below(USERS))))
            .collect();
        let events = picked.iter().map(
            |(feature, n)| json!({"user_id": user(*n).to_string(), "feature_type": FEATURES[*feature].0, "amount": 1}),
        );
        caller.record(&events.collect::<Value>())?;
        for (feature, _) in picked {
            self.told.counted[feature] += 1;
        }
        Ok(())
    }
}

/// Inserts, ends and deletes rules of other windows and of rates; returns how many times.
fn change_rules(database: &Database, is_over: &AtomicBool, seed: u64) -> u64 {
    let mut client = database.connect();
    let mut random = Random(seed ^ 0xC0_FFEE);
    let mut changes = 0;
    while !is_over.load(Ordering::Relaxed) {
        let (feature, _) = random.pick(&FEATURES);
        let per = random.pick(&["hour", "day", "week", "year", "billing_month"]);
        let user = user(1 + u128::from(random.below(USERS)));
        let change = match random.below(8) {
            0..3 => format!(
                "INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, per)
                 VALUES ('user', '{user}', '{feature}', 'cap', 1000000, '{per}')"
            ),
            3 => format!(
                "INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per, every)
                 VALUES ('all', '{feature}', 'cap', 1000, 'rate', '1 second')"
            ),
            4 => format!(
                "INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, ends_at)
                 VALUES ('user', '{user}', '{feature}', 'deny', now() + interval '20 ms')"
            ),
            5 => "UPDATE usage_rules SET ends_at = greatest(now(), starts_at)
                   WHERE ends_at IS NULL AND per NOT IN ('total', 'month') AND effect <> 'log'"
                .to_owned(),
            6 => "DELETE FROM usage_rules WHERE ends_at < now()".to_owned(),
            _ => "DELETE FROM usage_rules WHERE rule_id IN (
                      SELECT rule_id FROM usage_rules
                       WHERE per NOT IN ('total', 'month') AND effect <> 'log' LIMIT 2)"
                .to_owned(),
        };
        client.batch_execute(&change).expect(&change);
        changes += 1;
        thread::sleep(Duration::from_millis(5));
    }
    changes
}

fn number(client: &mut Client, query: &str) -> i64 {
    client.query_one(query, &[]).expect(query).get(0)
}

/// The counters are what was told, and the windows of rules that held all the time are the same.
fn compare(database: &Database, told: &[Told]) {
    let mut client = database.connect();
    for (feature, (name, column)) in FEATURES.into_iter().enumerate() {
        let counted: i64 = told.iter().map(|told| told.counted[feature]).sum();
        let reserved = format!(
            "SELECT coalesce(sum(CASE status WHEN 'reserved' THEN amount ELSE coalesce(actual, 0) END), 0)::bigint
               FROM feature_reservations WHERE feature_type = '{name}'"
        );
        let expected = counted + number(&mut client, &reserved);
        let own = format!("SELECT sum({column})::bigint FROM feature_usage");
        assert_eq!(number(&mut client, &own), expected, "{name}");
        let window = format!(
            "SELECT sum(used)::bigint FROM usage_counters
              WHERE feature_type = '{name}' AND period = 'total'"
        );
        assert_eq!(number(&mut client, &window), expected, "{name} in total");
    }
    require_explained(&mut client);
}

#[test]
fn a_change_of_plan_and_rules_is_never_seen_by_half() {
    let cluster = Cluster::create("it_rules_and_plans");
    let database = cluster.database("halves");
    let me = user(1);
    // Either plan denies with its own rule, and would admit with the other's.
    database.execute(&format!(
        "INSERT INTO plan_limits (plan_id, chat_messages_daily_limit) VALUES ('none', 0), ('many', 1000000);
         INSERT INTO user_plans (user_id, plan_id) VALUES ('{me}', 'none');
         INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, starts_at)
         VALUES ('user', '{me}', 'chat', 'set', 0, '-infinity'), ('user', '{me}', 'chat', 'add', 1, '-infinity');
         SELECT increment_chat_messages('{me}', 1, 'current')"
    ));
    let (none, many) = (
        format!(
            "BEGIN; UPDATE user_plans SET plan_id = 'none' WHERE user_id = '{me}';
             UPDATE usage_rules SET ends_at = starts_at WHERE effect = 'set'; COMMIT"
        ),
        format!(
            "BEGIN; UPDATE user_plans SET plan_id = 'many' WHERE user_id = '{me}';
             UPDATE usage_rules SET ends_at = NULL WHERE effect = 'set'; COMMIT"
        ),
    );
    let is_over = AtomicBool::new(false);
    let mut callers = Caller::many(&database, 6, FUNCTIONS);
    thread::scope(|scope| {
        let is_over = Over(&is_over);
        let changing = scope.spawn(|| {
            let mut client = database.connect();
            let mut changes = 0;
            while !is_over.0.load(Ordering::Relaxed) {
                client
                    .batch_execute(if changes % 2 == 0 { &many } else { &none })
                    .expect("a change");
                changes += 1;
            }
            changes
        });
        together(&mut callers, |session, caller| {
            for call in 0..repetitions(1_500) {
                let answer = match (session + call) % 3 {
                    0 => caller.check(me, "chat", 1),
                    1 => caller.reserve(me, "chat", 1, "1 hour", None),
                    _ => caller.consume(me, "chat", 1, None),
                };
                let answer = answer.expect("an answer");
                assert_eq!(answer["error_code"], "LIMIT_EXCEEDED", "{answer}");
            }
        });
        drop(is_over);
        let changes: u32 = changing.join().expect("a session that works");
        assert!(changes > 100, "only {changes} changes");
    });
}
