//! Shortages: everything that has no room for an amount, and how long to wait for it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::cap::{Capped, Wait};
use crate::period_kind::PeriodKind;
use crate::rule::{Per, Scope};
use crate::timestamp::{iso8601, iso8601_rounded_up};

/// Why a governed call has no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// `None` is unlimited: then only caps lack room.
    pub limit: Option<i64>,
    pub current_usage: i64,
    /// What would be admitted now.
    pub remaining: Option<i64>,
    /// At least one.
    pub missing: Vec<Missing>,
}

/// A cap or the sources, without room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The currency, if it is not the feature itself.
    of: Option<String>,
    scope: Scope,
    per: Per,
    kind: Kind,
    limit: i64,
    used: i64,
    every: Option<i64>,
    reset_at: Option<String>,
    /// In seconds; `None` is for ever.
    wait: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cap,
    Allowance,
    /// Units of the currency: what is left, and what the amount costs.
    Currency {
        left: i64,
        needed: i64,
    },
}

/// A currency that can't pay.
pub struct Credits {
    pub scope: Scope,
    pub feature_type: String,
    pub limit: i64,
    pub used: i64,
    pub left: i64,
    pub needed: i64,
    pub wait: Wait,
    pub reset_at: Option<DateTime<Utc>>,
}

/// An entry of `exceeded`. The fields are in the order of jsonb.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exceeded {
    per: &'static str,
    used: i64,
    /// The seconds of a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<i64>,
    limit: i64,
    scope: &'static str,
    effect: &'static str,
    reset_at: Option<String>,
    feature_type: String,
}

impl Missing {
    /// A full cap of the feature, or of the currency.
    pub fn of_cap(capped: &Capped, currency: Option<&str>, wait: Wait, now: i64) -> Self {
        let is_rate = matches!(capped.cap.per, Per::Rate { .. });
        let reset_at = if is_rate { wait.map(|wait| now + wait) } else { capped.reset_at(now) };
        Self {
            of: currency.map(str::to_owned),
            scope: capped.cap.scope,
            per: capped.cap.per,
            kind: Kind::Cap,
            limit: capped.cap.amount,
            used: capped.used(now),
            every: capped.every(),
            reset_at: reset_at.map(iso8601_rounded_up),
            wait: wait.map(in_seconds),
        }
    }

    pub fn of_allowance(
        scope: Scope,
        limit: i64,
        used: i64,
        wait: Wait,
        reset_at: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            of: None,
            scope,
            per: Per::Period,
            kind: Kind::Allowance,
            limit,
            used,
            every: None,
            reset_at: reset_at.map(iso8601),
            wait: wait.map(in_seconds),
        }
    }

    pub fn of_currency(credits: Credits) -> Self {
        let Credits { scope, feature_type, limit, used, left, needed, wait, reset_at } = credits;
        Self {
            of: Some(feature_type),
            kind: Kind::Currency { left, needed },
            ..Self::of_allowance(scope, limit, used, wait, reset_at)
        }
    }

    /// A rate that only lacks time has a code of its own.
    fn is_limited_rate(&self) -> bool {
        self.every.is_some() && self.wait.is_some()
    }

    fn reason(&self, feature_type: &str) -> String {
        let Self { used, limit, .. } = self;
        let feature_type = self.of.as_deref().unwrap_or(feature_type);
        if let Kind::Currency { left, needed } = self.kind {
            return format!("not enough {feature_type} ({left} of {needed})");
        }
        match (self.per, self.every) {
            (_, Some(1)) => format!("{feature_type} rate exceeded ({limit} per second)"),
            (_, Some(every)) => {
                format!("{feature_type} rate exceeded ({limit} per {every} seconds)")
            }
            (Per::Window(PeriodKind::Total), _) => {
                format!("{feature_type} limit exceeded ({used}/{limit} in total)")
            }
            (Per::Window(kind), _) => {
                format!("{feature_type} limit exceeded ({used}/{limit} per {})", kind.noun())
            }
            _ if self.kind == Kind::Cap => {
                format!("{feature_type} limit exceeded ({used}/{limit} per period)")
            }
            _ => format!("{feature_type} limit exceeded ({used}/{limit})"),
        }
    }

    fn exceeded(&self, feature_type: &str) -> Exceeded {
        Exceeded {
            per: self.per.name(),
            used: self.used,
            every: self.every,
            limit: self.limit,
            scope: self.scope.name(),
            effect: if self.kind == Kind::Cap { "cap" } else { "allowance" },
            reset_at: self.reset_at.clone(),
            feature_type: self.of.as_deref().unwrap_or(feature_type).to_owned(),
        }
    }
}

impl Shortage {
    /// What is waited for longest names the code, the reason and the wait: before that, another
    /// call would be denied again.
    fn longest(&self) -> &Missing {
        let rank =
            |missing: &Missing| (missing.wait.unwrap_or(i64::MAX), !missing.is_limited_rate());
        let longest = self.missing.iter().reduce(|longest, missing| {
            if rank(missing) > rank(longest) { missing } else { longest }
        });
        longest.expect("a shortage lacks something")
    }

