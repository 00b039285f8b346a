//! Rules, caps and rates by a clock that stands still: what many sessions get at one instant, and at
//! the next, to the microsecond.

use std::sync::LazyLock;

use integration::frozen::{
    Frozen, admitted, all_consume, ask, consume, denials, number, rules, sessions,
};
use integration::{Clock, Database, reservation_id, user};
use serde_json::{Value, json};

static SERVER: LazyLock<Frozen> = LazyLock::new(|| Frozen::create("it_rules_and_rates"));

/// A database at a time, with limits of the plan free.
fn at(name: &str, time: &str, limits: &str, test: impl FnOnce(&Clock, &Database)) {
    SERVER.at(name, time, limits, test);
}

#[test]
fn an_addition_ends_at_its_instant() {
    let limits = "image_generation_daily_limit = 50";
    at("addition", "2025-02-10 11:59:59.999999", limits, |clock, database| {
        let me = user(1);
        rules(
            database,
            "applies_to, user_id, feature_type, effect, amount, ends_at",
            &format!("('user', '{me}', 'image_generation', 'add', 20, '2025-02-10T12:00:00Z')"),
        );
        database.execute(&format!("SELECT increment_images_generated('{me}', 60, 'current')"));
        let before = ask(database, &format!("check_feature_limit('{me}', 'image_generation', 10)"));
        assert_eq!(before["allowed"], true, "{before}");
        assert_eq!((&before["limit"], &before["remaining"]), (&json!(70), &json!(0)));

        clock.set("2025-02-10 12:00:00");
        let after = ask(database, &format!("check_feature_limit('{me}', 'image_generation', 0)"));
        assert_eq!(after["error_code"], "LIMIT_EXCEEDED");
        assert_eq!(after["reason"], "image_generation limit exceeded (60/50)");
        assert_eq!(after["remaining"], 0);
        // Nothing governs any more, so the answer is the one without rules.
        let plain = json!({
            "allowed": false, "limit": 50, "current_usage": 60, "remaining": 0, "reserved": 0,
            "is_unlimited": false, "error_code": "LIMIT_EXCEEDED",
            "reason": "image_generation limit exceeded (60/50)",
            "feature_type": "image_generation", "period": "2025-02-10",
            "reset_at": "2025-02-11T00:00:00Z"
        });
        assert_eq!(after, plain);
    });
}

#[test]
fn overrides_and_additions_of_a_week() {
    // 10 February 2025 is a Monday.
    let limits = "image_generation_daily_limit = 50";
    at("overrides", "2025-02-12 12:00:00", limits, |_, database| {
        let me = user(1);
        rules(
            database,
            "applies_to, plan_id, user_id, feature_type, effect, amount, starts_at",
            &format!(
                "('user', NULL, '{me}', 'image_generation', 'set', 100, '2025-02-10T00:00:00Z'),
                 ('user', NULL, '{me}', 'image_generation', 'set', 10, '2025-02-11T00:00:00Z'),
                 ('plan', 'free', NULL, 'image_generation', 'add', 5, '2025-02-10T00:00:00Z'),
                 ('user', NULL, '{me}', 'image_generation', 'add', 7, '2025-02-10T00:00:00Z')"
            ),
        );
        let limit = || {
            let answer = ask(database, &format!("check_feature_limit('{me}', 'image_generation')"));
            answer["limit"].clone()
        };
        assert_eq!(limit(), 22);
        database.execute("UPDATE usage_rules SET ends_at = now() WHERE amount = 10");
        assert_eq!(limit(), 112);
        rules(
            database,
            "applies_to, user_id, feature_type, effect, amount, starts_at",
            &format!("('user', '{me}', 'image_generation', 'set', NULL, '2025-02-12T00:00:00Z')"),
        );
        assert_eq!(limit(), Value::Null);
        let answer = ask(database, &format!("check_feature_limit('{me}', 'image_generation')"));
        assert_eq!((&answer["is_unlimited"], &answer["remaining"]), (&json!(true), &Value::Null));
    });
}

