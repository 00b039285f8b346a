//! Statements that are planned once a backend and then executed through SPI directly.
//!
//! `Spi::run_with_args` plans at every call and `Spi::get_one` marks the transaction as writing;
//! both cost more than the counting itself. So a plan is kept here, and Postgres revalidates it
//! when a table, a role or the search path changes.

use std::cell::Cell;
use std::ffi::{CString, c_char};
use std::ptr;

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{FromDatum, IntoDatum, PgSqlErrorCode, PgTryBuilder, Uuid};

use crate::error::Error;

/// An argument of a statement.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    Uuid(Uuid),
    Text(&'a str),
    Integer(i32),
}

impl Argument<'_> {
    fn type_oid(&self) -> Oid {
        match self {
            Self::Uuid(_) => pg_sys::UUIDOID,
            Self::Text(_) => pg_sys::TEXTOID,
            Self::Integer(_) => pg_sys::INT4OID,
        }
    }

    fn datum(&self) -> Option<Datum> {
        match *self {
            Self::Uuid(uuid) => uuid.into_datum(),
            Self::Text(text) => text.into_datum(),
            Self::Integer(integer) => integer.into_datum(),
        }
    }
}

/// Which rows a statement sees, and whether it may write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The caller's snapshot; no transaction id is assigned.
    Read,
    /// What is committed by now, even where the transaction's own snapshot is older.
    ReadLatest,
    Write,
}

/// A statement and its kept plan.
pub struct Statement {
    text: CString,
    /// Null until the first execution. Never freed: a statement lives as long as its backend.
    plan: Cell<pg_sys::SPIPlanPtr>,
}

impl Statement {
    /// Every name in the text must be qualified, the operators too: the caller chooses the search
    /// path. A statement always takes arguments of the same types.
    pub fn new(text: String) -> Self {
        let text = CString::new(text).expect("Postgres' names have no NUL in them");
        Self { text, plan: Cell::new(ptr::null_mut()) }
    }

    /// Executes a statement that writes, and gives the number of rows it wrote.
    pub fn write(&self, arguments: &[Argument]) -> u64 {
        self.run(arguments, Mode::Write, |rows| rows.count)
    }

    /// Reads in the caller's snapshot.
    pub fn read<T>(&self, arguments: &[Argument], take: impl FnOnce(&Rows) -> T) -> T {
        self.run(arguments, Mode::Read, take)
    }

    /// Reads what is committed by now.
    pub fn read_latest<T>(&self, arguments: &[Argument], take: impl FnOnce(&Rows) -> T) -> T {
        self.run(arguments, Mode::ReadLatest, take)
    }

    fn run<T>(&self, arguments: &[Argument], mode: Mode, take: impl FnOnce(&Rows) -> T) -> T {
        // SAFETY: connect and finish are paired, and what SPI allocates in between is freed by
        // finish. An error passes finish by, and then the transaction's end cleans up; all that
        // Rust owns on the way is dropped, since pgrx turns the error into a panic.
        unsafe {
            pg_sys::SPI_connect();
            let rows = self.execute(arguments, mode);
            let taken = take(&rows);
            pg_sys::SPI_finish();
            taken
        }
    }

    /// # Safety
    /// SPI must be connected, and the rows must not be used after it is finished.
    unsafe fn execute(&self, arguments: &[Argument], mode: Mode) -> Rows {
        let mut datums = [Datum::null(); MAX_ARGUMENTS];
        for (datum, argument) in datums.iter_mut().zip(arguments) {
            *datum = argument.datum().expect("arguments are never null");
        }
        // SAFETY: the plan is one that SPI gave us and that we keep; it was prepared for these
        // types of argument; a null pointer for the null flags says that no argument is null.
        let code = unsafe {
            let plan = self.plan(arguments);
            if mode == Mode::ReadLatest {
                pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
            }
            let no_nulls: *const c_char = ptr::null();
            let read_only = mode != Mode::Write;
            let code = pg_sys::SPI_execute_plan(plan, datums.as_mut_ptr(), no_nulls, read_only, 0);
            if mode == Mode::ReadLatest {
                pg_sys::PopActiveSnapshot();
            }
            code
        };
        if code < 0 {
            Error::Statement { code }.raise();
        }
        // SAFETY: SPI has just set both.
        unsafe { Rows { table: pg_sys::SPI_tuptable, count: pg_sys::SPI_processed } }
    }

    /// # Safety
    /// SPI must be connected.
    unsafe fn plan(&self, arguments: &[Argument]) -> pg_sys::SPIPlanPtr {
        if self.plan.get().is_null() {
            let mut types: Vec<Oid> = arguments.iter().map(Argument::type_oid).collect();
            assert!(types.len() <= MAX_ARGUMENTS, "a statement with too many arguments");
            // A generic plan from the first call on: every statement here finds its rows by key,
            // so planning for the values themselves could only cost time.
            let options = pg_sys::CURSOR_OPT_GENERIC_PLAN as i32;
            let count = types.len() as i32;
            // SAFETY: the text ends with a NUL and `types` has `count` elements.
            unsafe {
                let plan =
                    pg_sys::SPI_prepare_cursor(self.text.as_ptr(), count, types.as_mut_ptr(), options);
                if plan.is_null() {
                    Error::Statement { code: pg_sys::SPI_result }.raise();
                }
                pg_sys::SPI_keepplan(plan);
                self.plan.set(plan);
            }
        }
        self.plan.get()
    }
}

/// More than any statement takes.
const MAX_ARGUMENTS: usize = 4;

/// The rows of an executed statement, for as long as SPI is connected.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    count: u64,
}

impl Rows {
    pub fn len(&self) -> usize {
        if self.table.is_null() { 0 } else { self.count as usize }
    }

    /// The value in this row and column, both counted from 0; `None` for NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, row: usize, column: usize) -> Option<T> {
        assert!(row < self.len(), "no such row");
        let number = column as i32 + 1;
        // SAFETY: the row exists, `Rows` is only lent out while SPI is connected, and the type
        // that the column has is the type that is read.
        unsafe {
            let description = (*self.table).tupdesc;
            assert_eq!(pg_sys::SPI_gettypeid(description, number), T::type_oid(), "column {number}");
            let tuple = *(*self.table).vals.add(row);
            let mut is_null = false;
            let datum = pg_sys::SPI_getbinval(tuple, description, number, &mut is_null);
            T::from_datum(datum, is_null)
        }
    }
}

/// Runs statements on our tables. Where one of the tables, or a column of one, is not there, the
/// error is raised again with a hint that says how to get it back.
pub fn on_tables<T>(schema: &str, tables: &[&str], work: impl FnOnce() -> T) -> T {
    let missing = [PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE, PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN];
    PgTryBuilder::new(std::panic::AssertUnwindSafe(work))
        .catch_others(|caught| {
            if let CaughtError::PostgresError(report) = &caught
                && missing.contains(&report.sql_error_code())
                && tables.iter().any(|table| report.message().contains(table))
            {
                let (code, message) = (report.sql_error_code(), report.message());
                Error::TablesMissing { code, message, schema }.raise();
            }
            caught.rethrow()
        })
        .execute()
}
