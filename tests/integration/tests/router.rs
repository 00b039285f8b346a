//! A router with two shards answers like a single database, call by call, role by role.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use integration::{
    Caller, Cluster, Contest, Database, FUNCTIONS, Shards, poll, refusal, repetitions, seed,
    together, user,
};
use postgres::Client;
use serde_json::{Value, json};

static SHARDS: LazyLock<Option<Shards>> = LazyLock::new(|| Shards::create("it_router", 2));

/// A pool and its members, of whom 1 and 2 are on different shards than it or each other.
const PREPARE: &str = "
    INSERT INTO plan_limits (plan_id, chat_messages_daily_limit, image_generation_daily_limit, voice_seconds_limit)
    VALUES ('pro', 20, 10, 100);
    -- The clocks of these servers differ by seconds.
    ALTER TABLE usage_rules ALTER starts_at SET DEFAULT '2025-01-01';
    INSERT INTO usage_rules (applies_to, feature_type, effect, amount) VALUES ('all', 'chat', 'log', NULL);
    INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, per)
    VALUES ('user', '00000000-0000-0000-0000-000000000003', 'chat', 'cap', 2, 'hour');
    INSERT INTO usage_pools (pool_id, plan_id, seats)
    SELECT ('00000000-0000-0000-0001-00000000000' || n)::uuid, 'pro', n FROM generate_series(1, 4) AS n;
    INSERT INTO usage_pool_members (pool_id, user_id)
    SELECT ('00000000-0000-0000-0001-00000000000' || p)::uuid, ('00000000-0000-0000-0000-00000000000' || u)::uuid
      FROM generate_series(1, 4) AS p, generate_series(1, 2) AS u;";

