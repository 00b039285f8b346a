-- What \df+ says of the functions in Rust, and what Supabase's API docs show: a first sentence of at
-- most 100 characters, then arguments, result and errors.

COMMENT ON FUNCTION @extschema@.increment_voice_seconds(uuid, integer, text) IS
'Adds p_seconds seconds of voice to the usage of a user in the month p_period (current, or YYYY-MM). '
'The period current is that of now, in the time zone of the user or the plan, else UTC. Atomic; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (whoever can lower a count can reset a limit), 22007 if p_period is neither current nor a real month, 22003 if the count would be out of range.';
COMMENT ON FUNCTION @extschema@.increment_insights_count(uuid, integer, text) IS
'Adds p_count insights to the usage of a user in the month p_period (current, or YYYY-MM). '
'The period current is that of now, in the time zone of the user or the plan, else UTC. Atomic; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (whoever can lower a count can reset a limit), 22007 if p_period is neither current nor a real month, 22003 if the count would be out of range.';
COMMENT ON FUNCTION @extschema@.increment_therai_calls(uuid, integer, text) IS
'Adds p_calls @therai calls to the usage of a user on the day p_period (current, or YYYY-MM-DD). '
'The period current is that of now, in the time zone of the user or the plan, else UTC. Atomic; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (whoever can lower a count can reset a limit), 22007 if p_period is neither current nor a real day, 22003 if the count would be out of range.';
COMMENT ON FUNCTION @extschema@.increment_chat_messages(uuid, integer, text) IS
'Adds p_count chat messages to the usage of a user on the day p_period (current, or YYYY-MM-DD). '
'The period current is that of now, in the time zone of the user or the plan, else UTC. Atomic; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (whoever can lower a count can reset a limit), 22007 if p_period is neither current nor a real day, 22003 if the count would be out of range.';
COMMENT ON FUNCTION @extschema@.increment_images_generated(uuid, integer, text) IS
'Adds p_count images to the usage of a user on the day p_period (current, or YYYY-MM-DD). '
'The period current is that of now, in the time zone of the user or the plan, else UTC. Atomic; creates the row if there is none. 0 does nothing. Errors: 22004 for a NULL, 22023 for a negative amount (whoever can lower a count can reset a limit), 22007 if p_period is neither current nor a real day, 22003 if the count would be out of range.';
COMMENT ON FUNCTION @extschema@.increment_feature_usage(uuid, text, integer, text) IS
'Adds p_amount to the usage of any registered feature, as the increment of that feature does. '
'p_period is current, or a period key of the feature. Errors: those of the increments, and 22023 for an unknown feature type; the hint lists the known ones.';
COMMENT ON FUNCTION @extschema@.check_feature_limit(uuid, text, integer, text) IS
'Returns whether a user may use p_requested_amount more of a feature; writes nothing. '
'p_period is a period key of the feature; current, NULL or blank is the current period. It runs in a READ ONLY transaction and on a standby. Result: {"allowed": true, "limit", "current_usage", "remaining", "is_unlimited"}, where remaining is what is left after the requested amount; or {"allowed": false, "reason", "error_code"} with INVALID_FEATURE, INVALID_AMOUNT, INVALID_PERIOD, DENIED, TRIAL_EXPIRED, NO_SUBSCRIPTION, UNKNOWN_PLAN, LIMIT_EXCEEDED or RATE_LIMITED; with feature_type, period and reset_at if they are known, and if a rule applies to the user, with sources and caps, or with exceeded, caps and retry_after. Whatever is unknown or missing is denied. Errors: 22004 for a NULL user, 22023 for an unknown time zone of the user or the plan.';
COMMENT ON FUNCTION @extschema@.get_user_limits(uuid) IS
'Returns the limits of a user''s plan and the usage of every feature in its current period. '
'Limits are those in force: rules that set or add are applied, a denied feature has 0. Result: {"limits": {"plan_id", "plan_name", one key per feature, "features": {one key per has_ column}}, "usage": {one key per counter}}. A limit of null means unlimited; limits is null if the plan is unknown or inactive. Writes nothing. Error: 22004 for a NULL user.';
COMMENT ON FUNCTION @extschema@.consume_feature(uuid, text, integer, text, uuid, jsonb) IS
'Checks the limit and counts p_amount, in one atomic step: never more than the limit is admitted. '
'Result: that of check_feature_limit(), with current_usage after the call, and consumed: p_amount, or 0 if it was denied. With p_idempotency_key (1 to 255 bytes, per user) a retry is counted once and replays the answer with "replayed": true; other arguments return IDEMPOTENCY_MISMATCH. Denials are not stored. With p_pool_id, the user acts in a pool, and only the plan, rules, grants and counts of the pool matter: NOT_A_MEMBER for another user, UNKNOWN_POOL for no pool. The ledger keeps p_metadata, if the feature is logged. Errors: 22004 for a NULL user, 22003 if the count would be out of range, 22023 for an unusable idempotency key.';
COMMENT ON FUNCTION @extschema@.reserve_feature(uuid, text, integer, interval, text, uuid, jsonb) IS
'Counts p_amount as consume_feature() does, for work that is slow or may fail. '
'Result: that of consume_feature(), with reservation_id, expires_at, and reserved: how much of current_usage is reserved. If it is neither committed nor released within p_ttl (1 second to 24 hours), its amount is given back. Errors: those of consume_feature(), 22004 for a NULL p_ttl, 22023 for one out of range.';
COMMENT ON FUNCTION @extschema@.expire_reservations(integer) IS
'Gives back the amounts of at most p_limit expired reservations, and returns their number. '
'For a scheduler: a user''s expired reservations are given back on their next call anyway. Also adds to feature_usage what sessions that found it held have appended to usage_increments, of at most p_limit counters. Errors: 22004 for a NULL, 22023 for a negative limit.';
COMMENT ON FUNCTION @extschema@.record_usage(jsonb) IS
'Counts a batch of events that have happened, whatever the limits; all or nothing. '
'p_events is [{"user_id", "feature_type", "amount", "period"?, "idempotency_key"?, "pool_id"?}, …]; with a pool_id, the user must be a member; without a period, or with the period current, it is the current one. Overlapping batches do not deadlock. Returns how many events were counted, without those whose idempotency key was counted before. Errors: 22004 for a NULL, 22023 if p_events is not an array or an event is bad (the message names its index), 22003 if a count would be out of range.';

