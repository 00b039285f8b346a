//! The SQL functions: arguments in, the rules or the store called, the result out.

mod admission;
mod admits;
mod arguments;
mod check_feature_limit;
mod consume_feature;
mod get_user_limits;
mod increments;
mod jsonb;
mod jsonb_text;
mod once;
mod record_usage;
mod registry_trigger;
mod reservations;
