-- The caller's search_path changes nothing, whether it shadows tables, operators, functions or types.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_path
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 2, '2025-02-10');
SELECT check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') AS answer,
       get_user_limits('00000000-0000-0000-0000-000000000001') AS limits \gset
CREATE SCHEMA evil;
CREATE FUNCTION evil.no(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.no(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.no(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.no(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.no(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.zero(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT 0';
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
CREATE OPERATOR evil.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.no);
CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE OPERATOR evil.<= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.no);
CREATE OPERATOR evil.+ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.zero);
CREATE OPERATOR evil.- (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.zero);
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT '1999-01-01'::timestamptz$$;
CREATE FUNCTION evil.no(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR evil.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.no);
CREATE OPERATOR evil.< (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.no);
CREATE OPERATOR evil.< (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.no);
CREATE OPERATOR evil.>= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.no);
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT '1999-01-01'::timestamptz$$;
CREATE FUNCTION evil.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE sql AS 'SELECT NULL LIMIT 0';
CREATE FUNCTION evil.date_part(text, timestamptz) RETURNS double precision LANGUAGE sql AS 'SELECT 0::double precision';
CREATE FUNCTION evil.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS $$SELECT '{}'::jsonb$$;
CREATE FUNCTION evil.format(text, text) RETURNS text LANGUAGE sql AS $$SELECT 'evil'::text$$;
CREATE FUNCTION evil.to_regclass(text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass';
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (false);
CREATE DOMAIN evil.bool AS pg_catalog.bool CHECK (false);
CREATE TABLE evil.feature_usage (user_id uuid, period pg_catalog.text, images_generated integer);
CREATE TABLE evil.plan_limits AS SELECT * FROM public.plan_limits;
UPDATE evil.plan_limits SET image_generation_daily_limit = NULL;
CREATE TABLE evil.user_plans AS SELECT * FROM public.user_plans;
CREATE TABLE evil.feature_reservations AS SELECT * FROM public.feature_reservations;
CREATE TABLE evil.feature_idempotency_keys AS SELECT * FROM public.feature_idempotency_keys;
CREATE TABLE evil.usage_features AS SELECT * FROM public.usage_features LIMIT 0;
CREATE TABLE evil.usage_rules AS SELECT * FROM public.usage_rules;
CREATE TABLE evil.usage_counters AS SELECT * FROM public.usage_counters;
CREATE FUNCTION evil.no(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION evil.zero(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.no);
CREATE OPERATOR evil.+ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.zero);
CREATE OPERATOR evil.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.no);
CREATE OPERATOR evil.< (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.no);
CREATE OPERATOR evil.< (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.no);
CREATE FUNCTION evil.date_part(text, interval) RETURNS double precision LANGUAGE sql AS 'SELECT 0::double precision';
CREATE FUNCTION evil.timezone(text, timestamptz) RETURNS timestamp LANGUAGE sql AS $$SELECT '1999-01-01'::timestamp$$;
CREATE FUNCTION evil.timezone(text, timestamp) RETURNS timestamptz LANGUAGE sql AS $$SELECT '1999-01-01'::timestamptz$$;
CREATE VIEW evil.pg_timezone_names AS SELECT * FROM pg_catalog.pg_timezone_names LIMIT 0;
CREATE VIEW evil.pg_extension AS SELECT * FROM pg_catalog.pg_extension LIMIT 0;
CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class LIMIT 0;
CREATE VIEW evil.pg_attribute AS SELECT attrelid, attname, atttypid, attnum, attisdropped, attnotnull, atthasdef FROM pg_catalog.pg_attribute LIMIT 0;

-- A new backend, which reads the registry under this search_path.
DISCARD TEMP;
\c -
SET search_path = evil, pg_catalog, public;
SELECT public.check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') OPERATOR(pg_catalog.=) :'answer'::jsonb AS same_answer;
SELECT public.get_user_limits('00000000-0000-0000-0000-000000000001') OPERATOR(pg_catalog.=) :'limits'::jsonb AS same_limits;
SELECT public.increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT public.increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-11');
-- Admission: consume, deny, reserve, settle, expire, replay.
SELECT public.consume_feature('00000000-0000-0000-0000-000000000002', 'chat', 2, 'k') OPERATOR(pg_catalog.->>) 'current_usage' AS current_usage;
SELECT public.consume_feature('00000000-0000-0000-0000-000000000002', 'chat', 2, 'k') OPERATOR(pg_catalog.->>) 'replayed' AS replayed;
SELECT public.consume_feature('00000000-0000-0000-0000-000000000002', 'chat', 2) OPERATOR(pg_catalog.->>) 'error_code' AS error_code;
SELECT public.reserve_feature('00000000-0000-0000-0000-000000000002', 'chat', 1) OPERATOR(pg_catalog.->>) 'reservation_id' AS id \gset
SELECT public.commit_reservation(:'id', 0) OPERATOR(pg_catalog.->>) 'actual' AS actual;
SELECT public.commit_reservation(:'id', 1) OPERATOR(pg_catalog.->>) 'error_code' AS error_code;
SELECT public.reserve_feature('00000000-0000-0000-0000-000000000002', 'chat', 1) OPERATOR(pg_catalog.->>) 'reservation_id' AS id \gset
SELECT public.release_reservation(:'id') OPERATOR(pg_catalog.->>) 'released' AS released;
SELECT public.reserve_feature('00000000-0000-0000-0000-000000000002', 'chat', 1) OPERATOR(pg_catalog.->>) 'reserved' AS reserved;
UPDATE public.feature_reservations SET expires_at = '2020-01-01' WHERE status OPERATOR(pg_catalog.=) 'reserved'::pg_catalog.text;
SELECT public.check_feature_limit('00000000-0000-0000-0000-000000000002', 'chat', 0) OPERATOR(pg_catalog.->>) 'current_usage' AS current_usage;
SELECT public.expire_reservations();
SELECT public.record_usage('[{"user_id": "00000000-0000-0000-0000-000000000002", "feature_type": "chat", "amount": 1, "idempotency_key": "k"},
                             {"user_id": "00000000-0000-0000-0000-000000000002", "feature_type": "chat", "amount": 1, "idempotency_key": "k"}]');
SELECT public.check_feature_limit('00000000-0000-0000-0000-000000000002', 'chat', 0) OPERATOR(pg_catalog.->>) 'current_usage' AS current_usage;
-- Rules, their windows and rates, and time zones.
INSERT INTO public.usage_rules (applies_to, feature_type, effect, amount, per, every) VALUES
    ('all', 'insights', 'set', 9, 'period', NULL), ('all', 'insights', 'cap', 4, 'total', NULL), ('all', 'insights', 'cap', 5, 'rate', '31 days');
INSERT INTO public.user_plans (user_id, plan_id, time_zone) VALUES ('00000000-0000-0000-0000-000000000004', 'free', 'Pacific/Kiritimati');
SELECT public.usage_period('00000000-0000-0000-0000-000000000004', 'chat', '2025-02-10 12:00:00+00') OPERATOR(pg_catalog.->>) 'period' AS period;
SELECT public.consume_feature('00000000-0000-0000-0000-000000000004', 'insights', 2) OPERATOR(pg_catalog.->>) 'remaining' AS remaining;
SELECT public.reserve_feature('00000000-0000-0000-0000-000000000004', 'insights', 2) OPERATOR(pg_catalog.->>) 'reservation_id' AS id \gset
SELECT public.consume_feature('00000000-0000-0000-0000-000000000004', 'insights') OPERATOR(pg_catalog.->>) 'error_code' AS error_code;
SELECT public.release_reservation(:'id') OPERATOR(pg_catalog.->>) 'released' AS released;
SELECT public.increment_insights_count('00000000-0000-0000-0000-000000000004', 1, 'current');
SELECT public.record_usage('[{"user_id": "00000000-0000-0000-0000-000000000004", "feature_type": "insights", "amount": 1}]');
SELECT public.check_feature_limit('00000000-0000-0000-0000-000000000004', 'insights', 1) OPERATOR(pg_catalog.#>>) '{exceeded,0,per}' AS exceeded;
SELECT public.usage_status('00000000-0000-0000-0000-000000000004', 'insights') OPERATOR(pg_catalog.#>>) '{features,insights,remaining}' AS remaining;
SELECT public.prune_feature_usage('0');
SELECT public.add_feature('video_minutes', 'month');
SELECT public.increment_video_minutes('00000000-0000-0000-0000-000000000001', 5, '2025-02');
SELECT public.feature_usage_setup();
CREATE TABLE public.image_generation_log (user_id uuid, created_at timestamptz);
INSERT INTO public.image_generation_log VALUES ('00000000-0000-0000-0000-000000000001', '2025-02-10 12:00:00+00');
SELECT public.migrate_image_generation_log(true);
RESET search_path;
SELECT period, used, tat > now() AS refills FROM usage_counters ORDER BY period;
SELECT period, images_generated, video_minutes, updated_at > '2000-01-01' AS is_now FROM feature_usage WHERE period LIKE '2025%' ORDER BY period;
SELECT (SELECT count(*) FROM evil.feature_usage) + (SELECT count(*) FROM evil.feature_reservations) + (SELECT count(*) FROM evil.feature_idempotency_keys)
       + (SELECT count(*) FROM evil.usage_rules) + (SELECT count(*) FROM evil.usage_counters) AS rows_in_evil;
-- The same with temporary objects, which every session may create.
DISCARD TEMP;
\c -
CREATE TEMP TABLE feature_usage (user_id uuid, period text, images_generated integer);
CREATE TEMP TABLE plan_limits AS SELECT * FROM public.plan_limits;
UPDATE pg_temp.plan_limits SET image_generation_daily_limit = NULL;
CREATE TEMP TABLE user_plans AS SELECT * FROM public.user_plans;
CREATE TEMP TABLE feature_reservations AS SELECT * FROM public.feature_reservations LIMIT 0;
CREATE TEMP TABLE feature_idempotency_keys AS SELECT * FROM public.feature_idempotency_keys LIMIT 0;
CREATE TEMP VIEW usage_features AS SELECT * FROM public.usage_features LIMIT 0;
CREATE TEMP VIEW pg_extension AS SELECT * FROM pg_catalog.pg_extension LIMIT 0;
SELECT public.check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'current_usage' AS current_usage;
SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2025-02-10');
SELECT images_generated FROM public.feature_usage WHERE period = '2025-02-10';
SELECT public.reserve_feature('00000000-0000-0000-0000-000000000003', 'chat', 3, p_idempotency_key => 'k') ->> 'reserved' AS reserved;
SELECT public.consume_feature('00000000-0000-0000-0000-000000000003', 'chat') ->> 'error_code' AS error_code;
SELECT public.record_usage('[{"user_id": "00000000-0000-0000-0000-000000000003", "feature_type": "insights", "amount": 1, "idempotency_key": "k"}]');
SELECT (SELECT count(*) FROM pg_temp.feature_usage) + (SELECT count(*) FROM pg_temp.feature_reservations) + (SELECT count(*) FROM pg_temp.feature_idempotency_keys) AS rows_in_temp;
-- CREATE EXTENSION under this search_path.
DISCARD TEMP;
\c -
DROP EXTENSION feature_usage;
SET search_path = evil, pg_catalog, public;
CREATE EXTENSION feature_usage SCHEMA public;
RESET search_path;
SELECT public.check_feature_limit('00000000-0000-0000-0000-000000000001', 'image_generation', 1, '2025-02-10') ->> 'current_usage' AS current_usage;
\c :home
DROP DATABASE feature_usage_path;
