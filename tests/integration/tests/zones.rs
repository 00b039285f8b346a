//! Periods in every time zone that Postgres knows, from many anchors, over four centuries.
//!
//! What they should be is computed by Postgres' own dates and time zones (`fixtures/zones.sql`), and
//! compared with the answers of `usage_period`.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use integration::{Cluster, Random, seed};
use postgres::Client;

/// A session in a database with a user for each zone. One test at a time moves their anchors.
static SESSION: LazyLock<Mutex<Client>> = LazyLock::new(|| {
    let cluster = Cluster::create("it_zones");
    let mut client = cluster.database("zones").connect();
    client.batch_execute("SET TimeZone = 'UTC'; SET jit = off").expect("settings");
    repeatable(&mut client);
    client.batch_execute(include_str!("../fixtures/zones.sql")).expect("the expectations");
    Mutex::new(client)
});

static SEED: LazyLock<u64> = LazyLock::new(seed);

/// One in this many cases is also checked by its period key.
const KEYS: i32 = 60;

/// Begins the session's random numbers again from the seed.
fn repeatable(client: &mut Client) {
    let from_0_to_1 = Random(*SEED).below(1 << 32) as f64 / (1_u64 << 32) as f64;
    client.execute("SELECT setseed($1)", &[&from_0_to_1]).expect("a seed");
}

fn session() -> MutexGuard<'static, Client> {
    let mut client = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
    repeatable(&mut client);
    client
}

/// Fills the cases by a query, and compares them. Returns their number.
fn compare(client: &mut Client, cases: &str) -> i64 {
    let fill = format!("TRUNCATE cases; INSERT INTO cases {cases}; ANALYZE cases");
    client.batch_execute(&fill).expect(cases);
    let row = client.query_one("SELECT * FROM compare($1)", &[&KEYS]).expect("a comparison");
    let differences: Option<Vec<String>> = row.get("differences");
    assert_eq!(differences, None);
    row.get("compared")
}

/// Has every user another anchor.
fn move_anchors(client: &mut Client) {
    client.execute("SELECT move_anchors()", &[]).expect("anchors");
}

/// One of three instants in a period: its first, its last, or one between them.
const ONE_INSTANT: &str = "CASE floor(3 * random())
        WHEN 0 THEN starts_at
        WHEN 1 THEN reset_at - interval '1 microsecond'
        ELSE an_instant(starts_at, reset_at) END";

/// All three.
const INSTANTS: &str =
    "starts_at, reset_at - interval '1 microsecond', an_instant(starts_at, reset_at)";

/// The first and the last.
const ENDS: &str = "starts_at, reset_at - interval '1 microsecond'";

#[test]
fn months_of_every_zone_over_four_centuries() {
    let client = &mut *session();
    let mut compared = 0;
    // The strides have no factor in common with a year. A case compares the beginning and the end.
    for (first, last, stride) in [
        ("1900-01-01", "1919-12-31", 7),
        ("1920-01-01", "1939-12-31", 7),
        ("1940-01-01", "1959-12-31", 7),
        ("1960-01-01", "1979-12-31", 7),
        ("1980-01-01", "1999-12-31", 7),
        ("2000-01-01", "2019-12-31", 7),
        ("2020-01-01", "2039-12-31", 7),
        ("2040-01-01", "2169-12-31", 17),
        ("2170-01-01", "2300-12-31", 17),
    ] {
        move_anchors(client);
        compared += compare(
            client,
            &format!(
                "SELECT n, p.*, {ONE_INSTANT}
                   FROM zones JOIN user_plans ON user_id = nth_user(n),
                        unnest(ARRAY['month', 'billing_month']) AS of_kind,
                        periods(name, period_anchor, of_kind, '{first}', '{last}', {stride}) AS p
                  WHERE is_first"
            ),
        );
    }
    println!("{compared} months and billing months");
    assert!(compared > 300_000);
}

#[test]
fn weeks_and_years_of_some_zones_over_four_centuries() {
    let client = &mut *session();
    let mut compared = 0;
    for (kind, stride, zones) in [
        ("week", 61, 20),
        ("billing_week", 61, 20),
        ("year", 1, 8),
        ("billing_year", 1, 8),
        ("billing_year", 1, 8),
    ] {
        move_anchors(client);
        compared += compare(
            client,
            &format!(
                "SELECT n, p.*, at
                   FROM (SELECT * FROM zones WHERE is_first ORDER BY random() LIMIT {zones}) AS z
                        JOIN user_plans ON user_id = nth_user(n),
                        periods(name, period_anchor, '{kind}', '1900-01-01', '2300-12-31', {stride}) AS p,
                        unnest(ARRAY[{INSTANTS}]) AS at"
            ),
        );
    }
    println!("{compared} instants in weeks, billing weeks, years and billing years");
    assert!(compared > 60_000);
}

