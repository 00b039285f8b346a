//! Executes a kept plan, as SPI would, without SPI's memory contexts and copies of rows, and keeps
//! one thing more: the CHECKs of the table that is written to.
//!
//! The executor parses and plans a table's CHECK constraints anew in every statement. For a
//! statement that updates one row by its key this is a third of its cost, so they are prepared once
//! and lent to it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;

use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{self, Oid};
use pgrx::{FromDatum, IntoDatum, PgList, pg_guard};

use super::invalidation;
use super::spi::Argument;

/// Which rows a statement sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Those of the caller's statement. Nothing is written, and no transaction id is assigned.
    Caller,
    /// What is committed by now, even where the transaction's own snapshot is older. Also for
    /// reading only.
    Latest,
    /// A new command of the transaction, which may write.
    Command,
}

/// Executes the statement of this plan, takes its rows, and gives the number of rows it has
/// returned or written; nothing where a rule has made no or several statements of it.
///
/// # Safety
/// The plan must be one that SPI has prepared for one statement with arguments of these types, and
/// that it keeps.
pub unsafe fn execute(
    plan: pg_sys::SPIPlanPtr,
    arguments: &[Argument],
    view: View,
    take: &mut dyn FnMut(&Row),
) -> Option<u64> {
    let mut receiver = Receiver::new(take);
    // SAFETY: the calls and their order are those of SPI_execute_plan. What is allocated lives in
    // the caller's context, which ends with the function's call; after an error, the end of the
    // transaction releases the plan, the snapshot and the executor.
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
        let Some(statement) = only::<pg_sys::PlannedStmt>((*cached).stmt_list) else {
            pg_sys::ReleaseCachedPlan(cached, owner);
            return None;
        };

        push_snapshot(view);
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
        let checks = if view == View::Command { lend_checks(query) } else { None };
        run_to_the_end(query);
        let rows = (*(*query).estate).es_processed;
        pg_sys::ExecutorFinish(query);
        pg_sys::ExecutorEnd(query);
        drop(checks);
        pg_sys::FreeQueryDesc(query);
        pg_sys::ReleaseCachedPlan(cached, owner);
        pg_sys::PopActiveSnapshot();
        if view == View::Command {
            pg_sys::CommandCounterIncrement();
        }
        Some(rows)
    }
}

/// Does several things in one view, so that they see the same: each of them as the caller's.
pub fn in_view<T>(view: View, work: impl FnOnce() -> T) -> T {
    // SAFETY: what is pushed is popped; after an error, the end of the transaction does it.
    unsafe {
        push_snapshot(view);
        let result = work();
        pg_sys::PopActiveSnapshot();
        result
    }
}

unsafe fn push_snapshot(view: View) {
    // SAFETY: a function of ours is running, and so there is a transaction.
    unsafe {
        match view {
            View::Caller if pg_sys::ActiveSnapshotSet() => {
                pg_sys::PushActiveSnapshot(pg_sys::GetActiveSnapshot());
            }
            View::Caller => pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()),
            View::Latest => pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()),
            View::Command => {
                // It sees what the commands before it in this transaction have written.
                pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
                pg_sys::CommandCounterIncrement();
                pg_sys::UpdateActiveSnapshotCommandId();
            }
        }
    }
}

/// While this lives, the planner scans tables by their keys, and nothing is compiled.
///
/// A plan that was made while a table was small, and so reads all of it, would be kept until the
/// next ANALYZE, though the table may have grown to any size by then. Where there is no key, the
/// planner now believes that the plan costs a fortune, and would have LLVM loaded for it.
struct ByKey {
    scans_tables: bool,
    compiles: bool,
}

impl ByKey {
    fn new() -> Self {
        // SAFETY: settings of this backend, which runs on one thread; put back when dropped, also
        // after an error.
        unsafe {
            let before =
                Self { scans_tables: pg_sys::enable_seqscan, compiles: pg_sys::jit_enabled };
            pg_sys::enable_seqscan = false;
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
            pg_sys::jit_enabled = self.compiles;
        }
    }
}

/// The only element of a list that has one.
unsafe fn only<T>(list: *mut pg_sys::List) -> Option<*mut T> {
    // SAFETY: the caller names the type of the list's elements.
    let list = unsafe { PgList::<T>::from_pg(list) };
    if list.len() == 1 { list.get_ptr(0) } else { None }
}

