//! The SQL files of the extension, in the order of the install script.
//!
//! `sql/tables` describes the tables, `sql/ensure` creates or completes them, `sql/functions` has
//! the functions that users call. `sql/install` has the generated script, which a superuser runs.

use pgrx::extension_sql_file;

extension_sql_file!(
    "../sql/start_of_create_extension.sql",
    name = "start_of_create_extension",
    bootstrap
);
extension_sql_file!(
    "../sql/private_schema.sql",
    name = "private_schema",
    requires = ["start_of_create_extension"]
);
extension_sql_file!(
    "../sql/period_kinds.sql",
    name = "period_kinds",
    requires = ["private_schema"]
);
extension_sql_file!(
    "../sql/tables/feature_usage.sql",
    name = "tables_feature_usage",
    requires = ["period_kinds"]
);
extension_sql_file!(
    "../sql/tables/user_plans.sql",
    name = "tables_user_plans",
    requires = ["tables_feature_usage"]
);
extension_sql_file!(
    "../sql/tables/plan_limits.sql",
    name = "tables_plan_limits",
    requires = ["tables_user_plans"]
);
extension_sql_file!(
    "../sql/tables/feature_reservations.sql",
    name = "tables_feature_reservations",
    requires = ["tables_plan_limits"]
);
extension_sql_file!(
    "../sql/tables/feature_idempotency_keys.sql",
    name = "tables_feature_idempotency_keys",
    requires = ["tables_feature_reservations"]
);
extension_sql_file!(
    "../sql/tables/usage_counters.sql",
    name = "tables_usage_counters",
    requires = ["tables_feature_idempotency_keys"]
);
extension_sql_file!(
    "../sql/tables/usage_rules.sql",
    name = "tables_usage_rules",
    requires = ["tables_usage_counters"]
);
extension_sql_file!(
    "../sql/tables/usage_grants.sql",
    name = "tables_usage_grants",
    requires = ["tables_usage_rules"]
);
extension_sql_file!(
    "../sql/tables/usage_alerts.sql",
    name = "tables_usage_alerts",
    requires = ["tables_usage_grants"]
);
extension_sql_file!(
    "../sql/tables/usage_ledger.sql",
    name = "tables_usage_ledger",
    requires = ["tables_usage_alerts"]
);
extension_sql_file!(
    "../sql/tables/usage_pools.sql",
    name = "tables_usage_pools",
    requires = ["tables_usage_ledger"]
);
extension_sql_file!(
    "../sql/tables/usage_pool_members.sql",
    name = "tables_usage_pool_members",
    requires = ["tables_usage_pools"]
);
extension_sql_file!(
    "../sql/tables/usage_increments.sql",
    name = "tables_usage_increments",
    requires = ["tables_usage_pool_members"]
);
extension_sql_file!(
    "../sql/tables/usage_features.sql",
    name = "tables_usage_features",
    requires = ["tables_usage_increments"]
);
extension_sql_file!(
    "../sql/ensure/wanted.sql",
    name = "ensure_wanted",
    requires = ["tables_usage_features"]
);
extension_sql_file!("../sql/ensure/table.sql", name = "ensure_table", requires = ["ensure_wanted"]);
extension_sql_file!(
    "../sql/ensure/column.sql",
    name = "ensure_column",
    requires = ["ensure_table"]
);
extension_sql_file!(
    "../sql/ensure/not_negative.sql",
    name = "ensure_not_negative",
    requires = ["ensure_column"]
);
extension_sql_file!(
    "../sql/ensure/counters.sql",
    name = "ensure_counters",
    requires = ["ensure_not_negative"]
);
extension_sql_file!(
    "../sql/ensure/checks.sql",
    name = "ensure_checks",
    requires = ["ensure_counters"]
);
extension_sql_file!("../sql/ensure/key.sql", name = "ensure_key", requires = ["ensure_checks"]);
extension_sql_file!("../sql/ensure/index.sql", name = "ensure_index", requires = ["ensure_key"]);
extension_sql_file!(
    "../sql/ensure/partitions.sql",
    name = "ensure_partitions",
    requires = ["ensure_index"]
);
extension_sql_file!(
    "../sql/ensure/user_reference.sql",
    name = "ensure_user_reference",
    requires = ["ensure_partitions"]
);
extension_sql_file!(
    "../sql/ensure/trigger.sql",
    name = "ensure_trigger",
    requires = ["ensure_user_reference"]
);
extension_sql_file!(
    "../sql/ensure/policy.sql",
    name = "ensure_policy",
    requires = ["ensure_trigger"]
);
extension_sql_file!(
    "../sql/ensure/grants.sql",
    name = "ensure_grants",
    requires = ["ensure_policy"]
);
extension_sql_file!(
    "../sql/ensure/increments.sql",
    name = "ensure_increments",
    requires = ["ensure_grants"]
);
extension_sql_file!(
    "../sql/ensure/reservation_flags.sql",
    name = "ensure_reservation_flags",
    requires = ["ensure_increments"]
);
extension_sql_file!(
    "../sql/ensure/registry_flags.sql",
    name = "ensure_registry_flags",
    requires = ["ensure_reservation_flags"]
);
extension_sql_file!(
    "../sql/ensure/terms.sql",
    name = "ensure_terms",
    requires = ["ensure_registry_flags"]
);
extension_sql_file!("../sql/ensure/locks.sql", name = "ensure_locks", requires = ["ensure_terms"]);
extension_sql_file!(
    "../sql/ensure/take_over.sql",
    name = "ensure_take_over",
    requires = ["ensure_locks"]
);
extension_sql_file!(
    "../sql/functions/feature_usage_setup.sql",
    name = "functions_feature_usage_setup",
    requires = ["ensure_take_over"]
);
extension_sql_file!(
    "../sql/functions/add_feature.sql",
    name = "functions_add_feature",
    requires = ["functions_feature_usage_setup"]
);
extension_sql_file!(
    "../sql/functions/migrate_image_generation_log.sql",
    name = "functions_migrate_image_generation_log",
    requires = ["functions_add_feature"]
);
extension_sql_file!(
    "../sql/functions/prune_feature_usage.sql",
    name = "functions_prune_feature_usage",
    requires = ["functions_migrate_image_generation_log"]
);
extension_sql_file!(
    "../sql/functions/set_user_plan.sql",
    name = "functions_set_user_plan",
    requires = ["functions_prune_feature_usage"]
);
extension_sql_file!(
    "../sql/functions/usage_report.sql",
    name = "functions_usage_report",
    requires = ["functions_set_user_plan"]
);
extension_sql_file!(
    "../sql/functions/grants.sql",
    name = "functions_grants",
    requires = ["functions_usage_report"]
);
extension_sql_file!(
    "../sql/functions/comments.sql",
    name = "functions_comments",
    requires = [
        api::increments::increment_voice_seconds,
        api::increments::increment_insights_count,
        api::increments::increment_therai_calls,
        api::increments::increment_chat_messages,
        api::increments::increment_images_generated,
        api::increment_feature_usage::increment_feature_usage,
        api::check_feature_limit::check_feature_limit,
        api::get_user_limits::get_user_limits,
        api::consume_feature::consume_feature,
        api::record_usage::record_usage,
        api::reserve_feature::reserve_feature,
        api::commit_reservation::commit_reservation,
        api::release_reservation::release_reservation,
        api::expire_reservations::expire_reservations,
        api::usage_features_changed::usage_features_changed,
        api::usage_period::usage_period,
        api::usage_status::usage_status,
        api::grant_usage::grant_usage,
        api::void_grant::void_grant,
        api::carry_over_usage::carry_over_usage,
        api::correct_usage::correct_usage,
        "functions_usage_report",
        "functions_grants",
    ]
);
extension_sql_file!(
    "../sql/end_of_create_extension.sql",
    name = "end_of_create_extension",
    finalize
);
