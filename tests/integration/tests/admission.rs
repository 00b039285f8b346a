//! Any number of concurrent sessions are admitted exactly the limit: no more, and no less.
//! FUZZ_SEED repeats the choices of a run.

use std::sync::LazyLock;

use integration::{Cluster, Contest, Database, FUNCTIONS, Functions, Tally, repetitions, seed};

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::create("it_admission"));

fn contest(database: &Database, functions: Functions) -> Contest<'_> {
    let isolation = "read committed";
    let (sessions, rounds, most, seed) = (64, repetitions(200), 500, seed());
    let (with_keys, with_rules, in_pools) = (true, false, false);
    Contest {
        database,
        functions,
        isolation,
        sessions,
        rounds,
        most,
        with_keys,
        with_rules,
        in_pools,
        shards: &[],
        seed,
    }
}

fn require_exact(contest: &Contest) -> Tally {
    let tally = contest.play().unwrap_or_else(|broken| panic!("{broken}"));
    println!("{}: {tally:?}", contest.isolation);
    assert!(tally.admitted > 0 && tally.denied > 0 && tally.replayed > 0, "{tally:?}");
    tally
}

#[test]
fn the_limit_is_reached_exactly() {
    let database = CLUSTER.database("read_committed");
    let tally = require_exact(&contest(&database, FUNCTIONS));
    assert_eq!(tally.retried, 0);
}

#[test]
fn the_limit_is_reached_exactly_in_partitions() {
    let database = CLUSTER.empty_database("partitioned");
    drop(database.psql(include_str!("../../fixtures/partitioned.sql")));
    database.execute("CREATE EXTENSION feature_usage");
    let tally =
        require_exact(&Contest { rounds: repetitions(60), ..contest(&database, FUNCTIONS) });
    assert_eq!(tally.retried, 0);
    let kind = "SELECT relkind = 'p' FROM pg_class WHERE oid = 'feature_usage'::regclass";
    let kind = database.connect().query_one(kind, &[]).expect("a table");
    assert!(kind.get::<_, bool>(0), "feature_usage is not partitioned");
}

#[test]
fn the_limit_of_a_rule_is_reached_exactly() {
    let database = CLUSTER.database("rules");
    let contest = contest(&database, FUNCTIONS);
    let tally = require_exact(&Contest { with_rules: true, rounds: repetitions(120), ..contest });
    assert_eq!(tally.retried, 0);
}

#[test]
fn at_repeatable_read_the_limit_of_a_rule_is_reached_exactly_by_retries() {
    let database = CLUSTER.database("rules_repeatable_read");
    let isolation = "repeatable read";
    let contest = Contest { isolation, with_rules: true, ..contest(&database, FUNCTIONS) };
    let tally = require_exact(&Contest { rounds: repetitions(40), most: 20, ..contest });
    assert!(tally.retried > 0, "no call had to be retried");
}

#[test]
fn at_repeatable_read_it_is_reached_exactly_by_retries() {
    retries_reach_it("repeatable read");
}

#[test]
fn at_serializable_it_is_reached_exactly_by_retries() {
    retries_reach_it("serializable");
}

/// In fewer rounds, hardly any call has a key.
const ROUNDS_WITH_KEYS: u64 = 22;

