//! Many sessions increment one counter while others hold its row: none waits, and every count is exact.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use integration::frozen::number;
use integration::{
    Cluster, Database, Random, at_once, backend_pid, check, is_to_be_retried, repetitions, seed,
    together, usage, user, wait_until_blocked,
};
use postgres::{Client, Error};
use serde_json::Value;

const SESSIONS: u64 = 24;
const FEATURE: &str = "voice_seconds";

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_contended"));

/// A database with a row of the current month, and a table in which every increment is entered by its own
/// transaction.
fn database(name: &str) -> Database {
    let database = CLUSTER.database(name);
    database.execute(&format!(
        "UPDATE plan_limits SET voice_seconds_limit = NULL;
         CREATE TABLE journal (amount integer NOT NULL);
         SELECT increment_voice_seconds('{}', 1, 'current');
         INSERT INTO journal VALUES (1)",
        user(1)
    ));
    database
}

/// Counts and enters an amount in one transaction.
fn count(client: &mut Client, amount: i32, isolation: &str) -> Result<(), Error> {
    let mut transaction = client.transaction()?;
    transaction.batch_execute(&format!("SET TRANSACTION ISOLATION LEVEL {isolation}"))?;
    transaction.execute("INSERT INTO journal VALUES ($1)", &[&amount])?;
    transaction
        .execute("SELECT increment_voice_seconds($1, $2, 'current')", &[&user(1), &amount])?;
    transaction.commit()
}

/// Has each session find the row held as often as it takes until it no longer waits.
fn contend(database: &Database, sessions: &mut [Client]) {
    let mut observer = database.connect();
    for session in sessions {
        let pid = backend_pid(session);
        for _ in 0..2 {
            let mut holder = database.connect();
            let mut held = holder.transaction().expect("a transaction");
            held.execute("SELECT FROM feature_usage FOR UPDATE", &[]).expect("the row");
            thread::scope(|scope| {
                let waiting = scope.spawn(|| count(session, 1, "READ COMMITTED"));
                // It does not block if other sessions have seen the row held before.
                let mut blocks = || {
                    let query = "SELECT cardinality(pg_blocking_pids($1)) > 0";
                    observer.query_one(query, &[&pid]).expect("an answer").get::<_, bool>(0)
                };
                while !waiting.is_finished() && !blocks() {
                    thread::yield_now();
                }
                // Longer than any increment takes that does not wait.
                thread::sleep(std::time::Duration::from_millis(2));
                held.commit().expect("a commit");
                waiting.join().expect("a session").expect("a count");
            });
        }
    }
}

fn counted(database: &Database) -> i64 {
    number(database, &format!("SELECT sum(voice_seconds)::bigint FROM {} AS u", usage()))
}

fn entered(database: &Database) -> i64 {
    number(database, "SELECT sum(amount)::bigint FROM journal")
}

fn appended(database: &Database) -> i64 {
    number(database, "SELECT coalesce(sum(amount), 0)::bigint FROM usage_increments")
}

/// The answers of whoever only reads.
fn require_told(database: &Database, expected: i64) {
    let mut client = database.connect();
    assert_eq!(check(&mut client, FEATURE, user(1), 0)["current_usage"], expected);
    let limits: Value =
        client.query_one("SELECT get_user_limits($1)", &[&user(1)]).expect("limits").get(0);
    assert_eq!(limits["usage"][FEATURE], expected);
}

