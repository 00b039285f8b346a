//! Random calls against a model of the counters. FUZZ_SEED repeats a run.

use std::collections::{BTreeMap, BTreeSet};

use integration::{Cluster, FEATURES, Feature, Random, backend_pid, counted, refusal, seed, user};
use postgres::Client;
use serde_json::Value;
use uuid::Uuid;

const CALLS_OF_EACH: u64 = 5_000;
const USERS: u64 = 5;

/// The server's day, so that the model knows the current period.
const TODAY: &str = "2024-06-15";

/// A custom feature, so that its generated increment function is called too.
const EXPORTS: Feature = Feature {
    name: "exports",
    increment: "increment_exports",
    column: "exports",
    is_daily: true,
    free_limit: 0,
};

#[test]
fn random_calls_count_what_the_model_counts() {
    let seed = seed();
    let cluster = Cluster::create_at("it_fuzz", &format!("{TODAY} 12:00:00"));
    let database = cluster.database("fuzz");
    // An existing integer column is kept, so all counters of the model end at the same number.
    database.execute("ALTER TABLE feature_usage ADD COLUMN exports integer NOT NULL DEFAULT 0");
    database.execute("SELECT add_feature('exports', 'day')");
    let mut run = Run {
        client: database.connect(),
        random: Random(seed),
        counts: BTreeMap::new(),
        codes: BTreeSet::new(),
    };
    let pid = backend_pid(&mut run.client);
    let features: Vec<Feature> = FEATURES.into_iter().chain([EXPORTS]).collect();

    for _ in 0..CALLS_OF_EACH {
        for feature in &features {
            run.increment(feature);
        }
        run.increment_any(&features);
        run.check(&features);
        run.limits(&features);
        run.add_feature();
    }

    assert_eq!(run.table(&features), run.counts);
    assert_eq!(backend_pid(&mut run.client), pid);
    // A run without errors would have tested no bad input.
    assert_eq!(run.codes, BTreeSet::from(["22003", "22004", "22007", "22023"].map(String::from)));
    assert!(run.counts.len() > 50, "only {} counts", run.counts.len());
}

/// By user, period and counter; counts of 0 are left out.
type Counts = BTreeMap<(Uuid, String, String), i32>;

struct Run {
    client: Client,
    random: Random,
    counts: Counts,
    /// The SQLSTATEs that have occurred.
    codes: BTreeSet<String>,
}

impl Run {
    fn increment(&mut self, feature: &Feature) {
        let (user, amount, period) = (self.user(), self.amount(), self.period(feature.is_daily));
        let call = format!("SELECT {}($1, $2, $3)", feature.increment);
        let result = self.client.execute(&call, &[&user, &amount, &period]);
        self.expect(result.map(drop), Some(feature), user, amount, period);
    }

    fn increment_any(&mut self, features: &[Feature]) {
        let (user, amount, name) = (self.user(), self.amount(), self.feature_type(features));
        let feature = features.iter().find(|feature| Some(feature.name) == name.as_deref());
        let is_daily = self.random.one_in(2);
        let period = self.period(feature.map_or(is_daily, |feature| feature.is_daily));
        let call = "SELECT increment_feature_usage($1, $2, $3, $4)";
        let result = self.client.execute(call, &[&user, &name, &amount, &period]);
        let result = result.map(drop);
        if name.is_none() {
            self.refused(result, &["22004"], "a feature type that is NULL");
        } else {
            self.expect(result, feature, user, amount, period);
        }
    }

    /// Compares with the model, and applies the call to it.
    fn expect(
        &mut self,
        result: Result<(), postgres::Error>,
        feature: Option<&Feature>,
        user: Option<Uuid>,
        amount: Option<i32>,
        period: Option<String>,
    ) {
        let call = format!("{:?} {user:?} {amount:?} {period:.99?}", feature.map(|f| f.increment));
        let (Some(user), Some(amount), Some(period)) = (user, amount, period) else {
            return self.refused(result, &["22004"], &call);
        };
        // If several arguments are invalid, the error may be about any of them.
        let mut faults = Vec::new();
        if amount < 0 || feature.is_none() {
            faults.push("22023");
        }
        if let Some(feature) = feature
            && period != "current"
            && !is_period(&period, feature.is_daily)
        {
            faults.push("22007");
        }
        let (Some(feature), true) = (feature, faults.is_empty()) else {
            return self.refused(result, &faults, &call);
        };
        let period = if period == "current" { feature.period(TODAY) } else { &period };
        let key = (user, period.to_owned(), feature.column.to_owned());
        let counted = self.counts.get(&key).copied().unwrap_or(0);
        match counted.checked_add(amount) {
            None => self.refused(result, &["22003"], &call),
            Some(sum) => {
                result.expect(&call);
                if amount > 0 {
                    self.counts.insert(key, sum);
                }
            }
        }
    }