-- The two that settle a reservation.
COMMENT ON FUNCTION @extschema@.commit_reservation(uuid, integer, uuid) IS
'Ends a reservation after success, and counts p_actual; by default, what was reserved. '
'If p_actual is less than reserved, the rest is given back; if it is more, all of it is counted and the next call is denied. It counts in the period of the reservation, even if that is over, or the reservation has expired ("late": true). The same commit again returns the same answer, a different one "committed": false with RESERVATION_FINALIZED. If p_user_id is given, the reservation must be that user''s. Errors: 22004 for a NULL id, 22023 for a negative amount, P0002 for an unknown reservation.';
COMMENT ON FUNCTION @extschema@.release_reservation(uuid, uuid) IS
'Ends a reservation after failure, and takes its whole amount off the count again. '
'The same release again returns the same answer, one after a commit "released": false with RESERVATION_FINALIZED. If p_user_id is given, the reservation must be that user''s. Errors: 22004 for a NULL id, P0002 for an unknown reservation.';

COMMENT ON FUNCTION @extschema@.usage_period(uuid, text, timestamptz, uuid) IS
'Returns the period of a feature that contains an instant, by default now, for a user or a pool. '
'It is in the time zone of the user, or of the pool if p_pool_id is given, else of the plan, else UTC; billing periods begin at their anchor, else that of the plan. Result: {"period", "starts_at", "reset_at"}, where period is the period key; the period total has no beginning and no end. Errors: 22004 for neither a user nor a pool and for another NULL, 22023 for an unknown feature type or time zone, for an instant or an anchor outside the years 1 to 9999.';
COMMENT ON FUNCTION @extschema@.usage_status(uuid, text, uuid) IS
'Returns what a page shows of a user or a pool: plan, limits, usage, what remains, and caps. '
'p_feature_type NULL is every feature. With p_pool_id, it is that of the pool, with "member_usage", the part of the user; p_user_id may then be NULL. Result: {"user_id", "pool_id", "plan_id", "features": {"chat": {"period", "reset_at", "limit", "is_unlimited", "current_usage", "reserved", "remaining", "caps", "error_code"?}, ...}}; error_code is what a consume of 0 would be denied with. Writes nothing. Errors: 22004 for neither a user nor a pool, 22023 for an unknown feature type or time zone.';

