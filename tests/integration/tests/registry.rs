//! Changes of the registry, the schema or the tables reach open sessions.

use std::sync::LazyLock;

use integration::{
    Cluster, Database, FEATURES, Settings, check, increment, limits, poll, refusal, sqlstate, user,
};
use postgres::Client;

const DAY: &str = "2024-01-31";

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_registry"));

/// A cluster that can publish changes.
static LOGICAL: LazyLock<Cluster> = LazyLock::new(|| {
    let settings = Settings { options: "-c wal_level=logical", ..Settings::default() };
    Cluster::create_with("it_logical", settings)
});

/// A session with its copy of the registry and its prepared statements.
fn used_session(database: &Database) -> Client {
    let mut client = database.connect();
    use_functions(&mut client);
    client
}

fn use_functions(client: &mut Client) {
    for feature in &FEATURES {
        increment(client, feature.increment, user(1), 1, feature.period(DAY)).expect("a count");
        assert!(knows(client, feature.name));
    }
    limits(client, user(1));
}

fn knows(client: &mut Client, feature: &str) -> bool {
    check(client, feature, user(1), 0)["error_code"] != "INVALID_FEATURE"
}

fn execute(client: &mut Client, statements: &str) {
    client.batch_execute(statements).expect(statements);
}

fn images(client: &mut Client, table: &str) -> i32 {
    let query = format!("SELECT images_generated FROM {table} WHERE user_id = $1 AND period = $2");
    let row = client.query_one(&query, &[&user(1), &DAY]);
    row.expect("a row").get(0)
}

fn count_image(client: &mut Client, schema: &str) {
    let function = format!("{schema}.increment_images_generated");
    increment(client, &function, user(1), 1, DAY).expect("a count");
}

#[test]
fn a_new_feature_is_known_to_open_sessions_as_soon_as_it_is_committed() {
    let database = CLUSTER.database("new_feature");
    let (mut admin, mut other) = (used_session(&database), used_session(&database));
    assert!(!knows(&mut other, "exports"));
    execute(&mut admin, "SELECT add_feature('exports', 'month')");
    assert!(knows(&mut other, "exports") && knows(&mut admin, "exports"));
    increment(&mut other, "increment_exports", user(1), 7, "2024-01").expect("a count");
    let row = other.query_one("SELECT exports FROM feature_usage WHERE period = '2024-01'", &[]);
    assert_eq!(row.expect("a row").get::<_, i64>(0), 7);
    assert_eq!(limits(&mut other, user(1))["usage"]["exports"], 0);
}

#[test]
fn an_old_snapshot_does_not_make_the_copy_of_the_registry_stale() {
    let database = CLUSTER.database("old_snapshot");
    for (feature, level) in [("one", "REPEATABLE READ"), ("two", "SERIALIZABLE")] {
        let (mut used, mut fresh) = (used_session(&database), database.connect());
        for session in [&mut used, &mut fresh] {
            execute(session, &format!("BEGIN ISOLATION LEVEL {level}; SELECT 1"));
        }
        database.execute(&format!("SELECT add_feature('{feature}', 'day')"));
        for session in [&mut used, &mut fresh] {
            assert!(knows(session, "chat"));
            assert!(knows(session, feature), "inside the transaction");
            execute(session, "COMMIT");
            assert!(knows(session, feature), "after the transaction");
            increment(session, &format!("increment_{feature}"), user(2), 1, DAY).expect("a count");
        }
    }
}

