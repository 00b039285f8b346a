//! The counters, `feature_usage`.

use std::rc::Rc;

use domain::feature::Feature;
use pgrx::spi::quote_identifier;

use crate::pg::statement::Statement;
use crate::store::tables::Tables;

/// The row of user `$1` and period `$2`.
const ROW: &str = "fu.user_id OPERATOR(pg_catalog.=) $1 AND fu.period OPERATOR(pg_catalog.=) $2";

/// The statements of one feature's counter. Those of one row take the user and the period key first.
pub struct FeatureCounterStatements {
    /// The period keys of user `$1` in which there may be a count, and what [`Self::read`] reads.
    pub all_counts: Rc<Statement>,
    /// The count of the row, whether it has reservations, whether it has increments, and its id.
    pub read: Rc<Statement>,
    /// The same, and locks the row.
    pub lock: Rc<Statement>,
    /// The same, but skips a row that another transaction has locked.
    pub lock_if_free: Rc<Statement>,
    /// Adds `$3` if there is a row and it has room.
    pub add: Rc<Statement>,
    /// The same for a reservation.
    pub add_reserved: Rc<Statement>,
    /// Subtracts `$3` if there is a row.
    pub subtract: Rc<Statement>,
    /// Adds `$3`, inserting the row if there is none, if it has room.
    pub upsert: Rc<Statement>,
    /// Appends `$3` for feature `$4` to the increments of the row, if it allows that and it counts at
    /// most half of what the column holds.
    pub append: Rc<Statement>,
    /// Allows increments of the row to be appended, unless that is allowed.
    pub allow_appending: Rc<Statement>,
    /// Adds to many rows: see [`add_many`].
    pub add_many: Rc<Statement>,
}

impl FeatureCounterStatements {
    pub fn new(tables: &Tables, feature: &Feature) -> Self {
        let schema = &tables.schema;
        let usage = quote_identifier(&feature.usage_column);
        let count = tables.integer("fu", "feature_usage", &feature.usage_column);
        let max = feature.max_count;
        let id = tables.row_id("fu");
        let counted = format!("{count}, fu.has_reservations, fu.has_increments, {id}");
        let all_counts = format!(
            "SELECT {counted}, fu.period::pg_catalog.text FROM {schema}.feature_usage AS fu
              WHERE fu.user_id OPERATOR(pg_catalog.=) $1
                AND (fu.{usage} OPERATOR(pg_catalog.>) 0 OR fu.has_increments)"
        );
        let read = format!("SELECT {counted} FROM {schema}.feature_usage AS fu WHERE {ROW}");
        let lock = format!("{read} FOR NO KEY UPDATE");
        // The last condition makes an overflow the extension's own error, with a hint.
        let add = |and_set: &str| {
            format!(
                "UPDATE {schema}.feature_usage AS fu
                    SET {usage} = fu.{usage} OPERATOR(pg_catalog.+) $3{and_set},
                        updated_at = pg_catalog.now()
                  WHERE {ROW}
                    AND fu.{usage} OPERATOR(pg_catalog.<=) ({max} OPERATOR(pg_catalog.-) $3)"
            )
        };
        let subtract = format!(
            "UPDATE {schema}.feature_usage AS fu
                SET {usage} = fu.{usage} OPERATOR(pg_catalog.-) $3, updated_at = pg_catalog.now()
              WHERE {ROW}"
        );
        let upsert = format!(
            "INSERT INTO {schema}.feature_usage AS fu (user_id, period, {usage}, updated_at)
             VALUES ($1, $2, $3, pg_catalog.now())
             ON CONFLICT (user_id, period) DO UPDATE
                SET {usage} = fu.{usage} OPERATOR(pg_catalog.+) excluded.{usage},
                    updated_at = excluded.updated_at
              WHERE fu.{usage} OPERATOR(pg_catalog.<=)
                    ({max} OPERATOR(pg_catalog.-) excluded.{usage})"
        );
        let half = max / 2;
        let append = format!(
            "INSERT INTO {schema}.usage_increments (user_id, period, feature_type, amount)
             SELECT $1, $2, $4, $3 FROM {schema}.feature_usage AS fu
              WHERE {ROW} AND fu.has_increments
                AND fu.{usage} OPERATOR(pg_catalog.<=) ({half} OPERATOR(pg_catalog.-) $3)"
        );
        let allow_appending = format!(
            "UPDATE {schema}.feature_usage AS fu SET has_increments = true
              WHERE {ROW} AND NOT fu.has_increments"
        );
        Self {
            append: Statement::kept(append),
            allow_appending: Statement::kept(allow_appending),
            all_counts: Statement::kept(all_counts),
            lock_if_free: Statement::kept(format!("{lock} SKIP LOCKED")),
            lock: Statement::kept(lock),
            read: Statement::kept(read),
            add: Statement::kept(add("")),
            add_reserved: Statement::kept(add(", has_reservations = true")),
            subtract: Statement::kept(subtract),
            upsert: Statement::kept(upsert),
            add_many: add_many(schema, &[feature]),
        }
    }
}

