//! Batches: many counts in one statement, all of them or none.
//!
//! Keys are taken first and counters locked after them, each in one order: so batches that overlap
//! wait for one another, and never in a circle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use pgrx::{JsonB, Uuid};
use serde_json::{Value, json};

use super::counter::Counter;
use super::executor::View;
use super::registry::{Registered, Registry};
use super::spi::Argument;
use crate::domain::event::Event;
use crate::domain::idempotency::is_key;
use crate::domain::period::{Period, PeriodKind};
use crate::error::Error;

/// The operation that keys of events belong to.
const OPERATION: &str = "record";

/// An event that names what there is.
struct Known<'a> {
    index: usize,
    event: &'a Event,
    user_id: Uuid,
    /// The place of the feature in the registry.
    feature: usize,
    period: Period,
}

/// What is added to the counters of one user and period, a feature each.
type Amounts = BTreeMap<usize, i32>;

/// Counts the events; gives how many of them were counted now, and not before.
pub fn record(
    registry: &Rc<Registry>,
    events: &[Event],
    current: impl Fn(PeriodKind) -> Period,
) -> i32 {
    let known = events.iter().enumerate().map(|(index, event)| {
        know(registry, index, event, &current)
            .unwrap_or_else(|problem| Error::InvalidEvent { index, problem }.raise())
    });
    let fresh = take_keys(registry, known.collect());
    let rows = fold(registry, &fresh);
    if !rows.is_empty() && !write(registry, &rows) {
        raise_not_counted(registry, &fresh);
    }
    fresh.len() as i32
}

fn know<'a>(
    registry: &Rc<Registry>,
    index: usize,
    event: &'a Event,
    current: impl Fn(PeriodKind) -> Period,
) -> Result<Known<'a>, String> {
    let feature_type = &event.feature_type;
    let is_meant = |registered: &Rc<Registered>| registered.feature.feature_type == *feature_type;
    let feature = registry.features.iter().position(is_meant);
    let feature = feature.ok_or("feature_type is unknown")?;
    let kind = registry.features[feature].feature.period;
    let period = match &event.period {
        None => current(kind),
        Some(key) => Period::parse(kind, key)
            .ok_or_else(|| format!("period is not of the form {}", kind.form()))?,
    };
    if event.idempotency_key.as_deref().is_some_and(|key| !is_key(key)) {
        return Err("idempotency_key has not 1 to 255 bytes".to_owned());
    }
    Ok(Known {
        index,
        event,
        user_id: Uuid::from_bytes(*event.user_id.as_bytes()),
        feature,
        period,
    })
}

/// Takes the keys of events that have one, and leaves out what was counted before.
fn take_keys<'a>(registry: &Rc<Registry>, events: Vec<Known<'a>>) -> Vec<Known<'a>> {
    let mut wanted: BTreeMap<(Uuid, &str), &Known> = BTreeMap::new();
    let mut repeated = BTreeSet::new();
    for known in &events {
        let Some(key) = known.event.idempotency_key.as_deref() else { continue };
        match wanted.get(&(known.user_id, key)) {
            None => {
                wanted.insert((known.user_id, key), known);
            }
            Some(first) if first.event == known.event => {
                repeated.insert(known.index);
            }
            Some(_) => raise_mismatch(known),
        }
    }
    if wanted.is_empty() {
        return events;
    }
    let taken = take_free(registry, &wanted);
    for (name, known) in &wanted {
        if !taken.contains(&(name.0, name.1.to_owned())) {
            require_same(registry, known, name.1);
        }
    }
    let is_fresh = |known: &Known| match &known.event.idempotency_key {
        None => true,
        Some(key) => {
            !repeated.contains(&known.index) && taken.contains(&(known.user_id, key.clone()))
        }
    };
    events.into_iter().filter(is_fresh).collect()
}

fn take_free(
    registry: &Rc<Registry>,
    wanted: &BTreeMap<(Uuid, &str), &Known>,
) -> BTreeSet<(Uuid, String)> {
    let users: Vec<Uuid> = wanted.keys().map(|(user_id, _)| *user_id).collect();
    let keys: Vec<String> = wanted.keys().map(|(_, key)| (*key).to_owned()).collect();
    let texts: Vec<String> = wanted.values().map(|known| arguments(known).to_string()).collect();
    let arguments = [
        Argument::Text(OPERATION),
        Argument::Uuids(&users),
        Argument::Texts(&keys),
        Argument::Texts(&texts),
    ];
    let statement = &registry.statements.keys.take_many;
    let taken =
        registry.on_tables(|| statement.command(&arguments, |row| row.get(0).zip(row.get(1))));
    taken.into_iter().flatten().collect()
}

