//! Prepared statements: each is prepared through SPI once per backend and role, and kept.
//!
//! `Spi::run_with_args` parses and plans at every call, and `Spi::get_one` marks the transaction as
//! writing; both cost more than the counting itself. Postgres revalidates a prepared statement by
//! itself when a table, a role or the search path changes.

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

/// How many roles have prepared statements of their own in one backend. PostgREST uses three.
const MAX_ROLES: usize = 15;

/// A statement that is prepared at its first execution.
pub struct Statement {
    text: CString,
    /// One for each role that has executed it: row-level security makes the query of a role, and a
    /// pooled connection changes its role with every request. They are kept as long as the backend
    /// lives.
    prepared: RefCell<Vec<(Oid, pg_sys::SPIPlanPtr)>>,
}

thread_local! {
    static KEPT: RefCell<HashMap<String, Rc<Statement>>> = RefCell::default();
}

impl Statement {
    /// The statement with this text, the same one for as long as the backend lives.
    ///
    /// Every name in the text must be qualified, operators too, because the caller chooses the
    /// search path. A statement always takes arguments of the same types.
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

    /// Executes a statement, and returns what `take` makes of its rows.
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
        // SAFETY: it was prepared for one statement with these types, and is kept.
        let rows = unsafe { executor::execute(plan, arguments, snapshot, take) };
        rows.unwrap_or_else(|| {
            // What a rule made of it may not mention the table any more, and so would not notice
            // that the rule is gone: prepare it again next time. This one is not freed, because a
            // trigger may have called us while it is running.
            self.prepared.borrow_mut().retain(|(_, kept)| *kept != plan);
            InstallationError::Rewritten.raise()
        })
    }

    fn prepared(&self, arguments: &[Argument]) -> pg_sys::SPIPlanPtr {
        let role = role::current();
        let kept = {
            let prepared = self.prepared.borrow();
            let own = prepared.iter().find(|(owner, _)| *owner == role);
            // Further roles share one, which Postgres plans again for each.
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
        // A generic plan from the first call on: every statement here finds its rows by key, so
        // planning for the values themselves could only cost time.
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

/// Whether a message names a table, with or without its schema, or a column by its alias.
fn names(message: &str, table: &str) -> bool {
    message.split(|c: char| c.is_whitespace() || "\"'«»“”".contains(c)).any(|word| {
        word == table
            || word.split_once('.').is_some_and(|(before, after)| after == table || before == table)
    })
}

/// Executes statements on our tables. If one of the tables or columns is missing, the error gets a
/// hint that says how to restore it.
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
