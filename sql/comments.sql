-- What \df+ and \d+ say, and what Supabase's API docs show.

COMMENT ON FUNCTION @extschema@.increment_voice_seconds(uuid, integer, text) IS
'Adds p_seconds seconds of voice to the usage of p_user_id in the month p_period (YYYY-MM), in one atomic step; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (a count that can be lowered is a limit that can be reset), 22007 for a period that is not a real month, 22003 for a count over 2147483647.';
COMMENT ON FUNCTION @extschema@.increment_insights_count(uuid, integer, text) IS
'Adds p_count insights to the usage of p_user_id in the month p_period (YYYY-MM), in one atomic step; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (a count that can be lowered is a limit that can be reset), 22007 for a period that is not a real month, 22003 for a count over 2147483647.';
COMMENT ON FUNCTION @extschema@.increment_therai_calls(uuid, integer, text) IS
'Adds p_calls @therai calls to the usage of p_user_id on the day p_period (YYYY-MM-DD), in one atomic step; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (a count that can be lowered is a limit that can be reset), 22007 for a period that is not a real day, 22003 for a count over 2147483647.';
COMMENT ON FUNCTION @extschema@.increment_chat_messages(uuid, integer, text) IS
'Adds p_count chat messages to the usage of p_user_id on the day p_period (YYYY-MM-DD), in one atomic step; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (a count that can be lowered is a limit that can be reset), 22007 for a period that is not a real day, 22003 for a count over 2147483647.';
COMMENT ON FUNCTION @extschema@.increment_images_generated(uuid, integer, text) IS
'Adds p_count images to the usage of p_user_id on the day p_period (YYYY-MM-DD), in one atomic step; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (a count that can be lowered is a limit that can be reset), 22007 for a period that is not a real day, 22003 for a count over 2147483647.';
COMMENT ON FUNCTION @extschema@.increment_feature_usage(uuid, text, integer, text) IS
'Adds p_amount to the usage of any registered feature, as the increment of that feature does. Errors: those of the increments, and 22023 for an unknown feature type; the hint lists the known ones.';
COMMENT ON FUNCTION @extschema@.check_feature_limit(uuid, text, integer, text) IS
'Says whether p_user_id may use p_requested_amount more of p_feature_type in p_period; NULL or blank is the current period, in UTC. Reads only, so it runs in a READ ONLY transaction and on a standby. Gives {"allowed": true, "limit", "current_usage", "remaining", "is_unlimited"}, remaining being what is left afterwards, or {"allowed": false, "reason", "error_code"} with INVALID_FEATURE, INVALID_AMOUNT, INVALID_PERIOD, TRIAL_EXPIRED, NO_SUBSCRIPTION, UNKNOWN_PLAN or LIMIT_EXCEEDED; with feature_type, period and reset_at where they are known. Whatever is unknown or missing is denied. Error: 22004 for a NULL user.';
COMMENT ON FUNCTION @extschema@.get_user_limits(uuid) IS
'Gives the limits of the plan of p_user_id and the usage of every feature in its own current period: {"limits": {"plan_id", "plan_name", a key a feature, "features": {a key a has_ column}}, "usage": {a key a counter}}. A limit that is null is unlimited; limits is null if the plan is unknown or inactive. Reads only. Error: 22004 for a NULL user.';
COMMENT ON FUNCTION @extschema@.consume_feature(uuid, text, integer, text) IS
'Checks and counts in one atomic step: whatever runs at the same time, no more than the limit is admitted. Gives what check_feature_limit() gives, current_usage being the count afterwards, and consumed: p_amount, or 0 where it was denied. With p_idempotency_key (1 to 255 bytes, for this user) a retry is counted once and answered alike, with "replayed": true; other arguments give IDEMPOTENCY_MISMATCH. A denial is not kept. Errors: 22004 for a NULL user, 22003 for a count over 2147483647, 22023 for a key that is none.';
COMMENT ON FUNCTION @extschema@.reserve_feature(uuid, text, integer, interval, text) IS
'Counts p_amount as consume_feature() does, for work that is slow or may fail: gives reservation_id and expires_at, and reserved, which is how much of current_usage is reserved. What is neither committed nor released within p_ttl, from 1 second to 24 hours, is given back. Errors: those of consume_feature(), 22004 for a NULL p_ttl, 22023 for one out of range.';
COMMENT ON FUNCTION @extschema@.commit_reservation(uuid, integer, uuid) IS
'Ends a reservation after success. p_actual, by default what was reserved, is what is counted: if it is less, the rest is given back; if it is more, all of it is counted and the next call is denied. Counts in the period of the reservation, also when that or the reservation is over ("late": true). The same commit again has the same answer; another one has "committed": false and RESERVATION_FINALIZED. Errors: 22004 for a NULL id, 22023 for a negative amount, P0002 for an unknown reservation.';
COMMENT ON FUNCTION @extschema@.release_reservation(uuid, uuid) IS
'Ends a reservation after failure and gives all of it back. The same release again has the same answer; one after a commit has "released": false and RESERVATION_FINALIZED. Errors: 22004 for a NULL id, P0002 for an unknown reservation.';
COMMENT ON FUNCTION @extschema@.expire_reservations(integer) IS
'Gives back what expired reservations hold, at most p_limit of them, and gives their number. For a scheduler: each user''s own are given back at their next call anyway. Errors: 22004 for a NULL, 22023 for a negative limit.';
COMMENT ON FUNCTION @extschema@.record_usage(jsonb) IS
'Counts a batch of events that have happened, without asking the limit: [{"user_id", "feature_type", "amount", "period"?, "idempotency_key"?}, …]. All or nothing; batches that overlap never deadlock. A period that is not given is the current one. Gives how many events were counted, which leaves out those whose key was counted before. Errors: 22004 for a NULL, 22023 for what is not an array and for a bad event, whose index it names, 22003 for a count over 2147483647.';
COMMENT ON FUNCTION @extschema@.prune_feature_usage(interval, interval) IS
'Deletes idempotency keys and settled reservations older than p_older_than and, only if p_periods_older_than is given, counts of periods that ended longer ago than that. Gives how many of each: {"idempotency_keys", "reservations", "periods"}. Errors: 22004 for a NULL p_older_than, 22023 for a negative age.';
COMMENT ON FUNCTION @extschema@.usage_features_changed() IS
'Trigger of usage_features: tells every session that the registry has changed.';

