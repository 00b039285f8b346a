//! The events of a batch, as callers write them.
//!
//! Each event is parsed on its own, so that an error can name the index of the bad one, and a
//! number too large for an integer has its own message.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::excerpt::excerpt;
use crate::period::means_current;

/// One event: a user has used an amount of a feature, perhaps in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub user_id: Uuid,
    pub pool_id: Option<Uuid>,
    pub feature_type: String,
    pub amount: i32,
    /// `None` is the current period.
    pub period: Option<String>,
    pub idempotency_key: Option<String>,
}

/// Why a batch is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadBatch {
    NotAnArray,
    Event { index: usize, problem: String },
}

const FIELDS: [&str; 6] =
    ["user_id", "feature_type", "amount", "period", "idempotency_key", "pool_id"];

/// Reads the events of a JSON array.
pub fn read_batch(text: &str) -> Result<Vec<Event>, BadBatch> {
    let values: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| BadBatch::NotAnArray)?;
    let events = values.into_iter().enumerate();
    events
        .map(|(index, value)| {
            Fields::read(value)
                .and_then(|fields| fields.event())
                .map_err(|problem| BadBatch::Event { index, problem })
        })
        .collect()
}

/// The fields of an event by name. A null counts as missing.
struct Fields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    fn read(value: &'a RawValue) -> Result<Self, String> {
        let mut fields: BTreeMap<Cow<str>, &RawValue> =
            serde_json::from_str(value.get()).map_err(|_| "it is not an object")?;
        if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_ref())) {
            let (name, known) = (excerpt(name), FIELDS.join(", "));
            return Err(format!("unknown field \"{name}\"; the fields are {known}"));
        }
        fields.retain(|_, value| value.get() != "null");
        Ok(Self(fields))
    }

    fn event(&self) -> Result<Event, String> {
        Ok(Event {
            user_id: self.uuid("user_id")?.ok_or("user_id is missing")?,
            pool_id: self.uuid("pool_id")?,
            feature_type: self.text("feature_type")?.ok_or("feature_type is missing")?,
            amount: self.amount()?,
            // The same event, whether its period is current or left out.
            period: self.text("period")?.filter(|period| !means_current(period)),
            idempotency_key: self.text("idempotency_key")?,
        })
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let read = |value: &&RawValue| String::deserialize(*value);
        let text = self.0.get(name).map(read).transpose();
        text.map_err(|_| format!("{name} is not a string"))
    }

    fn uuid(&self, name: &str) -> Result<Option<Uuid>, String> {
        let id = self.text(name)?.map(|text| Uuid::parse_str(&text)).transpose();
        id.map_err(|_| format!("{name} is not a uuid"))
    }

    fn amount(&self) -> Result<i32, String> {
        let digits = self.0.get("amount").ok_or("amount is missing")?.get();
        let unsigned = digits.strip_prefix('-').unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("amount is not an integer".to_owned());
        }
        match digits.parse() {
            Ok(amount @ 0..) => Ok(amount),
            _ if unsigned.len() < digits.len() => Err("amount is negative".to_owned()),
            _ => Err("amount is over 2147483647".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const USER: &str = "00000000-0000-0000-0000-00000000002a";

    fn read(batch: &Value) -> Result<Vec<Event>, BadBatch> {
        read_batch(&batch.to_string())
    }

    #[test]
    fn events_are_read() {
        let batch = json!([
            {"user_id": USER, "feature_type": "chat", "amount": 2, "period": null},
            {"user_id": USER, "feature_type": "cha\u{74}\n", "amount": 2147483647,
             "period": "2025-02", "idempotency_key": "ключ \"1\""},
            {"user_id": USER, "feature_type": "chat", "amount": 0, "period": " "},
            {"user_id": USER, "feature_type": "chat", "amount": 0, "period": "current"},
        ]);
        let event = |feature_type: &str, amount, period: Option<&str>, key: Option<&str>| Event {
            user_id: Uuid::from_u128(42),
            pool_id: None,
            feature_type: feature_type.into(),
            amount,
            period: period.map(Into::into),
            idempotency_key: key.map(Into::into),
        };
        let events = vec![
            event("chat", 2, None, None),
            event("chat\n", 2147483647, Some("2025-02"), Some("ключ \"1\"")),
            event("chat", 0, None, None),
            event("chat", 0, None, None),
        ];
        assert_eq!(read(&batch), Ok(events));
        let in_pool =
            json!([{"user_id": USER, "pool_id": USER, "feature_type": "chat", "amount": 1}]);
        let event = Event { pool_id: Some(Uuid::from_u128(42)), ..event("chat", 1, None, None) };
        assert_eq!(read(&in_pool), Ok(vec![event]));
        assert_eq!(read(&json!([])), Ok(vec![]));
    }

    #[test]
    fn a_bad_event_has_an_error_message() {
        let good = json!({"user_id": USER, "feature_type": "chat", "amount": 2});
        let mut cases = vec![
            (json!("chat"), "it is not an object"),
            (json!(null), "it is not an object"),
            (json!([good]), "it is not an object"),
            (json!({"user_id": USER, "feature_type": "chat"}), "amount is missing"),
        ];
        for (field, value, problem) in [
            ("user_id", json!(null), "user_id is missing"),
            ("user_id", json!(7), "user_id is not a string"),
            ("user_id", json!("7"), "user_id is not a uuid"),
            ("feature_type", json!(["chat"]), "feature_type is not a string"),
            ("amount", json!("2"), "amount is not an integer"),
            ("amount", json!(1.5), "amount is not an integer"),
            ("amount", json!(true), "amount is not an integer"),
            ("amount", json!(null), "amount is missing"),
            ("amount", json!(-1), "amount is negative"),
            ("amount", json!(2147483648_i64), "amount is over 2147483647"),
            ("period", json!(2025), "period is not a string"),
            ("idempotency_key", json!({}), "idempotency_key is not a string"),
            (
                "Amount",
                json!(1),
                "unknown field \"Amount\"; the fields are user_id, feature_type, amount, period, \
                 idempotency_key, pool_id",
            ),
        ] {
            let mut event = good.clone();
            event[field] = value;
            cases.push((event, problem));
        }
        for (event, problem) in cases {
            let error = BadBatch::Event { index: 1, problem: problem.into() };
            assert_eq!(read(&json!([good, event])), Err(error), "{event}");
        }
    }

    #[test]
    fn numbers_too_large_for_an_integer_are_reported() {
        let amount = |amount: &str| {
            let user = format!("\"user_id\": \"{USER}\", \"feature_type\": \"chat\"");
            read_batch(&format!("[{{{user}, \"amount\": {amount}}}]"))
        };
        let problem = |problem: &str| Err(BadBatch::Event { index: 0, problem: problem.into() });
        let digits = "9".repeat(400);
        assert_eq!(amount(&digits), problem("amount is over 2147483647"));
        assert_eq!(amount(&format!("-{digits}")), problem("amount is negative"));
        assert_eq!(amount(&format!("0.{digits}")), problem("amount is not an integer"));
        assert_eq!(amount("1e2"), problem("amount is not an integer"));
        assert_eq!(amount("-0").map(|events| events[0].amount), Ok(0));
    }

    #[test]
    fn a_batch_must_be_an_array() {
        for batch in [json!({}), json!(null), json!("[]"), json!(1)] {
            assert_eq!(read(&batch), Err(BadBatch::NotAnArray));
        }
    }
}
