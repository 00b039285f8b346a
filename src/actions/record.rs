//! Batches: many events counted in one transaction, all of them or none.
//!
//! Every call locks in one order: users, counters by their unique key, idempotency keys. So
//! overlapping batches wait for one another and never deadlock.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::calendar::Calendar;
use domain::event::{BadBatch, Event, read_batch};
use domain::feature;
use domain::idempotency::is_key;
use domain::ledger::Kind;
use domain::period::{NotAPeriod, Period, Requested};
use pgrx::Uuid;
use serde_json::{Value, json};

use super::charge::{self, Counted};
use super::replay::in_pool;
use super::terms::{Unusable, current_calendar, has_counter, require_member};
use crate::error::Report;
use crate::error::batch::BatchError;
use crate::error::counting::CountingError;
use crate::pg::clock;
use crate::store::batch::{self, Amounts, RowKey};
use crate::store::idempotency::Keys;
use crate::store::ledger::Cause;
use crate::store::owner::{Owner, nobody};
use crate::store::registry::{self, Registered, Registry};
use crate::store::users;

/// The operation that the idempotency keys of events belong to.
const OPERATION: &str = "record";

/// The most attempts to read the idempotency keys again after other calls used them.
const ATTEMPTS: usize = 10;

/// An event whose feature and period exist.
struct Known<'a> {
    index: usize,
    event: &'a Event,
    user_id: Uuid,
    owner: Owner,
    /// The position of the feature in the registry.
    feature: usize,
    period: Period,
}

impl Known<'_> {
    fn row(&self) -> RowKey {
        (self.user_id, self.period.to_string())
    }

    fn key(&self) -> Option<KeyName> {
        self.event.idempotency_key.clone().map(|key| (self.user_id, key))
    }

    /// What is stored with the idempotency key: the event as the caller wrote it, so that an event
    /// without a period is the same event after midnight.
    fn arguments(&self) -> Value {
        let Event { feature_type, amount, period, pool_id, .. } = self.event;
        let arguments = json!({"feature_type": feature_type, "amount": amount, "period": period});
        in_pool(arguments, *pool_id)
    }

    /// Whether a counter of the user's own counts it.
    fn is_counted(&self) -> bool {
        self.event.amount > 0 && !self.owner.is_pool()
    }
}

/// A user and one of their idempotency keys.
type KeyName = (Uuid, String);

/// Counts the events of a JSON array. Returns how many were counted now, without those whose
/// idempotency key was used before.
pub fn record(text: &str) -> i32 {
    let events = read_batch(text).unwrap_or_else(|bad| match bad {
        BadBatch::NotAnArray => BatchError::NotAnArray.raise(),
        BadBatch::Event { index, problem } => BatchError::InvalidEvent { index, problem }.raise(),
    });
    let registry = registry::current();
    registry.tables.lock_first();
    let mut calendars = BTreeMap::new();
    let known = events.iter().enumerate().map(|(index, event)| {
        know(&registry, index, event, &mut calendars)
            .unwrap_or_else(|problem| BatchError::InvalidEvent { index, problem }.raise())
    });
    let (known, keyed) = fold_keys(known.collect());
    users::lock(&registry, &users_of(&known));
    let counted = known.iter().filter(|known| known.is_counted());
    let mut rows: BTreeSet<RowKey> = counted.map(Known::row).collect();
    let currencies = rows_of_currencies(&registry, &known);
    let has_currencies = !currencies.is_empty();
    rows.extend(currencies);
    batch::insert_missing(&registry, &rows);
    if has_currencies || !keyed.is_empty() {
        batch::lock(&registry, &rows);
    }
    let fresh = match keyed.is_empty() {
        true => known,
        false => store_keys(&registry, known, &keyed),
    };
    require_members(&registry, &fresh);
    count(&registry, &fresh);
    draw(&registry, &fresh);
    fresh.len() as i32
}