    pub fn error_code(&self) -> &'static str {
        if self.longest().is_limited_rate() { "RATE_LIMITED" } else { "LIMIT_EXCEEDED" }
    }

    pub fn reason(&self, feature_type: &str) -> String {
        self.longest().reason(feature_type)
    }

    /// In seconds; `None` if waiting does not help.
    pub fn retry_after(&self) -> Option<i64> {
        self.longest().wait
    }

    pub fn exceeded(&self, feature_type: &str) -> Vec<Exceeded> {
        self.missing.iter().map(|missing| missing.exceeded(feature_type)).collect()
    }
}

/// Whole seconds, rounded up, at least one: no client should try again at once.
fn in_seconds(microseconds: i64) -> i64 {
    let seconds = microseconds.div_euclid(1_000_000);
    (seconds + i64::from(microseconds.rem_euclid(1_000_000) > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::State;
    use crate::rule::{Cap, Scope};

    const SECOND: i64 = 1_000_000;

    fn rate(limit: i64, wait: Wait) -> Missing {
        let cap = Cap { per: Per::Rate { every: 60 * SECOND }, amount: limit, scope: Scope::User };
        let full = 60 * SECOND;
        Missing::of_cap(&Capped { cap, state: State::Bucket { tat: Some(full) } }, None, wait, 0)
    }

    fn window(kind: PeriodKind, limit: i64, wait: Wait) -> Missing {
        let reset_at = wait.and_then(DateTime::from_timestamp_micros);
        let cap = Cap { per: Per::Window(kind), amount: limit, scope: Scope::User };
        Missing::of_cap(
            &Capped { cap, state: State::Window { used: limit, reset_at } },
            None,
            wait,
            0,
        )
    }

    fn allowance(limit: i64, wait: Wait) -> Missing {
        let reset_at = wait.and_then(DateTime::from_timestamp_micros);
        Missing::of_allowance(Scope::User, limit, limit, wait, reset_at)
    }

    fn told(missing: Vec<Missing>) -> (&'static str, String, Option<i64>) {
        let shortage = Shortage { limit: None, current_usage: 0, remaining: None, missing };
        (shortage.error_code(), shortage.reason("chat"), shortage.retry_after())
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        for (wait, seconds) in [(-5, 1), (0, 1), (1, 1), (SECOND, 1), (SECOND + 1, 2)] {
            assert_eq!(in_seconds(wait), seconds, "{wait}");
        }
    }

    #[test]
    fn the_longest_wait_names_the_code_and_the_reason() {
        let rate_limited = ("RATE_LIMITED", "chat rate exceeded (10 per 60 seconds)".to_owned());
        let (code, reason) = rate_limited;
        assert_eq!(told(vec![rate(10, Some(6 * SECOND))]), (code, reason.clone(), Some(6)));
        let hour = window(PeriodKind::Hour, 10, Some(5 * SECOND));
        assert_eq!(told(vec![hour, rate(10, Some(6 * SECOND))]), (code, reason, Some(6)));
        let hour = window(PeriodKind::Hour, 10, Some(6 * SECOND));
        let hourly = "chat limit exceeded (10/10 per hour)".to_owned();
        let both = vec![rate(10, Some(6 * SECOND)), hour];
        assert_eq!(told(both), ("LIMIT_EXCEEDED", hourly, Some(6)));
        let never = vec![allowance(3, None), rate(10, Some(6 * SECOND))];
        assert_eq!(told(never), ("LIMIT_EXCEEDED", "chat limit exceeded (3/3)".to_owned(), None));
    }

    #[test]
    fn a_rate_that_never_has_room_is_a_limit() {
        let (code, _, retry_after) = told(vec![rate(10, None)]);
        assert_eq!((code, retry_after), ("LIMIT_EXCEEDED", None));
    }

    #[test]
    fn windows_are_named_in_sentences() {
        for (kind, sentence) in [
            (PeriodKind::Total, "chat limit exceeded (5/5 in total)"),
            (PeriodKind::BillingMonth, "chat limit exceeded (5/5 per billing month)"),
        ] {
            assert_eq!(told(vec![window(kind, 5, None)]).1, sentence);
        }
    }

    #[test]
    fn entries_name_what_has_no_room() {
        let missing = vec![rate(10, Some(6 * SECOND)), allowance(3, Some(90 * SECOND))];
        let shortage = Shortage { limit: Some(3), current_usage: 3, remaining: Some(0), missing };
        let exceeded = serde_json::to_value(shortage.exceeded("chat")).expect("entries are JSON");
        assert_eq!(
            exceeded,
            serde_json::json!([
                {"effect": "cap", "per": "rate", "every": 60, "scope": "user", "limit": 10,
                 "used": 10, "feature_type": "chat", "reset_at": "1970-01-01T00:00:06Z"},
                {"effect": "allowance", "per": "period", "scope": "user", "limit": 3, "used": 3,
                 "feature_type": "chat", "reset_at": "1970-01-01T00:01:30Z"}
            ])
        );
    }
}