#[test]
fn an_old_snapshot_does_not_bring_a_deleted_feature_back() {
    let database = CLUSTER.database("old_snapshot_delete");
    database.execute("SELECT add_feature('exports', 'month')");
    let mut session = used_session(&database);
    execute(&mut session, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    database.execute("DELETE FROM usage_features WHERE feature_type = 'exports'");
    knows(&mut session, "exports");
    execute(&mut session, "COMMIT");
    assert!(!knows(&mut session, "exports"));
}

#[test]
fn an_uncommitted_feature_is_known_to_its_own_session_only() {
    let database = CLUSTER.database("uncommitted");
    let (mut admin, mut other) = (used_session(&database), used_session(&database));
    for end in ["ROLLBACK", "COMMIT"] {
        execute(&mut admin, "BEGIN; SELECT add_feature('exports', 'month')");
        assert!(knows(&mut admin, "exports"));
        assert!(!knows(&mut other, "exports"));
        // A session that has not read the registry yet waits for the tables, as every call would.
        let mut fresh = database.connect();
        execute(&mut fresh, "SET lock_timeout = '100ms'");
        let refused = fresh.query_one("SELECT check_feature_limit($1, 'exports')", &[&user(1)]);
        assert_eq!(sqlstate(refused), "55P03");
        execute(&mut admin, end);
        assert_eq!(knows(&mut fresh, "exports"), end == "COMMIT", "{end}");
        for session in [&mut admin, &mut other] {
            assert_eq!(knows(session, "exports"), end == "COMMIT", "{end}");
            use_functions(session);
        }
    }
}

#[test]
fn a_feature_is_gone_after_rollback_to_savepoint() {
    let database = CLUSTER.database("savepoint");
    let (mut admin, mut other) = (used_session(&database), used_session(&database));
    execute(
        &mut admin,
        "BEGIN; SELECT add_feature('kept', 'day'); SAVEPOINT s; SELECT add_feature('gone', 'day')",
    );
    assert!(knows(&mut admin, "kept") && knows(&mut admin, "gone"));
    execute(&mut admin, "ROLLBACK TO SAVEPOINT s");
    assert!(knows(&mut admin, "kept") && !knows(&mut admin, "gone"));
    execute(&mut admin, "COMMIT");
    for session in [&mut admin, &mut other] {
        assert!(knows(session, "kept") && !knows(session, "gone"));
        use_functions(session);
    }
}

#[test]
fn a_deleted_feature_is_unknown_to_open_sessions() {
    let database = CLUSTER.database("deleted");
    database.execute("SELECT add_feature('exports', 'month')");
    let mut session = used_session(&database);
    assert!(knows(&mut session, "exports"));
    database.execute("DELETE FROM usage_features WHERE feature_type = 'exports'");
    assert!(!knows(&mut session, "exports"));
    let refused = refusal(increment(&mut session, "increment_exports", user(1), 1, "2024-01"));
    assert_eq!(refused.code().code(), "22023");
    use_functions(&mut session);
}

#[test]
fn a_replicated_row_is_seen() {
    let database = CLUSTER.database("replica");
    database.execute(
        "SELECT add_feature('exports', 'month'); DELETE FROM usage_features WHERE NOT is_builtin",
    );
    let mut session = used_session(&database);
    assert!(!knows(&mut session, "exports"));
    database.execute(
        "SET session_replication_role = replica;
         INSERT INTO usage_features (feature_type, usage_column, limit_column, period)
         VALUES ('exports', 'exports', 'exports_limit', 'month')",
    );
    assert!(knows(&mut session, "exports"));
    // An apply worker fires only row triggers, and statement triggers of TRUNCATE.
    database.execute(
        "SET session_replication_role = replica;
         UPDATE usage_features SET feature_type = 'export' WHERE feature_type = 'exports'",
    );
    assert!(knows(&mut session, "export") && !knows(&mut session, "exports"));
    database.execute("SET session_replication_role = replica; TRUNCATE usage_features");
    assert!(!knows(&mut session, "chat"));
    database.execute("SELECT feature_usage_setup()");
    use_functions(&mut session);
    assert!(!knows(&mut session, "export"));
}

#[test]
fn rows_from_logical_replication_are_seen() {
    // Publisher and subscriber are in one cluster, so the slot must be created beforehand.
    let (from, to) = (LOGICAL.database("publisher"), LOGICAL.database("subscriber"));
    from.execute("CREATE PUBLICATION features FOR TABLE usage_features");
    from.execute("SELECT pg_create_logical_replication_slot('features', 'pgoutput')");
    // Replication brings rows, and no columns.
    to.execute("SELECT add_feature('exports', 'month'); DELETE FROM usage_features");
    let mut session = to.connect();
    let mut wait_until = |feature: &str, is_known: bool| {
        poll(feature, || (knows(&mut session, feature) == is_known).then_some(()));
    };
    to.execute(&format!(
        "CREATE SUBSCRIPTION features CONNECTION '{}' PUBLICATION features
             WITH (create_slot = false, slot_name = 'features', copy_data = true)",
        from.conninfo()
    ));
    wait_until("chat", true);
    from.execute("SELECT add_feature('exports', 'month')");
    wait_until("exports", true);
    from.execute("DELETE FROM usage_features WHERE feature_type = 'exports'");
    wait_until("exports", false);
    to.execute("ALTER SUBSCRIPTION features DISABLE");
}

#[test]
fn open_sessions_follow_a_renamed_schema() {
    let database = CLUSTER.empty_database("renamed");
    database.execute("CREATE SCHEMA a; CREATE EXTENSION feature_usage SCHEMA a");
    let (mut admin, mut other) = (database.connect(), database.connect());
    count_image(&mut admin, "a");
    count_image(&mut other, "a");
    execute(&mut admin, "ALTER SCHEMA a RENAME TO b");
    count_image(&mut admin, "b");
    count_image(&mut other, "b");
    // An unrelated schema of the old name has no effect.
    execute(
        &mut admin,
        "CREATE SCHEMA a; CREATE TABLE a.feature_usage (LIKE b.feature_usage INCLUDING ALL)",
    );
    count_image(&mut admin, "b");
    count_image(&mut other, "b");
    assert_eq!(images(&mut other, "b.feature_usage"), 6);
    let row = other.query_one("SELECT b.get_user_limits($1)", &[&user(1)]);
    assert_eq!(row.expect("a summary").get::<_, serde_json::Value>(0)["limits"]["plan_id"], "free");
}

#[test]
fn open_sessions_follow_the_extension_into_another_schema() {
    let database = CLUSTER.empty_database("moved");
    database.execute("CREATE SCHEMA a; CREATE SCHEMA b; CREATE EXTENSION feature_usage SCHEMA a");
    let (mut admin, mut other) = (database.connect(), database.connect());
    for (schema, counted) in [("a", 2), ("b", 2), ("a", 4)] {
        execute(
            &mut admin,
            &format!(
                "DROP EXTENSION feature_usage; CREATE EXTENSION feature_usage SCHEMA {schema}"
            ),
        );
        count_image(&mut admin, schema);
        count_image(&mut other, schema);
        assert_eq!(images(&mut admin, &format!("{schema}.feature_usage")), counted, "{schema}");
    }
}

#[test]
fn dropped_tables_are_an_error_with_a_hint_and_are_restored_empty() {
    let database = CLUSTER.database("dropped_tables");
    let mut session = used_session(&database);
    let mut admin = used_session(&database);
    for table in ["feature_usage", "user_plans", "plan_limits"] {
        execute(&mut admin, &format!("DROP TABLE {table}"));
        for client in [&mut session, &mut admin] {
            let refused =
                refusal(client.query("SELECT check_feature_limit($1, 'chat')", &[&user(1)]));
            assert_eq!(refused.code().code(), "42P01", "{table}");
            assert!(
                refused.hint().is_some_and(|hint| hint.contains("feature_usage_setup()")),
                "{table}"
            );
            let refused = refusal(client.query("SELECT get_user_limits($1)", &[&user(1)]));
            assert_eq!(refused.code().code(), "42P01", "{table}");
            assert!(
                refused.hint().is_some_and(|hint| hint.contains("feature_usage_setup()")),
                "{table}"
            );
        }
        if table == "feature_usage" {
            let refused =
                refusal(increment(&mut session, "increment_images_generated", user(1), 1, DAY));
            assert_eq!(refused.code().code(), "42P01");
            assert!(refused.hint().is_some_and(|hint| hint.contains("feature_usage_setup()")));
        }
        execute(&mut admin, "SELECT feature_usage_setup()");
        for client in [&mut session, &mut admin] {
            use_functions(client);
        }
    }
    assert_eq!(images(&mut session, "feature_usage"), 6);
}

#[test]
fn prepared_statements_survive_added_and_dropped_columns() {
    let database = CLUSTER.database("columns");
    let mut session = used_session(&database);
    for change in [
        "ALTER TABLE feature_usage ADD COLUMN note text DEFAULT 'x'",
        "ALTER TABLE feature_usage DROP COLUMN note",
        "ALTER TABLE feature_usage DROP COLUMN id",
        "ALTER TABLE plan_limits ADD COLUMN has_exports boolean NOT NULL DEFAULT true",
        "ALTER TABLE plan_limits DROP COLUMN has_exports",
        "ALTER TABLE plan_limits ALTER COLUMN chat_messages_daily_limit TYPE bigint",
        "ALTER TABLE user_plans ADD COLUMN stripe_id text",
        "ALTER TABLE user_plans ALTER COLUMN trial_end_date TYPE date",
        "ALTER TABLE user_plans ALTER COLUMN plan_id TYPE varchar(20)",
    ] {
        database.execute(change);
        use_functions(&mut session);
        let has_flag = limits(&mut session, user(1))["limits"]["features"]["exports"] == true;
        assert_eq!(has_flag, change.contains("ADD COLUMN has_exports"), "{change}");
    }
    assert_eq!(images(&mut session, "feature_usage"), 10);
}