/// The calls, with U1, U2, … for users, P1, … for pools, and RESERVATION for the last reservation.
const CALLS: &[&str] = &[
    "set_user_plan(U1, 'pro')",
    "set_user_plan(U4, 'pro', false, 'canceled')",
    "set_user_plan(U5, 'unknown')",
    "set_user_plan(NULL, 'pro')",
    "consume_feature(U1, 'chat')",
    "consume_feature(U2, 'chat', 3)",
    "consume_feature(U2, 'chat', 1)",
    "consume_feature(U3, 'chat', 2)",
    "consume_feature(U3, 'chat', 1)",
    "consume_feature(U4, 'chat')",
    "consume_feature(U1, 'chat', 1, 'key', p_metadata => '{\"model\": \"m\"}')",
    "consume_feature(U1, 'chat', 1, 'key')",
    "consume_feature(U1, 'chat', 2, 'key')",
    "consume_feature(U1, 'chat', 1, '')",
    "consume_feature(U1, 'unknown')",
    "consume_feature(U1, 'chat', -1)",
    "consume_feature(NULL, 'chat')",
    "consume_feature(U1, 'chat', 2, 'key in a pool', P1)",
    "consume_feature(U2, 'chat', 3, NULL, P1)",
    "consume_feature(U1, 'chat', 2, NULL, P2)",
    "consume_feature(U1, 'chat', 2, NULL, P3)",
    "consume_feature(U3, 'chat', 1, NULL, P1)",
    "consume_feature(U1, 'chat', 1, NULL, U1)",
    "consume_feature(U1, 'chat', 1, NULL, '00000000-0000-0000-0000-000000000000')",
    "increment_voice_seconds(U1, 7, 'current')",
    "increment_voice_seconds(U2, 7, '2025-01')",
    "increment_voice_seconds(U1, -7, 'current')",
    "increment_voice_seconds(NULL, 7, 'current')",
    "increment_insights_count(U1, 7, '2025-02')",
    "increment_insights_count(U1, 7, '2025-02-10')",
    "increment_therai_calls(U1, 2147483647, 'current')",
    "increment_therai_calls(U1, 1, 'current')",
    "increment_chat_messages(U5, 4, 'current')",
    "increment_images_generated(U2, 1, '2025-02-09')",
    "increment_feature_usage(U3, 'voice_seconds', 4, '2025-02')",
    "increment_feature_usage(U3, 'unknown', 4, '2025-02')",
    "check_feature_limit(U1, 'chat')",
    "check_feature_limit(U2, 'chat', 0)",
    "check_feature_limit(U3, 'chat', 1, '2025-02-09')",
    "check_feature_limit(U1, 'unknown')",
    "check_feature_limit(NULL, 'chat')",
    "get_user_limits(U1)",
    "get_user_limits(U2)",
    "get_user_limits(NULL)",
    "usage_status(U1)",
    "usage_status(U2, 'chat')",
    "usage_status(U1, 'chat', P1)",
    "usage_status(U2, 'chat', P2)",
    "usage_status(NULL, 'chat', P1)",
    "usage_status(U3, 'chat', P1)",
    "usage_status(NULL, 'chat')",
    "usage_status(U1, 'unknown')",
    "usage_period(U1, 'chat')",
    "usage_period(U1, 'voice_seconds', p_at => '2024-02-29')",
    "usage_period(NULL, 'chat')",
    "reserve_feature(U1, 'image_generation', 4, '1 hour', 'key')",
    "reserve_feature(U1, 'image_generation', 4, '1 hour', 'key')",
    "commit_reservation(RESERVATION, 2)",
    "commit_reservation(RESERVATION, 3)",
    "release_reservation(RESERVATION)",
    "reserve_feature(U2, 'image_generation', 2)",
    "release_reservation(RESERVATION, U1)",
    "release_reservation(RESERVATION, U2)",
    "reserve_feature(U1, 'chat', 2, p_pool_id => P1)",
    "commit_reservation(RESERVATION, 5)",
    "reserve_feature(U2, 'chat', 2, p_pool_id => P3)",
    "release_reservation(RESERVATION)",
    "reserve_feature(U1, 'chat', 2, '0 seconds')",
    "commit_reservation('00000000-0000-7000-8000-000000000000')",
    "commit_reservation(NULL)",
    "release_reservation(NULL)",
    "record_usage('[{\"user_id\": \"00000000-0000-0000-0000-000000000001\", \"feature_type\": \"chat\", \"amount\": 2}]')",
    "record_usage(EVENTS('a', 'chat'))",
    "record_usage(EVENTS('a', 'chat'))",
    "record_usage('[]')",
    "record_usage('{}')",
    "record_usage(NULL)",
    "record_usage('[{\"user_id\": \"x\"}, {\"user_id\": \"00000000-0000-0000-0000-000000000001\"}]')",
    "record_usage('[1]')",
    "grant_usage(U1, 'chat', 5, 'pack 1')",
    "grant_usage(U1, 'chat', 5, 'pack 1')",
    "grant_usage(U1, 'chat', 6, 'pack 1')",
    "grant_usage(U2, 'voice_seconds', 6, 'pack 2', '2100-01-01')",
    "grant_usage(NULL, 'chat', 5, 'pack 3', p_pool_id => P2)",
    "grant_usage(U1, 'chat', 5, 'pack 4', p_pool_id => P2)",
    "grant_usage(NULL, 'chat', 5, 'pack 4')",
    "grant_usage(U1, 'chat', 0, 'pack 4')",
    "void_grant('pack 1')",
    "void_grant('pack 1', 'chat')",
    "void_grant('pack 2', p_user_id => U1)",
    "void_grant('pack 2', p_user_id => U2)",
    "void_grant('pack 3')",
    "void_grant('unknown')",
    "void_grant(NULL)",
    "carry_over_usage(U1, 'chat', '2025-02-09', 5)",
    "carry_over_usage(NULL, 'chat', '2025-02-09', 5, p_pool_id => P1)",
    "carry_over_usage(U1, 'chat', '2025-02', 5)",
    "correct_usage(U5, 'chat', -1, 'a mistake')",
    "correct_usage(U5, 'chat', -1, 'a mistake', p_idempotency_key => 'c')",
    "correct_usage(U5, 'chat', -1, 'a mistake', p_idempotency_key => 'c')",
    "correct_usage(U1, 'chat', -1, 'a mistake', p_pool_id => P1)",
    "correct_usage(U5, 'chat', -100, 'a mistake')",
    "correct_usage(U5, 'chat', -1, '')",
    "usage_report('2025-01-01', '2026-01-01', 'period')",
    "usage_report('2025-01-01', '2026-01-01', 'day')",
    "usage_report('2025-01-01', '2026-01-01', 'day', 'chat', U1)",
    "usage_report('2025-01-01', '2026-01-01', 'period', 'chat', NULL, P1)",
    "usage_report('2025-01-01', '2026-01-01', 'decade')",
    "usage_report(NULL, '2026-01-01')",
    "expire_reservations()",
    "expire_reservations(NULL)",
    "expire_reservations(-1)",
    "prune_feature_usage('-1 day')",
    "prune_feature_usage('0')",
    "migrate_image_generation_log()",
    "migrate_image_generation_log(NULL)",
    "add_feature('tokens', 'day')",
    "add_feature('tokens', 'day')",
    "add_feature('tokens', 'month')",
    "add_feature('Tokens', 'day')",
    "add_feature(NULL, 'day')",
    "increment_tokens(U1, 5, 'current')",
    "increment_tokens(U1, NULL, 'current')",
    "feature_usage_setup()",
    "increment_tokens(U2, 5, 'current')",
    "consume_feature(U1, 'tokens')",
    "get_user_limits(U1)",
    "usage_status(U2)",
];

