-- Who may execute what. A function that is not listed is for the owner of the extension.

INSERT INTO feature_usage_internal.function_grants (function_name, role_name)
VALUES
    ('check_feature_limit', 'service_role'),
    ('check_feature_limit', 'authenticated'),
    ('get_user_limits', 'service_role'),
    ('get_user_limits', 'authenticated'),
    ('usage_period', 'service_role'),
    ('usage_period', 'authenticated'),
    ('usage_status', 'service_role'),
    ('usage_status', 'authenticated'),
    ('increment_voice_seconds', 'service_role'),
    ('increment_insights_count', 'service_role'),
    ('increment_therai_calls', 'service_role'),
    ('increment_chat_messages', 'service_role'),
    ('increment_images_generated', 'service_role'),
    ('increment_feature_usage', 'service_role'),
    ('consume_feature', 'service_role'),
    ('reserve_feature', 'service_role'),
    ('commit_reservation', 'service_role'),
    ('release_reservation', 'service_role'),
    ('expire_reservations', 'service_role'),
    ('record_usage', 'service_role'),
    ('prune_feature_usage', 'service_role'),
    ('set_user_plan', 'service_role'),
    ('grant_usage', 'service_role'),
    ('void_grant', 'service_role'),
    ('carry_over_usage', 'service_role');