#[test]
fn a_denial_stops_every_session_and_makes_no_row() {
    let limits = "image_generation_daily_limit = 50";
    at("denial", "2025-02-10 12:00:00", limits, |_, database| {
        let (blocked, was_blocked) = (user(1), user(2));
        rules(
            database,
            "applies_to, user_id, feature_type, effect, starts_at, ends_at",
            &format!(
                "('user', '{blocked}', 'image_generation', 'deny', now(), NULL),
                 ('user', '{was_blocked}', 'image_generation', 'deny', '2025-02-01', '2025-02-10')"
            ),
        );
        let mut callers = sessions(database);
        let answers = all_consume(&mut callers, blocked, "image_generation");
        assert_eq!(admitted(&answers), 0);
        assert_eq!(denials(&answers, "error_code"), "DENIED");
        assert_eq!(denials(&answers, "reason"), "image_generation is blocked");
        assert_eq!(number(database, "SELECT count(*) FROM feature_usage"), 0);
        assert_eq!(number(database, "SELECT count(*) FROM usage_counters"), 0);

        let answers = all_consume(&mut callers, was_blocked, "image_generation");
        assert_eq!(admitted(&answers), 50);
        assert_eq!(denials(&answers, "error_code"), "LIMIT_EXCEEDED");
    });
}

#[test]
fn ten_an_hour_of_a_hundred_a_month() {
    let limits = "voice_seconds_limit = 100";
    at("hours", "2025-02-10 13:59:58", limits, |clock, database| {
        rules(
            database,
            "applies_to, feature_type, effect, amount, per",
            "('all', 'voice_seconds', 'cap', 10, 'hour')",
        );
        let mut callers = sessions(database);
        let answers = all_consume(&mut callers, user(1), "voice_seconds");
        assert_eq!(admitted(&answers), 10);
        assert_eq!(denials(&answers, "retry_after"), 2);
        assert_eq!(denials(&answers, "error_code"), "LIMIT_EXCEEDED");
        assert_eq!(denials(&answers, "reason"), "voice_seconds limit exceeded (10/10 per hour)");
        clock.set("2025-02-10 14:00:00");
        assert_eq!(admitted(&all_consume(&mut callers, user(1), "voice_seconds")), 10);
        assert_eq!(number(database, "SELECT voice_seconds::bigint FROM feature_usage"), 20);
    });
}

#[test]
fn a_reservation_gives_back_in_the_hour_in_which_it_was_counted() {
    let limits = "voice_seconds_limit = 100";
    at("hour_of_then", "2025-02-10 13:59:59", limits, |clock, database| {
        rules(
            database,
            "applies_to, feature_type, effect, amount, per",
            "('all', 'voice_seconds', 'cap', 10, 'hour')",
        );
        let reserve = format!("reserve_feature('{}', 'voice_seconds', 4)", user(1));
        let id = reservation_id(&ask(database, &reserve));
        clock.set("2025-02-10 14:00:30");
        assert_eq!(ask(database, &format!("commit_reservation('{id}', 1)"))["committed"], true);
        let hour = |hour: &str| {
            number(
                database,
                &format!(
                    "SELECT coalesce(sum(used), 0)::bigint FROM usage_counters
                      WHERE period = '2025-02-10T{hour}'"
                ),
            )
        };
        assert_eq!((hour("13"), hour("14")), (1, 0));
        assert_eq!(number(database, "SELECT voice_seconds::bigint FROM feature_usage"), 1);

        // A day later, the month has 96 and the hour is empty.
        clock.set("2025-02-11 14:00:30");
        database.execute(&format!(
            "UPDATE feature_usage SET voice_seconds = 96 WHERE user_id = '{}'",
            user(1)
        ));
        let denied = consume(database, "voice_seconds", 10);
        assert_eq!(denied["allowed"], false);
        let expected = json!([{
            "effect": "allowance", "per": "period", "scope": "user",
            "feature_type": "voice_seconds", "limit": 100, "used": 96,
            "reset_at": "2025-03-01T00:00:00Z"
        }]);
        assert_eq!(denied["exceeded"], expected);
        let counted = "SELECT coalesce(sum(used), 0)::bigint FROM usage_counters
                        WHERE period = '2025-02-11T14'";
        assert_eq!(number(database, counted), 0);
    });
}