/// The statement of a call.
fn statement(call: &str, reservation: &str) -> String {
    let mut call = call.replace("RESERVATION", &format!("'{reservation}'"));
    call = call.replace(
        "EVENTS('a', 'chat')",
        "(SELECT jsonb_agg(jsonb_build_object('user_id', '00000000-0000-0000-0000-00000000000' || n,
              'feature_type', 'chat', 'amount', 1, 'idempotency_key', 'a')) FROM generate_series(1, 8) AS n)",
    );
    for n in 1..=5 {
        call = call.replace(&format!("U{n}"), &format!("'00000000-0000-0000-0000-00000000000{n}'"));
        call = call.replace(&format!("P{n}"), &format!("'00000000-0000-0000-0001-00000000000{n}'"));
    }
    format!("SELECT jsonb_agg(to_jsonb(r)) FROM {call} AS r")
}

/// One side of the comparison.
struct Side {
    client: Client,
    reservation: String,
}

impl Side {
    fn of(database: &Database) -> Self {
        Self {
            client: database.connect(),
            reservation: "00000000-0000-7000-8000-000000000000".into(),
        }
    }

    /// The answer, or the error with its hint, without what differs by chance.
    fn ask(&mut self, call: &str) -> Value {
        let statement = statement(call, &self.reservation);
        match self.client.query_one(&statement, &[]) {
            Ok(row) => {
                let mut answer: Value = row.get::<_, Option<Value>>(0).unwrap_or_default();
                if let Some(id) = answer[0]["reservation_id"].as_str() {
                    id.clone_into(&mut self.reservation);
                }
                blind(&mut answer);
                answer
            }
            Err(error) => {
                let error = error.as_db_error().unwrap_or_else(|| panic!("{call}: {error}"));
                let message = error.message().replace(&self.reservation, "ID");
                json!({"sqlstate": error.code().code(), "message": message, "detail": error.detail(), "hint": error.hint()})
            }
        }
    }
}

/// Removes ids and instants that the servers choose.
fn blind(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match name.as_str() {
                    "reservation_id" | "grant_id" | "expires_at" | "effective_at"
                        if field.is_string() =>
                    {
                        *field = json!("some");
                    }
                    // Seconds, which pass.
                    "retry_after" if field.is_number() => *field = json!("some"),
                    _ => blind(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blind),
        // A function without a result returns either.
        Value::String(text) if text.is_empty() => *value = Value::Null,
        _ => {}
    }
}

