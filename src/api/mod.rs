//! The SQL functions: arguments in, the rules or the store called, the result out.

mod arguments;
mod check_feature_limit;
mod get_user_limits;
mod increments;
mod jsonb;
mod registry_trigger;
