//! One user's counter of one feature in one period.

use pgrx::Uuid;

use super::executor::{Row, View};
use super::registry::{Registered, Registry};
use super::spi::Argument;
use crate::domain::decision::Standing;
use crate::domain::feature::Feature;
use crate::domain::period::Period;
use crate::domain::subscription::Subscription;
use crate::error::Error;

pub struct Counter<'a> {
    pub registry: &'a Registry,
    pub registered: &'a Registered,
    pub user_id: Uuid,
    key: String,
}

impl<'a> Counter<'a> {
    pub fn new(
        registry: &'a Registry,
        registered: &'a Registered,
        user_id: Uuid,
        period: Period,
    ) -> Self {
        Self { registry, registered, user_id, key: period.to_string() }
    }

    pub fn feature(&self) -> &'a Feature {
        &self.registered.feature
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

    /// Takes from the count what a reservation has held. A count that is gone has nothing to give.
    pub fn give_back(&self, amount: i32) {
        let [user_id, key] = self.arguments();
        let arguments = [user_id, key, Argument::Integer(amount)];
        self.registry.on_tables(|| self.registered.statements.give_back.write(&arguments));
    }

    /// What is known of the user, the plan and the count.
    pub fn standing(&self, view: View) -> Standing {
        let statement = &self.registered.statements.standing;
        let rows = self.registry.on_tables(|| {
            statement.collect(&self.arguments(), view, |row| Standing {
                current_usage: row.get(6).unwrap_or(0),
                has_reservations: row.get(7) == Some(true),
                ..plan_in(row)
            })
        });
        only(rows, self.user_id)
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

/// The user's plan, limit and all, as the subscription in a row says it; no count.
pub fn plan_in(row: &Row) -> Standing {
    Standing {
        subscription: Subscription {
            plan_id: row.get(0),
            is_active: row.get(1),
            status: row.get(2),
            trial_end: row.get(3),
        },
        plan_is_known: row.get(4) == Some(true),
        limit: row.get(5),
        ..Standing::default()
    }
}

/// The statements join from the user on, so there is one row: more mean more than one plan.
pub fn only<T>(mut rows: Vec<T>, user_id: Uuid) -> T {
    match rows.pop() {
        Some(row) if rows.is_empty() => row,
        _ => Error::AmbiguousPlan { user_id: user_id.to_string() }.raise(),
    }
}