fn know<'a>(
    registry: &Rc<Registry>,
    index: usize,
    event: &'a Event,
    calendars: &mut BTreeMap<Owner, Calendar>,
) -> Result<Known<'a>, String> {
    let feature_type = &event.feature_type;
    let is_meant = |registered: &Rc<Registered>| registered.feature.feature_type == *feature_type;
    let position = registry.features.iter().position(is_meant);
    let position =
        position.ok_or_else(|| feature::unknown(Some(feature_type), &registry.feature_types()))?;
    let registered = &registry.features[position];
    let feature = &registered.feature;
    let uuid = |id: uuid::Uuid| Uuid::from_bytes(*id.as_bytes());
    let user_id = uuid(event.user_id);
    let owner = Owner::of(user_id, event.pool_id.map(uuid));
    if let Owner::Pool { pool_id, .. } = owner
        && [pool_id, user_id].contains(&nobody())
    {
        return Err("user_id or pool_id is the zero uuid".to_owned());
    }
    let text = event.period.as_deref();
    let not_a_period = |problem| feature.not_a_period(text.unwrap_or_default(), problem);
    let requested = Requested::parse_optional(feature.period, text).map_err(not_a_period)?;
    let utc = Calendar::default();
    let calendar = match registered.reads_calendar || owner.is_pool() {
        true => &*calendars
            .entry(owner)
            .or_insert_with(|| current_calendar(registry, registered, owner, Unusable::IsIgnored)),
        false => &utc,
    };
    let period = match requested {
        Requested::Current => calendar.period_at(feature.period, clock::now()),
        Requested::Key(period) => {
            // A period of an earlier anchor goes on counting what arrives late.
            if !calendar.has(period) && !has_counter(registry, registered, owner, period) {
                return Err(not_a_period(NotAPeriod::OtherAnchor));
            }
            period
        }
    };
    if event.idempotency_key.as_deref().is_some_and(|key| !is_key(key)) {
        return Err("idempotency_key is empty or longer than 255 bytes".to_owned());
    }
    Ok(Known { index, event, user_id, owner, feature: position, period })
}

/// Requires that users may act in the pools of their events. An event that was counted before may be
/// repeated by who has left.
fn require_members(registry: &Rc<Registry>, events: &[Known]) {
    for known in events.iter().filter(|known| known.owner.is_pool()) {
        let registered = &registry.features[known.feature];
        if let Err(denial) = require_member(registry, registered, known.owner) {
            let problem = denial.reason(&registered.feature.feature_type);
            BatchError::InvalidEvent { index: known.index, problem }.raise();
        }
    }
}

/// Drops events that repeat another of the batch. Also returns the arguments of each idempotency
/// key.
fn fold_keys(events: Vec<Known>) -> (Vec<Known>, BTreeMap<KeyName, Value>) {
    let mut keyed: BTreeMap<KeyName, Value> = BTreeMap::new();
    let mut once = Vec::with_capacity(events.len());
    for known in events {
        let Some(name) = known.key() else {
            once.push(known);
            continue;
        };
        match keyed.get(&name) {
            None => {
                keyed.insert(name, known.arguments());
                once.push(known);
            }
            Some(arguments) if *arguments == known.arguments() => {}
            Some(_) => raise_mismatch(&known),
        }
    }
    (once, keyed)
}

fn users_of(events: &[Known]) -> Vec<Uuid> {
    let users: BTreeSet<Uuid> = events.iter().map(|known| known.user_id).collect();
    users.into_iter().collect()
}

/// Stores the idempotency keys of the events, and drops events whose idempotency key was used
/// before. The counters are locked, so any call that used the same key for the same event has
/// ended.
fn store_keys<'a>(
    registry: &Registry,
    mut events: Vec<Known<'a>>,
    keyed: &BTreeMap<KeyName, Value>,
) -> Vec<Known<'a>> {
    let mut wanted: BTreeSet<KeyName> = keyed.keys().cloned().collect();
    for _ in 0..ATTEMPTS {
        let (user_ids, names): (Vec<Uuid>, Vec<String>) = wanted.iter().cloned().unzip();
        let keys = Keys { registry, operation: OPERATION, user_ids: &user_ids, keys: &names };
        let used: BTreeMap<KeyName, Value> = keys
            .read()
            .into_iter()
            .map(|(user, key, arguments)| ((user, key), arguments))
            .collect();
        wanted.retain(|name| !used.contains_key(name));
        events.retain(|known| match known.key().and_then(|name| used.get(&name)) {
            None => true,
            Some(arguments) if *arguments == known.arguments() => false,
            Some(_) => raise_mismatch(known),
        });
        if wanted.is_empty() {
            return events;
        }
        let (user_ids, names): (Vec<Uuid>, Vec<String>) = wanted.iter().cloned().unzip();
        let arguments: Vec<String> = wanted.iter().map(|name| keyed[name].to_string()).collect();
        let keys = Keys { registry, operation: OPERATION, user_ids: &user_ids, keys: &names };
        for name in keys.insert(&arguments) {
            wanted.remove(&name);
        }
        if wanted.is_empty() {
            return events;
        }
    }
    CountingError::Contention.raise();
}

fn raise_mismatch(known: &Known) -> ! {
    let problem = "its idempotency_key was used for another event".to_owned();
    BatchError::InvalidEvent { index: known.index, problem }.raise()
}

