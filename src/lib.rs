//! `feature_usage`: counts feature usage and enforces plan limits inside PostgreSQL.
//!
//! Dependencies point down only: [`api`] → [`actions`] → [`store`] → [`pg`] → [`error`] → the
//! domain, which is a crate of its own. The tables and the functions in SQL are in `sql/`.

#![deny(unsafe_code)]

mod actions;
mod api;
mod error;
#[allow(unsafe_code, reason = "Postgres is called in C")]
mod pg;
mod sql;
mod store;

pgrx::pg_module_magic!();