#[test]
fn ten_a_minute() {
    let limits = "chat_messages_daily_limit = NULL";
    at("ten_a_minute", "2025-02-10 12:00:00", limits, |clock, database| {
        rate(database, 10, "1 minute");
        let mut callers = sessions(database);
        let answers = all_consume(&mut callers, user(1), "chat");
        assert_eq!(admitted(&answers), 10);
        assert_eq!(denials(&answers, "retry_after"), 6);
        assert_eq!(denials(&answers, "error_code"), "RATE_LIMITED");
        let expected = json!([{
            "effect": "cap", "per": "rate", "every": 60, "scope": "user", "feature_type": "chat",
            "limit": 10, "used": 10, "reset_at": "2025-02-10T12:00:06Z"
        }]);
        assert_eq!(denials(&answers, "exceeded"), expected);

        clock.set("2025-02-10 12:00:05.999");
        let answers = all_consume(&mut callers, user(1), "chat");
        assert_eq!((admitted(&answers), denials(&answers, "retry_after")), (0, json!(1)));
        clock.set("2025-02-10 12:00:06");
        assert_eq!(admitted(&all_consume(&mut callers, user(1), "chat")), 1);
        let mut total = 11;
        for second in 7..60 {
            clock.set(&format!("2025-02-10 12:00:{second:02}.999"));
            let answer = consume(database, "chat", 1);
            total += usize::from(answer["allowed"] == true);
        }
        assert_eq!(total, 19);
        clock.set("2025-02-10 12:01:00");
        assert_eq!(admitted(&all_consume(&mut callers, user(1), "chat")), 1);
        // A unit that does not fit waits, one that never fits does not.
        let never = consume(database, "chat", 11);
        assert_eq!(never["error_code"], "LIMIT_EXCEEDED");
        assert_eq!(never["retry_after"], Value::Null);
    });
}

#[test]
fn seven_a_minute_and_one_in_ten_seconds() {
    let limits = "chat_messages_daily_limit = NULL";
    at("seven_a_minute", "2025-02-10 12:00:00", limits, |_, database| {
        rate(database, 7, "1 minute");
        let mut callers = sessions(database);
        let answers = all_consume(&mut callers, user(1), "chat");
        assert_eq!((admitted(&answers), denials(&answers, "retry_after")), (7, json!(9)));
        database.execute("UPDATE usage_rules SET amount = 1, every = '10 seconds'");
        let answers = all_consume(&mut callers, user(1), "chat");
        assert_eq!((admitted(&answers), denials(&answers, "retry_after")), (1, json!(10)));
    });
}

#[test]
fn the_longest_wait_is_told() {
    // Counted per month, so that a hundred are a month's.
    let limits = "voice_seconds_limit = 100";
    at("longest_wait", "2025-02-10 00:00:00", limits, |_, database| {
        let me = user(1);
        rules(
            database,
            "applies_to, feature_type, effect, amount, per, every",
            "('all', 'voice_seconds', 'cap', 10, 'rate', '1 minute')",
        );
        database.execute(&format!("SELECT increment_voice_seconds('{me}', 100, 'current')"));
        let denied = consume(database, "voice_seconds", 1);
        assert_eq!(denied["exceeded"].as_array().map(Vec::len), Some(2), "{denied}");
        assert_eq!(denied["error_code"], "LIMIT_EXCEEDED");
        // Until 1 March.
        assert_eq!(denied["retry_after"], 19 * 86_400);
    });
}

#[test]
fn checks_refusals_and_replays_take_nothing_of_a_rate() {
    let limits = "chat_messages_daily_limit = NULL";
    at("takes_nothing", "2025-02-10 12:00:00", limits, |clock, database| {
        rate(database, 2, "1 minute");
        let me = user(1);
        let with_key = format!("consume_feature('{me}', 'chat', 1, 'a key')");
        assert_eq!(ask(database, &with_key)["allowed"], true);
        let tat = || {
            let row = database.connect().query_one("SELECT tat::text FROM usage_counters", &[]);
            row.expect("a row").get::<_, String>(0)
        };
        let after_one = tat();
        for _ in 0..5 {
            assert_eq!(ask(database, &with_key)["replayed"], true);
            assert_eq!(
                ask(database, &format!("check_feature_limit('{me}', 'chat')"))["allowed"],
                true
            );
            assert_eq!(consume(database, "chat", 2)["error_code"], "RATE_LIMITED");
            assert_eq!(consume(database, "chat", 0)["allowed"], true);
        }
        assert_eq!(tat(), after_one);
        // A release gives nothing back: a rate limits attempts.
        let reserved = ask(database, &format!("reserve_feature('{me}', 'chat')"));
        let id = reservation_id(&reserved);
        ask(database, &format!("release_reservation('{id}')"));
        assert_eq!(consume(database, "chat", 1)["error_code"], "RATE_LIMITED");
        // Increments take, and are never refused.
        clock.set("2025-02-10 13:00:00");
        database.execute(&format!("SELECT increment_chat_messages('{me}', 9, 'current')"));
        assert_eq!(consume(database, "chat", 1)["retry_after"], 30);
    });
}