/// What is kept with the key: the event as it was written. An event without a period is the same
/// event also after midnight.
fn arguments(known: &Known) -> Value {
    let Event { feature_type, amount, period, .. } = known.event;
    json!({"feature_type": feature_type, "amount": amount, "period": period})
}

/// A key that was used before must have been used for the same event.
fn require_same(registry: &Rc<Registry>, known: &Known, key: &str) {
    let names = [Argument::Uuid(known.user_id), Argument::Text(OPERATION), Argument::Text(key)];
    let statement = &registry.statements.keys.read;
    let before = registry.on_tables(|| statement.command(&names, |row| row.get::<JsonB>(0)));
    match before.into_iter().next() {
        Some(Some(JsonB(before))) if before == arguments(known) => {}
        Some(_) => raise_mismatch(known),
        // Pruned since it was found taken.
        None => Error::Contention.raise(),
    }
}

fn raise_mismatch(known: &Known) -> ! {
    let problem = "its idempotency_key was used for another event".to_owned();
    Error::InvalidEvent { index: known.index, problem }.raise()
}

/// Adds up the events of the same counter.
fn fold(registry: &Rc<Registry>, events: &[Known]) -> HashMap<(Uuid, String), Amounts> {
    let mut rows: HashMap<(Uuid, String), Amounts> = HashMap::new();
    for known in events {
        let amount = known.event.amount;
        if amount == 0 {
            continue;
        }
        let amounts = rows.entry((known.user_id, known.period.to_string())).or_default();
        let sum = amounts.entry(known.feature).or_insert(0);
        *sum = sum.checked_add(amount).unwrap_or_else(|| raise_overflow(registry, known));
    }
    rows
}

/// Gives whether all of them were counted. There is one statement for each feature, and one for
/// batches of several: one for each set of features would be too many to keep.
fn write(registry: &Registry, rows: &HashMap<(Uuid, String), Amounts>) -> bool {
    let used: BTreeSet<usize> = rows.values().flat_map(|amounts| amounts.keys().copied()).collect();
    let all = 0..registry.features.len();
    let (statement, features) = match used.first() {
        Some(only) if used.len() == 1 => {
            (&registry.features[*only].statements.count_many, *only..only + 1)
        }
        _ => (&registry.statements.count_many, all),
    };
    let users: Vec<Uuid> = rows.keys().map(|(user_id, _)| *user_id).collect();
    let periods: Vec<String> = rows.keys().map(|(_, period)| period.clone()).collect();
    let amounts: Vec<Vec<i32>> = features
        .map(|feature| rows.values().map(|row| row.get(&feature).copied().unwrap_or(0)).collect())
        .collect();
    let mut arguments = vec![Argument::Uuids(&users), Argument::Texts(&periods)];
    arguments.extend(amounts.iter().map(|amounts| Argument::Integers(amounts)));
    registry.on_tables(|| statement.write(&arguments)) == rows.len() as u64
}

/// Names the event that did not fit: the first with which a count, as it was before the batch, is
/// too large.
fn raise_not_counted(registry: &Rc<Registry>, events: &[Known]) -> ! {
    let mut counts: HashMap<(Uuid, String, usize), i64> = HashMap::new();
    for known in events {
        let registered = &registry.features[known.feature];
        let name = (known.user_id, known.period.to_string(), known.feature);
        let count = counts.entry(name).or_insert_with(|| {
            let counter = Counter::new(registry, registered, known.user_id, known.period);
            counter.standing(View::Caller).current_usage
        });
        *count += i64::from(known.event.amount);
        if *count > i64::from(i32::MAX) {
            raise_overflow(registry, known);
        }
    }
    // A trigger, or somebody who has just filled a counter.
    Error::BatchNotCounted.raise();
}

fn raise_overflow(registry: &Rc<Registry>, known: &Known) -> ! {
    let feature = &registry.features[known.feature].feature;
    Error::EventOverflow { index: known.index, feature, amount: known.event.amount }.raise();
}