#[test]
fn every_function_answers_as_on_a_single_database() {
    let Some(shards) = Shards::create("it_router_same", 2) else { return };
    let cluster = Cluster::create("it_router_single");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/");
    let fixture = |name: &str| std::fs::read_to_string(format!("{root}{name}")).expect(name);
    cluster.existing("postgres").execute(&fixture("supabase.sql"));
    let single = cluster.empty_database("app");
    single.psql(&fixture("supabase_database.sql"));
    single.execute("DROP TABLE auth.users; CREATE EXTENSION feature_usage");
    let router = shards.router();
    for database in [&single, &router] {
        database.execute(PREPARE);
    }
    shards.wait_for(2, "SELECT count(*) = 8 FROM usage_pool_members");
    shards.wait_for(2, "SELECT count(*) = 2 FROM usage_rules");

    require_all_functions(&single);
    await_a_long_hour(&mut single.connect());
    let (mut ours, mut theirs) = (Side::of(&router), Side::of(&single));
    // The owner makes everything happen; what signed-in users may do and see is asked before and after.
    for role in
        ["authenticated", "anon", "service_role", "postgres", "authenticated", "service_role"]
    {
        for side in [&mut ours, &mut theirs] {
            let claims = "SET request.jwt.claims = '{\"sub\": \"00000000-0000-0000-0000-000000000001\", \"role\": \"authenticated\"}'";
            side.client
                .batch_execute(&format!("RESET ROLE; {claims}; SET ROLE {role}"))
                .expect(role);
        }
        for call in CALLS {
            let (router, single) = (ours.ask(call), theirs.ask(call));
            assert_eq!(router, single, "as {role}: {call}\nleft: router, right: single database");
        }
    }
    let check = shards.run("shards", &["check"], &[]);
    assert!(check.status.success(), "{check:?}");
}

/// Two calls are of the same hour and day only if neither ends between them.
fn await_a_long_hour(client: &mut Client) {
    let is_ending = "SELECT extract(minute FROM now()) >= 58";
    while client.query_one(is_ending, &[]).expect("a time").get(0) {
        thread::sleep(Duration::from_secs(1));
    }
}

/// A function of the API that is not compared fails the test.
fn require_all_functions(single: &Database) {
    let compared: BTreeSet<String> =
        CALLS.iter().map(|call| call.split('(').next().expect("a name").to_owned()).collect();
    let query = "SELECT p.proname::text FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                   JOIN pg_extension AS e ON d.refobjid = e.oid AND d.deptype = 'e'
                  WHERE e.extname = 'feature_usage' AND p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype";
    let functions = single.connect().query(query, &[]).expect("functions");
    for function in functions {
        let name: String = function.get(0);
        assert!(compared.contains(&name), "{name} is not compared: add calls to CALLS");
    }
}

#[test]
fn a_function_that_nobody_has_said_how_to_route_is_an_error() {
    let Some(shards) = &*SHARDS else { return };
    let mut router = shards.router().connect();
    router
        .batch_execute(
            "BEGIN; CREATE FUNCTION public.new_function(p_something text) RETURNS void LANGUAGE sql AS '';
             ALTER EXTENSION feature_usage ADD FUNCTION public.new_function(text)",
        )
        .expect("a function");
    let refused = refusal(router.execute("SELECT feature_usage_router.route()", &[]));
    assert_eq!(refused.code().code(), "0A000");
    assert!(refused.message().contains("new_function"), "{refused:?}");
    assert!(refused.hint().expect("a hint").contains("p_user_id"), "{refused:?}");
    router.batch_execute("ROLLBACK").expect("an end");
    // By its signature alone, one about a user is routed.
    router
        .batch_execute(
            "BEGIN; CREATE FUNCTION public.new_function(p_user_id uuid, p_note text DEFAULT 'x') RETURNS jsonb LANGUAGE sql AS 'SELECT null::jsonb';
             ALTER EXTENSION feature_usage ADD FUNCTION public.new_function(uuid, text);
             SELECT feature_usage_router.route()",
        )
        .expect("a routed function");
    let row = router.query_one(
        "SELECT prosrc FROM pg_proc WHERE oid = 'feature_usage_router.new_function'::regproc",
        &[],
    );
    let source: String = row.expect("a function").get(0);
    assert!(source.contains("RUN ON feature_usage_router.place(p_user_id)"), "{source}");
    router.batch_execute("ROLLBACK").expect("an end");
}

