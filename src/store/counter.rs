//! One user's counter of one feature in one period.

use std::rc::Rc;

use pgrx::Uuid;

use super::executor::{self, View};
use super::plans::{self, at_most_one};
use super::registry::{Registered, Registry};
use super::spi::Argument;
use super::statements::FeatureStatements;
use crate::domain::decision::Standing;
use crate::domain::feature::Feature;
use crate::domain::period::Period;
use crate::error::Error;

pub struct Counter {
    pub registry: Rc<Registry>,
    registered: Rc<Registered>,
    pub user_id: Uuid,
    key: String,
}

impl Counter {
    pub fn new(
        registry: &Rc<Registry>,
        registered: &Rc<Registered>,
        user_id: Uuid,
        period: Period,
    ) -> Self {
        let (registry, registered) = (Rc::clone(registry), Rc::clone(registered));
        Self { registry, registered, user_id, key: period.to_string() }
    }

    pub fn feature(&self) -> &Feature {
        &self.registered.feature
    }

    pub fn statements(&self) -> &FeatureStatements {
        &self.registered.statements
    }

    /// What the user's plan says of the feature, with nothing used yet.
    pub fn plan(&self) -> Standing {
        plans::standing(&self.registry, &self.registered, self.user_id)
    }

    /// Whether a reservation is about this.
    pub fn is_of(&self, feature_type: &str, key: &str) -> bool {
        self.feature().feature_type == feature_type && self.key == key
    }

    /// The user and the period, which all statements of a counter take first.
    pub fn arguments(&self) -> [Argument<'_>; 2] {
        [Argument::Uuid(self.user_id), Argument::Text(&self.key)]
    }

    /// The same and the feature, for tables that have a row a feature.
    pub fn arguments_with_feature(&self) -> [Argument<'_>; 3] {
        let [user_id, key] = self.arguments();
        [user_id, key, Argument::Text(&self.feature().feature_type)]
    }

    /// Adds to the count, in one atomic step and without asking the limit.
    ///
    /// The row nearly always exists, and an UPDATE costs two thirds of an INSERT … ON CONFLICT.
    /// Where the UPDATE finds none, the upsert is exact on its own, whoever inserts the row
    /// meanwhile.
    pub fn increment(&self, amount: i32) {
        let [user_id, key] = self.arguments();
        let arguments = [user_id, key, Argument::Integer(amount)];
        let statements = &self.registered.statements;
        let is_counted = self.registry.on_tables(|| {
            statements.update.write(&arguments) > 0 || statements.upsert.write(&arguments) > 0
        });
        if !is_counted {
            self.refuse_overflow(amount, self.standing(View::Latest).current_usage);
            Error::NotCounted { feature: self.feature() }.raise();
        }
    }

    /// Takes from the count what a reservation has held. A row that was deleted since, and one that
    /// came in its place, have nothing to give.
    pub fn give_back(&self, amount: i32) {
        let [user_id, key] = self.arguments();
        let arguments = [user_id, key, Argument::Integer(amount)];
        let statement = &self.registered.statements.give_back;
        let written = self.registry.on_tables(|| statement.write(&arguments));
        let row = || executor::in_view(View::Latest, || self.count());
        if written == 0 && row().is_some_and(|(_, has_reservations)| has_reservations) {
            Error::NotCounted { feature: self.feature() }.raise();
        }
    }

    /// Locks the row, if there is one, until the end of the transaction.
    pub fn lock(&self) {
        let statement = &self.registry.statements.counters.lock;
        self.registry.on_tables(|| statement.command(&self.arguments(), |_| ()));
    }

    /// Locks the row unless somebody else has it locked: says whether nobody has.
    pub fn lock_if_free(&self) -> bool {
        let statement = &self.registry.statements.counters.lock_if_free;
        let locked = self.registry.on_tables(|| statement.command(&self.arguments(), |_| ()));
        !locked.is_empty() || executor::in_view(View::Latest, || self.count()).is_none()
    }

    /// What is known of the user, the plan and the count.
    pub fn standing(&self, view: View) -> Standing {
        executor::in_view(view, || {
            let plan = self.plan();
            let (current_usage, has_reservations) = self.count().unwrap_or_default();
            Standing { current_usage, has_reservations, ..plan }
        })
    }

    /// The count, and whether there are reservations, if there is a row.
    fn count(&self) -> Option<(i64, bool)> {
        let rows = self.registry.look_up(&self.statements().count, &self.arguments(), |row| {
            (row.integer(0).unwrap_or(0), row.get(1) == Some(true))
        });
        at_most_one(rows, self.user_id)
    }

    /// Makes the row if there is none yet.
    pub fn open_period(&self) {
        let statement = &self.registry.statements.counters.open_period;
        self.registry.on_tables(|| statement.write(&self.arguments()));
    }

    /// Raises an error if there is no room for the amount beside so much.
    pub fn refuse_overflow(&self, amount: i32, counted: i64) {
        if counted + i64::from(amount) > i64::from(i32::MAX) {
            Error::CountOverflow { feature: self.feature(), amount }.raise();
        }
    }
}
