//! Reads work without writing: on a hot standby and in READ ONLY transactions.

use std::sync::LazyLock;

use integration::{
    Cluster, Database, FEATURES, check, increment, limits, poll, refusal, sqlstate, user,
};
use postgres::Client;
use serde_json::Value;

/// Both servers start in the middle of a day, so that midnight cannot come between two answers.
const NOON: &str = "2024-02-29 12:00:00";
const DAY: &str = "2024-02-29";

struct Pair {
    primary: Cluster,
    standby: Cluster,
}

static PAIR: LazyLock<Pair> = LazyLock::new(|| {
    let primary = Cluster::create_at("it_primary", NOON);
    let standby = primary.standby_at("it_standby", NOON);
    Pair { primary, standby }
});

impl Pair {
    /// A new database on the primary, and the standby's copy of it.
    fn database(&self, name: &str) -> (Database, Database) {
        let database = self.primary.database(name);
        self.catch_up();
        (database, self.standby.existing(name))
    }

    /// Waits until the standby has replayed everything that the primary has written.
    fn catch_up(&self) {
        let mut primary = self.primary.existing("postgres").connect();
        let written = primary.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]);
        let written: String = written.expect("a position").get(0);
        let mut standby = self.standby.existing("postgres").connect();
        poll("the replay", || {
            let query = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
            let row = standby.query_one(query, &[&written]);
            row.expect("an answer").get::<_, bool>(0).then_some(())
        });
    }
}

/// Users on every kind of plan, with some usage each.
const USERS: &str = "
    INSERT INTO plan_limits (plan_id, voice_seconds_limit, chat_messages_daily_limit, has_voice_mode, is_active)
    VALUES ('pro', NULL, 50, true, true), ('old', NULL, NULL, true, false);
    INSERT INTO user_plans (user_id, plan_id, is_active, status, trial_end_date)
    SELECT lpad(n::text, 32, '0')::uuid, plan, active, status, trial
      FROM (VALUES (1, 'pro', true, 'active', NULL), (2, 'pro', false, 'active', NULL),
                   (3, 'old', true, 'active', NULL), (4, 'none', true, 'trialing', NULL),
                   (5, 'free', NULL, NULL, timestamptz '2020-01-01')) AS u (n, plan, active, status, trial);
    SELECT increment_chat_messages(lpad(n::text, 32, '0')::uuid, 3, '2024-02-29'),
           increment_voice_seconds(lpad(n::text, 32, '0')::uuid, 60, '2024-02')
      FROM generate_series(1, 6) AS n";

fn answers(client: &mut Client) -> Vec<Value> {
    let mut answers = Vec::new();
    for n in 1..=7 {
        for feature in FEATURES.iter().map(|feature| feature.name).chain(["exports"]) {
            answers.push(check(client, feature, user(n), 1));
        }
        answers.push(limits(client, user(n)));
    }
    answers
}

#[test]
fn a_standby_returns_the_answers_of_its_primary() {
    let (on_primary, on_standby) = PAIR.database("answers");
    let (mut primary, mut standby) = (on_primary.connect(), on_standby.connect());
    assert_eq!(answers(&mut standby), answers(&mut primary));
    on_primary.execute(USERS);
    PAIR.catch_up();
    let expected = answers(&mut primary);
    let codes: Vec<&Value> = expected.iter().map(|answer| &answer["error_code"]).collect();
    for code in ["TRIAL_EXPIRED", "NO_SUBSCRIPTION", "UNKNOWN_PLAN", "LIMIT_EXCEEDED"] {
        assert!(codes.contains(&&Value::from(code)), "{code} is not among the answers");
    }
    assert_eq!(answers(&mut standby), expected, "an open session");
    assert_eq!(answers(&mut on_standby.connect()), expected, "a new session");
}

#[test]
fn a_change_of_the_registry_reaches_open_sessions_of_the_standby() {
    let (on_primary, on_standby) = PAIR.database("registry");
    let (mut primary, mut standby) = (on_primary.connect(), on_standby.connect());
    for (change, is_known) in [
        ("SELECT 1", false),
        ("SELECT add_feature('exports', 'month')", true),
        ("DELETE FROM usage_features WHERE NOT is_builtin", false),
    ] {
        on_primary.execute(change);
        PAIR.catch_up();
        let answer = check(&mut standby, "exports", user(1), 0);
        assert_eq!(answer["error_code"] != "INVALID_FEATURE", is_known, "{change}");
        assert_eq!(answers(&mut standby), answers(&mut primary), "{change}");
    }
    on_primary.execute("ALTER SCHEMA public RENAME TO app");
    PAIR.catch_up();
    let row = standby.query_one("SELECT app.check_feature_limit($1, 'chat')", &[&user(1)]);
    assert_eq!(row.expect("an answer").get::<_, Value>(0)["allowed"], true);
}

#[test]
fn increments_are_refused_if_nothing_can_be_written() {
    let (on_primary, on_standby) = PAIR.database("refused");
    let mut standby = on_standby.connect();
    let mut read_only = on_primary.connect();
    read_only.batch_execute("SET default_transaction_read_only = on").expect("a setting");
    // Without a row, and with one; in the second round the sessions have already raised the error
    // once.
    for round in ["without a row", "with one"] {
        for feature in &FEATURES {
            let period = feature.period(DAY);
            for session in [&mut standby, &mut read_only] {
                let refused = increment(session, feature.increment, user(1), 1, period);
                assert_eq!(sqlstate(refused), "25006", "{} {round}", feature.name);
                // An amount of 0 writes nothing, and invalid arguments are reported as usual.
                increment(session, feature.increment, user(1), 0, period).expect("nothing to do");
                let refused = refusal(increment(session, feature.increment, user(1), -1, period));
                assert_eq!(refused.code().code(), "22023");
            }
            on_primary.execute(&format!(
                "SELECT {}('{}', 1, '{period}')",
                feature.increment,
                user(1)
            ));
        }
        PAIR.catch_up();
    }
    assert_eq!(answers(&mut standby), answers(&mut read_only));
}

#[test]
fn a_read_assigns_no_transaction_id() {
    let (on_primary, _) = PAIR.database("no_xid");
    on_primary.execute(USERS);
    // A new session reads the registry and prepares its statements; the second time it has both.
    let mut session = on_primary.connect();
    for start in
        ["BEGIN", "BEGIN", "BEGIN READ ONLY", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"]
    {
        session.batch_execute(start).expect(start);
        answers(&mut session);
        let row = session.query_one("SELECT pg_current_xact_id_if_assigned()::text", &[]);
        assert_eq!(row.expect("an answer").get::<_, Option<String>>(0), None, "{start}");
        session.batch_execute("COMMIT").expect("a commit");
    }
}