#[test]
fn many_sessions_reach_each_limit_exactly() {
    let Some(shards) = &*SHARDS else { return };
    let (router, homes) = (shards.router(), shards.shards(2));
    for in_pools in [false, true] {
        let contest = Contest {
            database: &router,
            functions: FUNCTIONS,
            isolation: "read committed",
            sessions: 32,
            // Enough for rounds with reservations and with keys.
            rounds: repetitions(44),
            most: 100,
            with_keys: true,
            with_rules: false,
            in_pools,
            shards: &homes,
            seed: seed() + u64::from(in_pools),
        };
        let tally = contest.play().unwrap_or_else(|broken| panic!("in pools {in_pools}: {broken}"));
        println!("{tally:?}");
        for shard in &homes {
            // The rounds of both kinds have the same names.
            shard.execute("DELETE FROM plan_limits WHERE plan_id <> 'free'");
        }
        assert!(tally.admitted > 0 && tally.denied > 0 && tally.replayed > 0, "{tally:?}");
    }
}

#[test]
fn a_batch_for_several_shards_needs_keys_and_can_be_repeated() {
    let Some(shards) = &*SHARDS else { return };
    let router = shards.router();
    let mut caller = Caller::connect(&router);
    let event = |n: u128, feature: &str, key: Option<String>| {
        let mut event =
            json!({"user_id": user(70_000 + n).to_string(), "feature_type": feature, "amount": 1});
        if let Some(key) = key {
            event["idempotency_key"] = key.into();
        }
        event
    };
    let batch = |feature_of_7: &str, with_keys: bool| -> Value {
        let feature = |n| if n == 7 { feature_of_7 } else { "insights" };
        (0..20).map(|n| event(n, feature(n), with_keys.then(|| format!("b{n}")))).collect()
    };
    let counted = || -> i64 {
        let query = "SELECT coalesce(sum(insights_count), 0)::bigint FROM feature_usage WHERE user_id BETWEEN $1 AND $2";
        let of = |shard: Database| -> i64 {
            shard.connect().query_one(query, &[&user(70_000), &user(70_019)]).expect("a sum").get(0)
        };
        shards.shards(2).into_iter().map(of).sum()
    };

    let refused = refusal(caller.record(&batch("insights", false)));
    assert_eq!(refused.code().code(), "22023");
    assert!(refused.message().starts_with("event 0: idempotency_key"), "{refused:?}");
    assert!(
        refused.hint().expect("a hint").contains("Nothing of the batch was counted"),
        "{refused:?}"
    );
    assert_eq!(counted(), 0);

    // The index is that of the whole batch, and what was counted is told as it is.
    let refused = refusal(caller.record(&batch("unknown", true)));
    assert_eq!(refused.code().code(), "22023");
    assert!(refused.message().starts_with("event 7: unknown feature"), "{refused:?}");
    let told =
        refused.detail().expect("a detail").split(' ').next().expect("a number").parse::<i64>();
    let part = counted();
    assert_eq!(told.expect("a number"), part, "{refused:?}");
    assert!(0 < part && part < 20, "{part} of 20");
    assert!(refused.hint().expect("a hint").contains("same idempotency keys"), "{refused:?}");

    assert_eq!(i64::from(caller.record(&batch("insights", true)).expect("a number")), 20 - part);
    assert_eq!(caller.record(&batch("insights", true)).expect("a number"), 0);
    assert_eq!(counted(), 20);
}

