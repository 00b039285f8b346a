//! Calls that are cancelled, timed out or disconnected have their whole effect or none, and leave
//! nothing behind. FUZZ_SEED repeats the choices of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use integration::{Caller, Cluster, Database, Random, backend_pid, counts, poll, seed, user};
use postgres::{Client, Error};
use uuid::Uuid;

const WORKERS: u64 = 6;
const USERS: u64 = 20;
/// The users of single calls: few, so that calls wait for one another.
const BUSY_USERS: u64 = 4;

/// The minimum number of hits by each kind of interrupt, and of each kind of call.
const OF_EACH_REASON: u64 = 100;
const OF_EACH_CALL: u64 = 10;

const CANCELLED: &str = "canceling statement due to user request";
const STATEMENT_TIMEOUT: &str = "canceling statement due to statement timeout";

const REASONS: [&str; 4] = [
    CANCELLED,
    STATEMENT_TIMEOUT,
    "canceling statement due to lock timeout",
    "the session was lost",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Increment,
    Consume,
    Reserve,
    Commit,
    Release,
    Record,
    /// Many calls in a block.
    Loop,
    /// Many calls in a query.
    Query,
    /// Many calls in a block that continues after an interrupt.
    Catching,
}

const CALLS: [Call; 9] = [
    Call::Increment,
    Call::Consume,
    Call::Reserve,
    Call::Commit,
    Call::Release,
    Call::Record,
    Call::Loop,
    Call::Query,
    Call::Catching,
];

#[test]
fn an_interrupted_call_has_its_whole_effect_or_none() {
    let seed = seed();
    let cluster = Cluster::create("it_interrupts");
    let database = cluster.database("interrupts");
    database.execute(include_str!("../fixtures/journal.sql"));
    let stop = AtomicBool::new(false);
    let hits = Hits::default();
    let started = Instant::now();

    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|number| Worker::new(&database, number, seed, &hits)).collect();
    let gates: Vec<Mutex<i32>> =
        workers.iter_mut().map(|worker| Mutex::new(backend_pid(&mut worker.client))).collect();
    thread::scope(|scope| {
        scope.spawn(|| interrupt(&database, &gates, Random(seed ^ 0xff), &stop));
        scope.spawn(|| block(&database, Random(seed ^ 0xfe), &stop));
        let threads: Vec<_> = workers
            .iter_mut()
            .zip(&gates)
            .map(|(worker, gate)| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        worker.turn(gate);
                    }
                })
            })
            .collect();
        // If one worker fails, the others stop too.
        while !hits.are_enough()
            && threads.iter().all(|thread| !thread.is_finished())
            && started.elapsed() < Duration::from_secs(240)
        {
            thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
    });

    hits.require_enough();
    let mut observer = database.connect();
    require_nothing_partial(&mut observer, &workers);
    require_no_locks(&mut observer, &workers);
    require_further_calls(&database);
}