    fn check(&mut self, features: &[Feature]) {
        let (user, amount, name) = (self.user(), self.amount(), self.feature_type(features));
        let feature = features.iter().find(|feature| Some(feature.name) == name.as_deref());
        let period = self.period(feature.is_none_or(|feature| feature.is_daily));
        let call = "SELECT check_feature_limit($1, $2, $3, $4)";
        let result = self.client.query_one(call, &[&user, &name, &amount, &period]);
        let call = format!("check {user:?} {name:.99?} {amount:?} {period:.99?}");
        let Some(user) = user else {
            return self.refused(result.map(drop), &["22004"], &call);
        };
        let answer: Value = result.expect(&call).get(0);
        let (expected, usage) = match (feature, amount) {
            (None, _) => (Some("INVALID_FEATURE"), None),
            (_, None | Some(i32::MIN..0)) => (Some("INVALID_AMOUNT"), None),
            (Some(feature), Some(amount)) => {
                let key = period.as_deref().filter(|key| !key.trim().is_empty());
                let key = key.filter(|key| *key != "current");
                if key.is_some_and(|key| !is_period(key, feature.is_daily)) {
                    (Some("INVALID_PERIOD"), None)
                } else {
                    let key = key.unwrap_or(feature.period(TODAY));
                    assert_eq!(answer["period"], key, "{call}: {answer}");
                    let usage = self.counted(user, key, feature);
                    let is_over = usage + i64::from(amount) > feature.free_limit;
                    (is_over.then_some("LIMIT_EXCEEDED"), Some(usage))
                }
            }
        };
        assert_eq!(answer["error_code"].as_str(), expected, "{call}: {answer}");
        assert_eq!(answer["allowed"], expected.is_none(), "{call}: {answer}");
        assert_eq!(answer["current_usage"].as_i64(), usage, "{call}: {answer}");
    }

    fn limits(&mut self, features: &[Feature]) {
        let user = self.user();
        let call = "SELECT get_user_limits($1), to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')";
        let result = self.client.query_one(call, &[&user]);
        let Some(user) = user else {
            return self.refused(result.map(drop), &["22004"], "limits of a NULL user");
        };
        let row = result.expect("limits");
        let (summary, day): (Value, String) = (row.get(0), row.get(1));
        assert_eq!(summary["limits"]["plan_id"], "free");
        for feature in features {
            let usage = self.counted(user, feature.period(&day), feature);
            assert_eq!(summary["usage"][feature.column], usage, "{user} {}", feature.name);
        }
    }

    /// Only invalid names: valid ones have their own tests, and change the tables.
    fn add_feature(&mut self) {
        let (name, kind) = (self.text(), self.random.pick(&["day", "month", "week", "", "DAY"]));
        let is_name = name.as_deref().is_some_and(|name| {
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        });
        if !is_name {
            let result = self.client.execute("SELECT add_feature($1, $2)", &[&name, &kind]);
            let codes = if name.is_none() { ["22004"] } else { ["22023"] };
            self.refused(result.map(drop), &codes, &format!("add_feature {name:.99?}"));
        }
    }

    fn refused(&mut self, result: Result<(), postgres::Error>, codes: &[&str], call: &str) {
        assert!(result.is_err(), "{call} is not refused with {codes:?}");
        let error = refusal(result);
        assert!(codes.contains(&error.code().code()), "{call}: {error:?}");
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{call}: {error:?}");
        self.codes.insert(error.code().code().to_owned());
    }

    fn counted(&self, user: Uuid, period: &str, feature: &Feature) -> i64 {
        let key = (user, period.to_owned(), feature.column.to_owned());
        self.counts.get(&key).copied().unwrap_or(0).into()
    }

    fn table(&mut self, features: &[Feature]) -> Counts {
        let rows = self.client.query("SELECT * FROM feature_usage", &[]);
        let mut counts = Counts::new();
        for row in rows.expect("rows") {
            for feature in features {
                let count = counted(&row, feature.column) as i32;
                if count != 0 {
                    let column = feature.column.to_owned();
                    counts.insert((row.get("user_id"), row.get("period"), column), count);
                }
            }
        }
        counts
    }

