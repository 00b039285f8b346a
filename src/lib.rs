//! `feature_usage`: counts feature usage and enforces plan limits inside PostgreSQL.
//!
//! [`api`] holds the SQL functions, [`domain`] the rules, [`store`] the statements. The tables,
//! their rights and the functions that administer them are in `sql/`, listed by [`sql`].

mod api;
mod domain;
mod error;
mod sql;
mod store;

pgrx::pg_module_magic!();
