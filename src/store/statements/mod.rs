//! The SQL texts, one file per subject.
//!
//! Names and operators are qualified, so that a caller's search path cannot change their meaning.
//! Selected values are cast, because an existing table or a view may have other types.

mod alerts;
mod counters;
mod entitlements;
mod grants;
mod increments;
mod keys;
mod ledger;
mod reservations;
mod rules;
mod summary;
mod users;
mod windows;

use domain::feature::Feature;

use super::tables::Tables;

pub use alerts::AlertStatements;
pub use counters::{CounterStatements, FeatureCounterStatements};
pub use entitlements::EntitlementStatements;
pub use grants::GrantStatements;
pub use increments::IncrementStatements;
pub use keys::KeyStatements;
pub use ledger::LedgerStatements;
pub use reservations::ReservationStatements;
pub use rules::RuleStatements;
pub use summary::SummaryStatement;
pub use users::UserStatements;
pub use windows::WindowStatements;

/// The statements of one feature.
pub struct FeatureStatements {
    pub counter: FeatureCounterStatements,
    pub entitlement: EntitlementStatements,
}

impl FeatureStatements {
    pub fn new(tables: &Tables, feature: &Feature, has_calendars: bool) -> Self {
        Self {
            counter: FeatureCounterStatements::new(tables, feature),
            entitlement: EntitlementStatements::new(tables, feature, has_calendars),
        }
    }
}

/// The statements that are the same for every feature.
pub struct Statements {
    pub alerts: AlertStatements,
    pub counters: CounterStatements,
    pub grants: GrantStatements,
    pub increments: IncrementStatements,
    pub keys: KeyStatements,
    pub ledger: LedgerStatements,
    pub reservations: ReservationStatements,
    pub rules: RuleStatements,
    pub summary: SummaryStatement,
    pub users: UserStatements,
    pub windows: WindowStatements,
}

impl Statements {
    pub fn new(tables: &Tables, features: &[Feature]) -> Self {
        let schema = &tables.schema;
        let counted: Vec<&Feature> = features.iter().filter(|f| tables.counts(f)).collect();
        Self {
            alerts: AlertStatements::new(schema),
            counters: CounterStatements::new(schema, &counted),
            grants: GrantStatements::new(schema),
            increments: IncrementStatements::new(schema),
            keys: KeyStatements::new(schema),
            ledger: LedgerStatements::new(schema),
            reservations: ReservationStatements::new(schema),
            rules: RuleStatements::new(schema),
            summary: SummaryStatement::new(tables, features),
            users: UserStatements::new(&tables.references),
            windows: WindowStatements::new(schema),
        }
    }
}
