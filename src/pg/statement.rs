//! Prepared statements, prepared through SPI and kept, one per backend and role.
//!
//! `Spi::run_with_args` parses and plans in every call, and `Spi::get_one` marks the transaction as
//! writing; both cost more than counting. If a table, a role or the search path changes, Postgres
//! revalidates a prepared statement itself.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::rc::Rc;

use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{self, Oid};
use pgrx::{PgSqlErrorCode, PgTryBuilder};

use super::argument::Argument;
use super::executor;
use super::role;
use super::row::Row;
use super::snapshot::Snapshot;
use crate::error::Report;
use crate::error::installation::InstallationError;

/// The most roles that have their own prepared statements per backend; PostgREST uses three.
const MAX_ROLES: usize = 15;

/// A statement that is prepared at its first execution.
pub struct Statement {
    text: CString,
    /// One per role that has executed it: row-level security makes the query depend on the role,
    /// and a pooled connection changes its role with every request. They live as long as the
    /// backend.
    prepared: RefCell<Vec<(Oid, pg_sys::SPIPlanPtr)>>,
}

thread_local! {
    static KEPT: RefCell<HashMap<String, Rc<Statement>>> = RefCell::default();
}

impl Statement {
    /// The prepared statement of this text, the same for the lifetime of the backend.
    ///
    /// Qualify every name in the text, even operators, because the caller chooses the search path.
    /// All executions must pass arguments of the same types.
    pub fn kept(text: String) -> Rc<Self> {
        KEPT.with_borrow_mut(|kept| {
            let statement = kept.entry(text).or_insert_with_key(|text| {
                let text = CString::new(text.as_str()).expect("Postgres' names contain no NUL");
                Rc::new(Self { text, prepared: RefCell::default() })
            });
            Rc::clone(statement)
        })
    }

    /// Executes a statement that writes, and returns how many rows it wrote.
    pub fn write(&self, arguments: &[Argument]) -> u64 {
        self.execute(arguments, Snapshot::Command, &mut |_| ())
    }

    /// Executes a statement, and returns the result of `take` for its rows.
    pub fn rows<T>(
        &self,
        arguments: &[Argument],
        snapshot: Snapshot,
        mut take: impl FnMut(&Row) -> T,
    ) -> Vec<T> {
        let mut rows = Vec::new();
        self.execute(arguments, snapshot, &mut |row| rows.push(take(row)));
        rows
    }

    fn execute(
        &self,
        arguments: &[Argument],
        snapshot: Snapshot,
        take: &mut dyn FnMut(&Row),
    ) -> u64 {
        let plan = self.prepared(arguments);
        // SAFETY: it was prepared for one statement with these types, and kept by SPI.
        let rows = unsafe { executor::execute(plan, arguments, snapshot, take) };
        rows.unwrap_or_else(|| {
            // A rule may have turned it into a statement that does not use the table, so it would
            // not be revalidated after the rule is dropped. Prepare it again next time. It is not
            // freed, because it may be running: a trigger can call this function.
            self.prepared.borrow_mut().retain(|(_, kept)| *kept != plan);
            InstallationError::Rewritten.raise()
        })
    }

    fn prepared(&self, arguments: &[Argument]) -> pg_sys::SPIPlanPtr {
        let role = role::current();
        let kept = {
            let prepared = self.prepared.borrow();
            let own = prepared.iter().find(|(owner, _)| *owner == role);
            // Further roles share one prepared statement, which Postgres plans again on each change
            // of role.
            own.or(prepared.get(MAX_ROLES)).map(|kept| kept.1)
        };
        kept.unwrap_or_else(|| {
            let plan = self.prepare(arguments);
            self.prepared.borrow_mut().push((role, plan));
            plan
        })
    }

    fn prepare(&self, arguments: &[Argument]) -> pg_sys::SPIPlanPtr {
        let mut types: Vec<Oid> = arguments.iter().map(Argument::type_oid).collect();
        // Use the generic plan from the first execution on: every statement here finds its rows by
        // key, so planning for the actual values has no benefit.
        let options = pg_sys::CURSOR_OPT_GENERIC_PLAN as i32;
        let (text, count) = (self.text.as_ptr(), types.len() as i32);
        // SAFETY: the text ends with a NUL and there are `count` types. Connect and finish are
        // paired; after an error, the transaction's end cleans up.
        unsafe {
            pg_sys::SPI_connect();
            let plan = pg_sys::SPI_prepare_cursor(text, count, types.as_mut_ptr(), options);
            if plan.is_null() {
                InstallationError::NotPrepared { code: pg_sys::SPI_result }.raise();
            }
            pg_sys::SPI_keepplan(plan);
            pg_sys::SPI_finish();
            plan
        }
    }
}

/// Whether a message names a table, with or without its schema, or a column of its alias.
fn names(message: &str, table: &str) -> bool {
    message.split(|c: char| c.is_whitespace() || "\"'«»“”".contains(c)).any(|word| {
        word == table
            || word.split_once('.').is_some_and(|(before, after)| after == table || before == table)
    })
}

/// Executes statements. If a table or column of the extension is missing, the error's hint says how
/// to restore it.
pub fn on_tables<T>(schema: &str, tables: &[&str], work: impl FnOnce() -> T) -> T {
    let missing =
        [PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE, PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN];
    PgTryBuilder::new(std::panic::AssertUnwindSafe(work))
        .catch_others(|caught| {
            if let CaughtError::PostgresError(report) = &caught
                && missing.contains(&report.sql_error_code())
                && tables.iter().any(|table| names(report.message(), table))
            {
                let (code, message) = (report.sql_error_code(), report.message());
                InstallationError::TableMissing { code, message, schema }.raise();
            }
            caught.rethrow()
        })
        .execute()
}