/// The number of hits per kind of call and kind of interrupt.
#[derive(Default)]
struct Hits(Mutex<BTreeMap<(Call, &'static str), u64>>);

impl Hits {
    fn note(&self, call: Call, reason: &'static str) {
        *self.map().entry((call, reason)).or_default() += 1;
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<(Call, &'static str), u64>> {
        self.0.lock().expect("the hits")
    }

    fn sum(&self, which: impl Fn(Call, &str) -> bool) -> u64 {
        let map = self.map();
        map.iter().filter(|((call, reason), _)| which(*call, reason)).map(|(_, hits)| hits).sum()
    }

    fn are_enough(&self) -> bool {
        let by = |reason: &str| self.sum(|_, of| of == reason) >= OF_EACH_REASON;
        let on = |call: Call| self.sum(|of, _| of == call) >= OF_EACH_CALL;
        REASONS.into_iter().all(by) && CALLS.into_iter().all(on)
    }

    fn require_enough(&self) {
        for reason in REASONS {
            println!("{}: {reason}", self.sum(|_, of| of == reason));
        }
        for call in CALLS {
            println!("{}: {call:?}", self.sum(|of, _| of == call));
        }
        assert!(self.are_enough(), "too few: {:?}", self.map());
    }
}

/// A session that makes calls, and reconnects after it has been disconnected.
///
/// Its gate contains its process id; interrupts are sent only by a thread that has locked the gate.
struct Worker<'a> {
    database: &'a Database,
    hits: &'a Hits,
    client: Client,
    random: Random,
    /// The last unit number: each statement has its own, which identifies it in the journal.
    unit: i64,
    /// The session's open reservations.
    reservations: Vec<Uuid>,
    acknowledged: BTreeSet<i64>,
    refused: BTreeSet<i64>,
    /// Units whose session was disconnected before the answer.
    doubtful: BTreeSet<i64>,
    dead: Vec<i32>,
}

impl<'a> Worker<'a> {
    fn new(database: &'a Database, number: u64, seed: u64, hits: &'a Hits) -> Self {
        Self {
            database,
            hits,
            client: database.connect(),
            random: Random(seed ^ number),
            unit: number as i64 * 1_000_000,
            reservations: Vec::new(),
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            dead: Vec::new(),
        }
    }

    fn turn(&mut self, gate: &Mutex<i32>) {
        let timeouts = match self.random.below(4) {
            0 => (1 + self.random.below(12), 0),
            1 => (0, 1 + self.random.below(4)),
            _ => (0, 0),
        };
        self.set_timeouts(gate, timeouts);
        self.unit += 1;
        let (unit, call) = (self.unit, self.random.pick(&CALLS));
        let Some(statement) = self.statement(call) else { return };

        match self.client.batch_execute(&statement) {
            Ok(()) => {
                self.acknowledged.insert(unit);
            }
            Err(error) => match interrupt_of(&error) {
                None => panic!("{statement}: {error:?}"),
                Some("the session was lost") => {
                    self.hits.note(call, "the session was lost");
                    self.doubtful.insert(unit);
                    self.resolve(gate, call, &statement);
                }
                Some(reason) => {
                    self.hits.note(call, reason);
                    self.refused.insert(unit);
                }
            },
        }
        self.set_timeouts(gate, (0, 0));
        if !self.acknowledged.contains(&unit) {
            // The next call must work, in the same session unless it was disconnected.
            self.unit += 1;
            let unit = self.unit;
            let next = format!("SELECT noted_consume({unit}, nth_user(1), 1)");
            self.undisturbed(gate, |client| client.batch_execute(&next));
            self.acknowledged.insert(unit);
        }
        if call == Call::Reserve && self.acknowledged.contains(&unit) {
            let id = self.undisturbed(gate, |client| {
                client.query_one("SELECT reservation_id FROM journal WHERE unit = $1", &[&unit])
            });
            self.reservations.push(id.get(0));
        }
    }

    fn set_timeouts(&mut self, gate: &Mutex<i32>, (statement, lock): (u64, u64)) {
        let set = format!("SET statement_timeout = {statement}; SET lock_timeout = {lock}");
        // Setting the timeout must not itself time out.
        let set = format!("BEGIN; {set}; COMMIT");
        self.undisturbed(gate, |client| client.batch_execute(&set));
    }

    /// Repeats a call with an idempotency key: it counts only if the first did not.
    fn resolve(&mut self, gate: &Mutex<i32>, call: Call, statement: &str) {
        self.undisturbed(gate, |client| client.batch_execute("SELECT"));
        if matches!(call, Call::Consume | Call::Reserve | Call::Record | Call::Query) {
            self.undisturbed(gate, |client| client.batch_execute(statement));
            self.acknowledged.insert(self.unit);
        }
    }

    /// Does work while no interrupt can arrive. An earlier one may have ended the session; then it
    /// reconnects.
    fn undisturbed<T>(
        &mut self,
        gate: &Mutex<i32>,
        work: impl Fn(&mut Client) -> Result<T, Error>,
    ) -> T {
        let mut pid = gate.lock().expect("the gate");
        loop {
            match work(&mut self.client) {
                Ok(done) => return done,
                Err(error) if interrupt_of(&error) == Some("the session was lost") => {
                    self.dead.push(*pid);
                    self.client = self.database.connect();
                    *pid = backend_pid(&mut self.client);
                }
                // On a slow machine, the timeout may end the statement that resets it, and a signal
                // that was sent before the gate was locked may arrive only now.
                Err(error)
                    if matches!(interrupt_of(&error), Some(STATEMENT_TIMEOUT | CANCELLED)) =>
                {
                    let rolled_back =
                        (0..100).any(|_| self.client.batch_execute("ROLLBACK").is_ok());
                    assert!(rolled_back, "the session cannot go on");
                }
                Err(error) => panic!("a call that is not interrupted: {error:?}"),
            }
        }
    }

    fn statement(&mut self, call: Call) -> Option<String> {
        let unit = self.unit;
        let user = 1 + self.random.below(BUSY_USERS);
        let amount = 1 + self.random.below(9);
        let of_each = "FOR n IN 1..20 LOOP";
        Some(match call {
            Call::Increment => {
                format!("SELECT noted_increment({unit}, nth_user({user}), {amount})")
            }
            Call::Consume => format!("SELECT noted_consume({unit}, nth_user({user}), {amount})"),
            Call::Reserve => format!("SELECT noted_reserve({unit}, nth_user({user}), {amount})"),
            Call::Commit => {
                let id = self.reservations.pop()?;
                format!("SELECT noted_settle({unit}, '{id}', {})", self.random.below(12))
            }
            Call::Release => {
                let id = self.reservations.pop()?;
                format!("SELECT noted_settle({unit}, '{id}', NULL)")
            }
            Call::Record => format!("SELECT noted_record({unit}, {USERS}, {amount})"),
            Call::Loop => format!(
                "DO $$ BEGIN {of_each}
                     PERFORM noted_increment({unit}, nth_user(n), {amount}),
                             noted_consume({unit}, nth_user(n), 1),
                             noted_reserve({unit}, nth_user(n), 2);
                 END LOOP; END $$"
            ),
            Call::Query => format!(
                "SELECT noted_consume({unit}, nth_user(n), {amount}),
                        noted_reserve({unit}, nth_user(n), 1)
                   FROM generate_series(1, {USERS}) AS n"
            ),
            Call::Catching => format!(
                "DO $$ BEGIN {of_each}
                     BEGIN
                         PERFORM noted_consume({unit}, nth_user(n), {amount}),
                                 noted_increment({unit}, nth_user(n), 1);
                     EXCEPTION WHEN query_canceled OR lock_not_available THEN
                         INSERT INTO caught VALUES ({unit}, SQLERRM);
                     END;
                 END LOOP; END $$"
            ),
        })
    }
}

/// The kind of interrupt that caused an error.
fn interrupt_of(error: &Error) -> Option<&'static str> {
    if error.is_closed() || error.code().is_some_and(|code| code.code() == "57P01") {
        return Some("the session was lost");
    }
    let Some(error) = error.as_db_error() else {
        // The connection was closed while it was in use.
        return Some("the session was lost");
    };
    REASONS.into_iter().find(|reason| *reason == error.message())
}

/// Interrupts sessions at random moments.
fn interrupt(database: &Database, gates: &[Mutex<i32>], mut random: Random, stop: &AtomicBool) {
    let mut client = database.connect();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_micros(random.below(3_000)));
        let gate = &gates[random.below(gates.len() as u64) as usize];
        let Ok(pid) = gate.try_lock() else { continue };
        let signal = if random.one_in(3) { "pg_terminate_backend" } else { "pg_cancel_backend" };
        client.execute(&format!("SELECT {signal}($1)"), &[&*pid]).expect("a signal");
    }
}

