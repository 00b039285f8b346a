//! Periods begin and end in UTC, by the server's clock, whatever the client's time zone.
//!
//! Each test starts a server whose clock is a few seconds before midnight.

use integration::{Cluster, Database, FEATURES, Feature, check, increment, limits, poll, user};
use postgres::Client;
use serde_json::{Value, json};

/// A midnight: the day and the month that end, and those that begin.
struct Midnight {
    name: &'static str,
    last: &'static str,
    first: &'static str,
    month_before: (&'static str, &'static str),
    month_after: (&'static str, &'static str),
    reset_after: &'static str,
}

#[test]
fn february_of_a_leap_year_ends_after_the_29th() {
    passes(&Midnight {
        name: "it_leap_year",
        last: "2024-02-29",
        first: "2024-03-01",
        month_before: ("2024-02", "2024-03-01T00:00:00Z"),
        month_after: ("2024-03", "2024-04-01T00:00:00Z"),
        reset_after: "2024-03-02T00:00:00Z",
    });
}

#[test]
fn a_leap_day_does_not_end_the_month() {
    passes(&Midnight {
        name: "it_leap_day",
        last: "2024-02-28",
        first: "2024-02-29",
        month_before: ("2024-02", "2024-03-01T00:00:00Z"),
        month_after: ("2024-02", "2024-03-01T00:00:00Z"),
        reset_after: "2024-03-01T00:00:00Z",
    });
}

#[test]
fn february_of_another_year_ends_after_the_28th() {
    passes(&Midnight {
        name: "it_february",
        last: "2023-02-28",
        first: "2023-03-01",
        month_before: ("2023-02", "2023-03-01T00:00:00Z"),
        month_after: ("2023-03", "2023-04-01T00:00:00Z"),
        reset_after: "2023-03-02T00:00:00Z",
    });
}

#[test]
fn a_year_ends_with_its_last_day() {
    passes(&Midnight {
        name: "it_new_year",
        last: "2024-12-31",
        first: "2025-01-01",
        month_before: ("2024-12", "2025-01-01T00:00:00Z"),
        month_after: ("2025-01", "2025-02-01T00:00:00Z"),
        reset_after: "2025-01-02T00:00:00Z",
    });
}

#[test]
fn a_month_of_31_days_is_followed_by_a_shorter_one() {
    passes(&Midnight {
        name: "it_january",
        last: "2025-01-31",
        first: "2025-02-01",
        month_before: ("2025-01", "2025-02-01T00:00:00Z"),
        month_after: ("2025-02", "2025-03-01T00:00:00Z"),
        reset_after: "2025-02-02T00:00:00Z",
    });
}

impl Midnight {
    /// The period and its end that an answer about the feature must have.
    fn expected(&self, feature: &Feature, is_over: bool) -> (&str, String) {
        let ((period, reset_at), day, end_of_day) = if is_over {
            (self.month_after, self.first, self.reset_after.to_owned())
        } else {
            (self.month_before, self.last, format!("{}T00:00:00Z", self.first))
        };
        if feature.is_daily { (day, end_of_day) } else { (period, reset_at.to_owned()) }
    }
}

/// A time zone a day ahead of UTC, one a day behind, and others.
const FAR_ZONES: [&str; 4] =
    ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "America/New_York"];

fn passes(midnight: &Midnight) {
    let (database, mut old) = before(midnight);
    for feature in &FEATURES {
        let (period, _) = midnight.expected(feature, false);
        let call = format!("SELECT {}('{}', 2, '{period}')", feature.increment, user(1));
        database.execute(&call);
    }
    expect(&mut old, midnight, false);
    expect_the_same_in_every_zone(&mut old);

    let mut sessions = FAR_ZONES.map(|zone| {
        let mut client = database.connect();
        let set = format!("SET TimeZone = '{zone}'");
        client.batch_execute(&set).expect("a zone");
        client
    });
    // All must change at the same instant, so each answer is read together with its now().
    poll("midnight", || {
        let days = sessions.each_mut().map(day_of_answer);
        days.iter().all(|day| day == midnight.first).then_some(())
    });

    // A transaction that began before midnight stays in the old period until it ends.
    expect(&mut old, midnight, false);
    expect_the_same_in_every_zone(&mut old);
    expect_current_to_count(&mut old, midnight, false);
    old.batch_execute("COMMIT; BEGIN").expect("a new transaction");
    expect(&mut old, midnight, true);
    expect_the_same_in_every_zone(&mut old);
    expect_current_to_count(&mut old, midnight, true);
    for session in &mut sessions {
        expect(session, midnight, true);
        session.batch_execute("BEGIN").expect("a transaction");
        expect_current_to_count(session, midnight, true);
        session.batch_execute("ROLLBACK").expect("a rollback");
    }
}

