//! Concurrent sessions, and the results of their statements.

use std::sync::Barrier;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use postgres::error::{DbError, SqlState};
use postgres::{Client, Error};

use crate::Database;

/// Runs `work` in `sessions` new sessions, which start together once all are connected.
pub fn at_once<T: Send>(
    database: &Database,
    sessions: u64,
    work: impl Fn(u64, &mut Client) -> T + Sync,
) -> Vec<T> {
    let mut clients: Vec<Client> = (0..sessions).map(|_| database.connect()).collect();
    together(&mut clients, work)
}

/// Runs `work` in all of these sessions, which start together.
pub fn together<S: Send, T: Send>(
    sessions: &mut [S],
    work: impl Fn(u64, &mut S) -> T + Sync,
) -> Vec<T> {
    let start = Barrier::new(sessions.len());
    let run = |number: usize, session: &mut S| {
        start.wait();
        work(number as u64, session)
    };
    thread::scope(|scope| {
        let run = &run;
        let numbered = sessions.iter_mut().enumerate();
        let threads: Vec<_> =
            numbered.map(|(number, session)| scope.spawn(move || run(number, session))).collect();
        let results = threads.into_iter().map(ScopedJoinHandle::join);
        results.map(|result| result.expect("a session that works")).collect()
    })
}

pub fn backend_pid(client: &mut Client) -> i32 {
    let row = client.query_one("SELECT pg_backend_pid()", &[]);
    row.expect("a process id").get(0)
}

/// How often many sessions repeat their work: with preloaded libraries, which log every statement, a
/// quarter as often.
pub fn repetitions(usual: u64) -> u64 {
    if std::env::var_os("CLUSTER_PRELOAD").is_some() { usual.div_ceil(4) } else { usual }
}

/// Polls until there is an answer. The time limit only ends a test that hangs.
pub fn poll<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(90), "{what}: timed out");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a backend is blocked by a lock.
pub fn wait_until_blocked(observer: &mut Client, pid: i32) {
    poll("a blocked session", || {
        let row = observer.query_one("SELECT cardinality(pg_blocking_pids($1)) > 0", &[&pid]);
        row.expect("an answer").get::<_, bool>(0).then_some(())
    });
}

/// The error that Postgres has returned.
pub fn refusal<T>(result: Result<T, Error>) -> DbError {
    let error = result.err().expect("an error");
    match error.as_db_error() {
        Some(error) => error.clone(),
        None => panic!("the session was lost: {error}"),
    }
}

/// The SQLSTATE of a statement that fails.
pub fn sqlstate<T>(result: Result<T, Error>) -> String {
    refusal(result).code().code().to_owned()
}

/// Whether an error calls for a retry: a serialization failure or a deadlock.
pub fn is_to_be_retried(error: &Error) -> bool {
    let code = error.code();
    code == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
        || code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
}
