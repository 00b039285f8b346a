//! Rows that arrive by logical replication change the registry as well.

use integration::{Cluster, Settings, check, increment, poll, user};

#[test]
fn an_open_session_of_a_subscriber_follows_the_registry() {
    let settings = Settings { options: "-c wal_level=logical", ..Settings::default() };
    let cluster = Cluster::create_with("it_replication", settings);
    let (publisher, subscriber) = (cluster.database("publisher"), cluster.database("subscriber"));
    publisher.execute("CREATE PUBLICATION registry FOR TABLE usage_features");
    // Within one cluster, the subscription would wait for its own transaction to make the slot.
    publisher.execute("SELECT pg_create_logical_replication_slot('registry', 'pgoutput')");
    let publisher_address = publisher.connection_string();
    subscriber.execute(&format!(
        "ALTER TABLE feature_usage ADD COLUMN exports bigint NOT NULL DEFAULT 0;
         ALTER TABLE plan_limits ADD COLUMN exports_limit bigint DEFAULT 5;
         CREATE SUBSCRIPTION registry CONNECTION '{publisher_address}' PUBLICATION registry
             WITH (create_slot = false, copy_data = false)"
    ));
    let mut session = subscriber.connect();
    let mut answer = || check(&mut session, "exports", user(1), 1);
    assert_eq!(answer()["error_code"], "INVALID_FEATURE");

    publisher.execute("SELECT add_feature('exports', 'month')");
    poll("the new feature", || (answer()["limit"] == 5).then_some(()));
    publisher.execute("UPDATE usage_features SET period = 'day' WHERE feature_type = 'exports'");
    poll("the new period", || {
        let period = answer()["period"].as_str().map(str::len);
        (period == Some("2025-02-10".len())).then_some(())
    });
    publisher.execute("DELETE FROM usage_features WHERE feature_type = 'exports'");
    poll("the deletion", || (answer()["error_code"] == "INVALID_FEATURE").then_some(()));
    publisher.execute("TRUNCATE usage_features");
    poll("the truncation", || {
        let counted = increment(&mut session, "increment_images_generated", user(1), 0, "2025-02-10");
        counted.is_err().then_some(())
    });
    subscriber.execute("ALTER SUBSCRIPTION registry DISABLE");
    subscriber.execute("ALTER SUBSCRIPTION registry SET (slot_name = NONE)");
    subscriber.execute("DROP SUBSCRIPTION registry");
}
