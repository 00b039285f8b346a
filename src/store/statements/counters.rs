//! The counters, `feature_usage`.

use std::rc::Rc;

use pgrx::pg_sys;
use pgrx::spi::quote_identifier;

use super::{kept, plans};
use crate::domain::feature::Feature;
use crate::store::lookup::{Index, Lookup};
use crate::store::spi::Statement;

/// The statements of one feature. Those of one counter take the user and the period's key first.
pub struct FeatureStatements {
    /// Adds to many counters: see [`count_many`].
    pub count_many: Rc<Statement>,
    /// Adds `$3` to a counter that exists and has room for it.
    pub update: Rc<Statement>,
    /// The same where there is no row yet, or was none a moment ago.
    pub upsert: Rc<Statement>,
    /// Takes `$3` off again, down to 0, if the row knows of reservations.
    pub give_back: Rc<Statement>,
    /// The count, and whether there are reservations.
    pub count: Lookup,
    /// Adds `$3` if the call in hand is admitted, and notes if that is for a reservation, `$4`.
    pub admit: Rc<Statement>,
    /// Whether plan `$1` is active, and its limit.
    pub limit: Lookup,
}

impl FeatureStatements {
    pub fn new(schema: &str, feature: &Feature) -> Self {
        let usage = quote_identifier(&feature.usage_column);
        // The guard keeps an overflow from being an error of the executor's, without a hint.
        let update = format!(
            "UPDATE {schema}.feature_usage AS fu
                SET {usage} = fu.{usage} OPERATOR(pg_catalog.+) $3, updated_at = pg_catalog.now()
              WHERE fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2
                AND fu.{usage} OPERATOR(pg_catalog.<=) (2147483647 OPERATOR(pg_catalog.-) $3)"
        );
        let upsert = format!(
            "INSERT INTO {schema}.feature_usage AS fu (user_id, period, {usage}, updated_at)
             VALUES ($1, $2, $3, pg_catalog.now())
             ON CONFLICT (user_id, period) DO UPDATE
                SET {usage} = fu.{usage} OPERATOR(pg_catalog.+) excluded.{usage},
                    updated_at = excluded.updated_at
              WHERE fu.{usage} OPERATOR(pg_catalog.<=)
                    (2147483647 OPERATOR(pg_catalog.-) excluded.{usage})"
        );
        let give_back = format!(
            "UPDATE {schema}.feature_usage AS fu
                SET {usage} = GREATEST(0, fu.{usage} OPERATOR(pg_catalog.-) $3),
                    updated_at = pg_catalog.now()
              WHERE fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2
                AND fu.has_reservations"
        );
        let count = format!(
            "SELECT fu.{usage}::pg_catalog.int8, fu.has_reservations
               FROM {schema}.feature_usage AS fu
              WHERE fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2"
        );
        let count = Lookup::new(
            "feature_usage",
            Index::Unique,
            &[("user_id", pg_sys::UUIDOID), ("period", pg_sys::TEXTOID)],
            &[
                (&feature.usage_column, &[pg_sys::INT4OID]),
                ("has_reservations", &[pg_sys::BOOLOID]),
            ],
            kept(count),
        );
        let admit = format!(
            "UPDATE {schema}.feature_usage AS fu
                SET {usage} = fu.{usage} OPERATOR(pg_catalog.+) $3,
                    has_reservations = fu.has_reservations OR $4,
                    updated_at = pg_catalog.now()
              WHERE fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2
                AND {schema}.feature_usage_admits(fu.{usage}, fu.has_reservations)"
        );
        Self {
            count_many: count_many(schema, &[&feature.usage_column]),
            update: kept(update),
            upsert: kept(upsert),
            give_back: kept(give_back),
            count,
            admit: kept(admit),
            limit: plans::limit(schema, &feature.limit_column),
        }
    }
}

/// The statements of whole rows.
pub struct CounterStatements {
    /// The counts of user `$1` in the periods `$2` and `$3`.
    pub counts: Rc<Statement>,
    /// Makes the row of user `$1` and period `$2`, so that there is one to lock and count in.
    pub open_period: Rc<Statement>,
    /// Locks that row.
    pub lock: Rc<Statement>,
    /// The same, unless somebody else has it locked.
    pub lock_if_free: Rc<Statement>,
}

impl CounterStatements {
    pub fn new(schema: &str) -> Self {
        let counts = format!(
            "SELECT fu.period::pg_catalog.text, pg_catalog.to_jsonb(fu), fu.has_reservations
               FROM {schema}.feature_usage AS fu
              WHERE fu.user_id OPERATOR(pg_catalog.=) $1
                AND (fu.period OPERATOR(pg_catalog.=) $2 OR fu.period OPERATOR(pg_catalog.=) $3)"
        );
        let open_period = format!(
            "INSERT INTO {schema}.feature_usage (user_id, period) VALUES ($1, $2)
                 ON CONFLICT (user_id, period) DO NOTHING"
        );
        let lock = format!(
            "SELECT FROM {schema}.feature_usage AS fu
              WHERE fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2
                FOR NO KEY UPDATE"
        );
        let lock_if_free = format!("{lock} SKIP LOCKED");
        Self {
            counts: kept(counts),
            open_period: kept(open_period),
            lock: kept(lock),
            lock_if_free: kept(lock_if_free),
        }
    }
}

/// Adds to many counters, and locks their rows in one order: `$1` users, `$2` periods, and an array
/// of amounts for each of the columns from `$3` on.
pub fn count_many(schema: &str, usage_columns: &[&str]) -> Rc<Statement> {
    let columns: Vec<String> = usage_columns.iter().map(quote_identifier).collect();
    let of_each = |part: &dyn Fn(usize, &str) -> String, separator: &str| -> String {
        let parts = columns.iter().enumerate().map(|(index, column)| part(index, column));
        parts.collect::<Vec<_>>().join(separator)
    };
    let arrays = of_each(&|index, _| format!("pg_catalog.unnest(${})", index + 3), ", ");
    let sums = of_each(
        &|_, column| format!("{column} = fu.{column} OPERATOR(pg_catalog.+) excluded.{column}"),
        ", ",
    );
    // As in the increment: no error of the executor's.
    let have_room = of_each(
        &|_, column| {
            format!(
                "fu.{column} OPERATOR(pg_catalog.<=)
                    (2147483647 OPERATOR(pg_catalog.-) excluded.{column})"
            )
        },
        " AND ",
    );
    let columns = columns.join(", ");
    kept(format!(
        "INSERT INTO {schema}.feature_usage AS fu (user_id, period, updated_at, {columns})
         SELECT e.user_id, e.period, pg_catalog.now(), {columns}
           FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), {arrays})
                AS e (user_id, period, {columns})
          ORDER BY e.user_id USING OPERATOR(pg_catalog.<),
                   (e.period COLLATE pg_catalog.\"C\") USING OPERATOR(pg_catalog.<)
             ON CONFLICT (user_id, period) DO UPDATE
                SET updated_at = excluded.updated_at, {sums}
              WHERE {have_room}"
    ))
}