    // The arguments are mostly valid, otherwise hardly any call would count.

    fn user(&mut self) -> Option<Uuid> {
        let n = self.random.below(USERS);
        (!self.random.one_in(40)).then(|| user(if n == 0 { u128::MAX } else { n.into() }))
    }

    fn amount(&mut self) -> Option<i32> {
        match self.random.below(20) {
            0 => None,
            1 => Some(self.random.number() as i32),
            2 => Some(self.random.pick(&[i32::MIN, i32::MIN + 1, -1, i32::MAX, i32::MAX - 1])),
            _ => Some(self.random.below(5) as i32),
        }
    }

    fn period(&mut self, is_daily: bool) -> Option<String> {
        let day = self.random.pick(&["2024-02-29", "2024-12-31", "0001-01-01", "9999-12-31"]);
        let period = if is_daily { day } else { &day[..7] };
        match self.random.below(20) {
            0 => self.text(),
            1 => Some(self.random.pick(&[day, &day[..7]]).to_owned()),
            2 => Some(self.random.pick(BAD_PERIODS).to_owned()),
            3 => Some(self.near_period(period)),
            4 => Some("current".to_owned()),
            5 => Some(self.near_period("current")),
            _ => Some(period.to_owned()),
        }
    }

    /// A period with a character changed, doubled or removed; it may still be valid.
    fn near_period(&mut self, period: &str) -> String {
        let mut characters: Vec<char> = period.chars().collect();
        let place = self.random.below(characters.len() as u64) as usize;
        let character = self.random.pick(&['0', '1', '3', '9', '-', '+', ' ', '٣', '\u{200b}']);
        match self.random.below(3) {
            0 => characters[place] = character,
            1 => characters.insert(place, character),
            _ => drop(characters.remove(place)),
        }
        characters.into_iter().collect()
    }

    fn feature_type(&mut self, features: &[Feature]) -> Option<String> {
        match self.random.below(8) {
            0 => self.text(),
            _ => Some(self.random.pick(features).name.to_owned()),
        }
    }

    fn text(&mut self) -> Option<String> {
        match self.random.below(8) {
            0 => None,
            1 => Some(self.random.pick(&["x", "é", "🦀", "'", "\\"]).repeat(10_000)),
            2 => Some((0..self.random.below(30)).map(|_| self.character()).collect()),
            _ => Some(self.random.pick(ODD_TEXTS).to_owned()),
        }
    }

    /// Any character except NUL, which no Postgres text can contain.
    fn character(&mut self) -> char {
        let code = self.random.number() as u32 % 0x11_0000;
        char::from_u32(code).filter(|&c| c != '\0').unwrap_or('?')
    }
}

const ODD_TEXTS: &[&str] = &[
    "",
    " ",
    "\u{a0}",
    "\t\r\n",
    "chat ",
    "Chat",
    "CHAT",
    "chat\u{301}",
    "ｃｈａｔ",
    "сhat",
    "\u{202e}tahc",
    "'; DROP TABLE feature_usage; --",
    "chat' OR '1'='1",
    "\"feature_usage\"",
    "$1",
    "%s%I%L%n",
    "{}",
    "null",
    "{\"a\": \"\\u0000\"}",
    "user_id",
    "chat_messages",
    "\u{feff}",
    "\u{ffff}",
    "👩‍👩‍👧‍👦",
];

const BAD_PERIODS: &[&str] = &[
    "2023-02-29",
    "2024-02-30",
    "1900-02-29",
    "2024-04-31",
    "2024-00-10",
    "2024-13",
    "2024-1",
    "2024-01-00",
    "0000-01",
    "0000-01-01",
    "10000-01-01",
    "-001-01-01",
    "2024-01-01 BC",
    "2024-01-01T00:00:00Z",
    "20240101",
    "2024/01/01",
    "24-01-01",
    "today",
    "now",
    "infinity",
    "epoch",
];

/// The rule for period keys, implemented independently.
fn is_period(key: &str, is_daily: bool) -> bool {
    let shape = if is_daily { "dddd-dd-dd" } else { "dddd-dd" };
    let fits = key.len() == shape.len()
        && key.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            _ => byte == wanted,
        });
    if !fits {
        return false;
    }
    let number = |range: std::ops::Range<usize>| key[range].parse::<u32>().unwrap_or(0);
    let (year, month) = (number(0..4), number(5..7));
    let day = if is_daily { number(8..10) } else { 1 };
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}
