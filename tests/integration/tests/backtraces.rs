//! Errors contain no Rust backtrace, even if the server runs with RUST_BACKTRACE.

use integration::{Cluster, Settings, increment, user};
use postgres::error::DbError;

#[test]
fn no_error_carries_a_backtrace() {
    let settings = Settings { environment: "RUST_BACKTRACE=1", ..Settings::default() };
    let cluster = Cluster::create_with("it_backtraces", settings);
    let database = cluster.database("backtraces");
    database.execute("ALTER TABLE feature_usage ADD CONSTRAINT few CHECK (images_generated < 2)");
    let mut client = database.connect();
    let mut raised = |amount, period| {
        let raised = increment(&mut client, "increment_images_generated", user(1), amount, period);
        let raised = raised.expect_err("an error");
        raised.as_db_error().cloned().expect("of the server")
    };
    let is_clean = |error: &DbError| {
        let detail = error.detail().unwrap_or_default();
        !detail.contains("pgrx") && !detail.contains(".rs:") && detail.lines().count() <= 1
    };
    // An error of the extension, and one of the executor that passes through Rust.
    let ours = raised(-1, "2025-02-10");
    assert_eq!(ours.code().code(), "22023");
    assert_eq!(ours.detail(), None);
    let executors = raised(5, "2025-02-10");
    assert_eq!(executors.code().code(), "23514");
    assert!(is_clean(&executors), "{:?}", executors.detail());
}