/// A row as it is handed over, for as long as it is looked at.
pub struct Row<'a> {
    slot: *mut pg_sys::TupleTableSlot,
    /// Where its columns are in the slot, unless they are there one after the other.
    places: Option<&'a [usize]>,
}

impl<'a> Row<'a> {
    /// The row in this slot, with its columns at these places.
    ///
    /// # Safety
    /// The values of all columns of the slot must have been brought out.
    pub unsafe fn at(slot: *mut pg_sys::TupleTableSlot, places: &'a [usize]) -> Self {
        Self { slot, places: Some(places) }
    }

    /// The value in this column, counted from 0; `None` for NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, column: usize) -> Option<T> {
        assert_eq!(self.kind(column), T::type_oid(), "column {column}");
        let place = self.place(column);
        // SAFETY: the slot has this column, and its type is the type that is read.
        unsafe {
            let is_null = *(*self.slot).tts_isnull.add(place);
            T::from_datum(*(*self.slot).tts_values.add(place), is_null)
        }
    }

    /// An integer of any size.
    pub fn integer(&self, column: usize) -> Option<i64> {
        match self.kind(column) {
            pg_sys::INT4OID => self.get::<i32>(column).map(i64::from),
            _ => self.get(column),
        }
    }

    /// An instant, in microseconds from 2000.
    pub fn instant(&self, column: usize) -> Option<i64> {
        self.get::<TimestampWithTimeZone>(column).map(pg_sys::TimestampTz::from)
    }

    fn place(&self, column: usize) -> usize {
        self.places.map_or(column, |places| places[column])
    }

    fn kind(&self, column: usize) -> Oid {
        let number = self.place(column) as i32 + 1;
        // SAFETY: the slot's description is that of its columns.
        unsafe {
            let description = (*self.slot).tts_tupleDescriptor;
            assert!(number <= (*description).natts, "no column {number}");
            pg_sys::SPI_gettypeid(description, number)
        }
    }
}

/// What the executor hands its rows to.
#[repr(C)]
struct Receiver<'a> {
    /// First, so that a pointer to it is a pointer to the whole.
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
    // SAFETY: the executor calls this with the receiver that it was given, and with a row in the
    // slot.
    unsafe {
        pg_sys::slot_getallattrs(slot);
        let receiver = &mut *receiver.cast::<Receiver>();
        (receiver.take)(&Row { slot, places: None });
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
    // SAFETY: the list has room for as many parameters as it is made for.
    unsafe {
        let list = pg_sys::makeParamList(arguments.len() as i32);
        for (index, argument) in arguments.iter().enumerate() {
            *(*list).params.as_mut_ptr().add(index) = pg_sys::ParamExternData {
                value: argument.datum(),
                isnull: false,
                pflags: pg_sys::PARAM_FLAG_CONST as u16,
                ptype: argument.type_oid(),
            };
        }
        list
    }
}

/// The prepared CHECKs of one table.
struct Checks {
    /// Holds the states and all that belongs to them.
    context: pg_sys::MemoryContext,
    states: *mut *mut pg_sys::ExprState,
    /// Which state of the catalogs they were prepared in.
    generation: u64,
}

thread_local! {
    static KEPT: RefCell<HashMap<Oid, Rc<Checks>>> = RefCell::default();
}

/// Gives the started query the prepared CHECKs of the table that it writes to. They are in use
/// until the query has ended, even where the catalogs change meanwhile: hence the result.
unsafe fn lend_checks(query: *mut pg_sys::QueryDesc) -> Option<Rc<Checks>> {
    // SAFETY: a statement that writes has a ModifyTable node on top, and that node has its table
    // open for as long as the query runs.
    unsafe {
        let node = (*query).planstate.cast::<pg_sys::ModifyTableState>();
        if (*node).ps.type_ != pg_sys::NodeTag::T_ModifyTableState || (*node).mt_nrels != 1 {
            return None;
        }
        let table = (*node).resultRelInfo;
        let checks = prepared_checks((*table).ri_RelationDesc)?;
        #[cfg(not(feature = "pg18"))]
        let place = &raw mut (*table).ri_ConstraintExprs;
        #[cfg(feature = "pg18")]
        let place = &raw mut (*table).ri_CheckConstraintExprs;
        if (*place).is_null() {
            *place = checks.states;
        }
        Some(checks)
    }
}

