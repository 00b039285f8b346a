//! Reads work without writing: on a hot standby and in READ ONLY transactions.

use std::sync::LazyLock;

use integration::{
    Cluster, Database, FEATURES, check, increment, limits, poll, refusal, sqlstate, user,
};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::Value;

/// Both servers start in the middle of a day, so that midnight cannot come between two answers. The clock of
/// the standby is some seconds behind: what begins has to begin earlier.
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
fn a_standby_counts_what_was_appended_to_a_counter() {
    let (database, copy) = PAIR.database("appended");
    database.execute(&format!(
        "SELECT increment_chat_messages('{0}', 1, '{DAY}');
         UPDATE feature_usage SET has_increments = true;
         INSERT INTO usage_increments (user_id, period, feature_type, amount) VALUES ('{0}', '{DAY}', 'chat', 1)",
        user(1)
    ));
    PAIR.catch_up();
    for mut client in [database.connect(), copy.connect()] {
        assert_eq!(check(&mut client, "chat", user(1), 1)["current_usage"], 2);
        assert_eq!(limits(&mut client, user(1))["usage"]["chat_messages"], 2);
    }
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

/// What only reads, beside the checks and limits of [`answers`]; NULL-free, so that answers can be compared.
const READS: [&str; 5] = [
    "usage_status('00000000-0000-0000-0000-000000000001')",
    "usage_status('00000000-0000-0000-0000-000000000001', 'image_generation')",
    "usage_period('00000000-0000-0000-0000-000000000001', 'chat')",
    "usage_period('00000000-0000-0000-0000-000000000001', 'insights')",
    "(SELECT jsonb_agg(r) FROM usage_report('2024-02-01', '2024-03-01') AS r)",
];

/// A call of each function that may write. The commit and the release are of a reservation that exists.
const WRITES: [(&str, &str); 22] = [
    ("add_feature", "'exports', 'month'"),
    ("carry_over_usage", "'00000000-0000-0000-0000-000000000001', 'insights', '2024-01', 5"),
    ("commit_reservation", "'00000000-0000-0000-0000-00000000000a'"),
    ("consume_feature", "'00000000-0000-0000-0000-000000000001', 'image_generation'"),
    ("correct_usage", "'00000000-0000-0000-0000-000000000001', 'chat', -1, 'a mistake'"),
    ("expire_reservations", ""),
    ("feature_usage_setup", ""),
    ("grant_usage", "'00000000-0000-0000-0000-000000000001', 'chat', 5, 'another pack'"),
    ("increment_chat_messages", "'00000000-0000-0000-0000-000000000001', 1, 'current'"),
    ("increment_feature_usage", "'00000000-0000-0000-0000-000000000001', 'chat', 1, 'current'"),
    ("increment_images_generated", "'00000000-0000-0000-0000-000000000001', 1, 'current'"),
    ("increment_insights_count", "'00000000-0000-0000-0000-000000000001', 1, 'current'"),
    ("increment_therai_calls", "'00000000-0000-0000-0000-000000000001', 1, 'current'"),
    ("increment_voice_seconds", "'00000000-0000-0000-0000-000000000001', 1, 'current'"),
    ("migrate_image_generation_log", ""),
    ("prune_feature_usage", ""),
    (
        "record_usage",
        r#"'[{"user_id": "00000000-0000-0000-0000-000000000001", "feature_type": "chat", "amount": 1}]'"#,
    ),
    ("release_reservation", "'00000000-0000-0000-0000-00000000000a'"),
    ("reserve_feature", "'00000000-0000-0000-0000-000000000001', 'image_generation'"),
    ("set_user_plan", "'00000000-0000-0000-0000-000000000001', 'pro'"),
    ("usage_features_changed", ""),
    ("void_grant", "'a pack', 'chat', 'a mistake'"),
];

fn json_of(client: &mut Client, call: &str) -> Value {
    client.query_one(&format!("SELECT to_jsonb({call})"), &[]).expect(call).get(0)
}

#[test]
fn what_only_reads_answers_on_a_standby_and_what_may_write_is_refused() {
    let (on_primary, on_standby) = PAIR.database("all_functions");
    on_primary.execute(USERS);
    on_primary.execute(
        "CREATE TABLE image_generation_log (user_id uuid, created_at timestamptz);
         INSERT INTO image_generation_log VALUES ('00000000-0000-0000-0000-000000000001', '2024-02-10');
         INSERT INTO usage_rules (applies_to, feature_type, effect, amount, starts_at) VALUES ('all', 'chat', 'log', 30, '2024-02-01');
         SELECT increment_chat_messages('00000000-0000-0000-0000-000000000001', 1, 'current'),
                grant_usage('00000000-0000-0000-0000-000000000001', 'chat', 5, 'a pack', p_effective_at => '2024-02-01');
         INSERT INTO feature_reservations (reservation_id, user_id, feature_type, period, amount, status, expires_at)
         VALUES ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000001', 'chat', '2024-02-29', 1, 'reserved', '2024-03-01'),
                ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-000000000001', 'chat', '2024-02-29', 1, 'reserved', '2024-02-01')",
    );
    PAIR.catch_up();
    let (mut primary, mut standby) = (on_primary.connect(), on_standby.connect());
    for read in READS {
        let expected = json_of(&mut primary, read);
        assert_ne!(expected, Value::Null, "{read}");
        assert_eq!(json_of(&mut standby, read), expected, "{read}");
    }

    // The lists are complete.
    let functions = "SELECT p.proname::text, p.provolatile = 'v' FROM pg_proc AS p
          JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
         WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1";
    let functions = primary.query(functions, &[]).expect("the functions");
    let (writing, reading): (Vec<_>, Vec<_>) = functions
        .iter()
        .map(|row| (row.get::<_, String>(0), row.get::<_, bool>(1)))
        .partition(|(_, may_write)| *may_write);
    let names = |functions: Vec<(String, bool)>| -> Vec<String> {
        functions.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(writing), WRITES.map(|(name, _)| name));
    let reads =
        ["check_feature_limit", "get_user_limits", "usage_period", "usage_report", "usage_status"];
    assert_eq!(names(reading), reads);

    let before = json_of(
        &mut primary,
        "(SELECT jsonb_agg(u ORDER BY user_id, period) FROM feature_usage AS u)",
    );
    let mut others = Vec::new();
    // In the second round, the sessions have raised each error once.
    for _ in 0..2 {
        for (name, arguments) in WRITES.iter().filter(|(name, _)| *name != "usage_features_changed")
        {
            let call = format!("SELECT {name}({arguments})");
            let outcome = standby.batch_execute(&call).err();
            let code = outcome.as_ref().and_then(|error| error.code()).map(SqlState::code);
            if code != Some("25006") {
                others.push(format!("{call}: {outcome:?}"));
            }
        }
    }
    assert!(others.is_empty(), "not refused with 25006: {others:#?}");
    PAIR.catch_up();
    for session in [&mut primary, &mut standby] {
        let after = json_of(
            session,
            "(SELECT jsonb_agg(u ORDER BY user_id, period) FROM feature_usage AS u)",
        );
        assert_eq!(after, before, "something was counted");
    }
}

/// Rules and grants are read only of features that the registry says are governed, and each session has a
/// copy of it.
#[test]
fn the_first_rule_of_a_feature_reaches_open_sessions_of_the_standby() {
    let (on_primary, on_standby) = PAIR.database("first_rule");
    let mut standby = on_standby.connect();
    let code = |standby: &mut Client| check(standby, "chat", user(1), 1)["error_code"].clone();
    assert_eq!(code(&mut standby), Value::Null);
    on_primary.execute(
        "INSERT INTO usage_rules (applies_to, feature_type, effect, starts_at) VALUES ('all', 'chat', 'deny', '2024-02-01')",
    );
    PAIR.catch_up();
    assert_eq!(code(&mut standby), "DENIED");
    on_primary.execute("DELETE FROM usage_rules");
    PAIR.catch_up();
    assert_eq!(code(&mut standby), Value::Null);
}

#[test]
fn a_standby_that_lags_admits_nothing() {
    let (on_primary, on_standby) = PAIR.database("lag");
    let (mut primary, mut standby) = (on_primary.connect(), on_standby.connect());
    let consume =
        "SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'image_generation')";
    let consume = |primary: &mut Client| -> Value {
        primary.query_one(consume, &[]).expect("an answer").get(0)
    };
    let mut control = PAIR.standby.existing("postgres").connect();
    control.batch_execute("SELECT pg_wal_replay_pause()").expect("a pause");
    poll("the pause", || {
        let state = control.query_one("SELECT pg_get_wal_replay_pause_state()", &[]);
        (state.expect("a state").get::<_, String>(0) == "paused").then_some(())
    });
    for _ in 0..3 {
        assert_eq!(consume(&mut primary)["allowed"], true);
    }
    let says =
        |client: &mut Client| check(client, "image_generation", user(1), 1)["allowed"].clone();
    let (on_the_primary, while_it_lags) = (says(&mut primary), says(&mut standby));
    let denied = consume(&mut primary);
    control.batch_execute("SELECT pg_wal_replay_resume()").expect("the end of the pause");
    assert_eq!((on_the_primary, while_it_lags), (false.into(), true.into()));
    assert_eq!(denied["error_code"], "LIMIT_EXCEEDED");
    PAIR.catch_up();
    assert_eq!(says(&mut standby), false);
    assert_eq!(check(&mut standby, "image_generation", user(1), 0)["current_usage"], 3);
}
