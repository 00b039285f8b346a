//! What governs a user's use of a feature: rules and grants.

use std::collections::BTreeMap;

use domain::grant::Grant;
use domain::period_kind::PeriodKind;
use domain::rule::{Effect, Level, Per, Rule};
use pgrx::Uuid;

use super::registry::Registry;
use crate::pg::argument::Argument;
use crate::pg::clock;
use crate::pg::row::Row;
use crate::pg::snapshot::Snapshot;

#[derive(Default)]
pub struct Governing {
    pub rules: Vec<Rule>,
    /// Those of which something is left.
    pub grants: Vec<Grant>,
}

/// The rules for a user, for the user's plan and for all, and the user's grants, unless they are
/// over. Reads the current snapshot: no copy is kept, so none can be out of date or belong to another
/// role.
pub fn read(registry: &Registry, user_id: Uuid, feature_type: &str, plan_id: &str) -> Governing {
    let arguments =
        [Argument::Uuid(user_id), Argument::Text(feature_type), Argument::Text(plan_id)];
    let read = &registry.statements.rules.read;
    let mut governing = Governing::default();
    registry.on_tables(|| {
        read.rows(&arguments, Snapshot::Caller, |row| match row.get::<String>(0).as_deref() {
            Some("grant") => governing.grants.extend(grant(row, user_id, feature_type)),
            _ => governing.rules.extend(rule(row)),
        })
    });
    governing
}

/// The rules of every feature, by feature type.
pub fn read_all(registry: &Registry, user_id: Uuid, plan_id: &str) -> BTreeMap<String, Vec<Rule>> {
    let arguments = [Argument::Uuid(user_id), Argument::Text(plan_id)];
    let read = |row: &Row| row.get(11).zip(rule(row));
    let read_all = &registry.statements.rules.read_all;
    let rows: Vec<Option<(String, Rule)>> =
        registry.on_tables(|| read_all.rows(&arguments, Snapshot::Caller, read));
    let mut rules: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for (feature_type, rule) in rows.into_iter().flatten() {
        rules.entry(feature_type).or_default().push(rule);
    }
    rules
}

fn rule(row: &Row) -> Option<Rule> {
    let per: String = row.get(3)?;
    let per = match (per.as_str(), row.integer(4)) {
        ("rate", Some(seconds)) => Per::Rate { every: seconds * 1_000_000 },
        ("period", _) => Per::Period,
        (kind, _) => Per::Window(PeriodKind::from_name(kind)?),
    };
    let rule_id: Uuid = row.get(8)?;
    Some(Rule {
        level: Level::from_name(&row.get::<String>(0)?)?,
        effect: Effect::from_name(&row.get::<String>(1)?)?,
        amount: row.integer(2),
        per,
        paid_in: row.get(9),
        starts_at: clock::from_1970(row.instant(5)?),
        ends_at: row.instant(6).map_or(i64::MAX, clock::from_1970),
        created_at: clock::from_1970(row.instant(7)?),
        rule_id: uuid::Uuid::from_bytes(*rule_id.as_bytes()),
    })
}

fn grant(row: &Row, user_id: Uuid, feature_type: &str) -> Option<Grant> {
    let grant_id: Uuid = row.get(8)?;
    Some(Grant {
        grant_id: uuid::Uuid::from_bytes(*grant_id.as_bytes()),
        owner: uuid::Uuid::from_bytes(*user_id.as_bytes()),
        feature_type: feature_type.to_owned(),
        left: row.integer(2)?,
        amount: row.integer(10)?,
        priority: row.integer(4)?,
        effective_at: clock::from_1970(row.instant(5)?),
        expires_at: row.instant(6).map_or(i64::MAX, clock::from_1970),
        created_at: clock::from_1970(row.instant(7)?),
        is_void: false,
    })
}
