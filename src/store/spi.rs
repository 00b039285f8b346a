//! Statements that are prepared through SPI once a backend, and kept.
//!
//! `Spi::run_with_args` plans at every call and `Spi::get_one` marks the transaction as writing;
//! both cost more than the counting itself. Postgres revalidates a kept plan by itself when a
//! table, a role or the search path changes.

use std::cell::RefCell;
use std::ffi::CString;

use chrono::{DateTime, Utc};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{IntoDatum, JsonB, PgSqlErrorCode, PgTryBuilder, Uuid};

use super::clock;
use super::executor::{self, Row, View};
use crate::error::Error;

/// An argument of a statement.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    Uuid(Uuid),
    Text(&'a str),
    Integer(i32),
    Instant(DateTime<Utc>),
    Boolean(bool),
    Json(&'a serde_json::Value),
    Uuids(&'a [Uuid]),
    Texts(&'a [String]),
    Integers(&'a [i32]),
}

impl Argument<'_> {
    pub fn type_oid(&self) -> Oid {
        match self {
            Self::Uuid(_) => pg_sys::UUIDOID,
            Self::Text(_) => pg_sys::TEXTOID,
            Self::Integer(_) => pg_sys::INT4OID,
            Self::Instant(_) => pg_sys::TIMESTAMPTZOID,
            Self::Boolean(_) => pg_sys::BOOLOID,
            Self::Json(_) => pg_sys::JSONBOID,
            Self::Uuids(_) => pg_sys::UUIDARRAYOID,
            Self::Texts(_) => pg_sys::TEXTARRAYOID,
            Self::Integers(_) => pg_sys::INT4ARRAYOID,
        }
    }

    pub fn datum(&self) -> Datum {
        let datum = match *self {
            Self::Uuid(uuid) => uuid.into_datum(),
            Self::Text(text) => text.into_datum(),
            Self::Integer(integer) => integer.into_datum(),
            Self::Instant(instant) => clock::since_2000(instant).into_datum(),
            Self::Boolean(boolean) => boolean.into_datum(),
            Self::Json(value) => JsonB(value.clone()).into_datum(),
            Self::Uuids(uuids) => uuids.to_vec().into_datum(),
            Self::Texts(texts) => texts.to_vec().into_datum(),
            Self::Integers(integers) => integers.to_vec().into_datum(),
        };
        datum.expect("an argument is a value")
    }
}

/// A statement and its kept plans.
pub struct Statement {
    text: CString,
    /// One for each role that has executed it: with row-level security, a plan is made for a role,
    /// and a pooled connection changes its role with every request. Kept as long as
    /// the backend lives, unless a rule has spoilt one.
    plans: RefCell<Vec<(Oid, pg_sys::SPIPlanPtr)>>,
}

impl Statement {
    /// Every name in the text must be qualified, the operators too: the caller chooses the search
    /// path. A statement always takes arguments of the same types.
    pub fn new(text: String) -> Self {
        let text = CString::new(text).expect("Postgres' names have no NUL in them");
        Self { text, plans: RefCell::default() }
    }

    /// Executes a statement that writes, and gives the number of rows it wrote.
    pub fn write(&self, arguments: &[Argument]) -> u64 {
        self.execute(arguments, View::Command, &mut |_| ())
    }

    /// Executes a statement as a new command of the transaction, and takes what it returns.
    pub fn command<T>(&self, arguments: &[Argument], take: impl FnMut(&Row) -> T) -> Vec<T> {
        self.collect(arguments, View::Command, take)
    }

    /// Reads what the caller's statement sees.
    pub fn read<T>(&self, arguments: &[Argument], take: impl FnMut(&Row) -> T) -> Vec<T> {
        self.collect(arguments, View::Caller, take)
    }

    /// Reads what is committed by now.
    pub fn read_latest<T>(&self, arguments: &[Argument], take: impl FnMut(&Row) -> T) -> Vec<T> {
        self.collect(arguments, View::Latest, take)
    }

    /// Reads with the view that is asked for.
    pub fn collect<T>(
        &self,
        arguments: &[Argument],
        view: View,
        mut take: impl FnMut(&Row) -> T,
    ) -> Vec<T> {
        let mut rows = Vec::new();
        self.execute(arguments, view, &mut |row| rows.push(take(row)));
        rows
    }

    fn execute(&self, arguments: &[Argument], view: View, take: &mut dyn FnMut(&Row)) -> u64 {
        let plan = self.plan(arguments);
        // SAFETY: the plan is kept, and was prepared for one statement with these types.
        let rows = unsafe { executor::execute(plan, arguments, view, take) };
        rows.unwrap_or_else(|| {
            // What a rule has made of it does not know the table any more, and so would not notice
            // that the rule is gone: it is prepared again.
            self.plans.borrow_mut().retain(|(_, kept)| *kept != plan);
            // SAFETY: nobody refers to the plan any more.
            unsafe { pg_sys::SPI_freeplan(plan) };
            Error::Rewritten.raise()
        })
    }

    fn plan(&self, arguments: &[Argument]) -> pg_sys::SPIPlanPtr {
        // SAFETY: reads a variable of the backend.
        let role = unsafe { pg_sys::GetUserId() };
        let kept = {
            let plans = self.plans.borrow();
            let own = plans.iter().find(|(owner, _)| *owner == role);
            // Of more roles than that, the rest share one, which is then planned anew for each.
            own.or(plans.get(MAX_ROLES)).map(|kept| kept.1)
        };
        kept.unwrap_or_else(|| {
            let plan = self.prepare(arguments);
            self.plans.borrow_mut().push((role, plan));
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
        // paired; an error passes finish by, and then the transaction's end cleans up.
        unsafe {
            pg_sys::SPI_connect();
            let plan = pg_sys::SPI_prepare_cursor(text, count, types.as_mut_ptr(), options);
            if plan.is_null() {
                Error::Statement { code: pg_sys::SPI_result }.raise();
            }
            pg_sys::SPI_keepplan(plan);
            pg_sys::SPI_finish();
            plan
        }
    }
}

/// An API has three roles.
pub const MAX_ROLES: usize = 15;

/// Whether a message names a table, with or without its schema, or a column by its alias.
fn names(message: &str, table: &str) -> bool {
    message.split(|c: char| c.is_whitespace() || "\"'«»“”".contains(c)).any(|word| {
        word == table
            || word.split_once('.').is_some_and(|(before, after)| after == table || before == table)
    })
}

/// Runs statements on our tables. Where one of the tables, or a column of one, is not there, the
/// error is raised again with a hint that says how to get it back.
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
                Error::TablesMissing { code, message, schema }.raise();
            }
            caught.rethrow()
        })
        .execute()
}