#[test]
fn no_increment_waits_for_a_row_that_stays_held() {
    let database = database("held");
    let mut sessions: Vec<Client> = (0..SESSIONS).map(|_| database.connect()).collect();
    contend(&database, &mut sessions);
    let mut holder = database.connect();
    let mut held = holder.transaction().expect("a transaction");
    held.execute("SELECT FROM feature_usage FOR UPDATE", &[]).expect("the row");
    let seed = seed();
    together(&mut sessions, |session, client| {
        let mut random = Random(seed ^ session);
        client.batch_execute("SET statement_timeout = '60s'").expect("a setting");
        for _ in 0..repetitions(100) {
            let isolation = random.pick(&["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]);
            let amount = random.below(9) as i32 + 1;
            if random.below(4) == 0 {
                // An increment that is taken back, and one within a savepoint that is.
                client.batch_execute("BEGIN; SAVEPOINT s").expect("a transaction");
                let call = format!("SELECT increment_voice_seconds('{}', 50, 'current')", user(1));
                client.batch_execute(&call).expect("a count");
                client.batch_execute("ROLLBACK TO s").expect("a rollback");
                client.batch_execute(&call).expect("a count");
                client.batch_execute("ROLLBACK").expect("a rollback");
            }
            match count(client, amount, isolation) {
                Err(error) if is_to_be_retried(&error) => {}
                counted => counted.expect("a count that does not wait"),
            }
        }
    });
    let beside = appended(&database);
    assert!(beside > SESSIONS as i64 * repetitions(100) as i64 / 2, "only {beside} were appended");
    let expected = entered(&database);
    require_told(&database, expected);
    assert_eq!(counted(&database), expected);
    held.commit().expect("a commit");
    // A copy of the database counts the same.
    let copy = CLUSTER.empty_database("held_copy");
    copy.psql(&database.run("pg_dump", &[], ""));
    require_told(&copy, expected);
    for database in [&copy, &database] {
        database.execute("SELECT expire_reservations()");
        assert_eq!(appended(database), 0);
        assert_eq!(
            number(database, "SELECT sum(voice_seconds)::bigint FROM feature_usage"),
            expected
        );
        require_told(database, expected);
    }
}

#[test]
fn a_limit_counts_what_was_appended() {
    let database = database("a_limit");
    let mut sessions: Vec<Client> = (0..SESSIONS).map(|_| database.connect()).collect();
    contend(&database, &mut sessions);
    for round in 0..repetitions(20) {
        // While some hold the row by consuming nothing, others append.
        let left = AtomicU64::new(SESSIONS / 2);
        let admitted = AtomicU64::new(0);
        let before = entered(&database);
        let free = round % 5;
        let limit = before + (SESSIONS / 2 * 10) as i64 + free as i64;
        database.execute(&format!("UPDATE plan_limits SET voice_seconds_limit = {limit}"));
        together(&mut sessions, |session, client| {
            if session < SESSIONS / 2 {
                for _ in 0..10 {
                    count(client, 1, "READ COMMITTED").expect("a count");
                }
                left.fetch_sub(1, Ordering::SeqCst);
                return;
            }
            let consume = |client: &mut Client, amount: i32| -> Value {
                let call = "SELECT consume_feature($1, $2, $3)";
                let row = client.query_one(call, &[&user(1), &FEATURE, &amount]);
                row.expect("an answer").get(0)
            };
            while left.load(Ordering::SeqCst) > 0 {
                consume(client, 0);
            }
            while consume(client, 1)["allowed"] == true {
                admitted.fetch_add(1, Ordering::SeqCst);
            }
        });
        let admitted = admitted.into_inner();
        assert_eq!(admitted, free, "round {round}");
        database.execute(&format!("INSERT INTO journal VALUES ({admitted})"));
        assert_eq!(counted(&database), limit, "round {round}");
        require_told(&database, limit);
    }
}

#[test]
fn killed_sessions_lose_nothing_and_leave_nothing() {
    let database = database("killed");
    let seed = seed();
    let ended = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut killer, mut random) = (database.connect(), Random(seed));
            while !is_over.load(Ordering::SeqCst) {
                let kill = "SELECT count(pg_terminate_backend(pid)) FROM (
                                SELECT pid FROM pg_stat_activity
                                 WHERE application_name = 'to be killed' ORDER BY random() LIMIT 1) AS s";
                let killed: i64 = killer.query_one(kill, &[]).expect("a number").get(0);
                ended.fetch_add(killed as u64, Ordering::SeqCst);
                thread::sleep(std::time::Duration::from_millis(random.below(20)));
            }
        });
        at_once(&database, SESSIONS, |session, _| {
            let mut random = Random(seed ^ session);
            let mut client = database.connect();
            for turn in 0..repetitions(120) {
                drop(client.batch_execute("SET application_name = 'to be killed'"));
                let isolation = random.pick(&["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]);
                let counted = match turn % 4 {
                    3 => client
                        .execute("SELECT consume_feature($1, $2, 0)", &[&user(1), &FEATURE])
                        .map(drop),
                    _ => count(&mut client, random.below(9) as i32 + 1, isolation),
                };
                match counted {
                    Ok(()) => {}
                    Err(error) if is_to_be_retried(&error) => {}
                    // The session has been ended.
                    Err(error) if error.code().is_none_or(|code| code.code() == "57P01") => {
                        client = database.connect();
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
        is_over.store(true, Ordering::SeqCst);
    });
    let ended = ended.into_inner();
    println!("{ended} sessions killed");
    assert!(ended >= 20, "only {ended} sessions were killed");
    let allowed = number(&database, "SELECT count(*) FROM feature_usage WHERE has_increments");
    assert_eq!(allowed, 1, "sessions have appended");
    assert_eq!(counted(&database), entered(&database));
    require_told(&database, entered(&database));
}

#[test]
fn the_first_rule_counts_all_that_was_appended() {
    for round in 0..repetitions(8) {
        let database = database(&format!("rule_{round}"));
        let mut sessions: Vec<Client> = (0..SESSIONS).map(|_| database.connect()).collect();
        contend(&database, &mut sessions);
        together(&mut sessions, |session, client| {
            for turn in 0..20 {
                match session {
                    0 if turn == 10 => client
                        .batch_execute(
                            "INSERT INTO usage_rules (applies_to, feature_type, effect, amount, per)
                             VALUES ('all', 'voice_seconds', 'cap', 1000000, 'total')",
                        )
                        .expect("a rule"),
                    1..=4 => drop(
                        client
                            .execute("SELECT consume_feature($1, $2, 0)", &[&user(1), &FEATURE])
                            .expect("an answer"),
                    ),
                    _ => count(client, 1, "READ COMMITTED").expect("a count"),
                }
            }
        });
        let window = "SELECT used FROM usage_counters WHERE period = 'total'";
        assert_eq!(counted(&database), entered(&database), "round {round}");
        assert_eq!(number(&database, window), entered(&database), "round {round}");
    }
}

#[test]
fn a_holder_that_waits_for_nobody_blocks_nobody() {
    // Two transactions, each of which holds one counter and increments the other's: they would deadlock
    // if they waited.
    let database = database("crosswise");
    database.execute(&format!("SELECT increment_insights_count('{}', 1, 'current')", user(2)));
    let mut sessions: Vec<Client> = (0..2).map(|_| database.connect()).collect();
    contend(&database, &mut sessions[..1]);
    let mut other = database.connect();
    let mut held = other.transaction().expect("a transaction");
    held.execute("SELECT increment_voice_seconds($1, 1, 'current')", &[&user(1)]).expect("a count");
    let mut first = sessions[0].transaction().expect("a transaction");
    first
        .execute("SELECT increment_insights_count($1, 1, 'current')", &[&user(2)])
        .expect("a count");
    first
        .execute("SELECT increment_voice_seconds($1, 1, 'current')", &[&user(1)])
        .expect("a count");
    let pid: i32 = held.query_one("SELECT pg_backend_pid()", &[]).expect("a process id").get(0);
    let mut observer = database.connect();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            held.execute("SELECT increment_insights_count($1, 1, 'current')", &[&user(2)])?;
            held.commit()
        });
        wait_until_blocked(&mut observer, pid);
        first.commit().expect("a commit");
        waiting.join().expect("a session").expect("no deadlock");
    });
}
