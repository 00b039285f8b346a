//! Looks rows up by an index, without a query.
//!
//! To read one row by its key, the executor spends two thirds of its time on being set up. Where a
//! table is a plain one, and the role may read all of it, its index can be asked directly, as
//! Postgres does for its own catalogs. Everything else (a view, row-level security that applies, a
//! grant of single columns, other types, somebody who watches what is read) is left to a statement
//! that gives the same.

use std::cell::RefCell;
use std::ffi::CString;
use std::rc::Rc;

use pgrx::PgList;
use pgrx::pg_sys::{self, AttrNumber, Oid};

use super::executor::Row;
use super::invalidation;
use super::spi::{Argument, MAX_ROLES, Statement};

/// Rows of a table by some of its columns.
pub struct Lookup {
    table: CString,
    index: Index,
    /// The columns that are given, with their types.
    key: Vec<(CString, Oid)>,
    /// The columns that are read, each with the types that it may have.
    columns: Vec<(CString, &'static [Oid])>,
    /// Reads the same columns.
    statement: Rc<Statement>,
    known: RefCell<Known>,
}

/// What each role may do, in one state of the catalogs.
#[derive(Default)]
struct Known {
    generation: u64,
    /// The way to the rows, or that there is none.
    ways: Vec<(Oid, Option<Rc<Access>>)>,
}

/// Which index leads to the rows.
pub enum Index {
    /// One that makes the key unique.
    Unique,
    /// The one of this name, which may be of a part of the rows.
    Named(&'static str),
}

struct Access {
    table: Oid,
    index: Oid,
    /// How the index compares each column of the key: the operator's function, and the collation.
    comparisons: Vec<(Oid, Oid)>,
    /// The places of the columns that are read.
    places: Vec<usize>,
}

impl Lookup {
    pub fn new(
        table: &str,
        index: Index,
        key: &[(&str, Oid)],
        columns: &[(&str, &'static [Oid])],
        statement: Rc<Statement>,
    ) -> Self {
        let name = |name: &str| CString::new(name).expect("Postgres' names have no NUL in them");
        Self {
            table: name(table),
            index,
            key: key.iter().map(|(column, kind)| (name(column), *kind)).collect(),
            columns: columns.iter().map(|(column, kinds)| (name(column), *kinds)).collect(),
            statement,
            known: RefCell::default(),
        }
    }

    /// Reads what the caller's statement sees, from the table in this schema.
    pub fn read<T>(
        &self,
        schema: Oid,
        arguments: &[Argument],
        mut take: impl FnMut(&Row) -> T,
    ) -> Vec<T> {
        let mut rows = Vec::new();
        // SAFETY: what is opened is closed below; after an error, the transaction's end does it.
        // Locks are kept until then anyway, so that nothing changes meanwhile.
        unsafe {
            let role = pg_sys::GetUserId();
            let watcher = pg_sys::ExecutorCheckPerms_hook;
            if watcher.is_some() {
                return self.statement.read(arguments, take);
            }
            let way = self.open_known(role).unwrap_or_else(|| self.open(schema, role));
            let Some((table, access)) = way else {
                return self.statement.read(arguments, take);
            };
            scan(table, &access, arguments, &mut |row| rows.push(take(row)));
            pg_sys::relation_close(table, pg_sys::NoLock as i32);
        }
        rows
    }

    /// Opens the table as it was found before, if nothing has changed: with the way to its rows, or
    /// nothing if there is none.
    unsafe fn open_known(&self, role: Oid) -> Option<Option<(pg_sys::Relation, Rc<Access>)>> {
        let lock = pg_sys::AccessShareLock as i32;
        let generation = invalidation::generation();
        let way = {
            let known = self.known.borrow();
            let ways = (known.generation == generation).then_some(&known.ways)?;
            ways.iter().find(|(owner, _)| *owner == role)?.1.clone()
        };
        let Some(access) = way else { return Some(None) };
        // SAFETY: what was opened is open.
        unsafe {
            let table = pg_sys::try_relation_open(access.table, lock);
            if table.is_null() {
                return None;
            }
            // With the lock come all changes that there were while it was waited for.
            if invalidation::generation() != generation {
                pg_sys::relation_close(table, lock);
                return None;
            }
            Some(Some((table, access)))
        }
    }

    /// Finds the table by its name, and the way to its rows, and opens it if there is one.
    unsafe fn open(&self, schema: Oid, role: Oid) -> Option<(pg_sys::Relation, Rc<Access>)> {
        let lock = pg_sys::AccessShareLock as i32;
        // SAFETY: the name ends with a NUL; what was opened is open.
        unsafe {
            let find = || pg_sys::get_relname_relid(self.table.as_ptr(), schema);
            let oid = find();
            let table = match oid {
                Oid::INVALID => return None,
                _ => pg_sys::try_relation_open(oid, lock),
            };
            if table.is_null() {
                return None;
            }
            let generation = invalidation::generation();
            // While the lock was waited for, the name may have gone to another table.
            if find() != oid {
                pg_sys::relation_close(table, lock);
                return None;
            }
            let access = may_read_all(schema, oid, role).then(|| self.find_access(table)).flatten();
            let access = access.map(Rc::new);
            self.know(generation, role, access.clone());
            if access.is_none() {
                pg_sys::relation_close(table, pg_sys::NoLock as i32);
            }
            access.map(|access| (table, access))
        }
    }

    fn know(&self, generation: u64, role: Oid, way: Option<Rc<Access>>) {
        let mut known = self.known.borrow_mut();
        // A session that changes its role often keeps a bounded number of ways.
        if known.generation != generation || known.ways.len() == MAX_ROLES {
            *known = Known { generation, ways: Vec::new() };
        }
        known.ways.retain(|(owner, _)| *owner != role);
        known.ways.push((role, way));
    }

    /// The way to the rows of the open table.
    unsafe fn find_access(&self, table: pg_sys::Relation) -> Option<Access> {
        // SAFETY: the table is open, and so are its indexes while they are looked at.
        unsafe {
            let class = &*(*table).rd_rel;
            if class.relkind != pg_sys::RELKIND_RELATION as i8 || class.relhassubclass {
                return None;
            }
            let column = |name: &CString| {
                let number = pg_sys::get_attnum((*table).rd_id, name.as_ptr());
                (number > 0).then(|| (number, pg_sys::get_atttype((*table).rd_id, number)))
            };
            let mut places = Vec::new();
            for (name, kinds) in &self.columns {
                let (number, kind) = column(name)?;
                // What is computed when it is read is not in the row.
                let is_stored = pg_sys::get_attgenerated((*table).rd_id, number) != b'v' as i8;
                (is_stored && kinds.contains(&kind)).then(|| places.push(number as usize - 1))?;
            }
            let mut key = Vec::new();
            for (name, kind) in &self.key {
                key.push(column(name).filter(|(_, actual)| actual == kind)?);
            }
            let indexes = PgList::<Oid>::from_pg(pg_sys::RelationGetIndexList(table));
            let oids: Vec<Oid> = indexes.iter_oid().collect();
            oids.into_iter().find_map(|oid| {
                let index = pg_sys::index_open(oid, pg_sys::AccessShareLock as i32);
                let comparisons = self.comparisons(index, &key);
                pg_sys::index_close(index, pg_sys::NoLock as i32);
                let (table, places) = ((*table).rd_id, places.clone());
                Some(Access { table, index: oid, comparisons: comparisons?, places })
            })
        }
    }

    /// How this index compares the key, if it is one that can be used.
    unsafe fn comparisons(
        &self,
        index: pg_sys::Relation,
        key: &[(AttrNumber, Oid)],
    ) -> Option<Vec<(Oid, Oid)>> {
        // SAFETY: the index is open; its arrays have an element for each of its columns.
        unsafe {
            let form = &*(*index).rd_index;
            let name = pgrx::name_data_to_str(&(*(*index).rd_rel).relname);
            let is_meant = match self.index {
                Index::Unique => {
                    form.indisunique
                        && form.indimmediate
                        && pg_sys::RelationGetIndexPredicate(index).is_null()
                }
                Index::Named(wanted) => name == wanted,
            };
            // One that not every snapshot may use is left to the planner.
            let is_usable = form.indisvalid
                && !form.indcheckxmin
                && (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID
                && usize::from(form.indnkeyatts as u16) == key.len();
            if !is_meant || !is_usable {
                return None;
            }
            let columns = form.indkey.values.as_ptr();
            key.iter()
                .enumerate()
                .map(|(place, (number, kind))| {
                    let family = *(*index).rd_opfamily.add(place);
                    let collation = *(*index).rd_indcollation.add(place);
                    let equal = pg_sys::BTEqualStrategyNumber as i16;
                    let operator = pg_sys::get_opfamily_member(family, *kind, *kind, equal);
                    let is_same = *columns.add(place) == *number
                        && operator != Oid::INVALID
                        && (collation == Oid::INVALID
                            || pg_sys::get_collation_isdeterministic(collation));
                    is_same.then(|| (pg_sys::get_opcode(operator), collation))
                })
                .collect()
        }
    }
}

/// Whether the role may read every row and column of this table.
unsafe fn may_read_all(schema: Oid, table: Oid, role: Oid) -> bool {
    const OK: pg_sys::AclResult::Type = pg_sys::AclResult::ACLCHECK_OK;
    // SAFETY: the table exists, for it is open, and so does its schema.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        let may_use_schema =
            pg_sys::pg_namespace_aclcheck(schema, role, pg_sys::ACL_USAGE as pg_sys::AclMode);
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        let may_use_schema = pg_sys::object_aclcheck(
            pg_sys::NamespaceRelationId,
            schema,
            role,
            pg_sys::ACL_USAGE as pg_sys::AclMode,
        );
        may_use_schema == OK
            && pg_sys::pg_class_aclcheck(table, role, pg_sys::ACL_SELECT as pg_sys::AclMode) == OK
            && pg_sys::check_enable_rls(table, Oid::INVALID, true)
                != pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
    }
}

unsafe fn scan(
    table: pg_sys::Relation,
    access: &Access,
    arguments: &[Argument],
    take: &mut dyn FnMut(&Row),
) {
    // SAFETY: the calls and their order are those of an index scan: the keys are in the order of
    // the index's columns and of their types, and the snapshot is the active one.
    unsafe {
        let keys: Vec<pg_sys::ScanKeyData> = access
            .comparisons
            .iter()
            .zip(arguments)
            .enumerate()
            .map(|(place, ((procedure, collation), argument))| {
                let mut key = pg_sys::ScanKeyData::default();
                pg_sys::ScanKeyEntryInitialize(
                    &mut key,
                    0,
                    place as AttrNumber + 1,
                    pg_sys::BTEqualStrategyNumber as u16,
                    Oid::INVALID,
                    *collation,
                    *procedure,
                    argument.datum(),
                );
                key
            })
            .collect();
        let index = pg_sys::index_open(access.index, pg_sys::AccessShareLock as i32);
        let slot = pg_sys::table_slot_create(table, std::ptr::null_mut());
        let count = keys.len() as i32;
        let snapshot = pg_sys::GetActiveSnapshot();
        #[cfg(not(feature = "pg18"))]
        let scan = pg_sys::index_beginscan(table, index, snapshot, count, 0);
        #[cfg(feature = "pg18")]
        let scan = pg_sys::index_beginscan(table, index, snapshot, std::ptr::null_mut(), count, 0);
        pg_sys::index_rescan(scan, keys.as_ptr().cast_mut(), count, std::ptr::null_mut(), 0);
        while pg_sys::index_getnext_slot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
            pg_sys::slot_getallattrs(slot);
            take(&Row::at(slot, &access.places));
        }
        pg_sys::index_endscan(scan);
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        pg_sys::index_close(index, pg_sys::NoLock as i32);
    }
}
