//! Concurrent sessions: the counters equal the acknowledged counts exactly.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::thread;

use integration::{
    Cluster, Database, FEATURES, Random, at_once, backend_pid, increment, poll, repetitions,
    sqlstate, usage, user, wait_until_blocked,
};
use postgres::{Client, IsolationLevel};

const SESSIONS: u64 = 32;
const MONTH: &str = "2024-01";

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_concurrency"));

fn count(client: &mut Client, period: &str) -> Option<i32> {
    let query =
        format!("SELECT voice_seconds FROM {} AS u WHERE user_id = $1 AND period = $2", usage());
    let counted = client.query_opt(&query, &[&user(1), &period]);
    counted.expect("at most one row").map(|row| row.get(0))
}

fn seconds(client: &mut impl postgres::GenericClient, amount: i32, period: &str) {
    increment(client, "increment_voice_seconds", user(1), amount, period).expect("a count");
}

#[test]
fn the_first_calls_of_a_period_insert_one_row_and_all_count() {
    let database = CLUSTER.database("first_calls");
    // Sessions wait for one another before each month, so that many of them find no row.
    let meeting = std::sync::Barrier::new(SESSIONS as usize);
    let months: Vec<String> =
        (1..=12).flat_map(|month| [2023, 2024].map(|year| format!("{year}-{month:02}"))).collect();
    at_once(&database, SESSIONS, |session, client| {
        for month in &months {
            meeting.wait();
            seconds(client, session as i32 + 1, month);
        }
    });
    let mut client = database.connect();
    for month in &months {
        assert_eq!(count(&mut client, month), Some(32 * 33 / 2), "{month}");
    }
}

#[test]
fn one_hot_row_counts_every_call() {
    let database = CLUSTER.database("hot_row");
    at_once(&database, SESSIONS, |_, client| {
        let call = client.prepare("SELECT increment_voice_seconds($1, 1, $2)");
        let call = call.expect("a statement");
        for _ in 0..repetitions(200) {
            client.execute(&call, &[&user(1), &MONTH]).expect("a count");
        }
    });
    assert_eq!(count(&mut database.connect(), MONTH), Some(32 * repetitions(200) as i32));
}

#[test]
fn many_rows_and_mixed_features_add_up() {
    let database = CLUSTER.database("mixed");
    let days = ["2024-01-30", "2024-01-31", "2024-02-01"];
    let sums = at_once(&database, SESSIONS, |session, client| {
        let mut random = Random(session);
        let mut sums: Counts = BTreeMap::new();
        for _ in 0..repetitions(200) {
            let user = user(random.below(6).into());
            let feature = random.pick(&FEATURES);
            let period = feature.period(random.pick(&days));
            let amount = random.below(9) as i32;
            increment(client, feature.increment, user, amount, period).expect("a count");
            *sums.entry((user, period.to_owned(), feature.column)).or_default() += amount;
        }
        sums
    });
    let mut expected = Counts::new();
    for (key, sum) in sums.into_iter().flatten() {
        *expected.entry(key).or_default() += sum;
    }
    expected.retain(|_, sum| *sum > 0);
    assert_eq!(counts(&database), expected);
}

type Counts = BTreeMap<(uuid::Uuid, String, &'static str), i32>;

fn counts(database: &Database) -> Counts {
    let rows = database.connect().query(&format!("SELECT * FROM {} AS u", usage()), &[]);
    let mut counts = Counts::new();
    for row in rows.expect("rows") {
        for feature in &FEATURES {
            let counted = row.get(feature.column);
            if counted > 0 {
                counts.insert((row.get("user_id"), row.get("period"), feature.column), counted);
            }
        }
    }
    counts
}

#[test]
fn repeatable_read_with_retries_is_exact() {
    exact_with_retries("repeatable_read", IsolationLevel::RepeatableRead);
}

#[test]
fn serializable_with_retries_is_exact() {
    exact_with_retries("serializable", IsolationLevel::Serializable);
}

fn exact_with_retries(name: &str, level: IsolationLevel) {
    let database = CLUSTER.database(name);
    at_once(&database, SESSIONS, |_, client| {
        for _ in 0..repetitions(20) {
            while !count_one(client, level) {}
        }
    });
    assert_eq!(count(&mut database.connect(), MONTH), Some(32 * repetitions(20) as i32));
}

/// A transaction that reads, then counts. False if it must be retried.
fn count_one(client: &mut Client, level: IsolationLevel) -> bool {
    let transaction = client.build_transaction().isolation_level(level).start();
    let mut transaction = transaction.expect("a transaction");
    let result = transaction
        .query_one("SELECT check_feature_limit($1, 'voice_seconds', 1, $2)", &[&user(1), &MONTH])
        .and_then(|_| increment(&mut transaction, "increment_voice_seconds", user(1), 1, MONTH))
        .and_then(|()| transaction.commit());
    match result {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(sqlstate(Err::<(), _>(error)), "40001");
            false
        }
    }
}

