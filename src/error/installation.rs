//! Tables and statements that differ from what the extension needs.

use pgrx::PgSqlErrorCode;

use super::Report;

#[derive(Debug)]
pub enum InstallationError<'a> {
    /// The extension is not in the catalog.
    NotInstalled,
    /// A table or a column is missing.
    TableMissing { code: PgSqlErrorCode, message: &'a str, schema: &'a str },
    /// A table has a rewrite rule, which would replace our statements.
    HasRules { table: &'a str },
    /// A rewrite rule has replaced a statement.
    Rewritten,
    /// Citus distributes a table: this node does not have its rows.
    Distributed { table: &'a str },
    /// `user_plans` or `plan_limits`, perhaps a view, has more than one row for a user.
    AmbiguousPlan { user_id: String },
    /// `usage_pools`, perhaps a view, has more than one row for a pool.
    AmbiguousPool { pool_id: String },
    /// SPI refused to prepare a statement.
    NotPrepared { code: i32 },
}

impl Report for InstallationError<'_> {
    fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::NotInstalled => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::TableMissing { code, .. } => *code,
            Self::HasRules { .. } | Self::Rewritten | Self::Distributed { .. } => {
                PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED
            }
            Self::AmbiguousPlan { .. } | Self::AmbiguousPool { .. } => {
                PgSqlErrorCode::ERRCODE_CARDINALITY_VIOLATION
            }
            Self::NotPrepared { .. } => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NotInstalled => "the extension feature_usage is not installed".to_owned(),
            Self::TableMissing { message, .. } => (*message).to_owned(),
            Self::HasRules { table } => format!("table {table} has a rule"),
            Self::Rewritten => "a rule has replaced a statement of feature_usage".to_owned(),
            Self::Distributed { table } => format!("table {table} is distributed by Citus"),
            Self::AmbiguousPlan { user_id } => {
                format!("user {user_id} has more than one plan, or more than one count of a period")
            }
            Self::AmbiguousPool { pool_id } => format!("pool {pool_id} has more than one plan"),
            Self::NotPrepared { code } => format!("SPI refused a statement (code {code})"),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotInstalled => "Run CREATE EXTENSION feature_usage.".to_owned(),
            Self::TableMissing { schema, .. } => {
                format!("Run SELECT {schema}.feature_usage_setup(); as the extension's owner.")
            }
            Self::HasRules { .. } | Self::Rewritten => {
                "Drop the rules on the tables of feature_usage; use triggers instead.".to_owned()
            }
            Self::Distributed { table } => {
                format!("Make it a local table: SELECT undistribute_table('{table}');")
            }
            Self::AmbiguousPlan { .. } => {
                "A view in place of user_plans must have one row per user, and feature_usage must \
                 keep its key."
                    .to_owned()
            }
            Self::AmbiguousPool { .. } => {
                "A view in place of usage_pools must have one row per pool.".to_owned()
            }
            Self::NotPrepared { .. } => return None,
        };
        Some(hint)
    }
}
