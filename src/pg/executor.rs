//! Executes prepared statements as SPI would, without SPI's memory contexts and copies of rows.

use std::ptr;

use pgrx::pg_sys;
use pgrx::{PgList, pg_guard};

use super::argument::Argument;
use super::row::Row;
use super::snapshot::{self, Snapshot};

/// Executes a prepared statement, passes its rows to `take`, and returns how many rows it returned
/// or wrote. `None` if a rewrite rule turned it into another statement, which is not executed.
///
/// # Safety
/// `plan` must be kept by SPI, for one statement with arguments of these types.
pub unsafe fn execute(
    plan: pg_sys::SPIPlanPtr,
    arguments: &[Argument],
    snapshot: Snapshot,
    take: &mut dyn FnMut(&Row),
) -> Option<u64> {
    let mut receiver = Receiver::new(take);
    // SAFETY: the same calls in the same order as SPI_execute_plan. Allocations live in the
    // caller's context, which ends with the function's call; after an error, the end of the
    // transaction releases the prepared statement, the snapshot and the executor.
    unsafe {
        let sources = pg_sys::SPI_plan_get_plan_sources(plan);
        let source = only::<pg_sys::CachedPlanSource>(sources)?;
        let owner = pg_sys::CurrentResourceOwner;
        let parameters = parameters(arguments);
        let no_environment = ptr::null_mut();
        let cached = {
            let _by_key = ByKey::new();
            pg_sys::GetCachedPlan(source, parameters, owner, no_environment)
        };
        // The tables are locked from here on, so no rule can be added before the statement ends.
        let statement = only::<pg_sys::PlannedStmt>((*cached).stmt_list);
        let Some(statement) = statement.filter(|_| is_as_written(source)) else {
            pg_sys::ReleaseCachedPlan(cached, owner);
            return None;
        };

        snapshot::push(snapshot);
        let query = pg_sys::CreateQueryDesc(
            statement,
            (*source).query_string,
            pg_sys::GetActiveSnapshot(),
            ptr::null_mut(),
            &raw mut receiver.base,
            parameters,
            no_environment,
            0,
        );
        pg_sys::ExecutorStart(query, 0);
        run_to_the_end(query);
        let rows = (*(*query).estate).es_processed;
        pg_sys::ExecutorFinish(query);
        pg_sys::ExecutorEnd(query);
        pg_sys::FreeQueryDesc(query);
        pg_sys::ReleaseCachedPlan(cached, owner);
        snapshot::pop();
        if snapshot == Snapshot::Command {
            pg_sys::CommandCounterIncrement();
        }
        Some(rows)
    }
}

/// Whether the statement is the prepared one, and not the product of a rewrite rule.
unsafe fn is_as_written(source: *mut pg_sys::CachedPlanSource) -> bool {
    // SAFETY: the query list of a valid source contains queries.
    unsafe {
        only::<pg_sys::Query>((*source).query_list)
            .is_some_and(|query| (*query).querySource == pg_sys::QuerySource::QSRC_ORIGINAL)
    }
}

/// While this lives, the planner uses index scans, and JIT is off.
///
/// Otherwise a statement first executed while a table is small would be planned with a sequential
/// scan, and keep it until the next ANALYZE even if the table has grown large. And without an
/// index, the planner's cost estimate would be high enough to load LLVM for JIT.
struct ByKey {
    scans_tables: bool,
    makes_bitmaps: bool,
    compiles: bool,
}

impl ByKey {
    fn new() -> Self {
        // SAFETY: settings of this backend, which has one thread; restored on drop, even after an
        // error.
        unsafe {
            let before = Self {
                scans_tables: pg_sys::enable_seqscan,
                makes_bitmaps: pg_sys::enable_bitmapscan,
                compiles: pg_sys::jit_enabled,
            };
            pg_sys::enable_seqscan = false;
            pg_sys::enable_bitmapscan = false;
            pg_sys::jit_enabled = false;
            before
        }
    }
}

impl Drop for ByKey {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe {
            pg_sys::enable_seqscan = self.scans_tables;
            pg_sys::enable_bitmapscan = self.makes_bitmaps;
            pg_sys::jit_enabled = self.compiles;
        }
    }
}

/// The only element of a list of one.
unsafe fn only<T>(list: *mut pg_sys::List) -> Option<*mut T> {
    // SAFETY: the caller chooses `T` as the type of the list's elements.
    let list = unsafe { PgList::<T>::from_pg(list) };
    if list.len() == 1 { list.get_ptr(0) } else { None }
}

/// Receives rows from the executor.
#[repr(C)]
struct Receiver<'a> {
    /// The first field, so that a pointer to it is a pointer to the whole receiver.
    base: pg_sys::DestReceiver,
    take: &'a mut dyn FnMut(&Row),
}

impl<'a> Receiver<'a> {
    fn new(take: &'a mut dyn FnMut(&Row)) -> Self {
        let base = pg_sys::DestReceiver {
            receiveSlot: Some(receive_row),
            rStartup: Some(receive_start),
            rShutdown: Some(receive_end),
            rDestroy: Some(receive_end),
            mydest: pg_sys::CommandDest::DestNone,
        };
        Self { base, take }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn receive_row(
    slot: *mut pg_sys::TupleTableSlot,
    receiver: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: the executor passes the receiver that it was created with, and a slot with a row.
    unsafe {
        let receiver = &mut *receiver.cast::<Receiver>();
        (receiver.take)(&Row::new(slot));
    }
    true
}

unsafe extern "C-unwind" fn receive_start(
    _: *mut pg_sys::DestReceiver,
    _: i32,
    _: pg_sys::TupleDesc,
) {
}

unsafe extern "C-unwind" fn receive_end(_: *mut pg_sys::DestReceiver) {}

unsafe fn run_to_the_end(query: *mut pg_sys::QueryDesc) {
    let forward = pg_sys::ScanDirection::ForwardScanDirection;
    // SAFETY: the query has been started; a count of 0 means all rows.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::ExecutorRun(query, forward, 0, true);
        #[cfg(feature = "pg18")]
        pg_sys::ExecutorRun(query, forward, 0);
    }
}

unsafe fn parameters(arguments: &[Argument]) -> pg_sys::ParamListInfo {
    // An empty list crashes the server if Citus is loaded.
    if arguments.is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: the list was created for this number of parameters.
    unsafe {
        let list = pg_sys::makeParamList(arguments.len() as i32);
        for (index, argument) in arguments.iter().enumerate() {
            let datum = argument.datum();
            *(*list).params.as_mut_ptr().add(index) = pg_sys::ParamExternData {
                value: datum.unwrap_or(pg_sys::Datum::from(0)),
                isnull: datum.is_none(),
                pflags: pg_sys::PARAM_FLAG_CONST as u16,
                ptype: argument.type_oid(),
            };
        }
        list
    }
}
