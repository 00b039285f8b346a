//! Grants, currencies and overage by a clock that stands still: what covers an amount, what goes back
//! where, and what many sessions get at once.

use std::sync::LazyLock;

use postgres::error::SqlState;

use integration::frozen::{
    Frozen, admitted, all_consume, ask, consume, denials, number, rules, sessions,
};
use integration::{Clock, Cluster, Database, reservation_id, together, user};
use serde_json::{Value, json};

static SERVER: LazyLock<Frozen> = LazyLock::new(|| Frozen::create("it_grants"));

/// A database at a time, with limits of the plan free.
fn at(name: &str, time: &str, limits: &str, test: impl FnOnce(&Clock, &Database)) {
    SERVER.at(name, time, limits, test);
}

/// Grants units of a feature to the first user, with further arguments.
fn grant(database: &Database, feature: &str, amount: i64, source: &str, more: &str) -> Value {
    let me = user(1);
    ask(database, &format!("grant_usage('{me}', '{feature}', {amount}, '{source}'{more})"))
}

/// What is used of the grants of sources, in the order of their names.
fn used(database: &Database) -> Vec<(String, i64)> {
    let rows = database
        .connect()
        .query("SELECT source_ref, used FROM usage_grants ORDER BY source_ref COLLATE \"C\"", &[]);
    rows.expect("grants").iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn of(used: &[(&str, i64)]) -> Vec<(String, i64)> {
    used.iter().map(|(source, used)| ((*source).to_owned(), *used)).collect()
}

/// Drawn and overage of the first user's only row of that kind.
fn cover(database: &Database, feature: &str) -> (i64, i64) {
    let row = database.connect().query_one(
        "SELECT coalesce(sum(drawn), 0)::bigint, coalesce(sum(overage), 0)::bigint
           FROM usage_counters WHERE feature_type = $1",
        &[&feature],
    );
    let row = row.expect("sums");
    (row.get(0), row.get(1))
}

fn images(database: &Database) -> i64 {
    number(database, "SELECT coalesce(sum(images_generated), 0)::bigint FROM feature_usage")
}

fn reserve(database: &Database, feature: &str, amount: i32, more: &str) -> String {
    let me = user(1);
    let answer = ask(database, &format!("reserve_feature('{me}', '{feature}', {amount}{more})"));
    assert_eq!(answer["allowed"], true, "{answer}");
    reservation_id(&answer).to_string()
}

fn commit(database: &Database, reservation: &str, actual: i32) -> Value {
    ask(database, &format!("commit_reservation('{reservation}', {actual})"))
}

const THREE_IMAGES: &str = "image_generation_daily_limit = 3";

#[test]
fn the_allowance_burns_first_then_grants_in_their_order() {
    at("burn_order", "2025-02-10 12:00:00", THREE_IMAGES, |clock, database| {
        grant(database, "image_generation", 5, "A", ", '2025-02-11'");
        grant(database, "image_generation", 10, "B", "");
        grant(database, "image_generation", 2, "C", ", p_priority => 1");
        let answer = consume(database, "image_generation", 12);
        assert_eq!(answer["sources"], json!({"allowance": 3, "grants": 9, "overage": 0}));
        assert_eq!((&answer["current_usage"], &answer["drawn"]), (&json!(12), &json!(9)));
        assert_eq!(answer["remaining"], 8);
        assert_eq!(used(database), of(&[("A", 5), ("B", 2), ("C", 2)]));
        clock.set("2025-02-11 00:00:00");
        let check = format!("check_feature_limit('{}', 'image_generation', 0)", user(1));
        assert_eq!(ask(database, &check)["remaining"], 11);
    });
    at("burn_order_at_once", "2025-02-10 12:00:00", THREE_IMAGES, |_, database| {
        grant(database, "image_generation", 5, "A", ", '2025-02-11'");
        grant(database, "image_generation", 10, "B", "");
        grant(database, "image_generation", 2, "C", ", p_priority => 1");
        let answers = all_consume(&mut sessions(database), user(1), "image_generation");
        assert_eq!(admitted(&answers), 20);
        assert_eq!(denials(&answers, "error_code"), "LIMIT_EXCEEDED");
        assert_eq!(number(database, "SELECT sum(used)::bigint FROM usage_grants"), 17);
        assert_eq!((images(database), cover(database, "image_generation")), (20, (17, 0)));
    });
}

#[test]
fn an_upgrade_frees_allowance_and_never_eats_what_was_paid() {
    at("upgrade", "2025-02-10 12:00:00", THREE_IMAGES, |_, database| {
        grant(database, "image_generation", 30, "A", "");
        assert_eq!(consume(database, "image_generation", 13)["drawn"], 10);
        database.execute("UPDATE plan_limits SET image_generation_daily_limit = 50");
        let check = format!("check_feature_limit('{}', 'image_generation', 0)", user(1));
        assert_eq!(ask(database, &check)["remaining"], 47 + 20);
    });
}

/// The first user has one image left of the allowance, 2 of grant A and 10 of grant B.
fn with_one_left(database: &Database) {
    database.execute(&format!("SELECT increment_images_generated('{}', 2, 'current')", user(1)));
    grant(database, "image_generation", 2, "A", ", '2025-03-01'");
    grant(database, "image_generation", 10, "B", "");
}

#[test]
fn a_smaller_commit_gives_back_in_reverse() {
    at("refund", "2025-02-10 12:00:00", THREE_IMAGES, |_, database| {
        with_one_left(database);
        let reservation = reserve(database, "image_generation", 4, "");
        assert_eq!(used(database), of(&[("A", 2), ("B", 1)]));
        assert_eq!(commit(database, &reservation, 2)["committed"], true);
        assert_eq!(used(database), of(&[("A", 1), ("B", 0)]));
        assert_eq!((images(database), cover(database, "image_generation")), (4, (1, 0)));
    });
}

#[test]
fn a_release_and_an_expiry_give_everything_back() {
    at("release", "2025-02-10 12:00:00", THREE_IMAGES, |clock, database| {
        with_one_left(database);
        let reservation = reserve(database, "image_generation", 4, "");
        ask(database, &format!("release_reservation('{reservation}')"));
        assert_eq!(used(database), of(&[("A", 0), ("B", 0)]));
        reserve(database, "image_generation", 4, ", '1 minute'");
        clock.set("2025-02-10 12:02:00");
        // Readers leave out what has expired, also before anybody gives it back.
        let status = ask(database, &format!("usage_status('{}', 'image_generation')", user(1)));
        let feature = &status["features"]["image_generation"];
        assert_eq!((&feature["current_usage"], &feature["drawn"]), (&json!(2), &json!(0)));
        assert_eq!((&feature["remaining"], &feature["grants"][0]["used"]), (&json!(13), &json!(0)));
        assert_eq!(used(database), of(&[("A", 2), ("B", 1)]));
        assert_eq!(ask(database, "expire_reservations()"), 1);
        assert_eq!(used(database), of(&[("A", 0), ("B", 0)]));
        assert_eq!((images(database), cover(database, "image_generation")), (2, (0, 0)));
    });
}

#[test]
fn a_late_commit_draws_afresh() {
    at("late", "2025-02-10 12:00:00", THREE_IMAGES, |clock, database| {
        with_one_left(database);
        let reservation = reserve(database, "image_generation", 4, ", '1 minute'");
        clock.set("2025-02-10 12:02:00");
        // Gives back what the reservation held, and takes allowance 1 and A 2.
        let answer = consume(database, "image_generation", 3);
        assert_eq!(answer["sources"], json!({"allowance": 1, "grants": 2, "overage": 0}));
        assert_eq!(used(database), of(&[("A", 2), ("B", 0)]));
        assert_eq!(commit(database, &reservation, 4)["late"], true);
        assert_eq!(used(database), of(&[("A", 2), ("B", 4)]));
        assert_eq!((images(database), cover(database, "image_generation")), (9, (6, 0)));
    });
    at("late_void", "2025-02-10 12:00:00", THREE_IMAGES, |clock, database| {
        with_one_left(database);
        let reservation = reserve(database, "image_generation", 4, ", '1 minute'");
        clock.set("2025-02-10 12:02:00");
        consume(database, "image_generation", 3);
        assert_eq!(ask(database, "void_grant('B', 'image_generation')")["forfeited"], 10);
        commit(database, &reservation, 4);
        assert_eq!((images(database), cover(database, "image_generation")), (9, (2, 0)));
        let status = ask(database, &format!("usage_status('{}', 'image_generation')", user(1)));
        assert_eq!(status["features"]["image_generation"]["excess"], 4);
        assert_eq!(consume(database, "image_generation", 1)["error_code"], "LIMIT_EXCEEDED");
    });
}

#[test]
fn a_refund_to_a_voided_grant_is_of_no_use() {
    at("void_refund", "2025-02-10 12:00:00", THREE_IMAGES, |_, database| {
        with_one_left(database);
        let reservation = reserve(database, "image_generation", 4, "");
        ask(database, "void_grant('B')");
        commit(database, &reservation, 0);
        assert_eq!(used(database), of(&[("A", 0), ("B", 0)]));
        let answer = consume(database, "image_generation", 4);
        assert_eq!(answer["allowed"], false);
        assert_eq!(answer["remaining"], 3);
    });
}

#[test]
fn a_denial_spares_grants_and_one_that_ended_does_not() {
    let limits = "image_generation_daily_limit = 50";
    at("deny", "2025-02-10 12:00:00", limits, |_, database| {
        let me = user(1);
        grant(database, "image_generation", 1_000, "A", "");
        let columns = "applies_to, user_id, feature_type, effect, starts_at, ends_at";
        let deny = |ends_at: &str| {
            rules(
                database,
                columns,
                &format!("('user', '{me}', 'image_generation', 'deny', '2025-01-01', {ends_at})"),
            );
        };
        deny("NULL");
        let mut callers = sessions(database);
        let answers = all_consume(&mut callers, me, "image_generation");
        assert_eq!((admitted(&answers), denials(&answers, "error_code")), (0, json!("DENIED")));
        assert_eq!(used(database), of(&[("A", 0)]));
        assert_eq!(number(database, "SELECT count(*) FROM feature_usage"), 0);
        database.execute("DELETE FROM usage_rules");
        deny("'2025-02-10 11:00:00+00'");
        assert_eq!(admitted(&all_consume(&mut callers, me, "image_generation")), 64);
        assert_eq!(used(database), of(&[("A", 14)]));
    });
}

#[test]
fn increments_draw_and_are_never_refused() {
    at("increments", "2025-02-10 12:00:00", THREE_IMAGES, |_, database| {
        let me = user(1);
        grant(database, "image_generation", 4, "A", "");
        database.execute(&format!("SELECT increment_images_generated('{me}', 5, 'current')"));
        assert_eq!(used(database), of(&[("A", 2)]));
        let event = json!([
            {"user_id": me.to_string(), "feature_type": "image_generation", "amount": 3},
            {"user_id": me.to_string(), "feature_type": "image_generation", "amount": 1, "period": "2025-02-09"},
        ]);
        assert_eq!(ask(database, &format!("record_usage('{event}')")), 2);
        assert_eq!(used(database), of(&[("A", 4)]));
        assert_eq!((images(database), cover(database, "image_generation")), (9, (4, 0)));
        let status = ask(database, &format!("usage_status('{me}', 'image_generation')"));
        assert_eq!(status["features"]["image_generation"]["excess"], 1);
    });
}

/// 100 credits a month; an image costs 5, a chat message 1, and none is included.
fn credits(database: &Database) {
    database.execute("SELECT add_feature('credits', 'month')");
    database.execute(
        "UPDATE plan_limits SET credits_limit = 100, image_generation_daily_limit = 0,
                                chat_messages_daily_limit = 0",
    );
    rules(
        database,
        "applies_to, feature_type, effect, amount, paid_in",
        "('all', 'image_generation', 'cost', 5, 'credits'), ('all', 'chat', 'cost', 1, 'credits')",
    );
}

fn credits_used(database: &Database) -> i64 {
    number(database, "SELECT coalesce(sum(credits), 0)::bigint FROM feature_usage")
}

#[test]
fn one_currency_pays_for_several_features() {
    at("credits", "2025-02-10 12:00:00", "insights_limit = 0", |_, database| {
        credits(database);
        for _ in 0..19 {
            assert_eq!(consume(database, "image_generation", 1)["allowed"], true);
        }
        let answers: Vec<Value> = (0..6).map(|_| consume(database, "chat", 1)).collect();
        assert_eq!(admitted(&answers), 5);
        let denied = &answers[5];
        assert_eq!(denied["error_code"], "LIMIT_EXCEEDED");
        assert_eq!(denied["reason"], "not enough credits (0 of 1)");
        let exceeded = &denied["exceeded"][0];
        assert_eq!(exceeded["feature_type"], "credits");
        assert_eq!((&exceeded["limit"], &exceeded["used"]), (&json!(100), &json!(100)));
        assert_eq!(denied["retry_after"], (19 * 24 - 12) * 3_600);
        assert_eq!(credits_used(database), 100);
        assert_eq!((images(database), cover(database, "image_generation")), (19, (19, 0)));
    });
}

#[test]
fn nothing_is_paid_in_part() {
    at("in_part", "2025-02-10 12:00:00", "insights_limit = 0", |_, database| {
        credits(database);
        database.execute(&format!("SELECT increment_credits('{}', 96, 'current')", user(1)));
        let denied = consume(database, "image_generation", 1);
        assert_eq!(denied["reason"], "not enough credits (4 of 5)");
        assert_eq!(credits_used(database), 96);
        database.execute(&format!("SELECT increment_credits('{}', 2, 'current')", user(1)));
        grant(database, "credits", 10, "G", "");
        let answer = consume(database, "image_generation", 1);
        let sources =
            json!({"allowance": 0, "grants": 0, "overage": 0, "cost": 5, "paid_in": "credits"});
        assert_eq!(answer["sources"], sources);
        assert_eq!((&answer["drawn"], &answer["remaining"]), (&json!(1), &json!(1)));
        assert_eq!((used(database), credits_used(database)), (of(&[("G", 3)]), 103));
        assert_eq!(cover(database, "credits"), (3, 0));
    });
}

#[test]
fn a_refund_is_at_the_price_that_was_paid() {
    let prepare = |database: &Database| {
        credits(database);
        database.execute(&format!("SELECT increment_credits('{}', 88, 'current')", user(1)));
        grant(database, "credits", 8, "G", "");
        let reservation = reserve(database, "image_generation", 4, "");
        assert_eq!((used(database), credits_used(database)), (of(&[("G", 8)]), 108));
        database.execute("UPDATE usage_rules SET amount = 7 WHERE amount = 5");
        reservation
    };
    at("less", "2025-02-10 12:00:00", "insights_limit = 0", |_, database| {
        let reservation = prepare(database);
        commit(database, &reservation, 1);
        // Back go 15: 8 to the grant, 7 to the allowance.
        assert_eq!((used(database), credits_used(database)), (of(&[("G", 0)]), 93));
        assert_eq!((images(database), cover(database, "credits")), (1, (0, 0)));
    });
    at("more", "2025-02-10 12:00:00", "insights_limit = 0", |_, database| {
        let reservation = prepare(database);
        commit(database, &reservation, 5);
        assert_eq!((images(database), credits_used(database)), (5, 108));
        let status = ask(database, &format!("usage_status('{}', 'image_generation')", user(1)));
        assert_eq!(status["features"]["image_generation"]["excess"], 1);
    });
    at("more_paid", "2025-02-10 12:00:00", "insights_limit = 0", |_, database| {
        let reservation = prepare(database);
        grant(database, "credits", 7, "H", "");
        commit(database, &reservation, 5);
        assert_eq!((used(database), credits_used(database)), (of(&[("G", 8), ("H", 7)]), 115));
        let status = ask(database, &format!("usage_status('{}', 'image_generation')", user(1)));
        assert_eq!(status["features"]["image_generation"]["excess"], 0);
    });
}

#[test]
fn sessions_that_share_a_currency_use_it_up_exactly() {
    at("shared", "2025-02-10 12:00:00", "insights_limit = 0", |_, database| {
        credits(database);
        grant(database, "credits", 20, "G", "");
        let me = user(1);
        let answers = together(&mut sessions(database), |n, caller| {
            let feature = if n % 2 == 0 { "image_generation" } else { "chat" };
            caller.consume(me, feature, 1, None).expect("an answer")
        });
        let paid: i64 = answers
            .iter()
            .filter(|answer| answer["allowed"] == true)
            .map(|answer| answer["sources"]["cost"].as_i64().expect("a cost"))
            .sum();
        assert_eq!(credits_used(database), paid);
        assert!((116..=120).contains(&paid), "{paid}");
        assert_eq!(number(database, "SELECT sum(used)::bigint FROM usage_grants"), paid - 100);
    });
}

#[test]
fn overage_is_used_up_exactly() {
    // Thousands of calls: with a clock that moves, on a server of its own.
    let cluster = Cluster::create("it_overage");
    let database = cluster.database("overage");
    database.execute("SELECT add_feature('minutes', 'total')");
    database.execute("UPDATE plan_limits SET minutes_limit = 1000");
    rules(
        &database,
        "applies_to, feature_type, effect, amount",
        "('all', 'minutes', 'overage', 5000)",
    );
    let answers = together(&mut sessions(&database), |_, caller| {
        (0..100)
            .map(|_| caller.consume(user(1), "minutes", 1, None).expect("an answer"))
            .collect::<Vec<_>>()
    });
    let answers: Vec<Value> = answers.into_iter().flatten().collect();
    assert_eq!((admitted(&answers), answers.len()), (6_000, 6_400));
    assert_eq!(denials(&answers, "error_code"), "LIMIT_EXCEEDED");
    assert_eq!(cover(&database, "minutes"), (0, 5_000));
}

#[test]
fn overage_is_not_forgiven_by_a_raise() {
    let limits = "voice_seconds_limit = 1000";
    at("raise", "2025-02-10 12:00:00", limits, |_, database| {
        let columns = "applies_to, feature_type, effect, amount";
        rules(database, columns, "('all', 'voice_seconds', 'overage', 5000)");
        let answer = consume(database, "voice_seconds", 1_500);
        assert_eq!((&answer["overage"], &answer["remaining"]), (&json!(500), &json!(0)));
        database.execute("UPDATE plan_limits SET voice_seconds_limit = 2000");
        let check = format!("check_feature_limit('{}', 'voice_seconds', 0)", user(1));
        assert_eq!(ask(database, &check)["remaining"], 1_000);
        let answer = consume(database, "voice_seconds", 1_000);
        assert_eq!(
            (&answer["sources"]["allowance"], &answer["overage"]),
            (&json!(1_000), &json!(500))
        );
        assert_eq!(answer["current_usage"], 2_500);
    });
}

#[test]
fn a_smaller_commit_takes_overage_back_first() {
    let limits = "voice_seconds_limit = 4";
    at("overage_refund", "2025-02-10 12:00:00", limits, |_, database| {
        let columns = "applies_to, feature_type, effect, amount";
        rules(database, columns, "('all', 'voice_seconds', 'overage', 100)");
        let reservation = reserve(database, "voice_seconds", 10, "");
        assert_eq!(cover(database, "voice_seconds"), (0, 6));
        commit(database, &reservation, 5);
        assert_eq!(cover(database, "voice_seconds"), (0, 1));
    });
    at("excess", "2025-02-10 12:00:00", limits, |_, database| {
        let columns = "applies_to, feature_type, effect, amount";
        rules(database, columns, "('all', 'voice_seconds', 'add', 0)");
        let reservation = reserve(database, "voice_seconds", 4, "");
        commit(database, &reservation, 10);
        let status = ask(database, &format!("usage_status('{}', 'voice_seconds')", user(1)));
        let feature = &status["features"]["voice_seconds"];
        assert_eq!((&feature["excess"], &feature["overage"]), (&json!(6), &json!(0)));
        database.execute("UPDATE plan_limits SET voice_seconds_limit = 14");
        let check = format!("check_feature_limit('{}', 'voice_seconds', 0)", user(1));
        assert_eq!(ask(database, &check)["remaining"], 4);
    });
}

#[test]
fn trial_credits_are_granted_once_for_ever() {
    at("trial", "2025-02-10 12:00:00", THREE_IMAGES, |clock, database| {
        let trial = || grant(database, "image_generation", 50, "trial:1", ", '2025-02-15'");
        assert_eq!(trial()["granted"], true);
        clock.set("2025-02-20 12:00:00");
        let again = trial();
        assert_eq!((&again["granted"], &again["replayed"]), (&json!(true), &json!(true)));
        assert_eq!(number(database, "SELECT count(*) FROM usage_grants"), 1);
        let check = format!("check_feature_limit('{}', 'image_generation', 0)", user(1));
        assert_eq!(ask(database, &check)["remaining"], 3);
    });
}

#[test]
fn a_trial_that_ended_leaves_what_was_paid() {
    at("ended", "2025-02-10 12:00:00", THREE_IMAGES, |_, database| {
        database.execute(&format!(
            "INSERT INTO user_plans (user_id, plan_id, trial_end_date)
             VALUES ('{}', 'free', '2025-02-01')",
            user(1)
        ));
        grant(database, "image_generation", 2, "pack", "");
        let answers: Vec<Value> =
            (0..3).map(|_| consume(database, "image_generation", 1)).collect();
        assert_eq!(admitted(&answers), 2);
        assert_eq!(answers[2]["error_code"], "TRIAL_EXPIRED");
        assert_eq!(answers[2]["trial_end_date"], "2025-02-01T00:00:00Z");
        assert_eq!(answers[2]["retry_after"], Value::Null);
    });
}

#[test]
fn more_for_a_time_ends_at_its_day() {
    let limits = "voice_seconds_limit = 100";
    at("more_until", "2025-02-10 12:00:00", limits, |clock, database| {
        rules(
            database,
            "applies_to, user_id, feature_type, effect, amount, ends_at",
            &format!("('user', '{}', 'voice_seconds', 'set', 500, '2025-02-15')", user(1)),
        );
        assert_eq!(consume(database, "voice_seconds", 120)["allowed"], true);
        clock.set("2025-02-15 00:00:00");
        let denied = consume(database, "voice_seconds", 1);
        assert_eq!(denied["error_code"], "LIMIT_EXCEEDED");
        assert_eq!(denied["reason"], "voice_seconds limit exceeded (120/100)");
    });
}

#[test]
fn sixty_four_payments_with_one_reference_grant_once() {
    at("once", "2025-02-10 12:00:00", THREE_IMAGES, |_, database| {
        let call = format!("SELECT grant_usage('{}', 'image_generation', 5, 'pi_1')", user(1));
        let answers: Vec<Value> = together(&mut sessions(database), |_, caller| {
            caller.client.query_one(&call, &[]).expect("an answer").get(0)
        });
        assert!(answers.iter().all(|answer| answer["granted"] == true), "{answers:?}");
        let replayed = answers.iter().filter(|answer| answer["replayed"] == true).count();
        assert_eq!(replayed, 63);
        assert_eq!(number(database, "SELECT count(*) FROM usage_grants"), 1);
    });
}

#[test]
fn what_is_left_of_a_period_is_carried_over_once() {
    let limits = "voice_seconds_limit = 100";
    at("carry", "2025-01-20 12:00:00", limits, |clock, database| {
        let me = user(1);
        grant(database, "voice_seconds", 30, "pack", ", p_priority => 1");
        // 60 of the allowance and, after an override, 30 of the grant.
        database.execute(&format!("SELECT increment_voice_seconds('{me}', 60, 'current')"));
        rules(
            database,
            "applies_to, feature_type, effect, amount, ends_at",
            "('all', 'voice_seconds', 'set', 60, '2025-02-01')",
        );
        assert_eq!(consume(database, "voice_seconds", 30)["drawn"], 30);
        let carry = format!("carry_over_usage('{me}', 'voice_seconds', '2025-01', 50)");
        let early = database.connect().query_one(&format!("SELECT {carry}"), &[]);
        let early = early.expect_err("January is not over");
        assert_eq!(early.code().map(SqlState::code), Some("22023"));
        clock.set("2025-02-02 12:00:00");
        let carried = ask(database, &carry);
        assert_eq!(carried["carried"], 40);
        let again = ask(database, &carry);
        assert_eq!((&again["grant_id"], &again["replayed"]), (&carried["grant_id"], &json!(true)));
        let expires =
            "SELECT count(*) FROM usage_grants WHERE expires_at = '2025-03-01 00:00:00+00'";
        assert_eq!(number(database, expires), 1);
        let check = format!("check_feature_limit('{me}', 'voice_seconds', 0)");
        assert_eq!(ask(database, &check)["remaining"], 140);
        // What arrives late in January finds nothing of what was carried over.
        database.execute(&format!("SELECT increment_voice_seconds('{me}', 1, '2025-01')"));
        assert_eq!(number(database, "SELECT used FROM usage_grants WHERE amount = 40"), 1);
    });
}