#[test]
fn plans_are_written_on_the_router_and_obeyed_on_all_shards() {
    let Some(shards) = &*SHARDS else { return };
    let router = shards.router();
    let mut client = router.connect();
    client
        .batch_execute("UPDATE plan_limits SET insights_limit = 41 WHERE plan_id = 'free'")
        .expect("a limit");
    let mut caller = Caller::connect(&router);
    for n in 0..8 {
        poll("the limit", || {
            let answer = caller.check(user(60_000 + n), "insights", 0).expect("an answer");
            (answer["limit"] == 41).then_some(())
        });
    }
    // The first rule of a feature, in sessions that have called it before: the feature is governed.
    client
        .batch_execute("INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'therai_calls', 'deny')")
        .expect("a rule");
    for n in 0..8 {
        poll("the rule", || {
            let answer =
                caller.consume(user(60_000 + n), "therai_calls", 0, None).expect("an answer");
            (answer["error_code"] == "DENIED").then_some(())
        });
    }
    // Rows of users would be read by nobody.
    let refused =
        refusal(client.execute("INSERT INTO user_plans (user_id) VALUES ($1)", &[&user(1)]));
    assert_eq!(refused.code().code(), "0A000");
    assert!(refused.hint().expect("a hint").contains("set_user_plan"), "{refused:?}");
}

#[test]
fn signed_in_users_have_no_way_around_the_router() {
    let Some(shards) = &*SHARDS else { return };
    let mut client = shards.router().connect();
    client.batch_execute("SET ROLE authenticated").expect("a role");
    for statement in [
        "SELECT feature_usage_router.consume_feature('00000000-0000-0000-0000-000000000001', 'chat', 1, NULL, NULL, NULL)",
        "SELECT feature_usage_router.check_feature_limit_as_user('00000000-0000-0000-0000-000000000002', 'chat', 1, NULL, '{}')",
        "SELECT feature_usage_router.route()",
        "SELECT feature_usage_router.cut()",
        "SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'chat')",
        "SELECT FROM feature_usage",
        "SELECT FROM user_plans",
    ] {
        assert_eq!(refusal(client.execute(statement, &[])).code().code(), "42501", "{statement}");
    }
    client.batch_execute("RESET ROLE; SET ROLE service_role").expect("a role");
    let locked = refusal(
        client.batch_execute("LOCK TABLE feature_usage_router.gate IN ACCESS EXCLUSIVE MODE"),
    );
    // LOCK needs a transaction, so this is one statement that opens none.
    assert!(["42501", "25P01"].contains(&locked.code().code()), "{locked:?}");
}

