//! The SQL functions: arguments in, one action called, result out.

mod arguments;
mod carry_over_usage;
mod check_feature_limit;
mod commit_reservation;
mod consume_feature;
mod correct_usage;
mod expire_reservations;
mod get_user_limits;
mod grant_usage;
mod increment_feature_usage;
mod increments;
mod record_usage;
mod release_reservation;
mod reserve_feature;
mod usage_features_changed;
mod usage_period;
mod usage_status;
mod void_grant;
