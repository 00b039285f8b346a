//! Prepared statements: they are prepared once, and stay correct and fast.

use std::sync::LazyLock;

use integration::{Cluster, backend_pid, check, increment, limits, poll, user};
use postgres::Client;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_plans"));

const TABLES_READ_AS_A_WHOLE: &str = "SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables
    WHERE relname IN ('feature_usage', 'user_plans', 'plan_limits')";

fn scans(client: &mut Client) -> i64 {
    client.query_one(TABLES_READ_AS_A_WHOLE, &[]).expect("statistics").get(0)
}

#[test]
fn a_statement_prepared_for_empty_tables_uses_indexes_after_they_grow() {
    let database = CLUSTER.database("growing");
    let (mut caller, mut owner) = (database.connect(), database.connect());
    // After VACUUM of an empty table, the planner assumes that it has no pages.
    owner
        .batch_execute("ALTER TABLE feature_usage SET (autovacuum_enabled = off)")
        .expect("a setting");
    owner.batch_execute("VACUUM ANALYZE feature_usage").expect("statistics");
    owner.batch_execute("VACUUM ANALYZE user_plans").expect("statistics");
    increment(&mut caller, "increment_images_generated", user(1), 1, "2025-02-10")
        .expect("a count");
    check(&mut caller, "image_generation", user(1), 1);
    owner
        .batch_execute(
            "INSERT INTO feature_usage (user_id, period)
             SELECT gen_random_uuid(), '2025-02-10' FROM generate_series(1, 20000)",
        )
        .expect("rows");
    drop(caller.query_one("SELECT pg_stat_force_next_flush()", &[]).expect("statistics"));
    let before = scans(&mut owner);
    for _ in 0..100 {
        increment(&mut caller, "increment_images_generated", user(1), 1, "2025-02-10")
            .expect("a count");
        check(&mut caller, "image_generation", user(1), 1);
    }
    drop(caller.query_one("SELECT pg_stat_force_next_flush()", &[]).expect("statistics"));
    poll("the increments to be in the statistics", || {
        let updates = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'feature_usage'";
        let updates: i64 = owner.query_one(updates, &[]).expect("statistics").get(0);
        (updates >= 100).then_some(())
    });
    assert_eq!(scans(&mut owner), before);
}

#[test]
fn jit_is_not_used() {
    let database = CLUSTER.database("compiled");
    let mut caller = database.connect();
    check(&mut caller, "image_generation", user(1), 1);
    limits(&mut caller, user(1));
    increment(&mut caller, "increment_images_generated", user(1), 1, "2025-02-10")
        .expect("a count");
    let maps = format!("/proc/{}/maps", backend_pid(&mut caller));
    let loaded = std::fs::read_to_string(maps).expect("what the backend has loaded");
    assert!(loaded.contains("feature_usage.so"), "not the memory map of this backend");
    assert!(!loaded.contains("llvmjit"), "LLVM is loaded");
}
