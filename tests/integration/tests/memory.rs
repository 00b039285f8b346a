//! Memory: long-lived backends do not grow, and a long transaction grows no more than with plain
//! SQL.

use std::fs;
use std::sync::LazyLock;

use integration::{Cluster, Database, backend_pid, user};
use postgres::Client;

const MIB: i64 = 1024 * 1024;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_memory"));

/// The memory that Postgres has allocated in this backend.
const CONTEXTS: &str = "SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts";

fn contexts(client: &mut Client) -> i64 {
    client.query_one(CONTEXTS, &[]).expect("a sum").get(0)
}

/// The memory of the whole backend including Rust's allocations, as the kernel reports it.
fn anonymous_memory(pid: i32) -> i64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.expect("RssAnon").trim().trim_end_matches(" kB");
    kilobytes.parse::<i64>().expect("a number") * 1024
}

/// Increments, checks, a summary and errors, each in a separate transaction.
fn serve(client: &mut Client, calls: i32) {
    let increment = client.prepare("SELECT increment_chat_messages($1, $2, '2024-01-31')");
    let check = client.prepare("SELECT check_feature_limit($1, 'chat', $2, '2024-01-31')");
    let summary = client.prepare("SELECT get_user_limits($1)");
    let (increment, check) = (increment.expect("a statement"), check.expect("a statement"));
    let summary = summary.expect("a statement");
    for call in 0..calls / 2 {
        let user = user((call % 1000) as u128);
        client.execute(&increment, &[&user, &1]).expect("a count");
        client.execute(&check, &[&user, &1]).expect("an answer");
        if call % 10 == 0 {
            client.execute(&summary, &[&user]).expect("a summary");
            client.execute(&increment, &[&user, &-1]).expect_err("a negative amount");
        }
    }
}

#[test]
fn a_backend_does_not_grow_with_the_number_of_transactions() {
    let database = CLUSTER.database("transactions");
    let mut client = database.connect();
    let pid = backend_pid(&mut client);
    serve(&mut client, 20_000);
    let before = (contexts(&mut client), anonymous_memory(pid));
    serve(&mut client, 100_000);
    let after = (contexts(&mut client), anonymous_memory(pid));
    println!("contexts {} bytes, process {} bytes", after.0 - before.0, after.1 - before.1);
    assert!(after.0 - before.0 <= MIB, "the contexts: {before:?} to {after:?}");
    assert!(after.1 - before.1 <= 2 * MIB, "the process: {before:?} to {after:?}");
}

/// The growth of a backend in one transaction that repeats these statements for many users. The
/// contexts are measured before the block ends, because its end frees them.
fn growth(database: &Database, statements: &str) -> (i64, i64) {
    let mut client = database.connect();
    let pid = backend_pid(&mut client);
    client.batch_execute("BEGIN").expect("a transaction");
    let mut repeat = |rounds: i32| -> (i64, i64) {
        let block = format!(
            "DO $$
             DECLARE
                 u uuid;
             BEGIN
                 FOR n IN 1..{rounds} LOOP
                     u := lpad((n % 5000)::text, 32, '0')::uuid;
                     {statements}
                 END LOOP;
                 PERFORM set_config('test.contexts', ({CONTEXTS})::text, true);
             END
             $$"
        );
        client.batch_execute(&block).expect(statements);
        let query = "SELECT current_setting('test.contexts')::bigint";
        let contexts = client.query_one(query, &[]).expect("a sum").get(0);
        (contexts, anonymous_memory(pid))
    };
    let (before, after) = (repeat(1_000), repeat(50_000));
    (after.0 - before.0, after.1 - before.1)
}

#[test]
fn one_transaction_grows_no_more_than_with_plain_sql() {
    let database = CLUSTER.database("one_transaction");
    let rows = "INSERT INTO feature_usage (user_id, period)
                SELECT lpad(n::text, 32, '0')::uuid, '2024-01-31' FROM generate_series(0, 4999) AS n";
    database.execute(rows);
    expect_no_more(
        &database,
        "PERFORM increment_chat_messages(u, 1, '2024-01-31');
         PERFORM check_feature_limit(u, 'chat', 1, '2024-01-31');",
        "UPDATE feature_usage SET chat_messages = chat_messages + 1, updated_at = now()
          WHERE user_id = u AND period = '2024-01-31';
         PERFORM jsonb_build_object('limit', p.chat_messages_daily_limit, 'usage', f.chat_messages)
            FROM plan_limits AS p JOIN feature_usage AS f ON f.user_id = u AND f.period = '2024-01-31'
           WHERE p.plan_id = 'free';",
    );
}

#[test]
fn caught_errors_of_one_transaction_leave_no_more_than_those_of_plain_sql() {
    let database = CLUSTER.database("errors");
    let caught =
        |statement: &str| format!("BEGIN {statement}; EXCEPTION WHEN OTHERS THEN NULL; END;");
    expect_no_more(
        &database,
        &caught("PERFORM increment_chat_messages(u, 1, '2024-01')"),
        &caught("PERFORM 1 / (n - n)"),
    );
}

fn expect_no_more(database: &Database, functions: &str, sql: &str) {
    let (functions, sql) = (growth(database, functions), growth(database, sql));
    println!("functions {functions:?}, SQL {sql:?}");
    assert!(functions.0 - sql.0 <= MIB, "the contexts: {functions:?}, SQL {sql:?}");
    assert!(functions.1 - sql.1 <= 2 * MIB, "the process: {functions:?}, SQL {sql:?}");
}