COMMENT ON FUNCTION @extschema@.add_feature(text, text, text, text) IS
'Registers a feature: the counter column in feature_usage (p_usage_column, by default named as the feature), the limit column in plan_limits (p_limit_column, by default the counter''s name and _limit; 0 in every plan until set), and increment_<counter>(p_user_id, p_count, p_period). p_period is day or month. Calling it again with the same definition changes nothing. For the owner of the extension. Errors: 22004 for a NULL, 22023 for a name or period that can''t be used, 42710 where another definition is registered, 42804 where a column of that name has another type, 42723 where another function has the increment''s name.';
COMMENT ON FUNCTION @extschema@.migrate_image_generation_log(boolean) IS
'Adds the rows of an app''s image_generation_log(user_id, created_at, ...) to images_generated of their days in UTC, each once: a second call adds only what is new. Drops the log if p_drop is true. Gives the number of rows counted; 0 where there is no such table. For the owner of the extension.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup() IS
'Creates the tables feature_usage, plan_limits and user_plans, or brings existing ones up to date: missing columns, keys, NULL counters to 0, row-level security, policies, grants. Keeps every row and every column. CREATE EXTENSION calls it; call it again after a restore without roles, after replacing user_plans by a view, or when an error says so. For the owner of the extension. Errors: 23505 for duplicates of a key, 23514 for negative counts, 23502 for rows without a key, 55000 for a key that is deferrable, 42804 for a column of another type; the detail lists the rows.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_parts() IS
'Part of feature_usage_setup(): refuses functions of others that have the names of its parts.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_features() IS
'Part of feature_usage_setup(): registers the custom features that the columns of feature_usage know from before a DROP EXTENSION.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_notes() IS
'Part of feature_usage_setup(): writes the definitions of custom features into the comments of their columns.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_trusts(oid) IS
'Part of feature_usage_setup(): whether it may touch what this role owns.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_schema_rights() IS
'Part of feature_usage_setup(): lets the roles of the API use the schema.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_overloads() IS
'Part of feature_usage_setup(): warns of functions of the app that have the same names.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_table(text, text) IS
'Part of feature_usage_setup(): creates a table without columns if it is missing.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_column(regclass, text, text, text, text) IS
'Part of feature_usage_setup(): adds a column if it is missing, and checks its type if it is not.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_counter(text, text) IS
'Part of feature_usage_setup(): makes a column of feature_usage a counter, an integer that is neither null nor negative.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_key(regclass, text[]) IS
'Part of feature_usage_setup(): makes columns unique unless they are; duplicates are an error that lists them.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_user_reference(regclass) IS
'Part of feature_usage_setup(): references auth.users, if there is such a table, on delete cascade.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_policy(regclass, text, text, text, text, text) IS
'Part of feature_usage_setup(): creates a policy if it is missing.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_feature_usage() IS
'Part of feature_usage_setup(): the table feature_usage.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_plan_limits() IS
'Part of feature_usage_setup(): the table plan_limits, with the plan free if the table is new.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_user_plans() IS
'Part of feature_usage_setup(): the table user_plans, unless the app has a view of that name.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_feature_reservations() IS
'Part of feature_usage_setup(): the table feature_reservations.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_feature_idempotency_keys() IS
'Part of feature_usage_setup(): the table feature_idempotency_keys.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_index(regclass, text, text) IS
'Part of feature_usage_setup(): creates an index if it is missing.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_increments() IS
'Part of feature_usage_setup(): the increment functions of custom features.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_function_rights() IS
'Part of feature_usage_setup(): who may execute which function.';
COMMENT ON FUNCTION @extschema@.feature_usage_setup_table_rights(text[]) IS
'Part of feature_usage_setup(): who may read and write these tables, and which of their rows.';

COMMENT ON TABLE @extschema@.usage_features IS
'The registry of features. Rows of an app''s own are written by add_feature().';
COMMENT ON COLUMN @extschema@.usage_features.feature_type IS 'The name that callers use.';
COMMENT ON COLUMN @extschema@.usage_features.usage_column IS 'The column of feature_usage that holds the count.';
COMMENT ON COLUMN @extschema@.usage_features.limit_column IS 'The column of plan_limits that holds the limit.';
COMMENT ON COLUMN @extschema@.usage_features.period IS 'How long a count runs before it starts again: day or month, in UTC.';
COMMENT ON COLUMN @extschema@.usage_features.is_builtin IS 'Whether the feature comes with the extension; dumps carry the others.';
COMMENT ON TRIGGER usage_features_changed ON @extschema@.usage_features IS
'Makes every session read the registry again.';