/// 64 sessions of four members of a pool; some members have caps.
fn in_pools(contest: Contest<'_>) -> Contest<'_> {
    let rounds = repetitions(60).max(ROUNDS_WITH_KEYS);
    Contest { in_pools: true, rounds, most: 120, ..contest }
}

/// Nothing is counted for the members themselves, and caps were reached beside the limits.
fn require_exact_in_pools(contest: &Contest) -> Tally {
    let tally = require_exact(contest);
    assert!(tally.capped > contest.rounds / 4, "{tally:?}");
    let own = "SELECT count(*) FROM feature_usage";
    let own = contest.database.connect().query_one(own, &[]).expect("a number");
    assert_eq!(own.get::<_, i64>(0), 0);
    tally
}

#[test]
fn the_limit_of_a_pool_and_the_caps_of_its_members_are_reached_exactly() {
    let database = CLUSTER.database("pools");
    let tally = require_exact_in_pools(&in_pools(contest(&database, FUNCTIONS)));
    assert_eq!(tally.retried, 0);
}

#[test]
fn the_limit_of_a_rule_of_a_pool_is_reached_exactly() {
    let database = CLUSTER.database("rules_of_pools");
    let contest = Contest { with_rules: true, ..in_pools(contest(&database, FUNCTIONS)) };
    let tally = require_exact_in_pools(&contest);
    assert_eq!(tally.retried, 0);
}

#[test]
fn at_repeatable_read_the_limit_of_a_pool_is_reached_exactly_by_retries() {
    let database = CLUSTER.database("pools_repeatable_read");
    let contest = in_pools(contest(&database, FUNCTIONS));
    let isolation = "repeatable read";
    let contest = Contest { isolation, rounds: ROUNDS_WITH_KEYS, most: 20, ..contest };
    let tally = require_exact_in_pools(&contest);
    assert!(tally.retried > 0, "no call had to be retried");
}

/// Most calls fail, because another one has committed first, so there are fewer rounds.
fn retries_reach_it(isolation: &str) {
    let database = CLUSTER.database(&isolation.replace(' ', "_"));
    let contest = contest(&database, FUNCTIONS);
    let tally = require_exact(&Contest { isolation, rounds: repetitions(40), most: 20, ..contest });
    assert!(tally.retried > 0, "no call had to be retried");
}

/// The same contest detects a known-wrong function.
fn is_caught(functions: Functions, violation: &str) {
    let name = [functions.consume, functions.consume_in_pool, functions.release].into_iter();
    let name = name.filter(|name| name.starts_with("wrong")).collect::<String>();
    let database = CLUSTER.database(&name);
    database.execute(include_str!("../fixtures/mutants.sql"));
    let contest = contest(&database, functions);
    let with_keys = name == "wrong_replay";
    let in_pools = functions.consume_in_pool != FUNCTIONS.consume_in_pool;
    let caught = Contest { sessions: 16, most: 50, with_keys, in_pools, ..contest }.play();
    let broken = caught.err().unwrap_or_else(|| panic!("the contest has not caught {name}"));
    println!("{name}: {broken}");
    assert!(broken.contains(violation), "{name}: {broken}");
}

fn consume_is_caught(consume: &'static str, violation: &str) {
    is_caught(Functions { consume, ..FUNCTIONS }, violation);
}

#[test]
fn check_then_act_is_caught() {
    consume_is_caught("wrong_check_then_act", "over the limit");
}

#[test]
fn a_condition_on_an_old_count_is_caught() {
    consume_is_caught("wrong_old_count", "over the limit");
}

#[test]
fn an_unconditional_first_call_is_caught() {
    consume_is_caught("wrong_first_call", "over the limit");
}

#[test]
fn treating_an_unknown_plan_as_unlimited_is_caught() {
    consume_is_caught("wrong_missing_limit", "admitted without a limit");
}

#[test]
fn an_ignored_idempotency_key_is_caught() {
    consume_is_caught("wrong_replay", "not replayed");
}

#[test]
fn denying_instead_of_waiting_is_caught() {
    consume_is_caught("wrong_denial", "too early");
}

#[test]
fn writing_back_the_whole_row_is_caught() {
    consume_is_caught("wrong_whole_row", "over the limit");
}

#[test]
fn an_expired_amount_that_is_used_twice_is_caught() {
    consume_is_caught("wrong_expiry", "over the limit");
}

#[test]
fn a_release_that_subtracts_twice_is_caught() {
    is_caught(Functions { release: "wrong_release", ..FUNCTIONS }, "over the limit");
}

fn consume_in_pool_is_caught(consume_in_pool: &'static str) {
    is_caught(Functions { consume_in_pool, ..FUNCTIONS }, "over the limit");
}

#[test]
fn check_then_act_in_a_pool_is_caught() {
    consume_in_pool_is_caught("wrong_in_pool_check_then_act");
}

#[test]
fn a_members_part_that_is_read_before_the_lock_is_caught() {
    consume_in_pool_is_caught("wrong_in_pool_old_part");
}
