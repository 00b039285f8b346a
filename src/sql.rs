//! The SQL files of the install script, in the order in which CREATE EXTENSION runs them.

use pgrx::extension_sql_file;

extension_sql_file!(
    "../sql/registry.sql",
    name = "registry",
    requires = [api::usage_features_changed::usage_features_changed]
);

extension_sql_file!("../sql/setup/parts.sql", name = "setup_parts", requires = ["registry"]);
extension_sql_file!("../sql/setup/features.sql", name = "setup_features", requires = ["registry"]);
extension_sql_file!("../sql/setup/table.sql", name = "setup_table", requires = ["registry"]);
extension_sql_file!(
    "../sql/setup/trusted_owner.sql",
    name = "setup_trusted_owner",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/setup/schema_rights.sql",
    name = "setup_schema_rights",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/setup/overloads.sql",
    name = "setup_overloads",
    requires = ["registry"]
);
extension_sql_file!("../sql/setup/column.sql", name = "setup_column", requires = ["registry"]);
extension_sql_file!("../sql/setup/counter.sql", name = "setup_counter", requires = ["registry"]);
extension_sql_file!("../sql/setup/key.sql", name = "setup_key", requires = ["registry"]);
extension_sql_file!(
    "../sql/setup/user_reference.sql",
    name = "setup_user_reference",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/setup/feature_usage.sql",
    name = "setup_feature_usage",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/setup/plan_limits.sql",
    name = "setup_plan_limits",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/setup/user_plans.sql",
    name = "setup_user_plans",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/setup/increments.sql",
    name = "setup_increments",
    requires = ["registry"]
);
extension_sql_file!("../sql/setup/policy.sql", name = "setup_policy", requires = ["registry"]);
extension_sql_file!(
    "../sql/setup/function_rights.sql",
    name = "setup_function_rights",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/setup/table_rights.sql",
    name = "setup_table_rights",
    requires = ["registry"]
);
extension_sql_file!("../sql/setup.sql", name = "setup", requires = ["registry"]);
extension_sql_file!("../sql/add_feature.sql", name = "add_feature", requires = ["registry"]);
extension_sql_file!(
    "../sql/migrate_image_generation_log.sql",
    name = "migrate_image_generation_log",
    requires = ["registry"]
);

extension_sql_file!(
    "../sql/setup/feature_reservations.sql",
    name = "setup_feature_reservations",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/setup/feature_idempotency_keys.sql",
    name = "setup_feature_idempotency_keys",
    requires = ["registry"]
);
extension_sql_file!("../sql/setup/index.sql", name = "setup_index", requires = ["registry"]);
extension_sql_file!(
    "../sql/prune_feature_usage.sql",
    name = "prune_feature_usage",
    requires = ["registry"]
);
extension_sql_file!(
    "../sql/comments.sql",
    name = "comments",
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
        "setup_parts",
        "setup_features",
        "setup_table",
        "setup_column",
        "setup_counter",
        "setup_key",
        "setup_user_reference",
        "setup_feature_usage",
        "setup_plan_limits",
        "setup_user_plans",
        "setup_trusted_owner",
        "setup_schema_rights",
        "setup_overloads",
        "setup_feature_reservations",
        "setup_feature_idempotency_keys",
        "setup_index",
        "prune_feature_usage",
        "setup_increments",
        "setup_policy",
        "setup_function_rights",
        "setup_table_rights",
        "setup",
        "add_feature",
        "migrate_image_generation_log",
    ]
);
extension_sql_file!("../sql/install.sql", name = "install", finalize);
