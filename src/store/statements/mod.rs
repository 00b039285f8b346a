//! The statements: every SQL text that the native functions execute, a file a table.
//!
//! Names and operators are qualified, so a caller's search path can't change what they mean, and
//! every selected value is cast, so a table or view of the app's own may have its own types.

mod counters;
mod keys;
mod plans;
mod registry;
mod reservations;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::registry::Registered;
use super::spi::Statement;

use counters::count_many;
pub use counters::{CounterStatements, FeatureStatements};
pub use keys::KeyStatements;
pub use plans::PlanStatements;
pub use registry::{extension, features};
pub use reservations::ReservationStatements;

/// The statements that are the same for every feature.
pub struct Statements {
    /// Adds to many counters of all features.
    pub count_many: Rc<Statement>,
    pub counters: CounterStatements,
    pub keys: KeyStatements,
    pub plans: PlanStatements,
    pub reservations: ReservationStatements,
}

impl Statements {
    pub fn new(schema: &str, features: &[Rc<Registered>]) -> Self {
        let columns: Vec<&str> =
            features.iter().map(|registered| registered.feature.usage_column.as_str()).collect();
        Self {
            count_many: count_many(schema, &columns),
            counters: CounterStatements::new(schema),
            keys: KeyStatements::new(schema),
            plans: PlanStatements::new(schema),
            reservations: ReservationStatements::new(schema),
        }
    }
}

/// How an error names our tables, or a column of one by the alias that the statements use.
pub const TABLES: &[&str] = &[
    "feature_usage",
    "fu",
    "plan_limits",
    "pl",
    "user_plans",
    "up",
    "feature_reservations",
    "fr",
    "feature_idempotency_keys",
    "ik",
];

thread_local! {
    static KEPT: RefCell<HashMap<String, Rc<Statement>>> = RefCell::default();
}

/// The statement with this text, the same one for as long as the backend lives: a registry that is
/// read again finds its plans again.
fn kept(text: String) -> Rc<Statement> {
    KEPT.with_borrow_mut(|kept| {
        Rc::clone(kept.entry(text).or_insert_with_key(|text| Rc::new(Statement::new(text.clone()))))
    })
}