fn count(registry: &Rc<Registry>, events: &[Known]) {
    let mut rows: BTreeMap<RowKey, Amounts> = BTreeMap::new();
    for known in events.iter().filter(|known| known.is_counted()) {
        let amounts = rows.entry(known.row()).or_default();
        // No batch is long enough to overflow this.
        *amounts.entry(known.feature).or_insert(0) += i64::from(known.event.amount);
    }
    if rows.is_empty() {
        return;
    }
    refuse_overflow(registry, events, &rows);
    if !batch::add(registry, &rows) {
        raise_not_counted(registry, events);
    }
}

/// The rows in which currencies count what events with rules are paid with.
fn rows_of_currencies(registry: &Rc<Registry>, events: &[Known]) -> BTreeSet<RowKey> {
    let paid = amounts_of(events).into_keys().filter_map(|(owner, feature, period)| {
        let registered = &registry.features[feature];
        let Owner::User(user_id) = owner else { return None };
        let cause = Cause::of(Kind::Record);
        let counted = Counted { owner, registered, period, amount: 0, cause };
        let currency = registered.is_governed.then(|| counted.account(registry).currency)??;
        Some((user_id, currency.span.period.to_string()))
    });
    paid.collect()
}

fn amounts_of(events: &[Known]) -> BTreeMap<(Owner, usize, Period), i64> {
    let mut amounts: BTreeMap<(Owner, usize, Period), i64> = BTreeMap::new();
    for known in events.iter().filter(|known| known.event.amount > 0) {
        let amount = amounts.entry((known.owner, known.feature, known.period)).or_default();
        *amount += i64::from(known.event.amount);
    }
    amounts
}

/// Draws what the batch has counted of features with rules and grants from their sources, and counts
/// what is of current periods in the windows and rates of caps.
fn draw(registry: &Rc<Registry>, events: &[Known]) {
    let amounts = amounts_of(events);
    // The first rule may have been committed while this waited for the rows.
    let features = || registry.features.iter();
    let is_unchanged = features().all(|registered| registry::still_has(registry, registered));
    let now = if is_unchanged { Rc::clone(registry) } else { registry::current() };
    let counted: Vec<Counted> = amounts
        .into_iter()
        .filter_map(|((owner, feature, period), amount)| {
            let feature_type = &registry.features[feature].feature.feature_type;
            let registered = now.find(feature_type);
            let registered = registered.filter(|one| one.is_governed || owner.is_pool())?;
            let idempotency_key = only_key(events, owner, feature, period);
            let cause = Cause { idempotency_key, ..Cause::of(Kind::Record) };
            Some(Counted { owner, registered, period, amount, cause })
        })
        .collect();
    if !counted.is_empty() {
        charge::counted(&now, &counted);
    }
}

/// The idempotency key of an amount, if it is that of a single event.
fn only_key(events: &[Known], owner: Owner, feature: usize, period: Period) -> Option<String> {
    let is_of =
        |known: &&Known| known.owner == owner && known.feature == feature && known.period == period;
    let mut found = events.iter().filter(|known| known.event.amount > 0).filter(is_of);
    match (found.next(), found.next()) {
        (Some(known), None) => known.event.idempotency_key.clone(),
        _ => None,
    }
}

/// Refuses a sum that no counter of its type can hold, before it becomes an argument.
fn refuse_overflow(registry: &Rc<Registry>, events: &[Known], rows: &BTreeMap<RowKey, Amounts>) {
    let is_too_large = |(feature, amount): (&usize, &i64)| {
        !registry.features[*feature].feature.has_room(0, *amount)
    };
    if rows.values().any(|amounts| amounts.iter().any(is_too_large)) {
        raise_overflow(registry, events, |_, _| 0);
    }
}

/// Finds the event that does not fit, starting from the counts before the batch.
fn raise_not_counted(registry: &Rc<Registry>, events: &[Known]) -> ! {
    raise_overflow(registry, events, |row, feature| batch::counted(registry, row, feature));
    // The cause was a trigger, or another transaction that has just filled a counter.
    BatchError::Suppressed.raise();
}

/// Raises an error for the first event that does not fit, if there is one.
fn raise_overflow(
    registry: &Rc<Registry>,
    events: &[Known],
    counted: impl Fn(&RowKey, usize) -> i64,
) {
    let mut counts: BTreeMap<(RowKey, usize), i64> = BTreeMap::new();
    for known in events.iter().filter(|known| !known.owner.is_pool()) {
        let name = (known.row(), known.feature);
        let feature = &registry.features[known.feature].feature;
        let count = counts.entry(name).or_insert_with_key(|(row, feature)| counted(row, *feature));
        let amount = known.event.amount;
        if !feature.has_room(*count, amount.into()) {
            BatchError::Overflow { index: known.index, feature, amount }.raise();
        }
        *count += i64::from(amount);
    }
}
