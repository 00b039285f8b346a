//! What governs the use of a feature: rules and grants.

use std::collections::BTreeMap;

use domain::grant::Grant;
use domain::period_kind::PeriodKind;
use domain::rule::{Effect, Level, Per, Rule};
use pgrx::Uuid;

use super::owner::{Owner, nobody};
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

/// The rules for a user or a pool, for the plan and for all, and the grants, unless they are over. Reads
/// the current snapshot: no copy is kept, so none can be out of date or belong to another role.
pub fn read(registry: &Registry, owner: Owner, feature_type: &str, plan_id: &str) -> Governing {
    let statements = &registry.statements.rules;
    let (read, id) = match owner {
        Owner::User(user_id) => (&statements.read, user_id),
        Owner::Pool { pool_id, .. } => (&statements.read_of_pool, pool_id),
    };
    let mut arguments =
        vec![Argument::Uuid(id), Argument::Text(feature_type), Argument::Text(plan_id)];
    if let Owner::Pool { member, .. } = owner {
        arguments.push(Argument::Uuid(member.unwrap_or(nobody())));
    }
    let mut governing = Governing::default();
    registry.on_tables(|| {
        read.rows(&arguments, Snapshot::Caller, |row| match row.get::<String>(0).as_deref() {
            Some("grant") => governing.grants.extend(grant(row, owner, feature_type)),
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

fn grant(row: &Row, owner: Owner, feature_type: &str) -> Option<Grant> {
    let grant_id: Uuid = row.get(8)?;
    Some(Grant {
        grant_id: uuid::Uuid::from_bytes(*grant_id.as_bytes()),
        owner: owner.of_grants(),
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
