//! The partitions of docs/operations.md, under load: a table becomes partitioned, months come and go, and
//! no count is lost.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use integration::pages::pages;
use integration::{Caller, Cluster, Database, FUNCTIONS, Random, increment, seed, together, user};
use postgres::Client;

const SESSIONS: u64 = 16;
const USERS: u64 = 200;
/// Users that are deleted and inserted again; they have no counts of [`MONTHS`].
const DELETED: std::ops::Range<u64> = 900..910;
/// Months of 2030 that are counted in, of which some become partitions and some are detached.
const MONTHS: u64 = 6;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let cluster = Cluster::create("it_partitions");
    drop(cluster.existing("postgres").psql(include_str!("../../fixtures/supabase.sql")));
    cluster
});

struct Session {
    caller: Caller,
    random: Random,
    counted: i64,
}

/// The example of the page that converts a table.
fn conversion() -> String {
    let pages = pages();
    let page = pages.iter().find(|page| page.path == "docs/operations.md").expect("the page");
    let converts = |sql: &&String| sql.contains("RENAME TO before");
    page.examples.iter().map(|example| &example.sql).find(converts).expect("the example").clone()
}

fn database() -> Database {
    let database = CLUSTER.empty_database("partitions");
    drop(database.psql(include_str!("../../fixtures/supabase_database.sql")));
    database.execute(&format!(
        "INSERT INTO auth.users SELECT lpad(to_hex(n), 32, '0')::uuid FROM generate_series(0, {}) AS n;
         CREATE EXTENSION feature_usage;
         UPDATE plan_limits SET chat_messages_daily_limit = 5;",
        DELETED.end
    ));
    database.execute(include_str!("../../../docs/partitions.sql"));
    database
}

fn count_of(client: &mut Client, query: &str) -> i64 {
    client.query_one(query, &[]).expect(query).get(0)
}

#[test]
fn no_count_is_lost_while_partitions_come_and_go() {
    let database = database();
    let (seed, is_over) = (seed(), AtomicBool::new(false));
    let mut sessions: Vec<Session> = Caller::many(&database, SESSIONS, FUNCTIONS)
        .into_iter()
        .zip(0..)
        .map(|(caller, number)| Session { caller, random: Random(seed ^ number), counted: 0 })
        .collect();
    thread::scope(|scope| {
        let owner = scope.spawn(|| {
            // Even if this fails, the sessions must end.
            let changed = std::panic::catch_unwind(|| change_partitions(&database));
            is_over.store(true, Ordering::Relaxed);
            changed.expect("partitions that come and go");
        });
        together(&mut sessions, |number, session| {
            while !is_over.load(Ordering::Relaxed) {
                if number == 0 { session.delete_a_user() } else { session.call() }
            }
        });
        owner.join().expect("the owner");
    });

    let mut client = database.connect();
    let counted: i64 = sessions.iter().map(|session| session.counted).sum();
    let attached = "SELECT sum(images_generated) FROM feature_usage WHERE period LIKE '2030%'";
    let detached = "SELECT sum(images_generated) FROM usage_partitions.m2030_01";
    let (attached, detached) = (count_of(&mut client, attached), count_of(&mut client, detached));
    println!("{counted} counts, {detached} of them in a detached month");
    assert_eq!(attached + detached, counted, "the sum of acknowledged counts");
    assert!(detached > 0, "nothing was counted in the month that was detached");
    let over = "SELECT count(*) FROM feature_usage WHERE chat_messages > 5";
    assert_eq!(count_of(&mut client, over), 0, "a limit was exceeded");
    let missing = "SELECT count(*) FROM feature_usage_internal.needed_locks()";
    assert_eq!(count_of(&mut client, missing), 0, "the setup has something to do");
}

/// What the page says, while others count.
fn change_partitions(database: &Database) {
    let pause = || thread::sleep(Duration::from_millis(200));
    pause();
    drop(database.psql(&conversion()));
    pause();
    for month in 1..=MONTHS / 2 {
        database.execute(&format!("SELECT usage_partitions.add_month('2030-{month:02}-01')"));
        pause();
    }
    database.execute(
        "BEGIN;
         SELECT usage_partitions.lock_counts();
         ALTER TABLE feature_usage DETACH PARTITION usage_partitions.m2030_01;
         COMMIT",
    );
    pause();
    database.execute("SELECT usage_partitions.add_months(6)");
    database.execute("SELECT feature_usage_setup()");
    pause();
}

impl Session {
    fn call(&mut self) {
        let of = user(self.random.below(USERS).into());
        if self.random.one_in(2) {
            let period = format!("2030-{:02}-10", 1 + self.random.below(MONTHS));
            let client = &mut self.caller.client;
            increment(client, "increment_images_generated", of, 1, &period).expect("a count");
            self.counted += 1;
        } else {
            self.caller.consume(of, "chat", 1, None).expect("an answer");
        }
    }

    /// The deletion locks `auth.users` first, and then what references it.
    fn delete_a_user(&mut self) {
        let number = DELETED.start + self.random.below(DELETED.end - DELETED.start);
        let of = user(number.into()).to_string();
        let client = &mut self.caller.client;
        let statements = format!(
            "SELECT consume_feature('{of}', 'chat');
             DELETE FROM auth.users WHERE id = '{of}';
             INSERT INTO auth.users VALUES ('{of}')"
        );
        for statement in statements.split(';') {
            client.batch_execute(statement).expect("a deletion");
        }
    }
}