unsafe fn prepared_checks(table: pg_sys::Relation) -> Option<Rc<Checks>> {
    // SAFETY: the table is open.
    let oid = unsafe { (*table).rd_id };
    let generation = invalidation::generation();
    let kept = KEPT.with_borrow(|kept| kept.get(&oid).cloned());
    if let Some(checks) = kept.filter(|checks| checks.generation == generation) {
        return Some(checks);
    }
    // SAFETY: as above.
    let checks = Rc::new(unsafe { prepare_checks(table, generation) }?);
    let outdated = KEPT.with_borrow_mut(|kept| kept.insert(oid, Rc::clone(&checks)));
    drop(outdated);
    Some(checks)
}

/// Prepares the CHECKs as the executor would, or none of them if one is not plain.
unsafe fn prepare_checks(table: pg_sys::Relation, generation: u64) -> Option<Checks> {
    // SAFETY: the constraints stand in the relation's cache entry, which stays while the table is
    // open; what is made of them is copied into a context of its own.
    unsafe {
        let constraints = (*(*table).rd_att).constr.as_ref()?;
        let count = usize::from(constraints.num_check);
        if count == 0 {
            return None;
        }
        // A column that is computed when it is read is not in the row that is checked.
        #[cfg(feature = "pg18")]
        if constraints.has_generated_virtual {
            return None;
        }
        let mut checks = Checks::empty(generation);
        let outer = pg_sys::MemoryContextSwitchTo(checks.context);
        checks.states = pg_sys::palloc0(count * size_of::<*mut pg_sys::ExprState>()).cast();
        let all = (0..count).all(|index| {
            let state = prepare_check(&*constraints.check.add(index));
            state.map(|state| *checks.states.add(index) = state).is_some()
        });
        pg_sys::MemoryContextSwitchTo(outer);
        all.then_some(checks)
    }
}

unsafe fn prepare_check(check: &pg_sys::ConstrCheck) -> Option<*mut pg_sys::ExprState> {
    #[cfg(feature = "pg18")]
    if !check.ccenforced {
        return None;
    }
    // SAFETY: the text is an expression that Postgres itself has written.
    unsafe {
        let expression = pg_sys::stringToNode(check.ccbin).cast();
        is_plain(expression).then(|| {
            let planned = pg_sys::expression_planner(expression.cast());
            pg_sys::ExecInitExpr(planned, ptr::null_mut())
        })
    }
}

/// Whether an expression only compares columns and constants by operators of Postgres' own.
///
/// Such a one may be kept: it depends on nothing but the table, keeps nothing of one execution for
/// the next, and can't call us in turn. Of any other it would have to be proved.
unsafe fn is_plain(node: *mut pg_sys::Node) -> bool {
    // SAFETY: a node's tag tells its type; arguments of nodes are nodes.
    unsafe {
        let all = |list| {
            let nodes = PgList::<pg_sys::Node>::from_pg(list);
            nodes.iter_ptr().all(|node| is_plain(node))
        };
        match (*node).type_ {
            pg_sys::NodeTag::T_Const => true,
            pg_sys::NodeTag::T_Var => (*node.cast::<pg_sys::Var>()).varattno > 0,
            pg_sys::NodeTag::T_BoolExpr => all((*node.cast::<pg_sys::BoolExpr>()).args),
            pg_sys::NodeTag::T_OpExpr => {
                let operator = node.cast::<pg_sys::OpExpr>();
                let is_builtin = (*operator).opno.to_u32() < pg_sys::FirstGenbkiObjectId;
                is_builtin && all((*operator).args)
            }
            _ => false,
        }
    }
}

impl Checks {
    fn empty(generation: u64) -> Self {
        // SAFETY: the context is a child of the backend's own, and is deleted when this is dropped.
        let context = unsafe {
            pg_sys::AllocSetContextCreateExtended(
                pg_sys::TopMemoryContext,
                c"feature_usage checks".as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
            )
        };
        Self { context, states: ptr::null_mut(), generation }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        // SAFETY: nothing refers to the states any more, and the context is ours alone.
        unsafe { pg_sys::MemoryContextDelete(self.context) };
    }
}