#[test]
fn every_other_name_of_a_zone() {
    let client = &mut *session();
    move_anchors(client);
    let compared = compare(
        client,
        &format!(
            "SELECT n, p.*, {ONE_INSTANT}
               FROM zones JOIN user_plans ON user_id = nth_user(n),
                    (VALUES ('day', 4001), ('month', 599), ('billing_month', 599)) AS of (kind, stride),
                    periods(name, period_anchor, of.kind, '1900-01-01', '2300-12-31', of.stride) AS p
              WHERE NOT is_first"
        ),
    );
    println!("{compared} days, months and billing months");
    assert!(compared > 20_000);
}

#[test]
fn days_around_every_change_of_an_offset() {
    let client = &mut *session();
    client.execute("SELECT find_changes()", &[]).expect("the changes");
    let row = client.query_one("SELECT count(*), count(DISTINCT n) FROM changes", &[]);
    let row = row.expect("a number");
    let (changes, zones): (i64, i64) = (row.get(0), row.get(1));
    // What begins or ends in the day before a change and the day after it.
    let compared = compare(
        client,
        &format!(
            "SELECT n, p.*, at
               FROM changes,
                    periods(name, NULL, 'day', changed_at::date - 3, changed_at::date + 3, 1) AS p,
                    unnest(ARRAY[{ENDS}, changed_at, changed_at - interval '1 microsecond']) AS at
              WHERE at >= starts_at AND at < reset_at
                AND at BETWEEN changed_at - interval '1 day' AND changed_at + interval '1 day'"
        ),
    );
    println!("{compared} instants in days, around {changes} changes of {zones} zones");
    assert!(changes > 20_000 && zones > 300 && compared > 4 * changes);
    // The Philippines skipped the last day of 1844.
    let manila = "SELECT count(*) FROM changes
                   WHERE name LIKE '%Asia/Manila' AND changed_at::date = '1844-12-31'";
    assert_eq!(client.query_one(manila, &[]).expect("a number").get::<_, i64>(0), 1);

    // Where midnight is skipped or comes twice, periods of every kind begin and end, and anchors are.
    let (mut compared, mut anchors) = (0, 0);
    for rank in 1..=4 {
        anchors += client
            .execute(
                "UPDATE user_plans SET period_anchor = changed_at + (random() - 0.5) * interval '1 day'
                   FROM changes WHERE user_id = nth_user(n) AND is_at_midnight AND rank = $1",
                &[&i64::from(rank)],
            )
            .expect("anchors");
        compared += compare(
            client,
            &format!(
                "SELECT n, p.*, at
                   FROM changes JOIN user_plans ON user_id = nth_user(n), kinds,
                        periods(name, period_anchor, kinds.kind, (changed_at - days * interval '1.5 days')::date,
                                (changed_at + days * interval '1.2 days')::date, 1) AS p,
                        unnest(ARRAY[{INSTANTS}]) AS at
                  WHERE is_at_midnight AND rank = {rank}"
            ),
        );
    }
    println!("{compared} instants in periods of every kind, around {anchors} midnights");
    assert!(anchors > 800 && compared > 40 * anchors as i64);
}

/// A day that lasts other than 24 hours: its zone and period key, its beginning and its end.
type Odd = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const ODD_DAYS: [Odd; 12] = [
    // The 30th was skipped, at the end of the 29th.
    ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
    ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
    // So was the 21st here.
    ("Pacific/Kwajalein", "1993-08-20", "1993-08-20T12:00:00Z", "1993-08-21T12:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-22", "1993-08-21T12:00:00Z", "1993-08-22T12:00:00Z"),
    // From 0:00 to 1:00.
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
    ("America/Asuncion", "2023-10-01", "2023-10-01T04:00:00Z", "2023-10-02T03:00:00Z"),
    ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00Z", "2024-03-31T21:00:00Z"),
    ("America/Havana", "2024-03-10", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z"),
    // From 24:00 back to 23:00.
    ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z"),
    ("Asia/Beirut", "2024-10-26", "2024-10-25T21:00:00Z", "2024-10-26T22:00:00Z"),
    // From 1:00 back to 0:00: of two midnights, Postgres takes the second.
    ("America/Havana", "2024-11-02", "2024-11-02T04:00:00Z", "2024-11-03T05:00:00Z"),
    ("America/Havana", "2024-11-03", "2024-11-03T05:00:00Z", "2024-11-04T05:00:00Z"),
];

#[test]
fn days_that_last_other_than_24_hours() {
    let client = &mut *session();
    for (zone, period, starts_at, reset_at) in ODD_DAYS {
        let compared = compare(
            client,
            &format!(
                "SELECT n, 'day', '{period}', starts_at, reset_at, at
                   FROM zones, (SELECT timestamptz '{starts_at}', timestamptz '{reset_at}') AS p (starts_at, reset_at),
                        unnest(ARRAY[{INSTANTS}]) AS at
                  WHERE name IN ('{zone}', 'posix/{zone}')"
            ),
        );
        assert!(compared >= 3, "{zone}");
    }
}