#[test]
fn a_killed_shard_closes_for_its_own_users_only() {
    let Some(shards) = Shards::create("it_router_killed", 2) else { return };
    let router = shards.router();
    let place = |n: u128| -> i32 {
        let row = router.connect().query_one("SELECT uuid_hash($1) & 1", &[&user(n)]);
        row.expect("a place").get(0)
    };
    let of = |number: i32| user((1..100).find(|n| place(*n) == number).expect("a user"));
    let (here, there) = (of(0), of(1));
    let mut callers = Caller::many(&router, 8, FUNCTIONS);
    let all = |callers: &mut [Caller], user| -> Vec<_> {
        together(callers, |_, caller| caller.consume(user, "chat", 0, None))
    };
    for user in [here, there] {
        assert!(all(&mut callers, user).into_iter().all(|answer| answer.is_ok()));
    }

    // The postmaster is killed, not shut down; its backends see that and end.
    let pid = shards
        .shard(1)
        .connect()
        .query_one("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer", &[]);
    let pid: i32 = pid.expect("a process id").get(0);
    // SAFETY: a signal to a process that this test has started.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    poll("the end of the shard", || {
        callers[0].consume(there, "chat", 0, None).is_err().then_some(())
    });
    for answer in all(&mut callers, there) {
        let error = refusal(answer);
        assert_eq!(error.code().code(), "08006", "{error:?}");
        assert_eq!(error.message(), "the shard of this call does not answer");
        assert!(error.hint().expect("a hint").contains("same idempotency key"), "{error:?}");
    }
    assert!(all(&mut callers, here).into_iter().all(|answer| answer.is_ok()));
    // Signed-in users are not told where the shards are.
    let mut client = router.connect();
    client.batch_execute("SET ROLE authenticated").expect("a role");
    let error = refusal(client.query_one("SELECT check_feature_limit($1, 'chat')", &[&there]));
    assert_eq!((error.code().code(), error.detail()), ("08006", None), "{error:?}");
    let events: Value = [here, there]
        .iter()
        .map(|user| json!({"user_id": user.to_string(), "feature_type": "chat", "amount": 1, "idempotency_key": "k"}))
        .collect();
    let error = refusal(callers[0].record(&events));
    assert_eq!(error.code().code(), "08006", "{error:?}");
    assert!(error.hint().expect("a hint").contains("same idempotency keys"), "{error:?}");
    assert!(shards.error_of("shards", &["check"]).contains("shard 1 does not answer"));

    // Until the last of its processes has noticed, it does not start.
    poll("the start of the shard", || {
        shards.run("shards", &["2"], &[]).status.success().then_some(())
    });
    assert!(all(&mut callers, there).into_iter().all(|answer| answer.is_ok()));
    callers[0].record(&events).expect("a number");
    for user in [here, there] {
        let answer = callers[0].check(user, "chat", 0).expect("an answer");
        assert_eq!(answer["current_usage"], 1, "{answer}");
    }
}

#[test]
fn bad_numbers_and_shards_that_differ_are_told() {
    let Some(shards) = Shards::create("it_router_bad", 2) else { return };
    for (arguments, told) in [
        (&["3"][..], "3 is not a power of two"),
        (&["0"], "0 is not a power of two"),
        (&["4"], "there are 2 shards already"),
        (&["many"], "usage"),
        (&[], "usage"),
    ] {
        assert!(shards.error_of("shards", arguments).contains(told), "{arguments:?}");
    }
    assert!(shards.error_of("split", &["now"]).contains("usage"));

    let mut router = shards.router().connect();
    let mut shard = shards.shard(1).connect();
    shard.execute("SELECT add_feature('only_here', 'day')", &[]).expect("a feature");
    for command in [("shards", &["check"][..]), ("split", &[])] {
        let told = shards.error_of(command.0, command.1);
        assert!(
            told.contains("shard 1 has a feature only_here, and the router has none"),
            "{told}"
        );
    }
    router.execute("SELECT add_feature('only_here', 'day')", &[]).expect("a feature");
    shard
        .execute("UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'feature_usage'", &[])
        .expect("a version");
    let told = shards.error_of("split", &[]);
    assert!(told.contains("extension is \"0.9\" on shard 1"), "{told}");
    shard
        .execute(
            "UPDATE pg_extension SET extversion = '1.0.0' WHERE extname = 'feature_usage'",
            &[],
        )
        .expect("a version");
    assert!(shards.run("shards", &["check"], &[]).status.success());

    // PL/Proxy itself refuses a third.
    let refused = refusal(
        router.batch_execute("ALTER SERVER feature_usage OPTIONS (ADD p2 'host=/nowhere')"),
    );
    assert!(refused.hint().expect("a hint").contains("power of 2"), "{refused:?}");
    router.batch_execute("DROP SERVER feature_usage CASCADE").expect("no shards");
    let refused = refusal(router.query_one("SELECT check_feature_limit($1, 'chat')", &[&user(1)]));
    assert_eq!((refused.code().code(), refused.message()), ("55000", "the router has no shards"));
    assert!(shards.error_of("shards", &["check"]).contains("1, 2, 4, 8"));
}
