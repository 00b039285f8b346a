//! Rows that a statement returns.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{self, Oid};
use pgrx::{FromDatum, IntoDatum};

/// A row, valid while the executor keeps it in the slot.
pub struct Row {
    slot: *mut pg_sys::TupleTableSlot,
}

impl Row {
    /// The row in this slot.
    ///
    /// # Safety
    /// The slot must hold a row while the result is used.
    pub(super) unsafe fn new(slot: *mut pg_sys::TupleTableSlot) -> Self {
        // SAFETY: the slot holds a row.
        unsafe { pg_sys::slot_getallattrs(slot) };
        Self { slot }
    }

    /// The value in this column, counted from 0; `None` for NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, column: usize) -> Option<T> {
        assert_eq!(self.type_oid(column), T::type_oid(), "column {column}");
        // SAFETY: the slot has this column, and it is read as its own type.
        unsafe {
            let is_null = *(*self.slot).tts_isnull.add(column);
            T::from_datum(*(*self.slot).tts_values.add(column), is_null)
        }
    }

    /// An `integer` or `bigint`.
    pub fn integer(&self, column: usize) -> Option<i64> {
        match self.type_oid(column) {
            pg_sys::INT4OID => self.get::<i32>(column).map(i64::from),
            _ => self.get(column),
        }
    }

    /// An instant, in microseconds from 2000.
    pub fn instant(&self, column: usize) -> Option<i64> {
        self.get::<TimestampWithTimeZone>(column).map(pg_sys::TimestampTz::from)
    }

    fn type_oid(&self, column: usize) -> Oid {
        let number = column as i32 + 1;
        // SAFETY: the slot's descriptor describes its columns.
        unsafe {
            let descriptor = (*self.slot).tts_tupleDescriptor;
            assert!(number <= (*descriptor).natts, "no column {number}");
            pg_sys::SPI_gettypeid(descriptor, number)
        }
    }
}