#[test]
fn a_snapshot_older_than_another_count_raises_40001_and_loses_neither() {
    let database = CLUSTER.database("old_snapshot");
    let (mut old, mut other) = (database.connect(), database.connect());
    // First the other session inserts the row, then it updates it.
    for expected in [1, 2] {
        for level in ["REPEATABLE READ", "SERIALIZABLE"] {
            let period = if level == "SERIALIZABLE" { "2024-02" } else { MONTH };
            old.batch_execute(&format!(
                "BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM feature_usage"
            ))
            .expect("a snapshot");
            seconds(&mut other, 1, period);
            let late = increment(&mut old, "increment_voice_seconds", user(1), 10, period);
            assert_eq!(sqlstate(late), "40001", "{level}");
            old.batch_execute("ROLLBACK").expect("a rollback");
            assert_eq!(count(&mut other, period), Some(expected));
        }
    }
}

#[test]
fn a_rolled_back_transaction_counts_nothing() {
    let database = CLUSTER.database("rolled_back");
    let mut client = database.connect();
    for expected in [None, Some(1)] {
        let mut transaction = client.transaction().expect("a transaction");
        seconds(&mut transaction, 100, MONTH);
        transaction.rollback().expect("a rollback");
        assert_eq!(count(&mut client, MONTH), expected);
        if expected.is_none() {
            seconds(&mut client, 1, MONTH);
        }
    }
}

#[test]
fn counts_rolled_back_to_a_savepoint_are_not_counted() {
    let database = CLUSTER.database("savepoints");
    let mut client = database.connect();
    for (period, before) in [(MONTH, 0), ("2024-02", 1)] {
        let mut transaction = client.transaction().expect("a transaction");
        if before > 0 {
            seconds(&mut transaction, before, period);
        }
        let mut savepoint = transaction.savepoint("s").expect("a savepoint");
        seconds(&mut savepoint, 100, period);
        savepoint.rollback().expect("a rollback");
        seconds(&mut transaction, 2, period);
        transaction.commit().expect("a commit");
        assert_eq!(count(&mut client, period), Some(before + 2));
    }
}

#[test]
fn a_waiting_call_counts_once_whether_the_other_commits_or_not() {
    let database = CLUSTER.database("waiting");
    let mut observer = database.connect();
    // Each twice: without a row, and with one.
    for (end, period, expected) in [
        ("ROLLBACK", "2024-03", 1),
        ("ROLLBACK", "2024-03", 2),
        ("COMMIT", "2024-04", 101),
        ("COMMIT", "2024-04", 202),
    ] {
        let mut first = database.connect();
        first.batch_execute("BEGIN").expect("a transaction");
        seconds(&mut first, 100, period);
        let mut second = database.connect();
        let pid = backend_pid(&mut second);
        thread::scope(|scope| {
            let waiting = scope.spawn(move || seconds(&mut second, 1, period));
            wait_until_blocked(&mut observer, pid);
            first.batch_execute(end).expect(end);
            poll("the end of the wait", || waiting.is_finished().then_some(()));
            waiting.join().expect("a count");
        });
        assert_eq!(count(&mut observer, period), Some(expected), "{end}");
    }
}