/// Locks the rows that calls need, each for a moment.
fn block(database: &Database, mut random: Random, stop: &AtomicBool) {
    let mut client = database.connect();
    while !stop.load(Ordering::Relaxed) {
        let user = 1 + random.below(BUSY_USERS);
        let seconds = random.below(20) as f64 / 1000.0;
        let hold = format!(
            "BEGIN;
             SELECT FROM feature_usage WHERE user_id = nth_user({user}) FOR UPDATE;
             SELECT pg_sleep({seconds});
             COMMIT"
        );
        client.batch_execute(&hold).expect("a lock");
    }
}

/// The counters must match the journal, and the journal must match the acknowledged calls.
fn require_nothing_partial(observer: &mut Client, workers: &[Worker]) {
    let query = "SELECT user_id, sum(amount) FROM journal GROUP BY user_id HAVING sum(amount) <> 0";
    let journal = observer.query(query, &[]).expect("rows");
    let journal: BTreeMap<Uuid, i64> = journal.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut counted: BTreeMap<Uuid, i64> = BTreeMap::new();
    for (counter, count) in counts(observer) {
        *counted.entry(counter.user).or_default() += count;
    }
    assert_eq!(counted, journal);

    let units = observer.query("SELECT DISTINCT unit FROM journal", &[]).expect("rows");
    let units: BTreeSet<i64> = units.iter().map(|row| row.get(0)).collect();
    let caught = "SELECT DISTINCT unit FROM caught";
    let caught = observer.query(caught, &[]).expect("rows");
    let caught: BTreeSet<i64> = caught.iter().map(|row| row.get(0)).collect();
    println!("{} units in the journal, {} caught an interrupt", units.len(), caught.len());
    let all = |of: fn(&Worker) -> BTreeSet<i64>| workers.iter().flat_map(of).collect();
    let acknowledged: BTreeSet<i64> = all(|worker| worker.acknowledged.clone());
    let refused: BTreeSet<i64> = all(|worker| worker.refused.clone());
    let doubtful: BTreeSet<i64> = all(|worker| worker.doubtful.clone());
    let missing: Vec<&i64> = acknowledged
        .iter()
        .filter(|unit| !units.contains(unit) && !caught.contains(unit))
        .collect();
    assert!(missing.is_empty(), "acknowledged but not in the journal: {missing:?}");
    assert!(units.is_disjoint(&refused), "refused but in the journal");
    let unknown: Vec<&i64> = units
        .iter()
        .filter(|unit| !acknowledged.contains(unit) && !doubtful.contains(unit))
        .collect();
    assert!(unknown.is_empty(), "in the journal but not acknowledged: {unknown:?}");

    for (what, query) in [
        (
            "keys without their effect",
            "SELECT count(*) FROM feature_idempotency_keys AS k WHERE result IS NULL OR NOT EXISTS
                 (SELECT FROM journal AS j WHERE j.unit::text = k.key AND j.user_id = k.user_id)",
        ),
        (
            "reservations without their call",
            "SELECT count(*) FROM feature_reservations AS r WHERE NOT EXISTS
                 (SELECT FROM journal AS j WHERE j.reservation_id = r.reservation_id)",
        ),
        (
            "reservations settled without a call in the journal, or twice",
            "SELECT count(*) FROM feature_reservations AS r WHERE (status <> 'reserved')::integer + 1 <>
                 (SELECT count(*) FROM journal AS j WHERE j.reservation_id = r.reservation_id)",
        ),
    ] {
        let found: i64 = observer.query_one(query, &[]).expect("a number").get(0);
        assert_eq!(found, 0, "{what}");
    }
}

