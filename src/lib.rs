//! `feature_usage`: counts feature usage and enforces plan limits inside PostgreSQL.
//!
//! Data flows down only: [`api`] → [`actions`] → [`store`] → [`pg`] → [`error`] → the domain, which
//! is a crate of its own. The tables and whatever is written in SQL are in `sql/`.

#![deny(unsafe_code)]

mod actions;
mod api;
mod error;
#[allow(unsafe_code)]
mod pg;
mod sql;
mod store;

pgrx::pg_module_magic!();
