//! The ledger across a midnight, with a clock that the tests set, and under retries of one key.

use std::sync::LazyLock;

use integration::frozen::{Frozen, ask, number, rules, sessions};
use integration::{Caller, require_explained, reservation_id, together, user};
use serde_json::json;

static FROZEN: LazyLock<Frozen> = LazyLock::new(|| Frozen::create("it_ledger"));

/// Reports as lines: what was used in each bucket.
fn report(caller: &mut Caller, by: &str) -> Vec<(String, i64, Option<i64>)> {
    let report = "SELECT to_char(bucket AT TIME ZONE 'UTC', 'DD Mon'), amount, entries
                    FROM usage_report('2025-01-01', '2025-03-01', $1)";
    let rows = caller.client.query(report, &[&by]).expect("a report");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[test]
fn what_is_given_back_after_midnight_is_entered_then_for_the_period_before() {
    let limits = "image_generation_daily_limit = 10";
    FROZEN.at("midnight", "2025-01-31 23:59:50", limits, |clock, database| {
        rules(database, "applies_to, feature_type, effect", "('all', 'image_generation', 'log')");
        let mut caller = Caller::connect(database);
        let reserved = caller.reserve(user(1), "image_generation", 5, "5 minutes", None);
        let id = reservation_id(&reserved.expect("an answer"));
        clock.set("2025-02-01 00:00:10");
        caller.commit(id, Some(3)).expect("an answer");
        let entries = caller.client.query(
            "SELECT kind, amount, period FROM usage_ledger WHERE reservation_id = $1 ORDER BY entry_id",
            &[&id],
        );
        let entries: Vec<(String, i64, String)> = entries
            .expect("entries")
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect();
        let january = || "2025-01-31".to_owned();
        let expected = [("reserve".to_owned(), 5, january()), ("commit".to_owned(), -2, january())];
        assert_eq!(entries, expected);
        let [before, after] = ["31 Jan", "01 Feb"].map(str::to_owned);
        let by_day = [(before.clone(), 5, Some(1)), (after, -2, Some(1))];
        assert_eq!(report(&mut caller, "day"), by_day);
        assert_eq!(report(&mut caller, "period"), [(before, 3, None)]);
        require_explained(&mut caller.client);
    });
}

#[test]
fn a_key_of_64_sessions_has_one_entry() {
    FROZEN.at("keys", "2025-02-10 12:00:00", "chat_messages_daily_limit = 1", |_, database| {
        rules(database, "applies_to, feature_type, effect", "('all', 'chat', 'log')");
        let mut callers = sessions(database);
        let answers = together(&mut callers, |_, caller| {
            caller.consume(user(1), "chat", 1, Some("once")).expect("an answer")
        });
        let replayed = answers.iter().filter(|answer| answer["replayed"] == true).count();
        assert_eq!(replayed, 63);
        assert_eq!(number(database, "SELECT count(*) FROM usage_ledger"), 1);
        // So has a correction.
        let correct = format!(
            "correct_usage('{}', 'chat', -1, 'twice', p_idempotency_key => 'again')",
            user(1)
        );
        let answers = together(&mut callers, |_, caller| {
            let answer = caller.client.query_one(&format!("SELECT {correct}"), &[]);
            answer.expect("an answer").get::<_, serde_json::Value>(0)
        });
        assert!(answers.iter().all(|answer| answer["corrected"] == true), "{answers:?}");
        assert_eq!(number(database, "SELECT sum(amount)::bigint FROM usage_ledger"), 0);
        assert_eq!(number(database, "SELECT count(*) FROM usage_ledger"), 2);
        let other = ask(database, &correct.replace("-1", "-2"));
        assert_eq!(other["error_code"], json!("IDEMPOTENCY_MISMATCH"));
    });
}