#[test]
fn a_user_who_changes_the_zone_gains_a_date_and_no_more() {
    let limits = "image_generation_daily_limit = 3";
    at("zones", "2025-02-10 12:00:00", limits, |clock, database| {
        let me = user(1);
        let move_to = |zone: &str| {
            database.execute(&format!(
                "INSERT INTO user_plans (user_id, plan_id, time_zone) VALUES ('{me}', 'free', '{zone}')
                     ON CONFLICT (user_id) DO UPDATE SET time_zone = excluded.time_zone"
            ));
        };
        let spend = || {
            let answers: Vec<Value> =
                (0..5).map(|_| consume(database, "image_generation", 1)).collect();
            (admitted(&answers), answers[0]["period"].clone())
        };
        move_to("Pacific/Kiritimati");
        assert_eq!(spend(), (3, json!("2025-02-11")));
        move_to("Pacific/Niue");
        assert_eq!(spend(), (3, json!("2025-02-10")));
        clock.set("2025-02-11 11:00:00");
        assert_eq!(spend(), (0, json!("2025-02-11")));
        clock.set("2025-02-12 10:59:59.999999");
        assert_eq!(spend(), (0, json!("2025-02-11")));
        clock.set("2025-02-12 11:00:00");
        assert_eq!(spend(), (3, json!("2025-02-12")));
    });
}

#[test]
fn a_billing_month_begins_at_the_anchor() {
    let limits = "voice_seconds_limit = 0";
    at("anchors", "2025-03-30 23:59:59.999999", limits, |clock, database| {
        let me = user(1);
        database.execute("SELECT add_feature('credits', 'billing_month')");
        database.execute("UPDATE plan_limits SET credits_limit = 5");
        database.execute(&format!(
            "INSERT INTO user_plans (user_id, plan_id, period_anchor)
             VALUES ('{me}', 'free', '2025-01-31T18:30:00Z')"
        ));
        let last = consume(database, "credits", 5);
        assert_eq!(last["allowed"], true);
        assert_eq!(last["period"], "2025-02-28/P1M");
        assert_eq!(last["reset_at"], "2025-03-31T00:00:00Z");
        assert_eq!(consume(database, "credits", 1)["error_code"], "LIMIT_EXCEEDED");
        clock.set("2025-03-31 00:00:00");
        let first = consume(database, "credits", 1);
        assert_eq!((&first["allowed"], &first["period"]), (&json!(true), &json!("2025-03-31/P1M")));
        assert_eq!(first["reset_at"], "2025-04-30T00:00:00Z");
        // The same anchor with another plan keeps the usage, another anchor is another period.
        database.execute("UPDATE user_plans SET period_anchor = '2025-03-31T00:00:00Z'");
        assert_eq!(consume(database, "credits", 1)["current_usage"], 2);
        database.execute("UPDATE user_plans SET period_anchor = '2025-03-30T00:00:00Z'");
        let moved = consume(database, "credits", 1);
        assert_eq!(
            (&moved["period"], &moved["current_usage"]),
            (&json!("2025-03-30/P1M"), &json!(1))
        );
    });
}

/// A rate of chat for everybody.
fn rate(database: &Database, amount: i64, every: &str) {
    rules(
        database,
        "applies_to, feature_type, effect, amount, per, every",
        &format!("('all', 'chat', 'cap', {amount}, 'rate', '{every}')"),
    );
}