/// The statements of whole rows.
pub struct CounterStatements {
    /// Inserts the row of user `$1` and period `$2` unless it exists.
    pub insert: Rc<Statement>,
    /// Inserts the missing rows of users `$1` and periods `$2`, in the order of the unique key.
    pub insert_many: Rc<Statement>,
    /// Locks the rows of users `$1` and periods `$2`, in the order of the unique key.
    pub lock_many: Rc<Statement>,
    /// Adds to many rows, amounts of all features: see [`add_many`].
    pub add_many: Rc<Statement>,
}

impl CounterStatements {
    pub fn new(schema: &str, features: &[&Feature]) -> Self {
        let insert = format!(
            "INSERT INTO {schema}.feature_usage (user_id, period) VALUES ($1, $2)
                 ON CONFLICT (user_id, period) DO NOTHING"
        );
        let rows =
            "ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS e (user_id, period)";
        let same = "fu.user_id OPERATOR(pg_catalog.=) e.user_id
                    AND fu.period OPERATOR(pg_catalog.=) e.period";
        let insert_many = format!(
            "INSERT INTO {schema}.feature_usage (user_id, period)
             SELECT e.user_id, e.period FROM {rows}
              WHERE NOT EXISTS (SELECT FROM {schema}.feature_usage AS fu WHERE {same})
              ORDER BY {}
                 ON CONFLICT (user_id, period) DO NOTHING",
            in_order("e")
        );
        let lock_many = format!(
            "SELECT FROM {rows} JOIN {schema}.feature_usage AS fu ON {same}
              ORDER BY {} FOR NO KEY UPDATE OF fu",
            in_order("fu")
        );
        Self {
            insert: Statement::kept(insert),
            insert_many: Statement::kept(insert_many),
            lock_many: Statement::kept(lock_many),
            add_many: add_many(schema, features),
        }
    }
}

/// The order in which every call locks rows.
fn in_order(alias: &str) -> String {
    format!(
        "{alias}.user_id USING OPERATOR(pg_catalog.<),
         ({alias}.period COLLATE pg_catalog.\"C\") USING OPERATOR(pg_catalog.<)"
    )
}

/// Adds to many rows, in the order of the unique key: `$1` users, `$2` period keys, and from `$3`
/// on an array of amounts per feature.
fn add_many(schema: &str, features: &[&Feature]) -> Rc<Statement> {
    let of_each = |part: &dyn Fn(usize, &str, i64) -> String, separator: &str| -> String {
        let parts = features.iter().enumerate().map(|(index, feature)| {
            part(index, &quote_identifier(&feature.usage_column), feature.max_count)
        });
        parts.collect::<Vec<_>>().join(separator)
    };
    let arrays = of_each(&|index, _, _| format!(", pg_catalog.unnest(${})", index + 3), "");
    let columns = of_each(&|_, column, _| format!(", {column}"), "");
    let sums = of_each(
        &|_, column, _| {
            format!(", {column} = fu.{column} OPERATOR(pg_catalog.+) excluded.{column}")
        },
        "",
    );
    let have_room = of_each(
        &|_, column, max| {
            format!(
                " AND fu.{column} OPERATOR(pg_catalog.<=)
                      ({max} OPERATOR(pg_catalog.-) excluded.{column})"
            )
        },
        "",
    );
    Statement::kept(format!(
        "INSERT INTO {schema}.feature_usage AS fu (user_id, period, updated_at{columns})
         SELECT e.user_id, e.period, pg_catalog.now(){columns}
           FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2){arrays})
                AS e (user_id, period{columns})
          ORDER BY {}
             ON CONFLICT (user_id, period) DO UPDATE
                SET updated_at = excluded.updated_at{sums}
              WHERE true{have_room}",
        in_order("e")
    ))
}