COMMENT ON FUNCTION @extschema@.grant_usage(uuid, text, bigint, text, timestamptz, timestamptz, integer, uuid, text) IS
'Grants units of a feature beside the allowance, such as a paid credit pack; once per source. '
'The units are used once the allowance is used up: those with the lower p_priority (0 to 32767) first, then those that expire first. p_source_ref (1 to 255 bytes) is what they are granted for, such as a payment: calling it again with the same terms returns the grant with "replayed": true, with other terms "granted": false and GRANT_MISMATCH. p_effective_at NULL is now, p_expires_at NULL is never. Give either p_user_id or p_pool_id; a pool that does not exist is UNKNOWN_POOL. Result: {"granted", "grant_id", "feature_type", "amount", "used", "effective_at", "expires_at", "source_ref"}. Errors: 22004 for a NULL, 22023 for neither or both of a user and a pool, an unknown feature type, an amount below 1, an unusable source, priority or instant, 23503 for an unknown user.';
COMMENT ON FUNCTION @extschema@.void_grant(text, text, text, uuid) IS
'Ends the grants of a source, such as a refunded payment; what is used of them stays used. '
'p_feature_type NULL is every feature: then grants lists them. p_reason is added to the reasons of the grants. If p_user_id is given, the grants must be that user''s. Result: {"voided", "source_ref", "amount", "used", "forfeited"}; again, with "replayed": true; UNKNOWN_GRANT if there is none. Errors: 22004 for a NULL source, 22023 for an unknown feature type.';
COMMENT ON FUNCTION @extschema@.carry_over_usage(uuid, text, text, bigint, timestamptz, bigint, uuid) IS
'Grants what is left of the allowance of a period that is over, at most p_max units, once. '
'For the webhook of a renewal. p_period is the period key; p_expires_at NULL is the end of the current period; p_allowance NULL is the limit in force now. Open reservations count as used. Give either p_user_id or p_pool_id. Result: {"carried", "grant_id"?}; again, the same with "replayed": true. Errors: 22004 for a NULL, 22007 for a period that is none of the feature, 22023 for neither or both of a user and a pool, an unknown feature type, a period that is not over, a total, an unlimited allowance, a negative amount, or an expiry that is not in the future.';

COMMENT ON FUNCTION @extschema@.correct_usage(uuid, text, bigint, text, text, uuid, text) IS
'Adds p_amount to a count, or takes it off if it is negative: for what was counted by mistake. '
'p_reason goes into the ledger; p_period NULL is the current period. What is taken off is overage first, then what the allowance covered; what grants, a currency or open reservations cover stays: "corrected": false with EXCEEDS_USAGE. Windows of caps do not change. With p_pool_id, it is the count of the pool, and with p_user_id as well also the part of that member. With p_idempotency_key, a retry corrects once. Result: {"corrected", "amount", "current_usage", "overage", "feature_type", "period"}. Errors: 22003 if the count would be out of range, 22004 for a NULL, 22007 for a period that is none of the feature, 22023 for an unknown feature type, a blank reason or an unusable idempotency key.';

COMMENT ON FUNCTION @extschema@.usage_features_changed() IS
'Trigger function of usage_features: makes every session read the registry again.';