/// Ended sessions are gone with all their locks, and the remaining ones hold none.
fn require_no_locks(observer: &mut Client, workers: &[Worker]) {
    let dead: Vec<i32> = workers.iter().flat_map(|worker| worker.dead.iter().copied()).collect();
    poll("the end of the dead sessions", || {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)";
        let left: i64 = observer.query_one(query, &[&dead]).expect("a number").get(0);
        (left == 0).then_some(())
    });
    let query = "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()
                    AND (pid = ANY ($1) OR database = (SELECT oid FROM pg_database
                                                        WHERE datname = current_database()))";
    let locks: i64 = observer.query_one(query, &[&dead]).expect("a number").get(0);
    assert_eq!(locks, 0, "locks that were not released");
    assert!(dead.len() as u64 >= OF_EACH_REASON);
}

/// No session is waiting any more.
fn require_further_calls(database: &Database) {
    let mut caller = Caller::connect(database);
    caller.client.batch_execute("SET lock_timeout = '200ms'").expect("a setting");
    for of in (1..=USERS).map(|number| user(number.into())) {
        let answer = caller.consume(of, "voice_seconds", 1, Some("after")).expect("an answer");
        assert_eq!(answer["consumed"], 1, "{answer}");
    }
    let open = "SELECT reservation_id FROM feature_reservations WHERE status = 'reserved'";
    for row in caller.client.query(open, &[]).expect("rows") {
        let answer = caller.release(row.get(0)).expect("an answer");
        assert_eq!(answer["released"], true, "{answer}");
    }
}
