//! The extension's own catalog entry, and its registry of features.

use std::rc::Rc;

use super::kept;
use crate::store::spi::Statement;

/// The extension's schema, and the table whose changes make a registry out of date.
pub fn extension() -> Rc<Statement> {
    kept(
        "SELECT n.nspname::pg_catalog.text, n.oid, c.oid
           FROM pg_catalog.pg_extension AS e
           JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
           JOIN pg_catalog.pg_class AS c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid
                                        AND c.relname OPERATOR(pg_catalog.=) 'usage_features'
          WHERE e.extname OPERATOR(pg_catalog.=) 'feature_usage'"
            .to_owned(),
    )
}

/// The registry's rows.
pub fn features(schema: &str) -> Rc<Statement> {
    kept(format!(
        "SELECT feature_type, usage_column, limit_column, period
           FROM {schema}.usage_features ORDER BY feature_type COLLATE pg_catalog.\"C\""
    ))
}