/// Counts in the period `current`, and takes it back. Called within a transaction.
fn expect_current_to_count(client: &mut Client, midnight: &Midnight, is_over: bool) {
    client.batch_execute("SAVEPOINT before").expect("a savepoint");
    for feature in &FEATURES {
        let (period, _) = midnight.expected(feature, is_over);
        let count = |client: &mut Client| {
            let sum = format!(
                "SELECT sum({})::bigint FROM feature_usage WHERE period = $1",
                feature.column
            );
            client.query_one(&sum, &[&period]).expect("a sum").get::<_, Option<i64>>(0).unwrap_or(0)
        };
        let before = count(client);
        increment(client, feature.increment, user(2), 3, "current").expect(feature.name);
        let batch = json!([{"user_id": user(2).to_string(), "feature_type": feature.name, "amount": 4, "period": "current"}]);
        client.query_one("SELECT record_usage($1)", &[&batch]).expect(feature.name);
        assert_eq!(count(client), before + 7, "{} in {period}", feature.name);
    }
    client.batch_execute("ROLLBACK TO before").expect("a rollback");
}

/// A server a few seconds before midnight, with a transaction that has begun in time. On a slow
/// machine, a further server gets more time.
fn before(midnight: &Midnight) -> (Database, Client) {
    for time in ["23:59:55", "23:59:45", "23:59:15"] {
        let cluster = Cluster::create_at(midnight.name, &format!("{} {time}", midnight.last));
        let database = cluster.database("periods");
        let mut client = database.connect();
        client.batch_execute("BEGIN").expect("a transaction");
        if utc_day(&mut client) == midnight.last {
            return (database, client);
        }
    }
    panic!("no server was ready within 45 seconds");
}

fn utc_day(client: &mut Client) -> String {
    let row = client.query_one("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')", &[]);
    row.expect("a day").get(0)
}

/// The UTC day of a statement that checks, after comparing the periods of its answers.
fn day_of_answer(client: &mut Client) -> String {
    let row = client.query_one(
        "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
                check_feature_limit($1, 'chat') ->> 'period',
                check_feature_limit($1, 'insights') ->> 'period'",
        &[&user(1)],
    );
    let row = row.expect("an answer");
    let day: String = row.get(0);
    assert_eq!(row.get::<_, String>(1), day);
    assert_eq!(row.get::<_, String>(2), day[..7]);
    day
}

fn expect(client: &mut Client, midnight: &Midnight, is_over: bool) {
    let usage = &limits(client, user(1))["usage"];
    for feature in &FEATURES {
        let answer = check(client, feature.name, user(1), 0);
        let (period, reset_at) = midnight.expected(feature, is_over);
        assert_eq!(answer["period"], period, "{}", feature.name);
        assert_eq!(answer["reset_at"], reset_at, "{}", feature.name);
        // Counts from before midnight are visible as long as their period lasts.
        let (period_before, _) = midnight.expected(feature, false);
        let expected = if period == period_before { 2 } else { 0 };
        assert_eq!(answer["current_usage"], expected, "{}", feature.name);
        assert_eq!(usage[feature.column], expected, "{}", feature.name);
    }
}

/// In one transaction, so that now() does not change.
fn expect_the_same_in_every_zone(client: &mut Client) {
    let zones = client.query("SELECT name FROM pg_timezone_names", &[]).expect("zones");
    let names = FEATURES.map(|feature| feature.name);
    let answers = client.prepare(
        "SELECT jsonb_agg(check_feature_limit($1, name)) || get_user_limits($1)
           FROM unnest($2::text[]) AS name",
    );
    let answers = answers.expect("a statement");
    let mut answers_in = |zone: &str| -> Value {
        client.execute("SELECT set_config('TimeZone', $1, true)", &[&zone]).expect(zone);
        let row = client.query_one(&answers, &[&user(1), &names.as_slice()]);
        row.expect(zone).get(0)
    };
    let in_utc = answers_in("UTC");
    assert!(zones.len() > 100, "only {} zones", zones.len());
    for zone in zones {
        let zone: &str = zone.get(0);
        assert_eq!(answers_in(zone), in_utc, "{zone}");
    }
    answers_in("UTC");
}
