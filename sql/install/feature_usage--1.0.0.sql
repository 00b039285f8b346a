-- The start of CREATE EXTENSION: what it refuses before it creates anything.
--
-- A superuser runs this, and the search path begins with the installer's schema: every name and
-- operator is qualified, and only catalogs are read.

DO $start$
DECLARE
    existing record;
BEGIN
    IF pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION 'feature_usage needs a database in the encoding UTF8'
            USING ERRCODE = 'feature_not_supported', HINT = 'Create the database with ENCODING ''UTF8''.';
    END IF;

    -- Hand-written functions that the extension replaces. Postgres' own error names one of them per
    -- attempt, and does not say what to do.
    SELECT pg_catalog.string_agg(f.signature, E'\n' ORDER BY f.signature COLLATE pg_catalog."C") AS listed,
           pg_catalog.string_agg(f.signature, ', ' ORDER BY f.signature COLLATE pg_catalog."C") AS signatures,
           pg_catalog.bool_and(f.is_function) AS are_functions
      INTO existing
      FROM (SELECT pg_catalog.format('%s.%I(%s)', '@extschema@', p.proname, pg_catalog.oidvectortypes(p.proargtypes)) AS signature,
                   p.prokind OPERATOR(pg_catalog.=) ANY (ARRAY['f', 'w']::pg_catalog."char"[]) AS is_function
              FROM pg_catalog.pg_proc AS p
              JOIN (VALUES
                    ('add_feature', 'text, text, text, text'),
                    ('carry_over_usage', 'uuid, text, text, bigint, timestamp with time zone, bigint, uuid'),
                    ('check_feature_limit', 'uuid, text, integer, text'),
                    ('commit_reservation', 'uuid, integer, uuid'),
                    ('consume_feature', 'uuid, text, integer, text, uuid, jsonb'),
                    ('correct_usage', 'uuid, text, bigint, text, text, uuid, text'),
                    ('expire_reservations', 'integer'),
                    ('feature_usage_setup', ''),
                    ('get_user_limits', 'uuid'),
                    ('grant_usage', 'uuid, text, bigint, text, timestamp with time zone, timestamp with time zone, integer, uuid, text'),
                    ('increment_chat_messages', 'uuid, integer, text'),
                    ('increment_feature_usage', 'uuid, text, integer, text'),
                    ('increment_images_generated', 'uuid, integer, text'),
                    ('increment_insights_count', 'uuid, integer, text'),
                    ('increment_therai_calls', 'uuid, integer, text'),
                    ('increment_voice_seconds', 'uuid, integer, text'),
                    ('migrate_image_generation_log', 'boolean'),
                    ('prune_feature_usage', 'interval, interval'),
                    ('record_usage', 'jsonb'),
                    ('release_reservation', 'uuid, uuid'),
                    ('reserve_feature', 'uuid, text, integer, interval, text, uuid, jsonb'),
                    ('set_user_plan', 'uuid, text, boolean, text, timestamp with time zone'),
                    ('usage_features_changed', ''),
                    ('usage_period', 'uuid, text, timestamp with time zone, uuid'),
                    ('usage_report', 'timestamp with time zone, timestamp with time zone, text, text, uuid, uuid'),
                    ('usage_status', 'uuid, text, uuid'),
                    ('void_grant', 'text, text, text, uuid')
                   ) AS ours (name, arguments)
                ON p.proname OPERATOR(pg_catalog.=) ours.name
               AND pg_catalog.oidvectortypes(p.proargtypes) OPERATOR(pg_catalog.=) ours.arguments
             WHERE p.pronamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace::pg_catalog.oid) AS f;
    IF existing.listed IS NOT NULL THEN
        RAISE EXCEPTION 'schema % has functions that feature_usage replaces', '@extschema@'
            USING ERRCODE = 'duplicate_function', DETAIL = existing.listed,
                  HINT = pg_catalog.format('Drop them before CREATE EXTENSION, in the same transaction: DROP %s %s;',
                                           CASE WHEN existing.are_functions THEN 'FUNCTION' ELSE 'ROUTINE' END, existing.signatures);
    END IF;

    -- Tables of an extension that was dropped outlive it, with every count.
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname), ', ' ORDER BY n.nspname COLLATE pg_catalog."C") AS listed
      INTO existing
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
     WHERE c.relname OPERATOR(pg_catalog.=) 'feature_idempotency_keys'
       AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog."char"[])
       AND c.relpersistence OPERATOR(pg_catalog.<>) 't'::pg_catalog."char"
       AND pg_catalog.quote_ident(n.nspname) OPERATOR(pg_catalog.<>) '@extschema@';
    IF existing.listed IS NOT NULL THEN
        RAISE WARNING 'schema % has tables of feature_usage, whose counts the extension in schema % does not use', existing.listed, '@extschema@'
            USING HINT = 'To use them, drop the extension and create it WITH SCHEMA of that name.';
    END IF;
END
$start$;

-- The private schema: what the tables should look like, as data, and the steps that bring them there.
--
-- Nobody but a superuser can create anything in it, so no function planted there can be called in
-- the place of a step. CREATE SCHEMA fails if somebody has made the schema before.

CREATE SCHEMA feature_usage_internal;
COMMENT ON SCHEMA feature_usage_internal IS
'Internals of the extension feature_usage: descriptions of its tables, and the steps of feature_usage_setup().';

CREATE TABLE feature_usage_internal.tables (
    name             text NOT NULL PRIMARY KEY,
    lock_order       smallint NOT NULL UNIQUE,
    key              text[] NOT NULL,
    may_be_view      boolean NOT NULL,
    references_users boolean NOT NULL,
    fill_factor      smallint,
    description      text NOT NULL
);
COMMENT ON TABLE feature_usage_internal.tables IS
'The tables that outlive the extension. Everybody locks them in the order of lock_order.';

CREATE TABLE feature_usage_internal.columns (
    table_name      text NOT NULL,
    position        smallint NOT NULL,
    name            text NOT NULL,
    definition      text NOT NULL,
    types           text[],
    is_to_be_filled boolean NOT NULL DEFAULT false,
    default_value   text,
    views_may_lack  boolean NOT NULL DEFAULT false,
    description     text NOT NULL,
    PRIMARY KEY (table_name, name)
);
COMMENT ON TABLE feature_usage_internal.columns IS
'The columns that every table has. An existing column may have any of the types; NULL is any type. If is_to_be_filled, rows that were there before the column need a value. A new table has the default_value; an existing one keeps its own defaults. If views_may_lack it, a view in place of the table may leave it out, which is NULL.';

CREATE TABLE feature_usage_internal.feature_columns (
    table_name         text NOT NULL,
    position           smallint NOT NULL,
    registry_column    text NOT NULL,
    builtin_definition text NOT NULL,
    custom_definition  text NOT NULL,
    types              text[] NOT NULL,
    check_name         text NOT NULL,
    description        text NOT NULL,
    PRIMARY KEY (table_name, registry_column)
);
COMMENT ON TABLE feature_usage_internal.feature_columns IS
'The columns that a table has once per feature; the registry''s column registry_column names them. The CHECK constraint check_name keeps all of them from being negative.';

CREATE TABLE feature_usage_internal.checks (
    table_name text NOT NULL,
    name       text NOT NULL PRIMARY KEY,
    condition  text NOT NULL
);
COMMENT ON TABLE feature_usage_internal.checks IS
'The CHECK constraints of whole rows. Postgres'' error has no hint, so the names say what is wanted.';

CREATE TABLE feature_usage_internal.indexes (
    table_name text NOT NULL,
    name       text NOT NULL PRIMARY KEY,
    definition text NOT NULL,
    is_unique  boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE feature_usage_internal.indexes IS
'The indexes of the tables, except those of their keys.';

CREATE TABLE feature_usage_internal.triggers (
    table_name    text NOT NULL,
    name          text NOT NULL PRIMARY KEY,
    events        text NOT NULL,
    level         text NOT NULL,
    condition     text,
    function_name text NOT NULL,
    description   text NOT NULL
);
COMMENT ON TABLE feature_usage_internal.triggers IS
'The triggers of the tables: the function that each calls, and for which rows.';

CREATE TABLE feature_usage_internal.policies (
    table_name     text NOT NULL,
    name           text NOT NULL PRIMARY KEY,
    command        text NOT NULL,
    role_name      text NOT NULL,
    condition      text,
    pool_condition text,
    needs_auth_uid boolean NOT NULL,
    description    text NOT NULL
);
COMMENT ON TABLE feature_usage_internal.policies IS
'The row-level security policies of the tables. pool_condition shows more rows, or all if there is no condition, as far as signed-in users may read who belongs to a pool.';

CREATE TABLE feature_usage_internal.grants (
    table_name     text NOT NULL,
    role_name      text NOT NULL,
    privileges     text[] NOT NULL,
    select_columns text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (table_name, role_name)
);
COMMENT ON TABLE feature_usage_internal.grants IS
'All privileges on the tables that PUBLIC and the roles of Supabase''s API have: on whole tables, and SELECT on select_columns. Others are revoked.';

CREATE TABLE feature_usage_internal.rows (
    table_name       text NOT NULL,
    is_for_new_table boolean NOT NULL,
    content          jsonb NOT NULL
);
COMMENT ON TABLE feature_usage_internal.rows IS
'Rows that a table has from the beginning, or, unless is_for_new_table, after every setup.';

CREATE TABLE feature_usage_internal.function_grants (
    function_name text NOT NULL,
    role_name     text NOT NULL,
    PRIMARY KEY (function_name, role_name)
);
COMMENT ON TABLE feature_usage_internal.function_grants IS
'Which roles of Supabase''s API may execute which functions. Other privileges are revoked.';

-- The kinds of period, and what their period keys look like. The library has the same list.

CREATE TABLE feature_usage_internal.period_kinds (
    name        text NOT NULL PRIMARY KEY,
    position    smallint NOT NULL UNIQUE,
    key_form    text NOT NULL,
    key_pattern text NOT NULL
);
COMMENT ON TABLE feature_usage_internal.period_kinds IS
'The kinds of period: the form of their period keys, for people and as a regular expression.';

INSERT INTO feature_usage_internal.period_kinds (name, position, key_form, key_pattern)
VALUES
    ('hour', 1, 'YYYY-MM-DDTHH', '^\d{4}-\d\d-\d\dT\d\d$'),
    ('day', 2, 'YYYY-MM-DD', '^\d{4}-\d\d-\d\d$'),
    ('week', 3, 'YYYY-Www', '^\d{4}-W\d\d$'),
    ('month', 4, 'YYYY-MM', '^\d{4}-\d\d$'),
    ('year', 5, 'YYYY', '^\d{4}$'),
    ('total', 6, 'total', '^total$'),
    ('billing_week', 7, 'YYYY-MM-DD/P1W', '^\d{4}-\d\d-\d\d/P1W$'),
    ('billing_month', 8, 'YYYY-MM-DD/P1M', '^\d{4}-\d\d-\d\d/P1M$'),
    ('billing_year', 9, 'YYYY-MM-DD/P1Y', '^\d{4}-\d\d-\d\d/P1Y$');

CREATE FUNCTION feature_usage_internal.kinds_in_words() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT string_agg(CASE WHEN position = last THEN 'and ' ELSE '' END || name, ', ' ORDER BY position)
      FROM (SELECT k.name, k.position, max(k.position) OVER () AS last FROM feature_usage_internal.period_kinds AS k) AS kinds
$function$;
COMMENT ON FUNCTION feature_usage_internal.kinds_in_words() IS
'Returns the names of the kinds of period, for hints.';

-- feature_usage: the counters.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, fill_factor, description)
VALUES ('feature_usage', 1, '{user_id,period}', false, true,
        -- Leaves room on every page for the next version of a row: an update then touches no index (HOT).
        50,
        'How much of each feature a user has used: one row per user and period.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('feature_usage', 1, 'id', 'uuid NOT NULL DEFAULT gen_random_uuid()', NULL,
     'Identifies the row, for clients and for the reservations that it counts.'),
    ('feature_usage', 2, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The user whose usage this is.'),
    ('feature_usage', 3, 'period', 'text NOT NULL', '{text,character varying}',
     'The period key, in UTC: a day (YYYY-MM-DD) or a month (YYYY-MM).'),
    ('feature_usage', 5, 'has_reservations', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether anything was ever reserved in the period; false saves looking for reservations.'),
    ('feature_usage', 6, 'has_increments', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether increments of the period did not wait for this row, so that usage_increments may have more of its counts; false saves looking for them.'),
    ('feature_usage', 7, 'created_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the first count of the period arrived.'),
    ('feature_usage', 8, 'updated_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the last count of the period arrived.');

-- A counter: never NULL, never negative, 0 by default. Those of add_feature() are bigint, so that
-- bytes or tokens fit; an existing bigint counter is never narrowed.
INSERT INTO feature_usage_internal.feature_columns
       (table_name, position, registry_column, builtin_definition, custom_definition, types, check_name, description)
VALUES ('feature_usage', 4, 'usage_column', 'integer NOT NULL DEFAULT 0', 'bigint NOT NULL DEFAULT 0',
        '{integer,bigint,smallint}', 'feature_usage_counters_not_negative',
        'How much of feature %1$s was used in the period.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('feature_usage', 'feature_usage_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('feature_usage', 'feature_usage_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('feature_usage', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('feature_usage', 'authenticated', '{SELECT}');

-- user_plans: who has which plan. May be a view over an existing table.
--
-- A row that leaves out is_active and status is an active subscription, as with set_user_plan(). A
-- NULL that is written means no.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('user_plans', 2, '{user_id}', true, true,
        'Which user has which plan. A user without a row has the plan free. May be a view.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, is_to_be_filled, default_value, description)
VALUES
    ('user_plans', 1, 'user_id', 'uuid NOT NULL', '{uuid}', false, NULL,
     'The user whose plan this is.'),
    ('user_plans', 2, 'plan_id', 'text', NULL, true, NULL,
     'The plan. NULL is the plan free.'),
    ('user_plans', 3, 'is_active', 'boolean', '{boolean}', true, 'true',
     'Whether the subscription is active. NULL means no; true if left out.'),
    ('user_plans', 4, 'status', 'text', NULL, true, 'active',
     'The state of the subscription. Only active and trialing allow anything; active if left out.'),
    ('user_plans', 5, 'trial_end_date', 'timestamptz',
     '{timestamp with time zone,timestamp without time zone,date}', false, NULL,
     'When the trial of a user on the plan free ends. NULL means never.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, views_may_lack, description)
VALUES
    ('user_plans', 6, 'period_anchor',
     'timestamptz CONSTRAINT user_plans_period_anchor_is_of_the_years_1_to_9999 CHECK (period_anchor >= ''0001-01-02 00:00:00+00'' AND period_anchor < ''9999-12-31 00:00:00+00'')',
     '{timestamp with time zone,timestamp without time zone,date}', true,
     'When the billing periods of the user begin: the day counts, not its time. NULL is that of the plan.'),
    ('user_plans', 7, 'time_zone', 'text', '{text,character varying}', true,
     'The time zone in which the periods of the user begin, such as Europe/Berlin. NULL is that of the plan, else UTC.');

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, condition, function_name, description)
VALUES ('user_plans', 'user_plans_calendars', 'INSERT OR UPDATE', 'ROW', 'NEW.time_zone IS NOT NULL OR NEW.period_anchor IS NOT NULL',
        'feature_usage_internal.read_calendars',
        'Makes every call read the time zone and the anchor of its user, from the first one on.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('user_plans', 'user_plans_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('user_plans', 'user_plans_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('user_plans', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('user_plans', 'authenticated', '{SELECT}');

-- plan_limits: the plans and their limits.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('plan_limits', 3, '{plan_id}', true, false,
        'The plans: how much of each feature a plan allows per period, and what else it includes.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('plan_limits', 1, 'plan_id', 'text NOT NULL', '{text,character varying}',
     'The plan, as user_plans names it.'),
    ('plan_limits', 2, 'plan_name', 'text', NULL,
     'The plan, as people name it.'),
    ('plan_limits', 4, 'has_together_mode', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has together mode.'),
    ('plan_limits', 5, 'has_voice_mode', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has voice mode.'),
    ('plan_limits', 6, 'has_image_generation', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has image generation.'),
    ('plan_limits', 7, 'has_priority_support', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has priority support.'),
    ('plan_limits', 8, 'has_early_access', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the plan has early access.'),
    ('plan_limits', 9, 'is_active', 'boolean NOT NULL DEFAULT true', '{boolean}',
     'Whether the plan can be used; its users are denied otherwise.'),
    ('plan_limits', 10, 'display_order', 'integer NOT NULL DEFAULT 0', NULL,
     'Where a price list shows the plan.'),
    ('plan_limits', 11, 'created_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the plan was created.'),
    ('plan_limits', 12, 'updated_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the plan was last changed.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, views_may_lack, description)
VALUES
    ('plan_limits', 13, 'period_anchor',
     'timestamptz CONSTRAINT plan_limits_period_anchor_is_of_the_years_1_to_9999 CHECK (period_anchor >= ''0001-01-02 00:00:00+00'' AND period_anchor < ''9999-12-31 00:00:00+00'')',
     '{timestamp with time zone,timestamp without time zone,date}', true,
     'When the billing periods begin of users who have no anchor of their own. NULL is 1 January 2001, a Monday.'),
    ('plan_limits', 14, 'time_zone', 'text', '{text,character varying}', true,
     'The time zone of users who have none of their own. NULL is UTC.');

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, condition, function_name, description)
VALUES ('plan_limits', 'plan_limits_calendars', 'INSERT OR UPDATE', 'ROW', 'NEW.time_zone IS NOT NULL OR NEW.period_anchor IS NOT NULL',
        'feature_usage_internal.read_calendars',
        'Makes every call read the time zone and the anchor of its user, from the first one on.');

-- A limit you have not set is 0: the feature is blocked on that plan. Postgres' error for a negative
-- limit has no hint, so the name of the CHECK constraint says how to write unlimited.
INSERT INTO feature_usage_internal.feature_columns
       (table_name, position, registry_column, builtin_definition, custom_definition, types, check_name, description)
VALUES ('plan_limits', 3, 'limit_column', 'integer DEFAULT 0', 'bigint DEFAULT 0', '{integer,bigint,smallint}',
        'plan_limits_not_negative_null_is_unlimited',
        'How much of feature %1$s the plan allows per %2$s. NULL means unlimited, 0 blocks it.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('plan_limits', 'plan_limits_readable_rows', 'SELECT', 'public', 'is_active', false,
     'Lets everybody with SELECT on the table read these rows.'),
    ('plan_limits', 'plan_limits_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('plan_limits', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('plan_limits', 'authenticated', '{SELECT}'),
    ('plan_limits', 'anon', '{SELECT}');

INSERT INTO feature_usage_internal.rows (table_name, is_for_new_table, content)
VALUES ('plan_limits', true,
        '{"plan_id": "free", "plan_name": "Free", "image_generation_daily_limit": 3, "chat_messages_daily_limit": 3,
          "therai_calls_limit": 3, "voice_seconds_limit": 120, "insights_limit": 0}');

-- feature_reservations: amounts that are counted before the work is done.

-- The key begins with reservation_id, so that a reservation is found by its id alone.
INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('feature_reservations', 4, '{reservation_id,user_id}', false, true,
        'Reservations: amounts that are counted until they are committed, released or expired.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('feature_reservations', 1, 'reservation_id', 'uuid NOT NULL DEFAULT gen_random_uuid()', '{uuid}',
     'Identifies the reservation.'),
    ('feature_reservations', 2, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The user whose usage includes it.'),
    ('feature_reservations', 3, 'feature_type', 'text NOT NULL', '{text}',
     'The feature.'),
    ('feature_reservations', 4, 'period', 'text NOT NULL', '{text}',
     'The period key, in UTC, of the period in which it counts, even if it is settled later.'),
    ('feature_reservations', 5, 'counter_id', 'uuid', '{uuid}',
     'The id of the row of feature_usage in which it is counted.'),
    ('feature_reservations', 6, 'amount', 'integer NOT NULL', '{integer}',
     'The reserved amount.'),
    ('feature_reservations', 7, 'status',
     -- One CHECK constraint for both columns: each is prepared anew in every statement.
     'text NOT NULL CHECK (amount >= 0 AND status = ANY (''{reserved,committed,released,expired}''::text[]))', '{text}',
     'reserved until it is committed or released, or until its amount is given back: expired.'),
    ('feature_reservations', 8, 'expires_at', 'timestamptz NOT NULL', '{timestamp with time zone}',
     'When the reservation expires.'),
    ('feature_reservations', 9, 'actual', 'integer', '{integer}',
     'The amount that its commit counted.'),
    ('feature_reservations', 10, 'late', 'boolean', '{boolean}',
     'Whether it was settled after it had expired.'),
    ('feature_reservations', 11, 'created_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When it was made.'),
    ('feature_reservations', 12, 'updated_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When its status last changed.'),
    ('feature_reservations', 13, 'sources', 'jsonb', '{jsonb}',
     'What covers its amount besides the allowance, and in which windows of caps it is counted: {"grants": [[grant_id, units], ...], "paid": {"in", "period", "units", "cost", "grants"?, "overage"?, "windows"?}, "overage", "windows": [[kind, key], ...], "member_windows"?}, each if there is any. NULL is none.'),
    ('feature_reservations', 14, 'pool_id', 'uuid', '{uuid}',
     'The pool in which the user reserved. NULL for the user''s own.');

-- Only open reservations are ever searched for, and they are few. A single index can answer each
-- search: if two could, the planner might choose the wrong one while the table has no statistics.
INSERT INTO feature_usage_internal.indexes (table_name, name, definition)
VALUES
    ('feature_reservations', 'feature_reservations_open', '(user_id) WHERE status = ''reserved'''),
    ('feature_reservations', 'feature_reservations_open_of_pool', '(pool_id) WHERE status = ''reserved'' AND pool_id IS NOT NULL');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('feature_reservations', 'feature_reservations_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('feature_reservations', 'feature_reservations_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('feature_reservations', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('feature_reservations', 'authenticated', '{SELECT}');

-- feature_idempotency_keys: the calls that have been made once.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('feature_idempotency_keys', 5, '{user_id,operation,key}', false, true,
        'Idempotency keys of calls that have had their effect, so that a retry has none.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('feature_idempotency_keys', 1, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The user of the call.'),
    ('feature_idempotency_keys', 2, 'operation', 'text NOT NULL', '{text}',
     'The operation: consume, reserve or record.'),
    ('feature_idempotency_keys', 3, 'key', 'text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255)', '{text}',
     'The idempotency key that the caller chose.'),
    ('feature_idempotency_keys', 4, 'arguments', 'jsonb NOT NULL', '{jsonb}',
     'The arguments of the call; a retry must have the same.'),
    ('feature_idempotency_keys', 5, 'result', 'jsonb', '{jsonb}',
     'The answer, which a retry replays.'),
    ('feature_idempotency_keys', 6, 'created_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the call was made.');

INSERT INTO feature_usage_internal.indexes (table_name, name, definition)
VALUES ('feature_idempotency_keys', 'feature_idempotency_keys_by_age', '(created_at)');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES ('feature_idempotency_keys', 'feature_idempotency_keys_service_role', 'ALL', 'service_role', 'true', false,
        'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES ('feature_idempotency_keys', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}');

-- usage_counters: what feature_usage has no columns for: windows and rates of caps, and all of pools.

-- No foreign key: prune_feature_usage() deletes the rows of users that are gone.
INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, fill_factor, description)
VALUES ('usage_counters', 6, '{pool_id,user_id,feature_type,period}', false, false,
        -- As in feature_usage, so that updates are HOT.
        50,
        'What the caps of rules have counted, and how much grants and overage covered: one row per user, pool or member, feature, and window, rate or period.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_counters', 1, 'pool_id', 'uuid NOT NULL DEFAULT ''00000000-0000-0000-0000-000000000000''', '{uuid}',
     'The pool. Zero if the row is a user''s own.'),
    ('usage_counters', 2, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The user, or the member of the pool. Zero if it is the pool''s total.'),
    ('usage_counters', 3, 'feature_type', 'text NOT NULL', '{text}',
     'The feature.'),
    ('usage_counters', 4, 'period', 'text NOT NULL', '{text}',
     'The period key of the window, rate/ and the seconds of a rate, or the period key of the feature itself.'),
    ('usage_counters', 5, 'used', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How much was used in the window. 0 for a rate, and for a user''s own period of the feature itself, which feature_usage counts.'),
    ('usage_counters', 6, 'drawn', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How much of the count of the period grants or a currency covered.'),
    ('usage_counters', 7, 'overage', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How much of the count of the period is beyond everything else, as a rule allows it: billable.'),
    ('usage_counters', 8, 'tat', 'timestamptz', '{timestamp with time zone}',
     'When the bucket of a rate is full again (the theoretical arrival time of GCRA).'),
    ('usage_counters', 9, 'has_reservations', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether anything was ever reserved in the window; false saves looking for reservations.'),
    ('usage_counters', 10, 'updated_at', 'timestamptz NOT NULL DEFAULT now()', NULL,
     'When the last count arrived.'),
    ('usage_counters', 11, 'created_at', 'timestamptz NOT NULL DEFAULT clock_timestamp()', '{timestamp with time zone}',
     'When the row was made. A month, a year and the total begin with what was counted before, including reservations.');

INSERT INTO feature_usage_internal.checks (table_name, name, condition)
VALUES ('usage_counters', 'usage_counters_not_negative', 'used >= 0 AND drawn >= 0 AND overage >= 0');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, pool_condition, needs_auth_uid, description)
VALUES
    ('usage_counters', 'usage_counters_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())',
     'user_id = ''00000000-0000-0000-0000-000000000000'' AND pool_id IN (SELECT pm.pool_id FROM @extschema@.usage_pool_members AS pm WHERE pm.user_id = (SELECT auth.uid()))', true,
     'Lets signed-in users read their own rows, and the totals of their pools.'),
    ('usage_counters', 'usage_counters_service_role', 'ALL', 'service_role', 'true', NULL, false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_counters', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('usage_counters', 'authenticated', '{SELECT}');

-- usage_rules: what changes a plan's limits, for everybody, a plan, a user, a pool or its members.
--
-- It is written like plan_limits, as a table. One row is one sentence: for whom, which feature, what
-- effect, how much, per what, from when until when.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_rules', 7, '{rule_id}', false, true,
        'Rules: overrides, additions, blocks, caps, overage, warnings and prices, for everybody, a plan, a user, a pool or its members.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_rules', 1, 'rule_id', 'uuid NOT NULL DEFAULT gen_random_uuid()', '{uuid}',
     'Identifies the rule.'),
    ('usage_rules', 2, 'applies_to', 'text NOT NULL', '{text}',
     'Whom it applies to: all, the users and pools of a plan, one user, one pool, or the members of a pool.'),
    ('usage_rules', 3, 'plan_id', 'text', '{text}',
     'The plan, if it applies to one.'),
    ('usage_rules', 4, 'user_id', 'uuid', '{uuid}',
     'The user, if it applies to one. Of a rule for members, NULL is each of them.'),
    ('usage_rules', 5, 'feature_type', 'text NOT NULL', '{text}',
     'The feature, which must be registered.'),
    ('usage_rules', 6, 'effect', 'text NOT NULL', '{text}',
     'set replaces the limit of the plan, add adds to the limit, deny blocks the feature, cap limits the units per window or rate, overage allows use beyond everything else, warn and low write alerts, cost has the feature paid in another one, log keeps a ledger of it.'),
    ('usage_rules', 7, 'amount', 'bigint', '{bigint}',
     'How much: units, of warn a percentage of the limit, of cost units of the currency per unit, of log days that entries are kept. NULL is unlimited for set, any for overage, for ever for log, lifts a less specific cap for cap, and is required for deny.'),
    ('usage_rules', 8, 'per', 'text NOT NULL DEFAULT ''period''', '{text}',
     'What a cap is counted per: period is the feature''s own, rate a bucket that refills evenly, the others are windows of the calendar.'),
    ('usage_rules', 9, 'every', 'interval', '{interval}',
     'In which time the bucket of a rate refills: 1 second to 31 days, in whole seconds.'),
    ('usage_rules', 10, 'paid_in', 'text', '{text}',
     'The currency of a cost: another feature, which has no cost itself.'),
    ('usage_rules', 11, 'starts_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'When the rule begins to apply.'),
    ('usage_rules', 12, 'ends_at', 'timestamptz', '{timestamp with time zone}',
     'When it applies no more. NULL means never. To end a rule, set this to now(): the row stays as its history.'),
    ('usage_rules', 13, 'reason', 'text', '{text}',
     'Why, for operators. Signed-in users cannot read it.'),
    ('usage_rules', 14, 'actor', 'text', '{text}',
     'Who made the rule, for operators. Signed-in users cannot read it.'),
    ('usage_rules', 15, 'source_ref', 'text', '{text}',
     'What it was made for, such as a payment: one rule per reference, feature and effect.'),
    ('usage_rules', 16, 'created_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'When the rule was made.'),
    ('usage_rules', 17, 'pool_id', 'uuid', '{uuid}',
     'The pool, if it applies to one or to its members.');

INSERT INTO feature_usage_internal.checks (table_name, name, condition)
VALUES
    ('usage_rules', 'usage_rules_applies_to_is_all_plan_user_pool_or_member',
     'applies_to IN (''all'', ''plan'', ''user'', ''pool'', ''member'')'),
    ('usage_rules', 'usage_rules_plan_id_if_and_only_if_applies_to_plan',
     '(applies_to = ''plan'') = (plan_id IS NOT NULL)'),
    ('usage_rules', 'usage_rules_pool_id_if_and_only_if_applies_to_pool_or_member',
     '(applies_to = ANY (''{pool,member}''::text[])) = (pool_id IS NOT NULL)'),
    ('usage_rules', 'usage_rules_user_id_for_user_and_perhaps_for_member_only',
     'CASE applies_to WHEN ''user'' THEN user_id IS NOT NULL WHEN ''member'' THEN true ELSE user_id IS NULL END'),
    ('usage_rules', 'usage_rules_member_has_deny_or_cap',
     'applies_to <> ''member'' OR effect = ANY (''{deny,cap}''::text[])'),
    ('usage_rules', 'usage_rules_effect_set_add_deny_cap_overage_warn_low_cost_log',
     'effect IN (''set'', ''add'', ''deny'', ''cap'', ''overage'', ''warn'', ''low'', ''cost'', ''log'')'),
    ('usage_rules', 'usage_rules_log_applies_to_all',
     'effect <> ''log'' OR applies_to = ''all'''),
    ('usage_rules', 'usage_rules_per_is_period_rate_or_a_kind_of_period',
     'per IN (''period'', ''hour'', ''day'', ''week'', ''month'', ''year'', ''total'', ''billing_week'', ''billing_month'', ''billing_year'', ''rate'')'),
    ('usage_rules', 'usage_rules_per_is_for_cap_only',
     'per = ''period'' OR effect = ''cap'''),
    ('usage_rules', 'usage_rules_every_if_and_only_if_per_rate',
     '(per = ''rate'') = (every IS NOT NULL)'),
    ('usage_rules', 'usage_rules_every_is_1_second_to_31_days_in_whole_seconds',
     'every IS NULL OR every >= ''1 second'' AND every <= ''31 days'' AND extract(year FROM every) = 0 AND extract(month FROM every) = 0 AND date_trunc(''second'', every) = every'),
    ('usage_rules', 'usage_rules_rate_is_at_most_1000_units_per_second',
     'per <> ''rate'' OR amount IS NULL OR amount <= 1000 * extract(epoch FROM every)'),
    ('usage_rules', 'usage_rules_amount_is_not_negative',
     'amount >= 0'),
    ('usage_rules', 'usage_rules_amount_is_required_for_add_warn_low_and_cost',
     'effect NOT IN (''add'', ''warn'', ''low'', ''cost'') OR amount IS NOT NULL'),
    ('usage_rules', 'usage_rules_amount_of_cost_and_low_is_at_least_1',
     'effect NOT IN (''cost'', ''low'') OR amount >= 1'),
    ('usage_rules', 'usage_rules_amount_of_warn_is_1_to_1000_percent',
     'effect <> ''warn'' OR amount >= 1 AND amount <= 1000'),
    ('usage_rules', 'usage_rules_paid_in_if_and_only_if_cost',
     '(effect = ''cost'') = (paid_in IS NOT NULL)'),
    ('usage_rules', 'usage_rules_paid_in_is_another_feature',
     'paid_in <> feature_type'),
    ('usage_rules', 'usage_rules_deny_has_no_amount',
     'effect <> ''deny'' OR amount IS NULL'),
    ('usage_rules', 'usage_rules_starts_at_is_not_infinity',
     'isfinite(starts_at) OR starts_at = ''-infinity'''),
    ('usage_rules', 'usage_rules_ends_at_is_not_before_starts_at',
     'ends_at >= starts_at');

INSERT INTO feature_usage_internal.indexes (table_name, name, definition, is_unique)
VALUES
    ('usage_rules', 'usage_rules_by_user', '(user_id, feature_type) WHERE user_id IS NOT NULL', false),
    ('usage_rules', 'usage_rules_by_pool', '(pool_id, feature_type) WHERE pool_id IS NOT NULL', false),
    ('usage_rules', 'usage_rules_by_plan', '(feature_type, plan_id) WHERE user_id IS NULL AND pool_id IS NULL', false),
    ('usage_rules', 'usage_rules_once_per_source', '(source_ref, feature_type, effect)', true);

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, function_name, description)
VALUES ('usage_rules', 'usage_rules_govern', 'INSERT OR UPDATE', 'ROW', 'feature_usage_internal.govern_feature',
        'Checks the feature, and makes its calls read the rules.');

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, condition, function_name, description)
VALUES ('usage_rules', 'usage_rules_refuse_chains', 'INSERT OR UPDATE', 'ROW', '(NEW.effect = ''cost'')',
        'feature_usage_internal.refuse_chained_costs', 'Refuses a currency that has a cost itself.');

-- One policy for all: several permissive ones would be evaluated one after the other.
INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, pool_condition, needs_auth_uid, description)
VALUES
    ('usage_rules', 'usage_rules_readable_rows', 'SELECT', 'authenticated',
     'user_id = (SELECT auth.uid()) OR applies_to = ''all'' OR applies_to = ''plan'' AND plan_id IN (SELECT pl.plan_id FROM @extschema@.plan_limits AS pl WHERE pl.is_active)',
     'pool_id IN (SELECT pm.pool_id FROM @extschema@.usage_pool_members AS pm WHERE pm.user_id = (SELECT auth.uid())) AND (user_id IS NULL OR user_id = (SELECT auth.uid()))',
     true, 'Lets signed-in users read the rules for themselves, their pools, all, and active plans.'),
    ('usage_rules', 'usage_rules_service_role', 'ALL', 'service_role', 'true', NULL, false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges, select_columns)
VALUES
    ('usage_rules', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}', '{}'),
    -- Neither reason nor actor, which are for operators.
    ('usage_rules', 'authenticated', '{}',
     '{rule_id,applies_to,plan_id,user_id,pool_id,feature_type,effect,amount,per,every,paid_in,starts_at,ends_at,source_ref,created_at}');

-- usage_grants: stocks of units beside the allowance, such as a credit pack that was paid.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, fill_factor, description)
VALUES ('usage_grants', 8, '{grant_id}', false, true,
        -- As in feature_usage, so that updates are HOT.
        50,
        'Grants: units of a feature that a user or a pool has beside the allowance, until they are used up or expire.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_grants', 1, 'grant_id', 'uuid NOT NULL DEFAULT gen_random_uuid()', '{uuid}',
     'Identifies the grant.'),
    ('usage_grants', 2, 'user_id', 'uuid', '{uuid}',
     'The user who has it, unless a pool has it.'),
    ('usage_grants', 3, 'feature_type', 'text NOT NULL', '{text}',
     'The feature, which must be registered.'),
    ('usage_grants', 4, 'amount', 'bigint NOT NULL', '{bigint}',
     'How many units were granted.'),
    ('usage_grants', 5, 'used', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How many of them are used, open reservations included.'),
    ('usage_grants', 6, 'priority', 'integer NOT NULL DEFAULT 100', '{integer}',
     'Grants with a lower priority are used first.'),
    ('usage_grants', 7, 'effective_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'From when on it can be used.'),
    ('usage_grants', 8, 'expires_at', 'timestamptz', '{timestamp with time zone}',
     'When it can be used no more. NULL means never.'),
    ('usage_grants', 9, 'source_ref', 'text NOT NULL', '{text}',
     'What it was granted for, such as a payment: one grant per reference and feature.'),
    ('usage_grants', 10, 'reason', 'text', '{text}',
     'Why, for operators. Signed-in users cannot read it.'),
    ('usage_grants', 11, 'actor', 'text', '{text}',
     'Who granted it, for operators. Signed-in users cannot read it.'),
    ('usage_grants', 12, 'voided_at', 'timestamptz', '{timestamp with time zone}',
     'When it was voided, such as after a refund. NULL means it was not.'),
    ('usage_grants', 13, 'created_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'When it was granted.'),
    ('usage_grants', 14, 'pool_id', 'uuid', '{uuid}',
     'The pool that has it, unless a user has it.');

INSERT INTO feature_usage_internal.checks (table_name, name, condition)
VALUES
    ('usage_grants', 'usage_grants_belongs_to_either_a_user_or_a_pool', '(user_id IS NULL) <> (pool_id IS NULL)'),
    ('usage_grants', 'usage_grants_amount_is_at_least_1', 'amount > 0'),
    ('usage_grants', 'usage_grants_used_is_not_negative_nor_over_the_amount', 'used >= 0 AND used <= amount'),
    ('usage_grants', 'usage_grants_priority_is_0_to_32767', 'priority >= 0 AND priority <= 32767'),
    ('usage_grants', 'usage_grants_source_ref_is_not_empty', 'source_ref <> '''''),
    ('usage_grants', 'usage_grants_effective_at_is_of_the_years_1_to_9999',
     'effective_at >= ''0001-01-02 00:00:00+00'' AND effective_at < ''9999-12-31 00:00:00+00'''),
    ('usage_grants', 'usage_grants_expires_at_is_after_effective_at_and_before_10000',
     'expires_at > effective_at AND expires_at < ''9999-12-31 00:00:00+00''');

-- Without used, so that drawing from a grant is a HOT update.
INSERT INTO feature_usage_internal.indexes (table_name, name, definition, is_unique)
VALUES
    ('usage_grants', 'usage_grants_by_user', '(user_id, feature_type) WHERE pool_id IS NULL', false),
    ('usage_grants', 'usage_grants_by_pool', '(pool_id, feature_type) WHERE pool_id IS NOT NULL', false),
    ('usage_grants', 'usage_grants_once_per_source', '(source_ref, feature_type)', true);

INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, condition, function_name, description)
VALUES
    ('usage_grants', 'usage_grants_govern', 'INSERT', 'ROW', NULL, 'feature_usage_internal.govern_feature',
     'Checks the feature, and makes its calls read the grants.'),
    ('usage_grants', 'usage_grants_keep_terms', 'UPDATE', 'ROW',
     '(OLD.grant_id IS DISTINCT FROM NEW.grant_id OR OLD.user_id IS DISTINCT FROM NEW.user_id OR OLD.pool_id IS DISTINCT FROM NEW.pool_id OR OLD.feature_type IS DISTINCT FROM NEW.feature_type OR OLD.amount IS DISTINCT FROM NEW.amount OR OLD.priority IS DISTINCT FROM NEW.priority OR OLD.effective_at IS DISTINCT FROM NEW.effective_at OR OLD.expires_at IS DISTINCT FROM NEW.expires_at OR OLD.source_ref IS DISTINCT FROM NEW.source_ref OR OLD.created_at IS DISTINCT FROM NEW.created_at)',
     'feature_usage_internal.keep_terms',
     'Refuses to change the terms of a grant, which may have been paid.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, pool_condition, needs_auth_uid, description)
VALUES
    ('usage_grants', 'usage_grants_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())',
     'pool_id IN (SELECT pm.pool_id FROM @extschema@.usage_pool_members AS pm WHERE pm.user_id = (SELECT auth.uid()))', true,
     'Lets signed-in users read their own rows, and those of their pools.'),
    ('usage_grants', 'usage_grants_service_role', 'ALL', 'service_role', 'true', NULL, false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges, select_columns)
VALUES
    ('usage_grants', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}', '{}'),
    -- Neither reason nor actor, which are for operators.
    ('usage_grants', 'authenticated', '{}',
     '{grant_id,user_id,pool_id,feature_type,amount,used,priority,effective_at,expires_at,source_ref,voided_at,created_at}');

-- usage_alerts: what a count told when it crossed a threshold, once.
--
-- The row is exactly once; whoever delivers it, such as a Database Webhook, sets handled_at.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_alerts', 9, '{alert_id}', false, true,
        'Alerts: a percentage of a limit that was reached, or an amount below which what is left fell.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_alerts', 1, 'alert_id', 'bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY', '{bigint}',
     'Identifies the alert.'),
    ('usage_alerts', 2, 'user_id', 'uuid', '{uuid}',
     'The user whose count it is about. NULL for a pool''s.'),
    ('usage_alerts', 3, 'feature_type', 'text NOT NULL', '{text}',
     'The feature.'),
    ('usage_alerts', 4, 'period', 'text NOT NULL', '{text}',
     'The period key of the count. Empty for low, which is about what is left in all.'),
    ('usage_alerts', 5, 'kind', 'text NOT NULL', '{text}',
     'warn: the count reached a percentage of the limit. low: less than an amount is left.'),
    ('usage_alerts', 6, 'threshold', 'bigint NOT NULL', '{bigint}',
     'The percentage, or the amount.'),
    ('usage_alerts', 7, 'basis', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'The limit of a warning: after an upgrade, the same percentage is news again. 0 for low.'),
    ('usage_alerts', 8, 'basis_grant', 'uuid NOT NULL DEFAULT ''00000000-0000-0000-0000-000000000000''', '{uuid}',
     'The newest grant of the user when little was left: once until another comes. Zero if there was none, and for warnings.'),
    ('usage_alerts', 9, 'usage', 'bigint NOT NULL', '{bigint}',
     'The count that crossed the threshold.'),
    ('usage_alerts', 10, 'limit_value', 'bigint', '{bigint}',
     'The limit in force. NULL is unlimited.'),
    ('usage_alerts', 11, 'created_at', 'timestamptz NOT NULL DEFAULT now()', '{timestamp with time zone}',
     'When the count was made.'),
    ('usage_alerts', 12, 'handled_at', 'timestamptz', '{timestamp with time zone}',
     'When it was delivered, by whoever delivers alerts. NULL means not yet.'),
    ('usage_alerts', 13, 'pool_id', 'uuid NOT NULL DEFAULT ''00000000-0000-0000-0000-000000000000''', '{uuid}',
     'The pool whose count it is about. Zero for a user''s.');

INSERT INTO feature_usage_internal.checks (table_name, name, condition)
VALUES
    ('usage_alerts', 'usage_alerts_are_about_either_a_user_or_a_pool',
     '(user_id IS NULL) = (pool_id <> ''00000000-0000-0000-0000-000000000000'')'),
    ('usage_alerts', 'usage_alerts_kind_is_warn_or_low', 'kind IN (''warn'', ''low'')');

INSERT INTO feature_usage_internal.indexes (table_name, name, definition, is_unique)
VALUES
    ('usage_alerts', 'usage_alerts_once', '(pool_id, (coalesce(user_id, ''00000000-0000-0000-0000-000000000000''::uuid)), feature_type, period, kind, threshold, basis, basis_grant)', true),
    ('usage_alerts', 'usage_alerts_unhandled', '(alert_id) WHERE handled_at IS NULL', false);

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('usage_alerts', 'usage_alerts_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('usage_alerts', 'usage_alerts_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_alerts', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('usage_alerts', 'authenticated', '{SELECT}');

-- usage_ledger: what happened to counters and grants, for features that a rule logs.
--
-- Counters stay the truth for decisions; the ledger explains them. Rows are never changed.

-- No foreign key: what a user has used is kept when the user goes, until it is pruned.
INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_ledger', 10, '{entry_id}', false, false,
        'The ledger: what was added to each counter of a logged feature, when and why.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_ledger', 1, 'entry_id', 'bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY', '{bigint}',
     'Identifies the entry.'),
    ('usage_ledger', 2, 'at', 'timestamptz NOT NULL DEFAULT clock_timestamp()', '{timestamp with time zone}',
     'When it happened.'),
    ('usage_ledger', 3, 'user_id', 'uuid', '{uuid}',
     'The user whose counter or grant it is, or who acted in a pool. NULL for what happened to a pool alone.'),
    ('usage_ledger', 4, 'feature_type', 'text NOT NULL', '{text}',
     'The feature of the counter or grant.'),
    ('usage_ledger', 5, 'period', 'text NOT NULL', '{text}',
     'The period key of the counter. Empty for a grant.'),
    ('usage_ledger', 6, 'kind', 'text NOT NULL', '{text}',
     'increment, consume, reserve, commit, release, expire, record, correct, grant, void or carry.'),
    ('usage_ledger', 7, 'amount', 'bigint NOT NULL', '{bigint}',
     'What was added to the counter; negative if it was given back. 0 for a grant.'),
    ('usage_ledger', 8, 'overage', 'bigint NOT NULL DEFAULT 0', '{bigint}',
     'How much of it is overage.'),
    ('usage_ledger', 9, 'sources', 'jsonb', '{jsonb}',
     'The grants and the currency that it was taken from or given back to. NULL is the allowance.'),
    ('usage_ledger', 10, 'reservation_id', 'uuid', '{uuid}',
     'The reservation, if it is about one.'),
    ('usage_ledger', 11, 'idempotency_key', 'text', '{text}',
     'The idempotency key of the call.'),
    ('usage_ledger', 12, 'metadata', 'jsonb', '{jsonb}',
     'What the caller noted, such as a model or a request.'),
    ('usage_ledger', 13, 'pool_id', 'uuid', '{uuid}',
     'The pool whose counter or grant it is. NULL for a user''s own.');

INSERT INTO feature_usage_internal.checks (table_name, name, condition)
VALUES ('usage_ledger', 'usage_ledger_kind_is_one_of_the_documented_ones',
        'kind IN (''increment'', ''consume'', ''reserve'', ''commit'', ''release'', ''expire'', ''record'', ''correct'', ''grant'', ''void'', ''carry'')');

INSERT INTO feature_usage_internal.indexes (table_name, name, definition, is_unique)
VALUES
    ('usage_ledger', 'usage_ledger_by_user', '(user_id, at)', false),
    ('usage_ledger', 'usage_ledger_by_pool', '(pool_id, at) WHERE pool_id IS NOT NULL', false),
    ('usage_ledger', 'usage_ledger_by_time', 'USING brin (at)', false);

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('usage_ledger', 'usage_ledger_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('usage_ledger', 'usage_ledger_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

-- Nobody but the owner of the extension changes or deletes an entry.
INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_ledger', 'service_role', '{SELECT,INSERT}'),
    ('usage_ledger', 'authenticated', '{SELECT}');

-- usage_pools: who shares a plan. What user_plans is for a user; may be a view over an app's organizations.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_pools', 11, '{pool_id}', true, false,
        'Pools, such as teams: each has a plan that its members use together. May be a view.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, is_to_be_filled, default_value, description)
VALUES
    ('usage_pools', 1, 'pool_id', 'uuid NOT NULL CONSTRAINT usage_pools_pool_id_is_not_zero CHECK (pool_id <> ''00000000-0000-0000-0000-000000000000'')', '{uuid}', false, NULL,
     'Identifies the pool.'),
    ('usage_pools', 2, 'plan_id', 'text', NULL, true, NULL,
     'The plan. NULL is the plan free.'),
    ('usage_pools', 3, 'is_active', 'boolean', '{boolean}', true, 'true',
     'Whether the subscription is active. NULL means no; true if left out.'),
    ('usage_pools', 4, 'status', 'text', NULL, true, 'active',
     'The state of the subscription. Only active and trialing allow anything; active if left out.'),
    ('usage_pools', 5, 'trial_end_date', 'timestamptz',
     '{timestamp with time zone,timestamp without time zone,date}', false, NULL,
     'When the trial of a pool on the plan free ends. NULL means never.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, views_may_lack, description)
VALUES
    ('usage_pools', 6, 'period_anchor',
     'timestamptz CONSTRAINT usage_pools_period_anchor_is_of_the_years_1_to_9999 CHECK (period_anchor >= ''0001-01-02 00:00:00+00'' AND period_anchor < ''9999-12-31 00:00:00+00'')',
     '{timestamp with time zone,timestamp without time zone,date}', true,
     'When the billing periods of the pool begin: the day counts, not its time. NULL is that of the plan.'),
    ('usage_pools', 7, 'time_zone', 'text', '{text,character varying}', true,
     'The time zone in which the periods of the pool begin, such as Europe/Berlin. NULL is that of the plan, else UTC.'),
    ('usage_pools', 8, 'seats',
     'integer NOT NULL DEFAULT 1 CONSTRAINT usage_pools_seats_are_at_least_1 CHECK (seats >= 1)',
     '{integer,bigint,smallint}', true,
     'How many seats are paid: the limits of the plan are multiplied by them. Of a view, NULL is none.');

-- The members' rows say who belongs to a pool, so they decide who sees it.
INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, pool_condition, needs_auth_uid, description)
VALUES
    ('usage_pools', 'usage_pools_of_members', 'SELECT', 'authenticated', NULL,
     'pool_id IN (SELECT pm.pool_id FROM @extschema@.usage_pool_members AS pm WHERE pm.user_id = (SELECT auth.uid()))', true,
     'Lets signed-in users read their pools.'),
    ('usage_pools', 'usage_pools_service_role', 'ALL', 'service_role', 'true', NULL, false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_pools', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('usage_pools', 'authenticated', '{SELECT}');

-- usage_pool_members: who may act in which pool. May be a view over an app's memberships, of accepted ones only.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_pool_members', 12, '{pool_id,user_id}', true, true,
        'The members of pools. May be a view, which must show accepted memberships only.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_pool_members', 1, 'pool_id', 'uuid NOT NULL', '{uuid}',
     'The pool.'),
    ('usage_pool_members', 2, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The member.');

INSERT INTO feature_usage_internal.indexes (table_name, name, definition, is_unique)
VALUES ('usage_pool_members', 'usage_pool_members_by_user', '(user_id)', false);

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('usage_pool_members', 'usage_pool_members_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('usage_pool_members', 'usage_pool_members_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_pool_members', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('usage_pool_members', 'authenticated', '{SELECT}');

-- usage_increments: increments that did not wait for their counter, until somebody who holds it adds them.

-- No foreign key: checking one would have the increments of a user wait for one another at the user's row.
INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_increments', 13, '{user_id,period,feature_type,increment_id}', false, false,
        'Increments of counters that other transactions held at the time: counted, and not yet added to feature_usage.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_increments', 1, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The user whose usage this is.'),
    ('usage_increments', 2, 'period', 'text NOT NULL', '{text}',
     'The period key of the counter.'),
    ('usage_increments', 3, 'feature_type', 'text NOT NULL', '{text}',
     'The feature.'),
    ('usage_increments', 4, 'increment_id', 'bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY (CACHE 32)', '{bigint}',
     'Tells increments of one counter apart.'),
    ('usage_increments', 5, 'amount', 'bigint NOT NULL', '{bigint}',
     'How much was used.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('usage_increments', 'usage_increments_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows, which their checks add to the counts.'),
    ('usage_increments', 'usage_increments_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_increments', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('usage_increments', 'authenticated', '{SELECT}');

-- usage_features: the registry. Which features there are, where each is counted and what limits it.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_features', 14, '{feature_type}', false, false,
        'The registry of features. add_feature() writes the rows of user-defined features.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_features', 1, 'feature_type', 'text NOT NULL', '{text}',
     'The feature type, as callers name it.'),
    ('usage_features', 2, 'usage_column', 'text NOT NULL UNIQUE', '{text}',
     'The column of feature_usage that counts the feature.'),
    ('usage_features', 3, 'limit_column', 'text NOT NULL UNIQUE', '{text}',
     'The column of plan_limits that limits the feature.'),
    ('usage_features', 4, 'period', 
     'text NOT NULL CONSTRAINT usage_features_period_is_a_kind CHECK (period IN (''hour'', ''day'', ''week'', ''month'', ''year'', ''total'', ''billing_week'', ''billing_month'', ''billing_year''))',
     '{text}', 'The kind of period after which a count starts again, such as day or billing_month.'),
    ('usage_features', 5, 'is_builtin', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether the feature comes with the extension.'),
    ('usage_features', 6, 'is_governed', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether a rule or a grant has ever named the feature: calls then read both. Set by triggers, never cleared.'),
    ('usage_features', 7, 'reads_calendars', 'boolean NOT NULL DEFAULT false', '{boolean}',
     'Whether a user or a plan has ever had a time zone or an anchor: calls then read it first. Set by a trigger, never cleared.');

-- An apply worker of logical replication fires no statement triggers, and fires triggers for rows
-- only if they are ENABLE ALWAYS. TRUNCATE has statement triggers only.
INSERT INTO feature_usage_internal.triggers (table_name, name, events, level, function_name, description)
VALUES
    ('usage_features', 'usage_features_changed', 'INSERT OR UPDATE OR DELETE', 'ROW', '@extschema@.usage_features_changed',
     'Makes every session read the registry again.'),
    ('usage_features', 'usage_features_truncated', 'TRUNCATE', 'STATEMENT', '@extschema@.usage_features_changed',
     'Makes every session read the registry again.');

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES ('usage_features', 'usage_features_readable_rows', 'SELECT', 'public', 'true', false,
        'Lets everybody with SELECT on the table read these rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_features', 'service_role', '{SELECT}'),
    ('usage_features', 'authenticated', '{SELECT}');

INSERT INTO feature_usage_internal.rows (table_name, is_for_new_table, content)
VALUES
    ('usage_features', false, '{"feature_type": "voice_seconds", "usage_column": "voice_seconds",
      "limit_column": "voice_seconds_limit", "period": "month", "is_builtin": true}'),
    ('usage_features', false, '{"feature_type": "insights", "usage_column": "insights_count",
      "limit_column": "insights_limit", "period": "month", "is_builtin": true}'),
    ('usage_features', false, '{"feature_type": "therai_calls", "usage_column": "therai_calls",
      "limit_column": "therai_calls_limit", "period": "day", "is_builtin": true}'),
    ('usage_features', false, '{"feature_type": "chat", "usage_column": "chat_messages",
      "limit_column": "chat_messages_daily_limit", "period": "day", "is_builtin": true}'),
    ('usage_features', false, '{"feature_type": "image_generation", "usage_column": "images_generated",
      "limit_column": "image_generation_daily_limit", "period": "day", "is_builtin": true}');

-- What the setup wants, and what is there: the data of the private schema joined to the catalogs.

CREATE FUNCTION feature_usage_internal.features(p_builtin_only boolean)
RETURNS TABLE (feature_type text, usage_column text, limit_column text, period text, is_builtin boolean)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    registry constant oid := to_regclass('@extschema@.usage_features');
BEGIN
    -- A registry that has not been set up yet has no rows to read. One that another role has made
    -- may run that role's code: whoever is not to run it asks for the built-in features only.
    IF NOT p_builtin_only AND NOT EXISTS (
           SELECT FROM feature_usage_internal.columns AS c
            WHERE c.table_name = 'usage_features' AND c.name IN ('feature_type', 'usage_column', 'limit_column', 'period', 'is_builtin')
              AND NOT EXISTS (SELECT FROM pg_attribute AS a
                               WHERE a.attrelid = registry AND a.attname = c.name AND NOT a.attisdropped)) THEN
        RETURN QUERY SELECT f.feature_type, f.usage_column, f.limit_column, f.period, f.is_builtin
                       FROM @extschema@.usage_features AS f;
        RETURN QUERY SELECT b.* FROM feature_usage_internal.features(true) AS b
                      WHERE NOT EXISTS (SELECT FROM @extschema@.usage_features AS f
                                         WHERE f.feature_type = b.feature_type OR f.usage_column = b.usage_column
                                            OR f.limit_column = b.limit_column);
    ELSE
        RETURN QUERY SELECT r.content ->> 'feature_type', r.content ->> 'usage_column',
                            r.content ->> 'limit_column', r.content ->> 'period', true
                       FROM feature_usage_internal.rows AS r WHERE r.table_name = 'usage_features';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.features(boolean) IS
'Returns the registered features, and the built-in ones even if they are not registered yet.';

CREATE FUNCTION feature_usage_internal.wanted_columns(p_builtin_only boolean)
RETURNS TABLE (table_name text, number bigint, name text, definition text, types text[], is_to_be_filled boolean,
               default_value text, views_may_lack boolean, is_counter boolean, check_name text, description text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT table_name, row_number() OVER (ORDER BY table_name, position, is_custom, feature_type COLLATE "C"),
           name, definition, types, is_to_be_filled, default_value, views_may_lack, is_counter, check_name, description
      FROM (SELECT c.table_name, c.position, false AS is_custom, '' AS feature_type, c.name, c.definition, c.types,
                   c.is_to_be_filled, c.default_value, c.views_may_lack, false AS is_counter, NULL AS check_name, c.description
              FROM feature_usage_internal.columns AS c
             UNION ALL
            SELECT c.table_name, c.position, NOT f.is_builtin, f.feature_type,
                   CASE c.registry_column WHEN 'usage_column' THEN f.usage_column ELSE f.limit_column END,
                   CASE WHEN f.is_builtin THEN c.builtin_definition ELSE c.custom_definition END,
                   c.types, false, NULL, false, c.registry_column = 'usage_column', c.check_name,
                   format(c.description, f.feature_type, f.period)
              FROM feature_usage_internal.feature_columns AS c
             CROSS JOIN feature_usage_internal.features(p_builtin_only) AS f) AS wanted
$function$;
COMMENT ON FUNCTION feature_usage_internal.wanted_columns(boolean) IS
'Returns the columns that the tables should have, numbered in the order of a new table.';

CREATE FUNCTION feature_usage_internal.relations()
RETURNS TABLE (relation regclass, is_table boolean, name text, lock_order smallint, key text[],
               may_be_view boolean, references_users boolean, fill_factor smallint, description text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT c.oid::regclass, c.relkind IN ('r', 'p'), t.name, t.lock_order, t.key,
           t.may_be_view, t.references_users, t.fill_factor, t.description
      FROM feature_usage_internal.tables AS t
      JOIN pg_class AS c ON c.relnamespace = '@extschema@'::regnamespace AND c.relname = t.name
$function$;
COMMENT ON FUNCTION feature_usage_internal.relations() IS
'Returns the tables of feature_usage that exist, or the views in their place.';

CREATE FUNCTION feature_usage_internal.is_trusted(p_owner oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT coalesce(bool_or(r.rolsuper
               OR r.rolname = 'supabase_auth_admin'
               OR r.oid = (SELECT datdba FROM pg_database WHERE datname = current_database())
               OR r.oid = (SELECT nspowner FROM pg_namespace WHERE oid = '@extschema@'::regnamespace)
               OR r.oid = (SELECT extowner FROM pg_extension WHERE extname = 'feature_usage')
               OR NOT me.rolsuper AND pg_has_role(me.oid, r.oid, 'USAGE')), false)
      FROM pg_roles AS r, pg_roles AS me
     WHERE r.oid = p_owner AND me.rolname = current_user
$function$;
COMMENT ON FUNCTION feature_usage_internal.is_trusted(oid) IS
'Returns whether the setup may touch what this role owns. A superuser may touch anything, but an index or a trigger of an untrusted table would run its owner''s code with a superuser''s rights.';

-- One table: created as a whole if it is missing, refused if it can't be used.

CREATE FUNCTION feature_usage_internal.refuse_unusable_tables() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    unusable record;
BEGIN
    SELECT r.relation, pg_get_userbyid(c.relowner) AS owner INTO unusable
      FROM (SELECT relation, lock_order FROM feature_usage_internal.relations()
             UNION ALL
            SELECT relation, lock_order FROM feature_usage_internal.partitions()) AS r JOIN pg_class AS c ON c.oid = r.relation
     WHERE NOT feature_usage_internal.is_trusted(c.relowner)
     ORDER BY r.lock_order, r.relation::text COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% belongs to %', unusable.relation, quote_ident(unusable.owner)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Do this as %1$I, or run ALTER TABLE %2$s OWNER TO %3$I; if you trust its triggers.', unusable.owner, unusable.relation, current_user);
    END IF;

    SELECT r.relation INTO unusable FROM feature_usage_internal.relations() AS r
     WHERE NOT r.is_table AND NOT r.may_be_view ORDER BY r.lock_order LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is not a table', unusable.relation
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Only user_plans, plan_limits, usage_pools and usage_pool_members may be views. Rename what has this name, then retry.';
    END IF;

    -- A rule would turn the statements of the extension into others.
    SELECT r.relation, w.rulename INTO unusable
      FROM feature_usage_internal.relations() AS r JOIN pg_rewrite AS w ON w.ev_class = r.relation
     WHERE r.is_table ORDER BY r.lock_order, w.rulename LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% has a rule, %', unusable.relation, quote_ident(unusable.rulename)
            USING ERRCODE = 'feature_not_supported',
                  HINT = format('Run DROP RULE %I ON %s; a trigger may do what the rule does.', unusable.rulename, unusable.relation);
    END IF;

    IF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL THEN
        EXECUTE 'SELECT r.relation FROM feature_usage_internal.relations() AS r
                   JOIN pg_catalog.pg_dist_partition AS d ON d.logicalrelid = r.relation
                  ORDER BY r.lock_order LIMIT 1' INTO unusable;
        IF unusable.relation IS NOT NULL THEN
            RAISE EXCEPTION '% is distributed by Citus, which feature_usage does not support', unusable.relation
                USING ERRCODE = 'feature_not_supported',
                      HINT = 'Run SELECT undistribute_table(''' || unusable.relation || '''); or install the extension on every worker, with local tables.';
        END IF;
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_unusable_tables() IS
'Raises an error if a table belongs to an untrusted role, is a view, has a rule or is distributed.';

CREATE FUNCTION feature_usage_internal.create_table(p_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    qualified constant text := '@extschema@.' || quote_ident(p_name);
    wanted feature_usage_internal.tables;
    index record;
BEGIN
    -- User-defined features get their columns afterwards: the registry is not read here, since a
    -- superuser runs this during CREATE EXTENSION.
    SELECT * INTO wanted FROM feature_usage_internal.tables AS t WHERE t.name = p_name;
    EXECUTE format('CREATE TABLE %s (%s, PRIMARY KEY (%s)%s)%s', qualified,
        (SELECT string_agg(format('%I %s%s', c.name, c.definition, ' DEFAULT ' || quote_literal(c.default_value)), ', ' ORDER BY c.number)
           FROM feature_usage_internal.wanted_columns(true) AS c WHERE c.table_name = p_name),
        (SELECT string_agg(quote_ident(k.name), ', ' ORDER BY k.number)
           FROM unnest(wanted.key) WITH ORDINALITY AS k (name, number)),
        (SELECT string_agg(format(', CONSTRAINT %I CHECK (%s)', c.name, c.condition), '' ORDER BY c.name)
           FROM feature_usage_internal.checks AS c WHERE c.table_name = p_name),
        ' WITH (fillfactor = ' || wanted.fill_factor || ')');
    FOR index IN SELECT i.name, i.definition, i.is_unique FROM feature_usage_internal.indexes AS i WHERE i.table_name = p_name LOOP
        EXECUTE format('CREATE %s %I ON %s %s', CASE WHEN index.is_unique THEN 'UNIQUE INDEX' ELSE 'INDEX' END,
                       index.name, qualified, index.definition);
    END LOOP;
    PERFORM feature_usage_internal.ensure_rows(p_name, true);
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.create_table(text) IS
'Creates a table with its columns, key, CHECK constraints and indexes, and inserts the rows that a new one has.';

CREATE FUNCTION feature_usage_internal.ensure_rows(p_name text, p_is_new boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT r.content, (SELECT string_agg(quote_ident(k), ', ') FROM jsonb_object_keys(r.content) AS k) AS columns
          FROM feature_usage_internal.rows AS r
         WHERE r.table_name = p_name AND (p_is_new OR NOT r.is_for_new_table)
    LOOP
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) ON CONFLICT DO NOTHING',
                       '@extschema@.' || quote_ident(p_name), wanted.columns)
          USING wanted.content;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_rows(text, boolean) IS
'Inserts the rows that a table should have, unless they are there.';

CREATE FUNCTION feature_usage_internal.ensure_table_comments() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT r.relation, r.description FROM feature_usage_internal.relations() AS r
         WHERE r.is_table AND obj_description(r.relation, 'pg_class') IS NULL ORDER BY r.lock_order
    LOOP
        EXECUTE format('COMMENT ON TABLE %s IS %L', wanted.relation, wanted.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_table_comments() IS
'Describes the tables that have no comment.';

-- Columns, except the counters: added if they are missing, checked and otherwise left alone if not.

CREATE FUNCTION feature_usage_internal.missing_columns()
RETURNS TABLE (relation regclass, is_table boolean, lock_order smallint, number bigint, name text, definition text,
               types text[], is_to_be_filled boolean, description text, current_type text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.is_table, r.lock_order, w.number, w.name, w.definition,
           w.types, w.is_to_be_filled, w.description, format_type(a.atttypid, NULL)
      FROM feature_usage_internal.wanted_columns(false) AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name
      LEFT JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE NOT w.is_counter
       AND NOT (a.attnum IS NULL AND NOT r.is_table AND w.views_may_lack)
       AND (a.attnum IS NULL OR format_type(a.atttypid, NULL) <> ALL (w.types)
            OR r.is_table AND col_description(r.relation, a.attnum) IS NULL)
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_columns() IS
'Returns the columns, except counters, that are missing, of another type or without a comment.';

CREATE FUNCTION feature_usage_internal.ensure_columns(p_tables text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
    is_in_use boolean;
BEGIN
    -- A table of this name without the key is another table, and its rows have no value for it.
    FOR missing IN
        SELECT r.relation, k.name FROM feature_usage_internal.relations() AS r, unnest(r.key) AS k (name)
         WHERE r.is_table AND r.name = ANY (p_tables)
           AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = r.relation AND a.attname = k.name AND NOT a.attisdropped)
         ORDER BY r.lock_order
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', missing.relation) INTO is_in_use;
        IF is_in_use THEN
            RAISE EXCEPTION '% has rows, but no column %', missing.relation, quote_ident(missing.name)
                USING ERRCODE = 'undefined_column',
                      HINT = 'Add the column and fill it, or rename the column that has its values. If it is another table, rename the table. Then retry.';
        END IF;
    END LOOP;

    FOR missing IN
        SELECT m.relation, string_agg(m.name, ', ' ORDER BY m.number) AS columns
          FROM feature_usage_internal.missing_columns() AS m
         WHERE m.is_table AND m.is_to_be_filled AND m.current_type IS NULL
           AND m.relation IN (SELECT r.relation FROM feature_usage_internal.relations() AS r WHERE r.name = ANY (p_tables))
         GROUP BY m.relation
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', missing.relation) INTO is_in_use;
        IF is_in_use THEN
            RAISE WARNING '% had no column %: its rows are NULL there', missing.relation, missing.columns
                USING HINT = 'NULL is the plan free, and not active. Fill the new columns, or replace the table by a view over your own table.';
        END IF;
    END LOOP;

    FOR missing IN
        SELECT m.* FROM feature_usage_internal.missing_columns() AS m
         WHERE m.relation IN (SELECT r.relation FROM feature_usage_internal.relations() AS r WHERE r.name = ANY (p_tables))
         ORDER BY m.lock_order, m.number
    LOOP
        PERFORM feature_usage_internal.ensure_column(
            missing.relation, missing.name, missing.definition, missing.types, missing.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_columns(text[]) IS
'Adds the missing columns of these tables, except counters, and describes those without a comment.';

CREATE FUNCTION feature_usage_internal.is_not_null(p_table oid, p_column smallint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    -- Since PostgreSQL 18, a NOT NULL constraint may be NOT VALID: then rows from before it may be NULL.
    SELECT a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint AS c
                                         WHERE c.conrelid = p_table AND c.contype = 'n'
                                           AND c.conkey = ARRAY[p_column] AND NOT c.convalidated)
      FROM pg_attribute AS a WHERE a.attrelid = p_table AND a.attnum = p_column
$function$;
COMMENT ON FUNCTION feature_usage_internal.is_not_null(oid, smallint) IS
'Returns whether no row is NULL in a column, as far as its constraints say.';

CREATE FUNCTION feature_usage_internal.type_hint(p_relation regclass, p_column text, p_types text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT format(CASE WHEN c.relkind NOT IN ('r', 'p')
                       THEN 'Cast %2$I to %3$s in the view, then retry.'
                       -- As text, a date is the period of a day only.
                       WHEN p_column = 'period' AND a.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                       THEN 'Run ALTER TABLE %1$s ALTER COLUMN %2$I TYPE %3$s USING to_char(%2$I%5$s, ''YYYY-MM-DD''); and add counts per month to rows such as 2025-02. Then retry.'
                       ELSE 'Run ALTER TABLE %1$s %4$sALTER COLUMN %2$I TYPE %3$s USING %2$I::%3$s; or rename the column. Then retry.' END,
                  p_relation, p_column, CASE WHEN 'bigint' = ANY (p_types) THEN 'bigint' ELSE p_types[1] END,
                  CASE WHEN a.atthasdef THEN format('ALTER COLUMN %I DROP DEFAULT, ', p_column) ELSE '' END,
                  CASE WHEN a.atttypid = 'timestamptz'::regtype THEN ' AT TIME ZONE ''UTC''' ELSE '' END)
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = p_column
     WHERE c.oid = p_relation
$function$;
COMMENT ON FUNCTION feature_usage_internal.type_hint(regclass, text, text[]) IS
'Returns the hint for a column of another type: the statement that changes it.';

CREATE FUNCTION feature_usage_internal.ensure_column(
    p_table regclass, p_column text, p_definition text, p_types text[], p_description text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    is_table constant boolean := (SELECT relkind IN ('r', 'p') FROM pg_class WHERE oid = p_table);
    existing record;
BEGIN
    SELECT a.attnum, format_type(a.atttypid, NULL) AS type INTO existing
      FROM pg_attribute AS a
     WHERE a.attrelid = p_table AND a.attname = p_column AND a.attnum > 0 AND NOT a.attisdropped;

    IF NOT FOUND AND NOT is_table THEN
        RAISE EXCEPTION 'view % has no column %', p_table, quote_ident(p_column)
            USING ERRCODE = 'undefined_column',
                  HINT = format('Add the column to the view%s; it may be NULL.', ', as ' || array_to_string(p_types, ' or '));
    ELSIF NOT FOUND THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', p_table, p_column, p_definition);
    ELSIF existing.type <> ALL (p_types) THEN
        RAISE EXCEPTION 'column % of % is of type %, not %',
                quote_ident(p_column), p_table, existing.type, array_to_string(p_types, ' or ')
            USING ERRCODE = 'datatype_mismatch', HINT = feature_usage_internal.type_hint(p_table, p_column, p_types);
    END IF;

    IF is_table AND (existing.attnum IS NULL OR col_description(p_table, existing.attnum) IS NULL) THEN
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', p_table, p_column, p_description);
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_column(regclass, text, text, text[], text) IS
'Adds a column if it is missing, checks its type if not, and describes it if it has no comment.';

-- The CHECK constraints of what is never negative: counters and limits.
--
-- One constraint covers all columns of a table, because the executor prepares every CHECK constraint
-- of a table anew in every statement. LEAST() ignores NULL, which is an unlimited limit.

CREATE FUNCTION feature_usage_internal.not_negative_checks()
RETURNS TABLE (relation regclass, lock_order smallint, table_name text, name text, columns text[],
               is_there boolean, is_valid boolean, is_complete boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    -- is_there: a constraint of this form covers every column that exists. is_complete: every column
    -- exists as well. The arguments of LEAST are plain columns, perhaps cast.
    SELECT w.relation, w.lock_order, w.table_name, w.check_name, w.columns,
           c.oid IS NOT NULL, coalesce(c.convalidated, false), c.oid IS NOT NULL AND w.is_complete
      FROM (SELECT r.relation, r.lock_order, c.table_name, c.check_name, array_agg(c.name ORDER BY c.number) AS columns,
                   coalesce(array_agg(a.attnum) FILTER (WHERE a.attnum IS NOT NULL), '{}') AS numbers,
                   bool_and(a.attnum IS NOT NULL) AS is_complete
              FROM feature_usage_internal.wanted_columns(false) AS c
              JOIN feature_usage_internal.relations() AS r ON r.name = c.table_name AND r.is_table
              LEFT JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.check_name IS NOT NULL
             GROUP BY r.relation, r.lock_order, c.table_name, c.check_name) AS w
      LEFT JOIN pg_constraint AS c ON c.conrelid = w.relation AND c.contype = 'c' AND c.conname = w.check_name
       AND regexp_replace(pg_get_constraintdef(c.oid), '\(([^()]+)\)::(bigint|integer)', '\1', 'g') ~ '^CHECK \(\(LEAST\([^()]*\) >= 0\)\)( NOT VALID)?$'
       AND c.conkey @> w.numbers
$function$;
COMMENT ON FUNCTION feature_usage_internal.not_negative_checks() IS
'Returns the CHECK constraints of counters and limits: are they there, validated, and do they cover all?';

CREATE FUNCTION feature_usage_internal.not_negative_changes(p_table text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    -- If the constraint held for the columns that were there, it holds for the new ones, which are 0:
    -- nothing has to be read.
    SELECT CASE WHEN EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = n.relation AND c.conname = n.name)
                THEN ARRAY[format('DROP CONSTRAINT %I', n.name)] ELSE '{}' END
           || format('ADD CONSTRAINT %I CHECK (LEAST(%s) >= 0)%s', n.name,
                     (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.number) FROM unnest(n.columns) WITH ORDINALITY AS c (name, number)),
                     CASE WHEN n.is_there THEN ' NOT VALID' ELSE '' END)
      FROM feature_usage_internal.not_negative_checks() AS n
     WHERE n.table_name = p_table AND NOT n.is_complete
$function$;
COMMENT ON FUNCTION feature_usage_internal.not_negative_changes(text) IS
'Returns the actions of an ALTER TABLE that complete the CHECK constraint of a table, or NULL.';

CREATE FUNCTION feature_usage_internal.ensure_limits_not_negative() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    changes constant text[] := feature_usage_internal.not_negative_changes('plan_limits');
BEGIN
    IF changes IS NOT NULL THEN
        PERFORM feature_usage_internal.alter_or_refuse_negative('plan_limits', array_to_string(changes, ', '));
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_limits_not_negative() IS
'Adds the CHECK constraint of the limits, or completes it after a new limit.';

CREATE FUNCTION feature_usage_internal.validate_not_negative() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    checked record;
BEGIN
    FOR checked IN
        SELECT n.table_name, n.name FROM feature_usage_internal.not_negative_checks() AS n
         WHERE n.is_there AND NOT n.is_valid ORDER BY n.lock_order
    LOOP
        PERFORM feature_usage_internal.alter_or_refuse_negative(checked.table_name, format('VALIDATE CONSTRAINT %I', checked.name));
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.validate_not_negative() IS
'Validates the CHECK constraints that add_feature() has left unvalidated; readers and writers go on.';

CREATE FUNCTION feature_usage_internal.alter_or_refuse_negative(p_table text, p_changes text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    EXECUTE 'ALTER TABLE @extschema@.' || quote_ident(p_table) || ' ' || p_changes;
EXCEPTION WHEN check_violation THEN
    PERFORM feature_usage_internal.refuse_negative(p_table);
    RAISE;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.alter_or_refuse_negative(text, text) IS
'Alters a table; if negative counts or limits prevent it, the error lists their rows.';

CREATE FUNCTION feature_usage_internal.refuse_negative(p_table text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    relation constant regclass := to_regclass('@extschema@.' || quote_ident(p_table));
    present constant text[] := ARRAY(SELECT c.name FROM feature_usage_internal.wanted_columns(false) AS c
                                       JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped
                                      WHERE c.table_name = p_table AND c.check_name IS NOT NULL ORDER BY c.number);
    key constant text[] := (SELECT t.key FROM feature_usage_internal.tables AS t WHERE t.name = p_table);
    listed text;
    corrections text;
BEGIN
    EXECUTE format(
        $$SELECT string_agg(concat_ws(', ', %3$s) || ': '
                            || (SELECT string_agg(c.name || '=' || c.value, ', ' ORDER BY c.number)
                                  FROM unnest($1, ARRAY[%2$s]::bigint[]) WITH ORDINALITY AS c (name, value, number)
                                 WHERE c.value < 0), E'\n' ORDER BY %4$s)
            FROM (SELECT * FROM %1$s WHERE LEAST(%2$s) < 0 ORDER BY %4$s LIMIT 10) AS negative$$, relation,
        (SELECT string_agg(quote_ident(name), ', ') FROM unnest(present) AS name),
        (SELECT string_agg(format('%L || %I', name || '=', name), ', ') FROM unnest(key) AS name),
        (SELECT string_agg(quote_ident(name), ', ') FROM unnest(key) AS name))
       INTO listed USING present;
    IF listed IS NULL THEN
        RETURN;
    ELSIF p_table = 'plan_limits' THEN
        EXECUTE format(
            $$SELECT string_agg(CASE WHEN a.attnotnull THEN format('ALTER TABLE %%s ALTER COLUMN %%I DROP NOT NULL; ', %1$L, c.name) ELSE '' END
                                || CASE WHEN pg_get_expr(d.adbin, d.adrelid) ~ '^[('']*-' THEN format('ALTER TABLE %%s ALTER COLUMN %%I SET DEFAULT 0; ', %1$L, c.name) ELSE '' END
                                || format('UPDATE %%s SET %%2$I = NULL WHERE %%2$I < 0;', %1$L, c.name), ' ' ORDER BY c.number)
                FROM (SELECT ARRAY[%2$s] AS negative FROM %1$s) AS t,
                     unnest($1, t.negative) WITH ORDINALITY AS c (name, is_negative, number)
                JOIN pg_attribute AS a ON a.attrelid = %1$L::regclass AND a.attname = c.name
                LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
               WHERE c.is_negative$$, relation,
            (SELECT string_agg(format('bool_or(%I < 0)', name), ', ') FROM unnest(present) AS name))
           INTO corrections USING present;
        RAISE EXCEPTION 'plan_limits has negative limits'
            USING ERRCODE = 'check_violation', DETAIL = listed,
                  HINT = format('NULL is unlimited, 0 blocks. If a negative limit meant unlimited, run %s then retry. At most 10 plans are listed.', corrections);
    ELSE
        RAISE EXCEPTION '% has negative counts', p_table
            USING ERRCODE = 'check_violation', DETAIL = listed,
                  HINT = 'A negative count allows more than the limit. Correct these rows, then retry. At most 10 are listed.';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_negative(text) IS
'Raises an error that lists rows with negative counts or limits, if there are any.';

-- The counters of feature_usage: integer or bigint, never NULL, never negative, 0 by default.

CREATE FUNCTION feature_usage_internal.counters()
RETURNS TABLE (name text, definition text, types text[], description text, number smallint, type text,
               is_generated boolean, is_not_null boolean, starts_at_0 boolean, has_comment boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT w.name, w.definition, w.types, w.description, a.attnum, format_type(a.atttypid, NULL),
           a.attgenerated <> '', feature_usage_internal.is_not_null(a.attrelid, a.attnum),
           coalesce(pg_get_expr(d.adbin, d.adrelid) IN ('0', '''0''::bigint'), false),
           col_description(a.attrelid, a.attnum) IS NOT NULL
      FROM feature_usage_internal.wanted_columns(false) AS w
      LEFT JOIN pg_attribute AS a ON a.attrelid = to_regclass('@extschema@.feature_usage')
                                 AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE w.is_counter
     ORDER BY w.number
$function$;
COMMENT ON FUNCTION feature_usage_internal.counters() IS
'Returns the counters that feature_usage should have, and what their columns are like now.';

CREATE FUNCTION feature_usage_internal.counters_need_change() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT feature_usage_internal.not_negative_changes('feature_usage') IS NOT NULL
        OR EXISTS (SELECT FROM feature_usage_internal.counters()
                    WHERE number IS NULL OR type <> ALL ('{integer,bigint}') OR NOT is_not_null OR NOT starts_at_0)
$function$;
COMMENT ON FUNCTION feature_usage_internal.counters_need_change() IS
'Returns whether ensure_counters() would change feature_usage.';

CREATE FUNCTION feature_usage_internal.ensure_counters() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    counter record;
    changes text[];
    nullable text[];
BEGIN
    IF feature_usage_internal.counters_need_change() THEN
        FOR counter IN SELECT * FROM feature_usage_internal.counters() LOOP
            IF counter.number IS NULL THEN
                changes := changes || format('ADD COLUMN %I %s', counter.name, counter.definition);
                CONTINUE;
            ELSIF counter.type <> ALL (counter.types) THEN
                RAISE EXCEPTION 'column % of % is of type %, not integer or bigint', quote_ident(counter.name), counters, counter.type
                    USING ERRCODE = 'datatype_mismatch', HINT = feature_usage_internal.type_hint(counters, counter.name, counter.types);
            ELSIF counter.is_generated THEN
                RAISE EXCEPTION 'column % of % is generated, so nothing can be counted in it', quote_ident(counter.name), counters
                    USING ERRCODE = 'generated_always', HINT = 'Drop or rename the column, then retry.';
            ELSIF counter.type = 'smallint' THEN
                changes := changes || format('ALTER COLUMN %I TYPE integer', counter.name);
            END IF;
            IF NOT counter.starts_at_0 THEN
                changes := changes || format('ALTER COLUMN %I SET DEFAULT 0', counter.name);
            END IF;
            IF NOT counter.is_not_null THEN
                nullable := nullable || quote_ident(counter.name);
                changes := changes || format('ALTER COLUMN %I SET NOT NULL', counter.name);
            END IF;
        END LOOP;

        changes := changes || feature_usage_internal.not_negative_changes('feature_usage');

        IF nullable IS NOT NULL THEN
            EXECUTE format('UPDATE %s SET %s WHERE num_nulls(%s) > 0', counters,
                (SELECT string_agg(format('%1$s = coalesce(%1$s, 0)', name), ', ') FROM unnest(nullable) AS name),
                array_to_string(nullable, ', '));
        END IF;
        PERFORM feature_usage_internal.alter_or_refuse_negative('feature_usage', array_to_string(changes, ', '));
    END IF;

    FOR counter IN SELECT * FROM feature_usage_internal.counters() WHERE NOT has_comment LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', counters, counter.name, counter.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_counters() IS
'Adds missing counters and their CHECK constraint in one ALTER TABLE; turns NULL counts into 0.';

-- CHECK constraints of whole rows.

CREATE FUNCTION feature_usage_internal.missing_checks()
RETURNS TABLE (relation regclass, lock_order smallint, name text, condition text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, w.name, w.condition
      FROM feature_usage_internal.checks AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
     WHERE NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = r.relation AND c.contype = 'c' AND c.conname = w.name)
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_checks() IS
'Returns the CHECK constraints of whole rows that are missing.';

CREATE FUNCTION feature_usage_internal.ensure_checks() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_checks() ORDER BY lock_order, name LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s)', missing.relation, missing.name, missing.condition);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_checks() IS
'Adds the CHECK constraints of whole rows that are missing.';

-- Keys: an upsert, and a join that must find one row, need them to be unique and not NULL.

CREATE FUNCTION feature_usage_internal.missing_keys()
RETURNS TABLE (relation regclass, lock_order smallint, columns text, nullable text[], is_unique boolean, is_immediate boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT * FROM (
        SELECT r.relation, r.lock_order,
               (SELECT string_agg(quote_ident(k.name), ', ' ORDER BY k.number) FROM unnest(r.key) WITH ORDINALITY AS k (name, number)),
               ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                      WHERE a.attrelid = r.relation AND a.attname = ANY (r.key) AND NOT a.attisdropped
                        AND NOT feature_usage_internal.is_not_null(a.attrelid, a.attnum)),
               existing.is_unique, existing.is_immediate
          FROM feature_usage_internal.relations() AS r
         CROSS JOIN LATERAL (
               -- An existing table keeps its own key, as long as it has one on exactly these columns.
               SELECT count(*) > 0 AS is_unique, coalesce(bool_and(i.indimmediate), true) AS is_immediate
                 FROM pg_index AS i
                WHERE i.indrelid = r.relation AND i.indisunique AND i.indisvalid
                  AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = cardinality(r.key)
                  AND r.key <@ ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                                      WHERE a.attrelid = r.relation AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))
               ) AS existing
         WHERE r.is_table) AS keys (relation, lock_order, columns, nullable, is_unique, is_immediate)
     WHERE nullable <> '{}' OR NOT is_unique OR NOT is_immediate
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_keys() IS
'Returns the tables whose key is missing, deferrable or may be NULL.';

CREATE FUNCTION feature_usage_internal.ensure_keys() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
    offending text;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_keys() ORDER BY lock_order LOOP
        IF missing.nullable <> '{}' THEN
            BEGIN
                EXECUTE format('ALTER TABLE %s %s', missing.relation,
                    (SELECT string_agg(format('ALTER COLUMN %I SET NOT NULL', name), ', ') FROM unnest(missing.nullable) AS name));
            EXCEPTION WHEN not_null_violation THEN
                EXECUTE format('SELECT count(*) FROM %s WHERE num_nulls(%s) > 0', missing.relation, missing.columns) INTO offending;
                RAISE EXCEPTION '% has % rows without (%)', missing.relation, offending, missing.columns
                    USING ERRCODE = 'not_null_violation',
                          HINT = 'Complete or delete the rows that have a NULL there, then retry.';
            END;
        END IF;

        IF NOT missing.is_immediate THEN
            RAISE EXCEPTION 'the unique key (%) of % is deferrable', missing.columns, missing.relation
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'INSERT ... ON CONFLICT does not work with a deferrable key. Drop it and add it again as NOT DEFERRABLE, then retry.';
        ELSIF NOT missing.is_unique THEN
            BEGIN
                EXECUTE format('ALTER TABLE %s ADD %s (%s)', missing.relation,
                    CASE WHEN EXISTS (SELECT FROM pg_index WHERE indrelid = missing.relation AND indisprimary)
                         THEN 'UNIQUE' ELSE 'PRIMARY KEY' END,
                    missing.columns);
            EXCEPTION WHEN unique_violation THEN
                EXECUTE format(
                    $$SELECT string_agg(format('(%%s): %%s rows', concat_ws(', ', %2$s), rows), E'\n' ORDER BY %2$s)
                        FROM (SELECT %2$s, count(*) AS rows FROM %1$s GROUP BY %2$s HAVING count(*) > 1
                               ORDER BY %2$s LIMIT 10) AS duplicates$$,
                    missing.relation, missing.columns) INTO offending;
                RAISE EXCEPTION '% has more than one row for the same (%)', missing.relation, missing.columns
                    USING ERRCODE = 'unique_violation', DETAIL = offending,
                          HINT = 'Merge the duplicate rows into one each, unless each row counts another feature: then see docs/takeover.md. At most 10 are listed.';
            END;
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_keys() IS
'Makes the keys of the tables unique and not NULL; duplicates are an error that lists them.';

-- Indexes, and room on the pages.

CREATE FUNCTION feature_usage_internal.missing_indexes()
RETURNS TABLE (relation regclass, lock_order smallint, name text, definition text, is_unique boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, w.name, w.definition, w.is_unique
      FROM feature_usage_internal.indexes AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
     WHERE NOT EXISTS (SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                        WHERE i.indrelid = r.relation AND c.relname = w.name)
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_indexes() IS
'Returns the indexes that are missing.';

CREATE FUNCTION feature_usage_internal.ensure_indexes() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_indexes() ORDER BY lock_order, name LOOP
        EXECUTE format('CREATE %s %I ON %s %s', CASE WHEN missing.is_unique THEN 'UNIQUE INDEX' ELSE 'INDEX' END,
                       missing.name, missing.relation, missing.definition);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_indexes() IS
'Creates the indexes that are missing.';

CREATE FUNCTION feature_usage_internal.missing_fill_factors()
RETURNS TABLE (relation regclass, lock_order smallint, fill_factor smallint)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, r.fill_factor
      FROM feature_usage_internal.relations() AS r JOIN pg_class AS c ON c.oid = r.relation
     WHERE r.fill_factor IS NOT NULL AND c.relkind = 'r' AND coalesce(c.reloptions::text, '') NOT LIKE '%fillfactor=%'
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_fill_factors() IS
'Returns the tables that should have a fillfactor and have none, of whatever value.';

CREATE FUNCTION feature_usage_internal.ensure_fill_factors() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_fill_factors() ORDER BY lock_order LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = %s)', missing.relation, missing.fill_factor);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_fill_factors() IS
'Sets the fillfactor of the tables that should have one.';

-- The partitions of an app's partitioned feature_usage. They inherit columns, keys and constraints, but
-- neither storage parameters nor row-level security nor privileges: without these steps, whoever may use
-- a partition's schema could count in it.

CREATE FUNCTION feature_usage_internal.partitions()
RETURNS TABLE (relation regclass, root regclass, lock_order smallint, owner oid, acl aclitem[], is_protected boolean,
               missing_fill_factor smallint)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT c.oid::regclass, r.relation, r.lock_order, c.relowner, coalesce(c.relacl, acldefault('r', c.relowner)), c.relrowsecurity,
           CASE WHEN c.relkind = 'r' AND coalesce(c.reloptions::text, '') NOT LIKE '%fillfactor=%' THEN r.fill_factor END
      FROM feature_usage_internal.relations() AS r
     CROSS JOIN LATERAL pg_partition_tree(r.relation) AS t
      JOIN pg_class AS c ON c.oid = t.relid
     WHERE r.is_table AND t.level > 0
$function$;
COMMENT ON FUNCTION feature_usage_internal.partitions() IS
'Returns the partitions of the tables, on every level.';

CREATE FUNCTION feature_usage_internal.ensure_partitions() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    part record;
    granted record;
BEGIN
    FOR part IN SELECT * FROM feature_usage_internal.partitions() ORDER BY lock_order, relation::text COLLATE "C" LOOP
        IF part.missing_fill_factor IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s SET (fillfactor = %s)', part.relation, part.missing_fill_factor);
        END IF;
        -- Without a policy of its own, only the owner and roles with BYPASSRLS see rows of a partition itself;
        -- the policies of the table apply to whoever names the table.
        IF NOT part.is_protected THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part.relation);
        END IF;
        FOR granted IN
            SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS name
              FROM aclexplode(part.acl) AS a
             WHERE a.grantee <> part.owner
               AND (a.grantee = 0 OR pg_get_userbyid(a.grantee) IN ('anon', 'authenticated', 'service_role'))
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', part.relation, granted.name);
        END LOOP;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_partitions() IS
'Gives partitions their fillfactor, and lets the roles of the API reach their rows through the table only.';

-- Foreign keys to auth.users, if there is such a table: a user's rows go when the user goes.

CREATE FUNCTION feature_usage_internal.auth_users() RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT c.oid FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id'
     WHERE n.nspname = 'auth' AND c.relname = 'users' AND c.relkind IN ('r', 'p')
       AND a.atttypid = 'uuid'::regtype AND feature_usage_internal.is_trusted(c.relowner)
$function$;
COMMENT ON FUNCTION feature_usage_internal.auth_users() IS
'Returns Supabase''s table of users, if there is one that can be trusted.';

CREATE FUNCTION feature_usage_internal.missing_user_references()
RETURNS TABLE (relation regclass, lock_order smallint, users oid, is_permitted boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, u.users,
           has_schema_privilege('auth', 'USAGE') AND has_column_privilege(u.users, 'id', 'REFERENCES')
           AND has_column_privilege(u.users, 'id', 'SELECT')
      FROM feature_usage_internal.relations() AS r, feature_usage_internal.auth_users() AS u (users)
     WHERE r.references_users AND r.is_table AND u.users IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_constraint AS f
                         JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attname = 'user_id'
                        WHERE f.conrelid = r.relation AND f.contype = 'f' AND f.confrelid = u.users
                          AND f.conkey = ARRAY[a.attnum])
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_user_references() IS
'Returns the tables that do not reference auth.users but should, and whether the caller may add it.';

CREATE FUNCTION feature_usage_internal.ensure_user_references() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
    orphans bigint;
BEGIN
    -- The deletion of a user cascades in the order in which the foreign keys were created: keys and
    -- reservations before the counters, as calls and prune_feature_usage() lock their rows. A restore
    -- creates them in the order of their names, which is the same.
    FOR missing IN SELECT * FROM feature_usage_internal.missing_user_references() ORDER BY relation::text COLLATE "C" LOOP
        IF NOT missing.is_permitted THEN
            RAISE WARNING '% does not reference auth.users: % lacks the privileges', missing.relation, current_user
                USING HINT = format('As its owner, run GRANT USAGE ON SCHEMA auth TO %1$I; GRANT SELECT, REFERENCES ON auth.users TO %1$I; then run feature_usage_setup() again.', current_user);
            CONTINUE;
        END IF;
        EXECUTE format('SELECT count(*) FROM %s AS t WHERE t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = t.user_id)',
                       missing.relation) INTO orphans;
        IF orphans > 0 AND (SELECT relkind = 'p' FROM pg_class WHERE oid = missing.relation) THEN
            RAISE EXCEPTION '% rows of % belong to users that are not in auth.users', orphans, missing.relation
                USING ERRCODE = 'foreign_key_violation',
                      HINT = format('A partitioned table can''t keep them: run DELETE FROM %s AS t WHERE NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = t.user_id); then retry.', missing.relation);
        END IF;
        EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE %s',
                       missing.relation, CASE WHEN orphans > 0 THEN 'NOT VALID' ELSE '' END);
        IF orphans > 0 THEN
            RAISE WARNING '% rows of % belong to users that are not in auth.users; they are kept', orphans, missing.relation
                USING HINT = (
                    SELECT format('Run DELETE FROM %1$s AS t WHERE t.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = t.user_id); and ALTER TABLE %1$s VALIDATE CONSTRAINT %2$I;',
                                  missing.relation, c.conname)
                      FROM pg_constraint AS c
                     WHERE c.conrelid = missing.relation AND c.contype = 'f' AND c.confrelid = to_regclass('auth.users') AND NOT c.convalidated
                     ORDER BY c.oid DESC LIMIT 1);
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_user_references() IS
'Adds the missing foreign keys to auth.users, on delete cascade.';

-- Triggers of tables that outlive the extension: they call a function of it, and go when it goes.

CREATE FUNCTION feature_usage_internal.missing_triggers()
RETURNS TABLE (relation regclass, lock_order smallint, name text, events text, level text, condition text,
               function_name text, description text, is_other boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order, w.name, w.events, w.level, w.condition, w.function_name, w.description, g.oid IS NOT NULL
      FROM feature_usage_internal.triggers AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
      LEFT JOIN pg_trigger AS g ON g.tgrelid = r.relation AND g.tgname = w.name
     WHERE g.oid IS NULL
        OR g.tgenabled <> 'A'
        OR g.tgfoid <> coalesce(to_regprocedure(w.function_name || '()'), 0)
        OR (g.tgqual IS NULL) <> (w.condition IS NULL)
        OR (g.tgtype & 1 = 1) <> (w.level = 'ROW')
        OR NOT EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'feature_usage'
                        WHERE d.classid = 'pg_trigger'::regclass AND d.objid = g.oid
                          AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x')
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_triggers() IS
'Returns the triggers that are missing, or exist in another form.';

CREATE FUNCTION feature_usage_internal.ensure_triggers() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT * FROM feature_usage_internal.missing_triggers() ORDER BY lock_order, name LOOP
        IF missing.is_other THEN
            EXECUTE format('DROP TRIGGER %I ON %s', missing.name, missing.relation);
        END IF;
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH %s %s EXECUTE FUNCTION %s()',
                       missing.name, missing.events, missing.relation, missing.level,
                       'WHEN (' || missing.condition || ')', missing.function_name);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', missing.relation, missing.name);
        EXECUTE format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION feature_usage', missing.name, missing.relation);
        EXECUTE format('COMMENT ON TRIGGER %I ON %s IS %L', missing.name, missing.relation, missing.description);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_triggers() IS
'Creates the triggers that are missing, so that they also run in apply workers of replication.';

-- Row-level security: policies say which rows a role sees, grants say which tables.

CREATE FUNCTION feature_usage_internal.knows_caller() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
                    WHERE n.nspname = 'auth' AND p.proname = 'uid' AND p.pronargs = 0 AND p.prorettype = 'uuid'::regtype
                      AND feature_usage_internal.is_trusted(p.proowner))
$function$;
COMMENT ON FUNCTION feature_usage_internal.knows_caller() IS
'Returns whether Supabase''s auth.uid() says who is signed in. Without it, signed-in users see no rows.';

CREATE FUNCTION feature_usage_internal.shows_pools() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
    -- A policy that names a relation which may not be read would make every read of its table fail.
    SELECT coalesce(has_table_privilege(to_regrole('authenticated'), to_regclass('@extschema@.usage_pool_members'), 'SELECT'), false)
           -- A view reads what it is made of with the rights of the caller.
           AND NOT EXISTS (SELECT FROM pg_rewrite AS w
                             JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                                                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
                            WHERE w.ev_class = to_regclass('@extschema@.usage_pool_members')
                              AND NOT has_any_column_privilege('authenticated', d.refobjid, 'SELECT'))
$function$;
COMMENT ON FUNCTION feature_usage_internal.shows_pools() IS
'Returns whether signed-in users may read who belongs to a pool, and so see their pools.';

CREATE FUNCTION feature_usage_internal.missing_policies()
RETURNS TABLE (relation regclass, lock_order smallint, name text, command text, role_name text, condition text,
               description text, is_outdated boolean)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    -- A policy that reads a table which has been replaced would go on reading it.
    SELECT r.relation, r.lock_order, w.name, w.command, w.role_name, w.whole_condition, w.description, p.oid IS NOT NULL
      FROM (SELECT w.*, w.pool_condition IS NOT NULL AND pools.are_shown AS shows_pools,
                   concat_ws(' OR ', w.condition, CASE WHEN pools.are_shown THEN w.pool_condition END) AS whole_condition
              FROM feature_usage_internal.policies AS w, (SELECT feature_usage_internal.shows_pools() AS are_shown) AS pools) AS w
      JOIN feature_usage_internal.relations() AS r ON r.name = w.table_name AND r.is_table
      LEFT JOIN pg_policy AS p ON p.polrelid = r.relation AND p.polname = w.name
     CROSS JOIN LATERAL (SELECT pg_get_expr(p.polqual, p.polrelid) AS condition) AS existing
     -- One without a condition is to go.
     WHERE (w.whole_condition <> '' OR p.oid IS NOT NULL)
       AND (w.role_name = 'public' OR to_regrole(w.role_name) IS NOT NULL)
       AND (NOT w.needs_auth_uid OR feature_usage_internal.knows_caller() AND has_schema_privilege('auth', 'USAGE'))
       AND (p.oid IS NULL
            -- One that its owner has rewritten stays.
            OR existing.condition LIKE ANY ('{%pl.is_active%,%usage_pool_members%}') AND (w.pool_condition IS NOT NULL OR w.condition LIKE '%pl.is_active%')
               AND EXISTS (SELECT FROM pg_depend AS d
                        WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
                          AND d.refobjid NOT IN (SELECT o.relation FROM feature_usage_internal.relations() AS o))
            -- Who belongs to a pool has become readable, or is readable no more.
            OR w.pool_condition IS NOT NULL AND w.shows_pools <> (existing.condition LIKE '%usage_pool_members%')
               AND obj_description(p.oid, 'pg_policy') = w.description)
$function$;
COMMENT ON FUNCTION feature_usage_internal.missing_policies() IS
'Returns the policies that are missing and can be created, and those that read a table which has been replaced.';

CREATE FUNCTION feature_usage_internal.unprotected_tables() RETURNS TABLE (relation regclass, lock_order smallint)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT r.relation, r.lock_order
      FROM feature_usage_internal.relations() AS r JOIN pg_class AS c ON c.oid = r.relation
     WHERE r.is_table AND NOT c.relrowsecurity
$function$;
COMMENT ON FUNCTION feature_usage_internal.unprotected_tables() IS
'Returns the tables without row-level security.';

CREATE FUNCTION feature_usage_internal.ensure_policies() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    missing record;
BEGIN
    IF feature_usage_internal.knows_caller() AND NOT has_schema_privilege('auth', 'USAGE') THEN
        RAISE WARNING 'signed-in users will see no rows of their own: % can''t use schema auth', current_user
            USING HINT = format('As its owner, run GRANT USAGE ON SCHEMA auth TO %I; then run feature_usage_setup() again.', current_user);
    END IF;
    IF to_regrole('authenticated') IS NOT NULL AND NOT feature_usage_internal.shows_pools() THEN
        RAISE WARNING 'signed-in users will see no pools: authenticated may not read usage_pool_members'
            USING HINT = 'A view in its place must be security_invoker, and authenticated must be allowed to SELECT from what it reads. Then run feature_usage_setup() again.';
    END IF;
    FOR missing IN SELECT * FROM feature_usage_internal.unprotected_tables() ORDER BY lock_order LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', missing.relation);
    END LOOP;
    -- A policy that exists is left as its owner has it.
    FOR missing IN SELECT * FROM feature_usage_internal.missing_policies() ORDER BY lock_order, name LOOP
        IF missing.is_outdated THEN
            EXECUTE format('DROP POLICY %I ON %s', missing.name, missing.relation);
        END IF;
        CONTINUE WHEN missing.condition = '';
        EXECUTE format('CREATE POLICY %I ON %s FOR %s TO %s USING (%s)',
                       missing.name, missing.relation, missing.command, missing.role_name, missing.condition);
        EXECUTE format('COMMENT ON POLICY %I ON %s IS %L', missing.name, missing.relation, missing.description);
    END LOOP;
    FOR missing IN
        SELECT r.relation, p.polname FROM pg_policy AS p
          JOIN feature_usage_internal.relations() AS r ON r.relation = p.polrelid AND r.is_table
         WHERE p.polpermissive AND p.polname NOT IN (SELECT w.name FROM feature_usage_internal.policies AS w)
         ORDER BY r.lock_order, p.polname
    LOOP
        RAISE WARNING 'policy "%" on % is kept; it may show more than a user''s own rows', missing.polname, missing.relation
            USING HINT = format('If those of feature_usage replace it, run DROP POLICY %I ON %s;', missing.polname, missing.relation);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_policies() IS
'Enables row-level security, creates missing policies, and warns of others that may show more rows.';

-- Privileges. Supabase's default privileges hand every new table and function to the roles of its
-- API, so REVOKE ... FROM PUBLIC is not enough: whatever differs from the data is revoked, then granted.

CREATE FUNCTION feature_usage_internal.ensure_grants() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    role record;
    hides_rows boolean;
    wanted text[];
    wanted_columns text[];
BEGIN
    FOR role IN
        SELECT r.relation, r.is_table, c.relacl, c.relowner, c.reloptions,
               g.grantee, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(g.name) END AS name,
               w.privileges, w.select_columns
          FROM feature_usage_internal.relations() AS r
          JOIN pg_class AS c ON c.oid = r.relation
         CROSS JOIN (SELECT 0::oid AS grantee, 'public'::text AS name
                      UNION ALL
                     SELECT oid, rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role')) AS g
          LEFT JOIN feature_usage_internal.grants AS w ON w.table_name = r.name AND w.role_name = g.name
         WHERE g.grantee <> c.relowner
         ORDER BY r.lock_order, g.grantee = 0 DESC, g.name
    LOOP
        wanted := coalesce(role.privileges, '{}');
        wanted_columns := coalesce(role.select_columns, '{}');
        -- A view that runs as its owner would show every row to whoever may select from it.
        IF wanted <> '{}' AND role.name <> 'service_role' AND NOT role.is_table THEN
            SELECT NOT coalesce(bool_or(option_value::boolean), false) INTO hides_rows
              FROM pg_options_to_table(role.reloptions) WHERE option_name = 'security_invoker';
            IF hides_rows THEN
                wanted := '{}';
                RAISE WARNING 'view % is not granted to %: it would show every row', role.relation, role.name
                    USING HINT = format('ALTER VIEW %s SET (security_invoker = on), then run feature_usage_setup() again.', role.relation);
            END IF;
        END IF;

        IF EXISTS (SELECT FROM aclexplode(coalesce(role.relacl, acldefault('r', role.relowner))) AS a
                    WHERE a.grantee = role.grantee AND (a.is_grantable OR a.privilege_type <> ALL (wanted)))
           OR EXISTS (SELECT FROM pg_attribute AS c, aclexplode(c.attacl) AS a
                       WHERE c.attrelid = role.relation AND a.grantee = role.grantee
                         AND (a.is_grantable OR a.privilege_type <> 'SELECT' OR c.attname <> ALL (wanted_columns))) THEN
            EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', role.relation, role.name);
        END IF;
        IF EXISTS (SELECT FROM unnest(wanted) AS privilege
                    WHERE NOT EXISTS (SELECT FROM pg_class AS c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
                                       WHERE c.oid = role.relation AND a.grantee = role.grantee AND a.privilege_type = privilege)) THEN
            EXECUTE format('GRANT %s ON %s TO %s', array_to_string(wanted, ', '), role.relation, role.name);
        END IF;
        IF EXISTS (SELECT FROM unnest(wanted_columns) AS w (name)
                    WHERE NOT EXISTS (SELECT FROM pg_attribute AS c, aclexplode(c.attacl) AS a
                                       WHERE c.attrelid = role.relation AND c.attname = w.name
                                         AND a.grantee = role.grantee AND a.privilege_type = 'SELECT')) THEN
            EXECUTE format('GRANT SELECT (%s) ON %s TO %s',
                           (SELECT string_agg(quote_ident(name), ', ') FROM unnest(wanted_columns) AS name), role.relation, role.name);
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_grants() IS
'Gives the roles of the API exactly the privileges on the tables that they should have.';

CREATE FUNCTION feature_usage_internal.revoke_sequences() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    granted record;
BEGIN
    -- Whoever inserts a row needs no right on the sequence of an identity column; Supabase's default
    -- privileges let the roles of its API set it.
    FOR granted IN
        SELECT DISTINCT s.oid::regclass AS sequence, CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END AS grantee
          FROM feature_usage_internal.relations() AS r
          JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.relation AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
          JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S' AND pg_has_role(s.relowner, 'USAGE')
         CROSS JOIN LATERAL aclexplode(s.relacl) AS acl
         WHERE r.is_table AND acl.grantee <> s.relowner
           AND (acl.grantee = 0 OR pg_get_userbyid(acl.grantee) IN ('anon', 'authenticated', 'service_role'))
    LOOP
        EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %s', granted.sequence, granted.grantee);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.revoke_sequences() IS
'Revokes what PUBLIC and the roles of the API have on the sequences of identity columns.';

CREATE FUNCTION feature_usage_internal.ensure_function_grants(p_function regprocedure, p_roles text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    extension_owner constant oid := (SELECT extowner FROM pg_extension WHERE extname = 'feature_usage');
    existing record;
    grantee text;
BEGIN
    SELECT proowner, proacl INTO existing FROM pg_proc WHERE oid = p_function;
    -- Only the owner of a function can revoke what its owner has granted.
    IF pg_has_role(existing.proowner, 'USAGE') THEN
        FOR grantee IN
            SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
              FROM aclexplode(coalesce(existing.proacl, acldefault('f', existing.proowner))) AS acl
             WHERE acl.grantee NOT IN (existing.proowner, extension_owner)
               AND NOT (acl.grantee <> 0 AND pg_get_userbyid(acl.grantee) = ANY (p_roles) AND NOT acl.is_grantable)
        LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s CASCADE', p_function, grantee);
        END LOOP;
        IF NOT has_function_privilege(extension_owner, p_function, 'EXECUTE WITH GRANT OPTION') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I WITH GRANT OPTION', p_function, pg_get_userbyid(extension_owner));
        END IF;
    END IF;
    FOR grantee IN
        SELECT rolname FROM pg_roles
         WHERE rolname = ANY (p_roles) AND NOT has_function_privilege(oid, p_function, 'EXECUTE')
         ORDER BY rolname
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', p_function, grantee);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_function_grants(regprocedure, text[]) IS
'Lets these roles and the owner of the extension execute a function, and nobody else.';

CREATE FUNCTION feature_usage_internal.ensure_member_grants() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    extension record;
    member record;
    grantee text;
BEGIN
    SELECT oid, extowner INTO extension FROM pg_extension WHERE extname = 'feature_usage';
    PERFORM feature_usage_internal.ensure_function_grants(p.oid,
                ARRAY(SELECT g.role_name FROM feature_usage_internal.function_grants AS g
                       WHERE g.function_name = p.proname AND p.pronamespace = '@extschema@'::regnamespace))
       FROM pg_proc AS p
       JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                          AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension.oid AND d.deptype = 'e';

    -- The private schema and its tables: the owner of the extension reads them, nobody else does.
    FOR member IN
        SELECT 'SCHEMA ' || n.oid::regnamespace AS object, 'USAGE' AS privilege, n.nspowner AS owner,
               coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
          FROM pg_namespace AS n WHERE n.nspname = 'feature_usage_internal'
         UNION ALL
        SELECT 'TABLE ' || c.oid::regclass, 'SELECT', c.relowner, coalesce(c.relacl, acldefault('r', c.relowner))
          FROM pg_class AS c WHERE c.relnamespace = 'feature_usage_internal'::regnamespace AND c.relkind = 'r'
    LOOP
        CONTINUE WHEN NOT pg_has_role(member.owner, 'USAGE');
        FOR grantee IN
            SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
              FROM aclexplode(member.acl) AS acl
             WHERE acl.grantee <> member.owner
               AND NOT (acl.grantee = extension.extowner AND acl.privilege_type = member.privilege)
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s', member.object, grantee);
        END LOOP;
        IF NOT EXISTS (SELECT FROM aclexplode(member.acl) AS acl
                        WHERE acl.grantee = extension.extowner AND acl.privilege_type = member.privilege) THEN
            EXECUTE format('GRANT %s ON %s TO %I', member.privilege, member.object, pg_get_userbyid(extension.extowner));
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_member_grants() IS
'Gives the members of the extension exactly the privileges that they should have.';

CREATE FUNCTION feature_usage_internal.ensure_schema_usage() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    ext_schema constant regnamespace := '@extschema@'::regnamespace;
    api_role record;
BEGIN
    FOR api_role IN
        SELECT rolname FROM pg_roles
         WHERE rolname IN ('anon', 'authenticated', 'service_role')
           AND NOT has_schema_privilege(oid, ext_schema, 'USAGE')
         ORDER BY rolname
    LOOP
        IF has_schema_privilege(ext_schema, 'USAGE WITH GRANT OPTION') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', ext_schema, api_role.rolname);
        ELSE
            RAISE WARNING 'role % can''t use schema %', api_role.rolname, ext_schema
                USING HINT = format('Ask the owner of the schema to GRANT USAGE ON SCHEMA %s TO %I.', ext_schema, api_role.rolname);
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_schema_usage() IS
'Lets the roles of the API use the schema of the extension.';

-- The increments of user-defined features: ordinary functions, which outlive the extension and are dumped.

CREATE FUNCTION feature_usage_internal.ensure_increments() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    wanted record;
    existing record;
BEGIN
    FOR wanted IN
        SELECT f.feature_type, f.usage_column, k.key_form,
               '@extschema@.' || format('%I(uuid, integer, text)', 'increment_' || f.usage_column) AS signature,
               '@extschema@.' || format('%I(p_user_id uuid, p_count integer, p_period text)', 'increment_' || f.usage_column) AS declaration,
               'SELECT @extschema@.' || format('increment_feature_usage(p_user_id, %L::pg_catalog.text, p_count, p_period)', f.feature_type) AS body
          FROM feature_usage_internal.features(false) AS f
          JOIN feature_usage_internal.period_kinds AS k ON k.name = f.period
         WHERE NOT f.is_builtin
         ORDER BY f.feature_type COLLATE "C"
    LOOP
        SELECT pg_get_userbyid(p.proowner) AS owner,
               p.prosrc = wanted.body AND NOT p.prosecdef AND p.proconfig = '{"search_path=\"\""}'
               AND feature_usage_internal.is_trusted(p.proowner) AS is_ours
          INTO existing
          FROM pg_proc AS p WHERE p.oid = to_regprocedure(wanted.signature);
        IF NOT FOUND THEN
            -- search_path is empty, so that no caller's path decides what the body calls.
            EXECUTE format('CREATE FUNCTION %s RETURNS void LANGUAGE sql SET search_path = '''' AS %L',
                           wanted.declaration, wanted.body);
            EXECUTE format('COMMENT ON FUNCTION %s IS %L', wanted.signature, format(
                'Adds p_count to the usage of feature %s. p_period is current, or a period key (%s). Errors are those of increment_feature_usage().',
                wanted.feature_type, wanted.key_form));
        ELSIF existing.is_ours IS NOT TRUE THEN
            RAISE EXCEPTION 'function % (owner %) conflicts with the increment of feature %',
                    wanted.signature, quote_ident(existing.owner), wanted.feature_type
                USING ERRCODE = 'duplicate_function', HINT = format('Rename it, or run DROP FUNCTION %s; then retry.', wanted.signature);
        END IF;
        PERFORM feature_usage_internal.ensure_function_grants(wanted.signature::regprocedure, '{service_role}');
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_increments() IS
'Creates the increment of every user-defined feature, with the rights of the built-in ones.';

CREATE FUNCTION feature_usage_internal.warn_of_overloads() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    other record;
BEGIN
    FOR other IN
        SELECT p.oid::regprocedure AS signature FROM pg_proc AS p
         WHERE p.pronamespace = '@extschema@'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
           AND p.proname IN (SELECT m.proname FROM pg_proc AS m
                               JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = m.oid AND d.deptype = 'e'
                               JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                              WHERE e.extname = 'feature_usage' AND m.pronamespace = '@extschema@'::regnamespace)
         ORDER BY 1
    LOOP
        RAISE WARNING 'function % is kept beside the one of feature_usage', other.signature
            USING HINT = format('Calls may be ambiguous. If feature_usage replaces it, run DROP ROUTINE %s;', other.signature);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_overloads() IS
'Warns of functions that have the names of ours: with them, a call may be ambiguous.';

-- feature_usage.has_reservations of counts that were restored, or inserted in place of deleted ones.

CREATE FUNCTION feature_usage_internal.lacks_reservation_flags() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    lacks_flags boolean;
BEGIN
    IF 7 > (SELECT count(*) FROM feature_usage_internal.relations() AS r
              JOIN pg_attribute AS a ON a.attrelid = r.relation AND NOT a.attisdropped
             WHERE r.name = 'feature_usage' AND a.attname IN ('user_id', 'period', 'has_reservations')
                OR r.name = 'feature_reservations' AND a.attname IN ('user_id', 'period', 'status', 'reservation_id')) THEN
        RETURN false;
    END IF;
    SELECT EXISTS (SELECT FROM @extschema@.feature_reservations AS fr
                     JOIN @extschema@.feature_usage AS fu ON fu.user_id = fr.user_id AND fu.period = fr.period
                    WHERE fr.status = 'reserved' AND NOT fu.has_reservations) INTO lacks_flags;
    RETURN lacks_flags;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.lacks_reservation_flags() IS
'Returns whether a count has open reservations and does not know it.';

CREATE FUNCTION feature_usage_internal.ensure_reservation_flags() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF feature_usage_internal.lacks_reservation_flags() THEN
        -- Rows are locked in the order in which batches lock them.
        WITH counted AS MATERIALIZED (
            SELECT fu.user_id, fu.period FROM @extschema@.feature_usage AS fu
             WHERE NOT fu.has_reservations
               AND (fu.user_id, fu.period) IN (SELECT fr.user_id, fr.period FROM @extschema@.feature_reservations AS fr
                                                WHERE fr.status = 'reserved')
             ORDER BY fu.user_id, fu.period COLLATE "C"
               FOR NO KEY UPDATE
        )
        UPDATE @extschema@.feature_usage AS fu SET has_reservations = true
          FROM counted WHERE fu.user_id = counted.user_id AND fu.period = counted.period;
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_reservation_flags() IS
'Makes every count with open reservations know it.';

-- The flags of the registry that say which calls read more than the plan's limit: once set, they
-- stay. Clearing one would race with a rule that is being written, and fail open.

CREATE FUNCTION feature_usage_internal.govern_feature() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    named record;
BEGIN
    -- Keep the order in which setup locks the tables, for the lock below.
    LOCK TABLE @extschema@.usage_increments IN ROW SHARE MODE;
    -- Whoever owns the registry may have put triggers and policies on it, which would run as this role.
    LOCK TABLE @extschema@.usage_features IN ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_roles AS o ON o.oid = c.relowner
                    WHERE c.oid = to_regclass('@extschema@.usage_features') AND c.relkind IN ('r', 'p') AND o.rolname = current_user) THEN
        RAISE EXCEPTION 'usage_features does not belong to %', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'As a superuser, run SELECT @extschema@.feature_usage_setup();';
    END IF;
    -- A cost names two features: the one that costs, and its currency.
    FOR named IN
        SELECT w.feature_type, f.is_governed
          FROM unnest(ARRAY[NEW.feature_type, to_jsonb(NEW) ->> 'paid_in']) AS w (feature_type)
          LEFT JOIN @extschema@.usage_features AS f USING (feature_type)
         WHERE w.feature_type IS NOT NULL ORDER BY w.feature_type COLLATE "C"
    LOOP
        IF named.is_governed IS NULL THEN
            RAISE EXCEPTION 'unknown feature type "%"', left(named.feature_type, 64)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = format('The feature types are %s. Register others with add_feature().',
                                    (SELECT string_agg(f.feature_type, ', ' ORDER BY f.feature_type COLLATE "C") FROM @extschema@.usage_features AS f));
        END IF;
        IF NOT named.is_governed THEN
            -- The first rules of several features, in any order, wait for one another here.
            PERFORM pg_advisory_xact_lock(hashtextextended('feature_usage: flags of the registry', 0));
            -- Wait for increments that were appended without looking for rules. Later ones wait for this
            -- rule, and then count by it.
            LOCK TABLE @extschema@.usage_increments IN SHARE MODE;
            UPDATE @extschema@.usage_features AS f SET is_governed = true WHERE f.feature_type = named.feature_type AND NOT f.is_governed;
            -- Another transaction may have set it while this one waited for the row.
            IF NOT FOUND AND NOT EXISTS (SELECT FROM @extschema@.usage_features AS f
                                          WHERE f.feature_type = named.feature_type AND f.is_governed) THEN
                RAISE EXCEPTION 'feature % could not be marked as governed', named.feature_type
                    USING ERRCODE = 'object_not_in_prerequisite_state',
                          HINT = 'usage_features must belong to the owner of the extension, and no trigger may suppress its updates.';
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.govern_feature() IS
'Trigger function of usage_rules and usage_grants: refuses unknown features, and sets is_governed of those it names. Runs as the owner of the extension, since only the owner writes the registry; it does nothing else.';

CREATE FUNCTION feature_usage_internal.read_calendars() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    -- Whoever owns the registry may have put triggers and policies on it, which would run as this role.
    LOCK TABLE @extschema@.usage_features IN ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_roles AS o ON o.oid = c.relowner
                    WHERE c.oid = to_regclass('@extschema@.usage_features') AND c.relkind IN ('r', 'p') AND o.rolname = current_user) THEN
        RAISE EXCEPTION 'usage_features does not belong to %', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'As a superuser, run SELECT @extschema@.feature_usage_setup();';
    END IF;
    -- The flag of any feature counts for all, also for one that is being added.
    IF NOT EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE f.reads_calendars) THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('feature_usage: flags of the registry', 0));
        UPDATE @extschema@.usage_features AS f SET reads_calendars = true WHERE NOT f.reads_calendars;
        IF NOT FOUND AND NOT EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE f.reads_calendars) THEN
            RAISE EXCEPTION 'the registry could not be told of time zones and anchors'
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'usage_features must have features and belong to the owner of the extension, and no trigger may suppress its updates.';
        END IF;
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.read_calendars() IS
'Trigger function of user_plans and plan_limits: sets reads_calendars when the first time zone or anchor is written. Runs as the owner of the extension; it does nothing else.';

CREATE FUNCTION feature_usage_internal.ensure_registry_writers() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    writer record;
BEGIN
    -- Only a superuser can give a function away. Others own both, unless a superuser has installed.
    FOR writer IN
        SELECT p.oid::regprocedure AS signature, pg_get_userbyid(c.relowner) AS registry_owner
          FROM pg_proc AS p, pg_class AS c
         WHERE p.oid IN ('feature_usage_internal.govern_feature()'::regprocedure, 'feature_usage_internal.read_calendars()'::regprocedure)
           AND c.oid = to_regclass('@extschema@.usage_features') AND p.proowner <> c.relowner
           AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', writer.signature, writer.registry_owner);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_registry_writers() IS
'Makes the owner of the registry own the functions that write it, if a superuser has installed or restored it for another role.';

CREATE FUNCTION feature_usage_internal.ensure_registry_flags() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    plans record;
    has_calendars boolean;
    governed text[];
BEGIN
    governed := ARRAY(SELECT ur.feature_type FROM @extschema@.usage_rules AS ur UNION SELECT ur.paid_in FROM @extschema@.usage_rules AS ur
                       UNION SELECT ug.feature_type FROM @extschema@.usage_grants AS ug);
    IF EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE NOT f.is_governed AND f.feature_type = ANY (governed)) THEN
        LOCK TABLE @extschema@.usage_increments IN SHARE MODE;
        UPDATE @extschema@.usage_features AS f SET is_governed = true WHERE NOT f.is_governed AND f.feature_type = ANY (governed);
    END IF;
    FOR plans IN
        SELECT r.relation FROM feature_usage_internal.relations() AS r
         WHERE r.name IN ('user_plans', 'plan_limits') AND r.is_table ORDER BY r.lock_order
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE f.reads_calendars);
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE time_zone IS NOT NULL OR period_anchor IS NOT NULL)', plans.relation)
           INTO has_calendars;
        IF has_calendars THEN
            UPDATE @extschema@.usage_features AS f SET reads_calendars = true WHERE NOT f.reads_calendars;
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.ensure_registry_flags() IS
'Sets the flags of the registry for rules, grants, time zones and anchors that came without their triggers, as in a restore.';

CREATE FUNCTION feature_usage_internal.warn_of_writable_calendars() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    writable record;
BEGIN
    -- On our own tables, signed-in users have no more than SELECT; a view reads tables that may be theirs.
    IF to_regrole('authenticated') IS NULL
       OR NOT EXISTS (SELECT FROM @extschema@.usage_features AS f WHERE f.period LIKE 'billing%')
          AND NOT EXISTS (SELECT FROM @extschema@.usage_rules AS ur WHERE ur.per LIKE 'billing%') THEN
        RETURN;
    END IF;
    FOR writable IN
        SELECT DISTINCT r.relation AS plans, d.refobjid::regclass AS base, a.attname
          FROM feature_usage_internal.relations() AS r
          JOIN pg_rewrite AS w ON w.ev_class = r.relation
          JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
          JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE r.name IN ('user_plans', 'plan_limits', 'usage_pools') AND NOT r.is_table
           AND a.attname IN ('time_zone', 'period_anchor')
           AND has_column_privilege('authenticated', d.refobjid, a.attnum, 'UPDATE')
         ORDER BY 1, 2, 3
    LOOP
        RAISE WARNING 'signed-in users may update %.%, which % reads', writable.base, quote_ident(writable.attname), writable.plans
            USING HINT = format('Whoever changes when billing periods begin begins a new one. Run REVOKE UPDATE ON %s FROM authenticated; and grant UPDATE on the other columns.', writable.base);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_writable_calendars() IS
'Warns of time zones and anchors of billing periods that signed-in users may change.';

-- What rows may not say, or may not be changed to: refused by triggers, since a CHECK sees one row only.

CREATE FUNCTION feature_usage_internal.refuse_chained_costs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    other record;
BEGIN
    -- A unit of a currency that cost another currency would have to be drawn through both.
    SELECT ur.feature_type, ur.paid_in INTO other FROM @extschema@.usage_rules AS ur
     WHERE ur.effect = 'cost' AND (ur.feature_type = NEW.paid_in OR ur.paid_in = NEW.feature_type)
       AND (ur.ends_at IS NULL OR ur.ends_at > now()) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% can''t cost %: % costs %', NEW.feature_type, NEW.paid_in, other.feature_type, other.paid_in
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A currency has no cost itself. End the other rule first, or have both paid in one currency.';
    END IF;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_chained_costs() IS
'Trigger function of usage_rules: refuses a cost that is paid in a feature with a cost.';

CREATE FUNCTION feature_usage_internal.keep_terms() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    RAISE EXCEPTION 'the terms of grant % can''t be changed', OLD.grant_id
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = 'Void it with void_grant(), and grant the difference with grant_usage().';
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.keep_terms() IS
'Trigger function of usage_grants: refuses to change anything but what is used, whether it is voided, and the notes of operators.';

-- Locks: taken before anything is changed, in the order in which everybody locks the tables.

CREATE FUNCTION feature_usage_internal.lock_out_other_setups() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    first regclass;
BEGIN
    SELECT r.relation INTO first FROM feature_usage_internal.relations() AS r WHERE r.is_table ORDER BY r.lock_order LIMIT 1;
    -- Conflicts with itself, and with no lock of a reader or writer. It is the first lock of the
    -- common order, and nobody else who holds it waits for another.
    IF FOUND THEN
        EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', first);
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.lock_out_other_setups() IS
'Waits until no other setup or add_feature() is running; readers and writers go on.';

CREATE FUNCTION feature_usage_internal.needed_locks()
RETURNS TABLE (relation regclass, lock_order smallint, mode text)
LANGUAGE sql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $function$
    SELECT relation, lock_order, CASE WHEN bool_or(is_change) THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE UPDATE EXCLUSIVE' END
      FROM (SELECT relation, lock_order, current_type IS NULL FROM feature_usage_internal.missing_columns() WHERE is_table
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.relations()
             WHERE name = 'feature_usage' AND feature_usage_internal.counters_need_change()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.not_negative_checks() WHERE NOT is_complete
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_checks()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_keys()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_indexes()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_fill_factors()
             UNION ALL
            -- A lock of a partitioned table includes its partitions.
            SELECT root, lock_order, true FROM feature_usage_internal.partitions() WHERE NOT is_protected OR missing_fill_factor IS NOT NULL
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_user_references() WHERE is_permitted
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_triggers()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.unprotected_tables()
             UNION ALL
            SELECT relation, lock_order, true FROM feature_usage_internal.missing_policies()
             UNION ALL
            SELECT relation, lock_order, false FROM feature_usage_internal.relations()
             WHERE is_table AND obj_description(relation, 'pg_class') IS NULL
           ) AS needs (relation, lock_order, is_change)
     GROUP BY relation, lock_order
$function$;
COMMENT ON FUNCTION feature_usage_internal.needed_locks() IS
'Returns the tables that a setup would change, and the lock that it needs on each; comments need less.';

CREATE FUNCTION feature_usage_internal.lock_tables_to_change() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    users constant oid := feature_usage_internal.auth_users();
    needed record;
BEGIN
    -- The deletion of a user locks auth.users first and then our tables, in the order of their foreign
    -- keys: it has to end before, or wait until the setup has.
    IF users IS NOT NULL AND EXISTS (SELECT FROM feature_usage_internal.needed_locks() WHERE mode = 'ACCESS EXCLUSIVE')
       AND has_schema_privilege('auth', 'USAGE')
       AND (has_table_privilege(users, 'UPDATE') OR has_table_privilege(users, 'DELETE') OR has_table_privilege(users, 'TRUNCATE')) THEN
        LOCK TABLE auth.users IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    FOR needed IN
        WITH locks AS MATERIALIZED (SELECT * FROM feature_usage_internal.needed_locks())
        SELECT relation, lock_order, mode FROM locks
         UNION
        -- Every call locks feature_usage first, so a session that has it exclusively cannot deadlock with one.
        SELECT r.relation, r.lock_order, 'ACCESS EXCLUSIVE' FROM feature_usage_internal.relations() AS r
         WHERE r.name = 'feature_usage' AND EXISTS (SELECT FROM locks WHERE mode = 'ACCESS EXCLUSIVE')
         ORDER BY lock_order, mode
    LOOP
        EXECUTE format('LOCK TABLE %s IN %s MODE', needed.relation, needed.mode);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.lock_tables_to_change() IS
'Locks the tables that a setup would change, all at once and in the common order.';

-- What an app finds out late, or one after the other, when its own tables are taken over.

CREATE FUNCTION feature_usage_internal.refuse_other_types() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    others record;
BEGIN
    SELECT count(*) AS number,
           string_agg(format('%s of %s is of type %s, not %s', quote_ident(o.name), o.relation, o.type,
                             array_to_string(o.types, ' or ')), E'\n' ORDER BY o.lock_order, o.position) AS listed,
           string_agg(feature_usage_internal.type_hint(o.relation, o.name, o.types), E'\n' ORDER BY o.lock_order, o.position) AS hints
      INTO others
      FROM (SELECT m.relation, m.lock_order, m.number AS position, m.name, m.current_type, m.types
              FROM feature_usage_internal.missing_columns() AS m
             UNION ALL
            SELECT r.relation, r.lock_order, 1000 + c.number, c.name, c.type, c.types
              FROM feature_usage_internal.relations() AS r, feature_usage_internal.counters() AS c
             WHERE r.name = 'feature_usage') AS o (relation, lock_order, position, name, type, types)
     WHERE o.type <> ALL (o.types);
    -- A single one is named by whoever would use it.
    IF others.number > 1 THEN
        RAISE EXCEPTION '% columns are of a type that feature_usage cannot use', others.number
            USING ERRCODE = 'datatype_mismatch', DETAIL = others.listed, HINT = others.hints;
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.refuse_other_types() IS
'Raises an error that lists the columns of other types, if there are several.';

CREATE FUNCTION feature_usage_internal.warn_of_unseen_counts() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    counts constant text := (
        SELECT string_agg(format('CASE WHEN %1$I <> 0 AND period !~ %2$L THEN %3$L || %1$I END', f.usage_column,
                                 k.key_pattern, f.usage_column || '='), ', ' ORDER BY f.usage_column COLLATE "C")
          FROM feature_usage_internal.features(false) AS f
          JOIN feature_usage_internal.period_kinds AS k ON k.name = f.period);
    listed text;
BEGIN
    EXECUTE format(
        $$SELECT string_agg(format('(%%s, %%s): %%s', user_id, period, counts), E'\n' ORDER BY user_id, period COLLATE "C")
            FROM (SELECT user_id, period, counts
                    FROM (SELECT user_id, period, concat_ws(', ', %s) AS counts FROM %s) AS every
                   WHERE counts <> '' ORDER BY user_id, period COLLATE "C" LIMIT 10) AS unseen$$, counts, counters)
       INTO listed;
    IF listed IS NOT NULL THEN
        RAISE WARNING 'feature_usage has counts that no check will see'
            USING DETAIL = listed,
                  HINT = 'A count per month needs a period such as 2025-02, a count per day one such as 2025-02-10. Add these counts to the rows of those periods. At most 10 rows are listed.';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_unseen_counts() IS
'Warns of counts in rows whose period is not of the kind of their feature.';

CREATE FUNCTION feature_usage_internal.warn_of_other_shape() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    counters constant regclass := '@extschema@.feature_usage';
    listed text;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO listed
      FROM pg_attribute AS a
     WHERE a.attrelid = counters AND a.attnum > 0 AND NOT a.attisdropped
       AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
       AND a.attname <> ALL (ARRAY(SELECT w.name FROM feature_usage_internal.wanted_columns(false) AS w WHERE w.table_name = 'feature_usage'));
    IF listed IS NOT NULL THEN
        RAISE WARNING '%: no new row can be inserted, because these columns have no default: %', counters, listed
            USING HINT = 'Give them a default, or drop NOT NULL. If each row counts one feature, rename the table, create the extension, and copy the counts, as docs/takeover.md shows.';
    END IF;

    SELECT string_agg(pg_get_indexdef(i.indexrelid), E'\n' ORDER BY i.indexrelid) INTO listed
      FROM pg_index AS i
     WHERE i.indrelid = counters AND i.indisunique AND i.indnkeyatts = 1
       AND i.indkey[0] IN (SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = counters AND a.attname IN ('user_id', 'period'));
    IF listed IS NOT NULL THEN
        RAISE WARNING '%: a unique key allows a single row per user or per period', counters
            USING DETAIL = listed, HINT = 'Drop this key: there is one row per user and period.';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_other_shape() IS
'Warns of columns and keys with which the first count of a period fails.';

CREATE FUNCTION feature_usage_internal.warn_of_missing_plan() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM @extschema@.plan_limits WHERE plan_id = 'free') THEN
        RAISE WARNING 'plan_limits has no plan free: users without a plan are denied'
            USING HINT = 'Insert it: INSERT INTO @extschema@.plan_limits (plan_id, plan_name, ...) VALUES (''free'', ''Free'', ...);';
    END IF;
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_missing_plan() IS
'Warns if the plan of users without a plan is missing.';

CREATE FUNCTION feature_usage_internal.warn_of_taken_over() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $function$
    SELECT feature_usage_internal.warn_of_unseen_counts();
    SELECT feature_usage_internal.warn_of_other_shape();
    SELECT feature_usage_internal.warn_of_missing_plan();
$function$;
COMMENT ON FUNCTION feature_usage_internal.warn_of_taken_over() IS
'Warns of what an app with tables of its own would notice too late. CREATE EXTENSION calls it.';

-- The setup: everything that outlives the extension, created or brought up to date.

CREATE FUNCTION feature_usage_internal.setup() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $function$
DECLARE
    all_tables constant text[] := ARRAY(SELECT t.name FROM feature_usage_internal.tables AS t);
    missing record;
BEGIN
    PERFORM feature_usage_internal.refuse_unusable_tables();
    PERFORM feature_usage_internal.refuse_other_types();
    PERFORM feature_usage_internal.lock_out_other_setups();
    -- What takes long, or needs no exclusive lock, comes before the locks that hold up calls.
    PERFORM feature_usage_internal.validate_not_negative();
    PERFORM feature_usage_internal.ensure_member_grants();
    PERFORM feature_usage_internal.lock_tables_to_change();
    -- Again, since a rule may have been created while this waited for the locks.
    PERFORM feature_usage_internal.refuse_unusable_tables();
    FOR missing IN
        SELECT t.name FROM feature_usage_internal.tables AS t
         WHERE t.name NOT IN (SELECT r.name FROM feature_usage_internal.relations() AS r) ORDER BY t.lock_order
    LOOP
        PERFORM feature_usage_internal.create_table(missing.name);
    END LOOP;

    PERFORM feature_usage_internal.ensure_table_comments();
    PERFORM feature_usage_internal.ensure_columns(all_tables);
    PERFORM feature_usage_internal.ensure_counters();
    PERFORM feature_usage_internal.ensure_limits_not_negative();
    PERFORM feature_usage_internal.ensure_checks();
    PERFORM feature_usage_internal.ensure_keys();
    PERFORM feature_usage_internal.ensure_indexes();
    PERFORM feature_usage_internal.ensure_fill_factors();
    PERFORM feature_usage_internal.ensure_partitions();
    PERFORM feature_usage_internal.ensure_user_references();
    PERFORM feature_usage_internal.ensure_reservation_flags();
    PERFORM feature_usage_internal.ensure_rows('usage_features', false);
    PERFORM feature_usage_internal.ensure_triggers();
    PERFORM feature_usage_internal.ensure_registry_writers();
    PERFORM feature_usage_internal.ensure_registry_flags();
    PERFORM feature_usage_internal.ensure_increments();
    PERFORM feature_usage_internal.ensure_schema_usage();
    PERFORM feature_usage_internal.ensure_grants();
    PERFORM feature_usage_internal.revoke_sequences();
    PERFORM feature_usage_internal.ensure_policies();
    PERFORM feature_usage_internal.warn_of_overloads();
    PERFORM feature_usage_internal.warn_of_writable_calendars();
END
$function$;
COMMENT ON FUNCTION feature_usage_internal.setup() IS
'Does what feature_usage_setup() does.';

CREATE FUNCTION @extschema@.feature_usage_setup() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $function$
    SELECT feature_usage_internal.setup()
$function$;
COMMENT ON FUNCTION @extschema@.feature_usage_setup() IS
'Creates the tables of feature_usage, or brings existing ones up to date. '
'It adds missing columns, defaults, keys, indexes, policies and privileges, and turns NULL counts into 0; it keeps every row and every column. CREATE EXTENSION calls it. Call it again after a restore without roles, after you have replaced user_plans by a view, or if an error says so, in a transaction of its own: it locks feature_usage, and the tables that it changes. For the owner of the extension. Errors: 23505 for duplicates of a key, 23514 for negative counts or limits, 23502 for rows without a key, 23503 for counts of users that are gone in a partitioned table, 55000 for a deferrable key, 42804 for a column of another type, 42501 for a table of an untrusted role, 0A000 for a table with a rule and for one that Citus distributes. The detail lists the rows.';

-- Registering a user-defined feature.

CREATE FUNCTION @extschema@.add_feature(
    p_feature_type text, p_period text, p_usage_column text DEFAULT NULL, p_limit_column text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $function$
DECLARE
    usage_name constant text := coalesce(p_usage_column, p_feature_type);
    limit_name constant text := coalesce(p_limit_column, coalesce(p_usage_column, p_feature_type) || '_limit');
    checked record;
    existing record;
    locked record;
BEGIN
    IF p_feature_type IS NULL OR p_period IS NULL THEN
        RAISE EXCEPTION '% must not be null', CASE WHEN p_feature_type IS NULL THEN 'p_feature_type' ELSE 'p_period' END
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass the feature type, and a kind of period such as day.';
    ELSIF p_period NOT IN (SELECT k.name FROM feature_usage_internal.period_kinds AS k) THEN
        RAISE EXCEPTION 'unknown kind of period "%"', left(p_period, 64)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('The kinds of period are %s.', feature_usage_internal.kinds_in_words());
    END IF;

    -- 50 bytes leave room for what is made of the name: increment_...
    FOR checked IN
        SELECT * FROM (VALUES ('p_feature_type', p_feature_type, ARRAY[]::text[]),
                              ('p_usage_column', usage_name,
                               ARRAY['id', 'user_id', 'period', 'has_reservations', 'created_at', 'updated_at', 'feature_usage']),
                              ('p_limit_column', limit_name,
                               ARRAY['plan_id', 'plan_name', 'is_active', 'display_order', 'created_at', 'updated_at',
                                     'features', 'plan_id_limit', 'plan_name_limit', 'features_limit'])
                      ) AS arguments (argument, name, reserved)
    LOOP
        IF checked.name !~ '^[a-z][a-z0-9_]{0,49}$' THEN
            RAISE EXCEPTION '% "%" is not a name', checked.argument, left(checked.name, 64)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Write it in lower case, with a-z, 0-9 and _, a letter first, and at most 50 characters.';
        ELSIF checked.name = ANY (checked.reserved) OR checked.argument = 'p_limit_column' AND checked.name LIKE 'has\_%' THEN
            RAISE EXCEPTION '% "%" is reserved', checked.argument, checked.name
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Choose another name, or pass another %s.', checked.argument);
        END IF;
    END LOOP;

    IF 3 > (SELECT count(*) FROM feature_usage_internal.relations() AS r
             WHERE r.name IN ('feature_usage', 'plan_limits', 'usage_features')) THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;
    PERFORM feature_usage_internal.refuse_unusable_tables();
    PERFORM feature_usage_internal.lock_out_other_setups();

    SELECT * INTO existing FROM @extschema@.usage_features AS f
     WHERE f.feature_type = p_feature_type OR f.usage_column = usage_name
        -- get_user_limits() names a limit without its suffix.
        OR regexp_replace(f.limit_column, '_limit$', '') = regexp_replace(limit_name, '_limit$', '')
     ORDER BY f.feature_type = p_feature_type DESC LIMIT 1;
    IF (existing.feature_type, existing.usage_column, existing.limit_column, existing.period)
       <> (p_feature_type, usage_name, limit_name, p_period) THEN
        RAISE EXCEPTION '%', CASE WHEN existing.feature_type = p_feature_type
                                  THEN format('feature %s is registered with another definition', p_feature_type)
                                  ELSE format('a column of %s belongs to the feature %s', p_feature_type, existing.feature_type) END
            USING ERRCODE = 'duplicate_object',
                  DETAIL = format('Its usage column is %s, its limit column %s and its period %s.',
                                  existing.usage_column, existing.limit_column, existing.period),
                  HINT = 'Choose another name, pass other columns, or pass the same definition.';
    END IF;

    IF existing.feature_type IS NULL AND NOT has_schema_privilege('@extschema@'::regnamespace, 'CREATE') THEN
        RAISE EXCEPTION 'creating increment_% needs CREATE on the schema %', usage_name, '@extschema@'
            USING ERRCODE = 'insufficient_privilege', HINT = format('Run GRANT CREATE ON SCHEMA %s TO %I; as the owner of the schema.', '@extschema@', current_user);
    END IF;

    -- All locks come first, in the common order. A feature that is complete needs none.
    FOR locked IN
        SELECT r.relation FROM feature_usage_internal.relations() AS r
         WHERE r.is_table AND r.name IN ('feature_usage', 'plan_limits')
           AND (existing.feature_type IS NULL OR r.relation IN (
                SELECT n.relation FROM feature_usage_internal.needed_locks() AS n WHERE n.mode = 'ACCESS EXCLUSIVE'))
         ORDER BY r.lock_order
    LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', locked.relation);
    END LOOP;
    -- Again, since a rule may have been created while this waited for the locks.
    PERFORM feature_usage_internal.refuse_unusable_tables();
    IF existing.feature_type IS NULL THEN
        INSERT INTO @extschema@.usage_features (feature_type, usage_column, limit_column, period)
        VALUES (p_feature_type, usage_name, limit_name, p_period);
    END IF;
    PERFORM feature_usage_internal.ensure_counters();
    PERFORM feature_usage_internal.ensure_columns('{plan_limits}');
    PERFORM feature_usage_internal.ensure_limits_not_negative();
    PERFORM feature_usage_internal.ensure_increments();
    IF to_regclass('@extschema@.usage_rules') IS NOT NULL THEN
        PERFORM feature_usage_internal.ensure_registry_flags();
    END IF;
END
$function$;
COMMENT ON FUNCTION @extschema@.add_feature(text, text, text, text) IS
'Registers a feature and creates its counter, its limit and its increment function. '
'The counter is the column p_usage_column of feature_usage, by default named like the feature; the limit is the column p_limit_column of plan_limits, by default named like the counter with _limit appended. Both are bigint; the limit is 0 on every plan until you set it, so that a new feature is blocked. The increment is increment_<counter>(p_user_id, p_count, p_period). p_period is hour, day, week, month, year or total, or billing_week, billing_month or billing_year, which begin at period_anchor. Calling it again with the same definition changes nothing. For the owner of the extension. Errors: 22004 for a NULL, 22023 for an unusable name or period, 42710 if it is registered with another definition, 42804 if a column of that name has another type, 23514 if it has negative values, 42723 if another function has the name of the increment, 42P01 if a table is missing.';

-- Taking over from a log with one row per image: each becomes one count in its UTC day.

CREATE FUNCTION @extschema@.migrate_image_generation_log(p_drop boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    -- An app's tables are in public, wherever the extension is.
    log constant regclass := coalesce(to_regclass('@extschema@.image_generation_log'),
                                      to_regclass('public.image_generation_log'));
    utc_day text;
    is_countable text;
    counted bigint;
    left_over bigint;
BEGIN
    IF p_drop IS NULL THEN
        RAISE EXCEPTION 'p_drop must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass true to drop the log afterwards, false to keep it.';
    ELSIF log IS NULL THEN
        RAISE NOTICE 'there is no image_generation_log: nothing to migrate';
        RETURN 0;
    ELSIF (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = log) THEN
        RAISE EXCEPTION '% is not a table', log
            USING ERRCODE = 'wrong_object_type', HINT = 'Only a table can be marked as counted and dropped.';
    END IF;

    IF 2 > (SELECT count(*) FROM pg_attribute
             WHERE attrelid = log AND attname IN ('user_id', 'created_at') AND NOT attisdropped) THEN
        RAISE EXCEPTION '% does not have the columns user_id and created_at', log
            USING ERRCODE = 'undefined_column',
                  HINT = format('Rename the columns that say who made an image and when: ALTER TABLE %s RENAME COLUMN ... TO created_at;', log);
    END IF;

    -- A row that arrives while we count would be dropped without being counted.
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', log);
    PERFORM feature_usage_internal.ensure_column(log, name, definition, types, description)
       FROM (VALUES
        ('user_id', 'uuid', '{uuid}'::text[], 'Who made the image.'),
        ('created_at', 'timestamptz', '{timestamp with time zone,timestamp without time zone,date}', 'When the image was made.'),
        ('counted_in_feature_usage', 'boolean NOT NULL DEFAULT false', '{boolean}',
         'Whether migrate_image_generation_log() has counted the image; it counts each once.')
       ) AS wanted (name, definition, types, description);

    -- A timestamp without a zone is taken as UTC, whatever the session's zone.
    SELECT CASE WHEN atttypid = 'timestamptz'::regtype THEN '(l.created_at AT TIME ZONE ''UTC'')' ELSE 'l.created_at' END
      INTO utc_day FROM pg_attribute WHERE attrelid = log AND attname = 'created_at';
    is_countable := format('l.user_id IS NOT NULL AND %1$s >= ''0001-01-01'' AND %1$s < ''10000-01-01''', utc_day);
    -- A deleted user's usage is deleted as well.
    IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = '@extschema@.feature_usage'::regclass
                  AND confrelid = to_regclass('auth.users')) THEN
        is_countable := is_countable || ' AND EXISTS (SELECT FROM auth.users AS u WHERE u.id = l.user_id)';
    END IF;

    EXECUTE format(
        $$WITH counted AS (
              UPDATE %1$s AS l SET counted_in_feature_usage = true
               WHERE NOT l.counted_in_feature_usage AND %2$s
           RETURNING l.user_id, to_char(%3$s, 'YYYY-MM-DD') AS period
          ), added AS (
              INSERT INTO @extschema@.feature_usage AS fu (user_id, period, images_generated)
              SELECT user_id, period, count(*)::integer FROM counted GROUP BY user_id, period
               -- Rows are locked in the order in which batches lock them.
               ORDER BY user_id, period COLLATE "C"
                  ON CONFLICT (user_id, period) DO UPDATE
                 SET images_generated = fu.images_generated + excluded.images_generated, updated_at = now()
          )
          SELECT count(*) FROM counted$$, log, is_countable, utc_day) INTO counted;

    EXECUTE format('SELECT count(*) FROM %s WHERE NOT counted_in_feature_usage', log) INTO left_over;
    IF left_over > 0 THEN
        RAISE WARNING '% rows of % could not be counted%', left_over, log, CASE WHEN p_drop THEN ', so it is not dropped' ELSE '' END
            USING HINT = 'They have no user, a user that is no longer in auth.users, or no usable created_at. Correct them, or delete them WHERE NOT counted_in_feature_usage; then call this again.';
    ELSIF p_drop THEN
        EXECUTE format('DROP TABLE %s', log);
    END IF;
    RETURN counted;
END
$function$;
COMMENT ON FUNCTION @extschema@.migrate_image_generation_log(boolean) IS
'Adds the rows of image_generation_log to images_generated of their UTC days, each row once. '
'The log must have the columns user_id and created_at, and may have others. A second call adds only what is new. p_drop says whether to drop the log afterwards, if every row is counted. Returns the number of rows counted, 0 if there is no such table. For the owner of the extension.';

-- Deleting what nobody needs any more.

CREATE FUNCTION @extschema@.prune_feature_usage(
    p_older_than interval DEFAULT '7 days', p_periods_older_than interval DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    age record;
    cutoff timestamptz;
    keys bigint;
    reservations bigint;
    periods bigint := 0;
    windows bigint;
    gone bigint;
    entries bigint := 0;
    margin interval;
    ended text[];
    users record;
BEGIN
    IF p_older_than IS NULL THEN
        RAISE EXCEPTION 'p_older_than must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass an interval such as ''7 days''.';
    END IF;
    FOR age IN
        SELECT * FROM (VALUES ('p_older_than', p_older_than), ('p_periods_older_than', p_periods_older_than)) AS ages (name, value)
         WHERE value IS NOT NULL
    LOOP
        IF age.value < interval '0' THEN
            RAISE EXCEPTION '% must not be negative', age.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass an interval such as ''7 days''.';
        END IF;
        -- Periods have years from 1 to 9999. to_char() would write a year before that without its era.
        BEGIN
            cutoff := now() - age.value;
        EXCEPTION WHEN datetime_field_overflow THEN
            cutoff := '-infinity';
        END;
        IF cutoff < '0001-01-02 00:00:00+00' OR cutoff >= '9999-12-31 00:00:00+00' THEN
            RAISE EXCEPTION '% reaches back beyond the year 1', age.name
                USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass a shorter interval, such as ''7 days''.';
        END IF;
    END LOOP;

    IF to_regclass('@extschema@.feature_idempotency_keys') IS NULL
       OR to_regclass('@extschema@.feature_reservations') IS NULL OR to_regclass('@extschema@.feature_usage') IS NULL
       OR to_regclass('@extschema@.usage_counters') IS NULL OR to_regclass('@extschema@.usage_features') IS NULL
       OR to_regclass('@extschema@.usage_rules') IS NULL OR to_regclass('@extschema@.usage_ledger') IS NULL
       OR to_regclass('@extschema@.usage_pools') IS NULL OR to_regclass('@extschema@.usage_increments') IS NULL THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;

    -- Everybody locks feature_usage first.
    LOCK TABLE @extschema@.feature_usage IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.feature_reservations IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.feature_idempotency_keys IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.usage_counters IN ROW EXCLUSIVE MODE;
    LOCK TABLE @extschema@.usage_increments IN ROW EXCLUSIVE MODE;
    -- Period keys of one kind sort by time in "C". A period of a time zone ends at most a day later
    -- than in UTC; one of a billing kind is taken to be as long as the longest of its kind.
    SELECT CASE WHEN bool_or(f.reads_calendars)
                  OR EXISTS (SELECT FROM @extschema@.usage_pools AS po, to_jsonb(po) AS pool
                              WHERE pool ->> 'time_zone' IS NOT NULL OR pool ->> 'period_anchor' IS NOT NULL)
                  OR EXISTS (SELECT FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
                              WHERE c.oid IN (to_regclass('@extschema@.user_plans'), to_regclass('@extschema@.plan_limits'), to_regclass('@extschema@.usage_pools'))
                                AND c.relkind NOT IN ('r', 'p') AND a.attname IN ('time_zone', 'period_anchor'))
                THEN interval '1 day' ELSE '0' END
      INTO margin FROM @extschema@.usage_features AS f;
    SELECT array_agg('CASE ' || condition || ' ELSE false END' ORDER BY number) INTO ended
      FROM (SELECT number, string_agg(
                       format('WHEN period LIKE %L THEN %s COLLATE "C" < %L', shape,
                              CASE WHEN longest = '0' THEN 'period' ELSE 'left(period, 10)' END,
                              to_char(greatest(ages.cutoff - longest - margin, '0001-01-01 00:00:00+00') AT TIME ZONE 'UTC', template)),
                       ' ' ORDER BY shape) AS condition
              FROM (VALUES (1, now() - p_older_than), (2, now() - coalesce(p_periods_older_than, '0'))) AS ages (number, cutoff),
                   (VALUES ('____-__-__T__', 'YYYY-MM-DD"T"HH24', interval '0'), ('____-__-__', 'YYYY-MM-DD', '0'),
                           ('____-W__', 'IYYY-"W"IW', '0'), ('____-__', 'YYYY-MM', '0'), ('____', 'YYYY', '0'),
                           ('____-__-__/P1W', 'YYYY-MM-DD', '7 days'), ('____-__-__/P1M', 'YYYY-MM-DD', '31 days'),
                           ('____-__-__/P1Y', 'YYYY-MM-DD', '366 days')) AS kinds (shape, template, longest)
             GROUP BY number) AS conditions;

    -- Rows that others have locked are left for the next time: whoever waits for many rows can
    -- deadlock with a batch, or with the deletion of a user.
    DELETE FROM @extschema@.feature_idempotency_keys WHERE (user_id, operation, key) IN (
        SELECT ik.user_id, ik.operation, ik.key FROM @extschema@.feature_idempotency_keys AS ik
         WHERE ik.created_at < now() - p_older_than FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS keys = ROW_COUNT;
    -- An open reservation is part of a count, however old it is.
    DELETE FROM @extschema@.feature_reservations WHERE (reservation_id, user_id) IN (
        SELECT fr.reservation_id, fr.user_id FROM @extschema@.feature_reservations AS fr
         WHERE fr.status <> 'reserved' AND fr.updated_at < now() - p_older_than FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS reservations = ROW_COUNT;
    IF p_periods_older_than IS NOT NULL THEN
        EXECUTE 'DELETE FROM ' || '@extschema@.feature_usage' || ' WHERE (user_id, period) IN (
            SELECT fu.user_id, fu.period FROM ' || '@extschema@.feature_usage' || ' AS fu
             WHERE ' || ended[2] || '
               AND NOT EXISTS (SELECT FROM ' || '@extschema@.feature_reservations' || ' AS fr
                                WHERE fr.user_id = fu.user_id AND fr.status = ''reserved''
                                  AND (fr.period = fu.period OR fr.sources -> ''paid'' ->> ''period'' = fu.period))
               FOR UPDATE SKIP LOCKED)';
        GET DIAGNOSTICS periods = ROW_COUNT;
    END IF;
    -- What was appended to a count goes with it.
    DELETE FROM @extschema@.usage_increments WHERE (user_id, period, feature_type, increment_id) IN (
        SELECT ui.user_id, ui.period, ui.feature_type, ui.increment_id FROM @extschema@.usage_increments AS ui
         WHERE NOT EXISTS (SELECT FROM @extschema@.feature_usage AS fu
                            WHERE fu.user_id = ui.user_id AND fu.period = ui.period AND fu.has_increments)
           FOR UPDATE SKIP LOCKED);
    -- What grants and overage covered of a period goes with its count; what an open reservation is
    -- counted in stays, so that it can be given back.
    EXECUTE 'DELETE FROM ' || '@extschema@.usage_counters' || ' WHERE (pool_id, user_id, feature_type, period) IN (
        SELECT uc.pool_id, uc.user_id, uc.feature_type, uc.period FROM ' || '@extschema@.usage_counters' || ' AS uc
         WHERE CASE WHEN uc.period LIKE ''rate/%'' THEN coalesce(uc.tat, uc.updated_at) < $1
                    WHEN EXISTS (SELECT FROM ' || '@extschema@.usage_features' || ' AS uf
                                   JOIN unnest($2, $3) AS k (kind, shape) ON k.kind = uf.period
                                  WHERE uf.feature_type = uc.feature_type AND uc.period LIKE k.shape)
                    THEN $4 AND (' || ended[2] || ')
                         AND NOT EXISTS (SELECT FROM ' || '@extschema@.feature_usage' || ' AS fu
                                          WHERE uc.pool_id = $5 AND fu.user_id = uc.user_id AND fu.period = uc.period)
                         AND NOT EXISTS (SELECT FROM ' || '@extschema@.feature_reservations' || ' AS fr
                                          WHERE fr.pool_id = uc.pool_id AND fr.status = ''reserved''
                                            AND (fr.period = uc.period OR fr.sources -> ''paid'' ->> ''period'' = uc.period))
                    ELSE ' || ended[1] || ' END
           AND NOT EXISTS (SELECT FROM ' || '@extschema@.feature_reservations' || ' AS fr
                            CROSS JOIN LATERAL (VALUES (fr.feature_type, fr.sources -> ''windows''), (fr.feature_type, fr.sources -> ''member_windows''),
                                               (fr.sources -> ''paid'' ->> ''in'', fr.sources -> ''paid'' -> ''windows''),
                                               (fr.sources -> ''paid'' ->> ''in'', fr.sources -> ''paid'' -> ''member_windows'')) AS c (feature_type, windows)
                            CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(c.windows) WHEN ''array'' THEN c.windows ELSE ''[]'' END) AS w (part)
                            WHERE CASE WHEN uc.pool_id = $5 THEN fr.user_id = uc.user_id AND fr.pool_id IS NULL ELSE fr.pool_id = uc.pool_id END
                              AND c.feature_type = uc.feature_type AND fr.status = ''reserved''
                              AND w.part ->> 1 = uc.period)
           FOR UPDATE SKIP LOCKED)'
    USING now() - p_older_than, '{hour,day,week,month,year,total,billing_week,billing_month,billing_year}'::text[],
          '{____-__-__T__,____-__-__,____-W__,____-__,____,total,____-__-__/P1W,____-__-__/P1M,____-__-__/P1Y}'::text[],
          p_periods_older_than IS NOT NULL, '00000000-0000-0000-0000-000000000000'::uuid;
    GET DIAGNOSTICS windows = ROW_COUNT;
    -- These rows have no foreign key, so that no update waits for the user's row.
    FOR users IN
        SELECT f.confrelid::regclass AS relation, k.attname AS key
          FROM pg_constraint AS f
          JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attname = 'user_id' AND f.conkey = ARRAY[a.attnum]
          JOIN pg_attribute AS k ON k.attrelid = f.confrelid AND k.attnum = f.confkey[1]
          JOIN pg_class AS c ON c.oid = f.confrelid
         WHERE f.conrelid = '@extschema@.feature_usage'::regclass AND f.contype = 'f'
           AND has_schema_privilege(c.relnamespace, 'USAGE') AND has_column_privilege(c.oid, k.attnum, 'SELECT')
    LOOP
        EXECUTE format('DELETE FROM %1$s WHERE (pool_id, user_id, feature_type, period) IN (
            SELECT uc.pool_id, uc.user_id, uc.feature_type, uc.period FROM %1$s AS uc
             WHERE uc.pool_id = ''00000000-0000-0000-0000-000000000000''
               AND NOT EXISTS (SELECT FROM %2$s AS u WHERE u.%3$I = uc.user_id) FOR UPDATE SKIP LOCKED)',
            '@extschema@.usage_counters', users.relation, users.key);
        GET DIAGNOSTICS gone = ROW_COUNT;
        windows := windows + gone;
    END LOOP;
    -- Only the owner may delete what happened. The last rule that logs a feature says for how long it
    -- is kept, even if that has ended.
    IF has_table_privilege('@extschema@.usage_ledger', 'DELETE') THEN
        DELETE FROM @extschema@.usage_ledger AS ul USING (
            SELECT DISTINCT ON (ur.feature_type) ur.feature_type, ur.amount FROM @extschema@.usage_rules AS ur
             WHERE ur.effect = 'log' AND ur.starts_at <= now()
             ORDER BY ur.feature_type, ur.starts_at DESC, ur.created_at DESC, ur.rule_id DESC) AS kept
         WHERE ul.feature_type = kept.feature_type AND kept.amount IS NOT NULL
           AND ul.at < now() - make_interval(days => least(kept.amount, 1000000)::integer);
        GET DIAGNOSTICS entries = ROW_COUNT;
    END IF;
    RETURN jsonb_build_object('idempotency_keys', keys, 'reservations', reservations, 'periods', periods)
           || CASE WHEN windows > 0 THEN jsonb_build_object('windows', windows) ELSE '{}' END
           || CASE WHEN entries > 0 THEN jsonb_build_object('entries', entries) ELSE '{}' END;
END
$function$;
COMMENT ON FUNCTION @extschema@.prune_feature_usage(interval, interval) IS
'Deletes old idempotency keys and settled reservations and, if asked, counts of old periods. '
'Idempotency keys and settled reservations go if they are older than p_older_than, and so do windows and rates of caps that ended longer ago and hold no open reservation. Counts go only if p_periods_older_than is given and their period ended longer ago than that; counts with open reservations stay. Time zones and anchors keep a period up to a month longer, so that no current one goes. Returns how many were deleted: {"idempotency_keys", "reservations", "periods"}, and "windows" and "entries" if there were any. Entries of the ledger go by the days of the rule that logs their feature, if the caller may delete them. Errors: 22004 for a NULL p_older_than, 22023 for an interval that is negative or reaches back beyond the year 1, 42P01 if a table is missing.';

-- Writing who has which plan, for webhooks of payment providers.

CREATE FUNCTION @extschema@.set_user_plan(
    p_user_id uuid, p_plan_id text, p_is_active boolean DEFAULT true,
    p_status text DEFAULT 'active', p_trial_end_date timestamptz DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    plans constant regclass := to_regclass('@extschema@.user_plans');
    -- NULL is the plan free.
    plan constant text := coalesce(p_plan_id, 'free');
    known text[];
    types jsonb;
    stored jsonb;
BEGIN
    IF p_user_id IS NULL THEN
        RAISE EXCEPTION 'p_user_id must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass the id of the user.';
    ELSIF plans IS NULL OR to_regclass('@extschema@.plan_limits') IS NULL THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    ELSIF (SELECT relkind NOT IN ('r', 'p') FROM pg_class WHERE oid = plans) THEN
        RAISE EXCEPTION '% is not a table', plans
            USING ERRCODE = 'feature_not_supported', HINT = 'Write to the table that the view user_plans reads.';
    END IF;

    -- Everybody locks feature_usage first, then user_plans, then plan_limits.
    IF to_regclass('@extschema@.feature_usage') IS NOT NULL THEN
        LOCK TABLE @extschema@.feature_usage IN ACCESS SHARE MODE;
    END IF;
    LOCK TABLE @extschema@.user_plans IN ROW EXCLUSIVE MODE;
    SELECT array_agg(pl.plan_id::text ORDER BY pl.plan_id::text COLLATE "C") INTO known FROM @extschema@.plan_limits AS pl;
    IF (plan = ANY (known)) IS NOT TRUE THEN
        RAISE EXCEPTION 'unknown plan "%"', left(plan, 64)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = coalesce('The plans are: ' || array_to_string(known, ', ') || '. ', '') || 'Insert others into plan_limits first.';
    END IF;

    -- The columns of an existing table may be of other types. A cast without a length does not cut
    -- a text off; a time without a zone is in UTC.
    SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, -1)) INTO types
      FROM pg_attribute AS a
     WHERE a.attrelid = plans AND a.attname IN ('plan_id', 'status', 'trial_end_date') AND NOT a.attisdropped;
    IF NOT coalesce(types, '{}') ?& '{plan_id,status,trial_end_date}' THEN
        RAISE EXCEPTION 'a column of % is missing', plans
            USING ERRCODE = 'undefined_column', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;
    EXECUTE format(
        $$INSERT INTO %s AS up (user_id, plan_id, is_active, status, trial_end_date)
          VALUES ($1, $2::%s, $3, $4::%s, ($5 %s)::%s)
              ON CONFLICT (user_id) DO UPDATE
             SET plan_id = excluded.plan_id, is_active = excluded.is_active, status = excluded.status,
                 trial_end_date = excluded.trial_end_date
       RETURNING jsonb_build_object(
                 'user_id', up.user_id, 'plan_id', up.plan_id, 'is_active', up.is_active, 'status', up.status,
                 'trial_end_date', CASE WHEN isfinite(up.trial_end_date)
                                        THEN to_char(up.trial_end_date %s, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                                        ELSE up.trial_end_date::text END)$$,
        plans, types ->> 'plan_id', types ->> 'status',
        CASE WHEN types ->> 'trial_end_date' <> 'timestamp with time zone' THEN 'AT TIME ZONE ''UTC''' END, types ->> 'trial_end_date',
        CASE WHEN types ->> 'trial_end_date' = 'timestamp with time zone' THEN 'AT TIME ZONE ''UTC''' END)
       INTO stored USING p_user_id, plan, p_is_active, p_status, p_trial_end_date;
    RETURN stored;
END
$function$;
COMMENT ON FUNCTION @extschema@.set_user_plan(uuid, text, boolean, text, timestamptz) IS
'Sets the plan of a user, in one atomic step; inserts the row of user_plans if there is none. '
'A NULL p_plan_id is the plan free. p_is_active and p_status describe the subscription; only active and trialing allow anything on a paid plan. p_trial_end_date is when the trial of a user on the plan free ends, NULL means never. Returns what is stored: {"user_id", "plan_id", "is_active", "status", "trial_end_date"}. Errors: 22004 for a NULL user, 22023 for a plan that is not in plan_limits (the hint lists those that are), 0A000 if user_plans is a view, 42P01 if a table is missing.';

-- Who has used what, from the ledger or from the counters.

-- The planner cannot know how few buckets there are, and would sort all entries on disk instead of hashing
-- them. JIT takes longer to compile than it saves here.
CREATE FUNCTION @extschema@.usage_report(
    p_from timestamptz, p_to timestamptz, p_by text DEFAULT 'day',
    p_feature_type text DEFAULT NULL, p_user_id uuid DEFAULT NULL, p_pool_id uuid DEFAULT NULL
) RETURNS TABLE (
    bucket timestamptz, feature_type text, user_id uuid, pool_id uuid, amount bigint, overage bigint, entries bigint
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_sort = off SET enable_incremental_sort = off SET jit = off AS $function$
DECLARE
    known text[];
    missing text;
    counters text;
    -- Of a key that begins with a date. The 31st of a short month is a day of the next.
    day constant text :=
        $$(make_date(left(period, 4)::integer, substr(period, 6, 2)::integer, 1) + substr(period, 9, 2)::integer - 1)::timestamp AT TIME ZONE 'UTC'$$;
BEGIN
    FOR missing IN
        SELECT a.name FROM (VALUES ('p_from', p_from::text), ('p_to', p_to::text), ('p_by', p_by)) AS a (name, value)
         WHERE a.value IS NULL
    LOOP
        RAISE EXCEPTION '% must not be null', missing
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Pass a value for this argument.';
    END LOOP;
    IF p_by NOT IN ('hour', 'day', 'month', 'period') THEN
        RAISE EXCEPTION 'p_by is "%"', left(p_by, 64)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass hour, day, month or period.';
    ELSIF p_from > p_to THEN
        RAISE EXCEPTION 'p_from is after p_to'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The report is from p_from, until before p_to.';
    ELSIF p_by = 'hour' AND p_to > p_from + interval '400 days' THEN
        RAISE EXCEPTION 'a report by hour is of at most 400 days'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask for fewer days, or by day.';
    END IF;
    IF to_regclass('@extschema@.usage_features') IS NULL OR to_regclass('@extschema@.feature_usage') IS NULL
       OR to_regclass('@extschema@.usage_counters') IS NULL OR to_regclass('@extschema@.usage_ledger') IS NULL
       OR to_regclass('@extschema@.usage_increments') IS NULL THEN
        RAISE EXCEPTION 'a table of feature_usage is missing'
            USING ERRCODE = 'undefined_table', HINT = 'Run SELECT @extschema@.feature_usage_setup(); as the owner of the extension.';
    END IF;
    SELECT array_agg(uf.feature_type ORDER BY uf.feature_type COLLATE "C") INTO known FROM @extschema@.usage_features AS uf;
    IF p_feature_type IS NOT NULL AND (p_feature_type = ANY (known)) IS NOT TRUE THEN
        RAISE EXCEPTION 'unknown feature type "%"', left(p_feature_type, 64)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('The feature types are %s. Register others with add_feature().', array_to_string(known, ', '));
    END IF;

    IF p_by <> 'period' THEN
        -- An interval as time zone costs a fifth of what 'UTC' does; only entries about grants have no period.
        RETURN QUERY
        SELECT date_trunc(p_by, ul.at AT TIME ZONE interval '0') AT TIME ZONE interval '0', ul.feature_type, ul.user_id, ul.pool_id,
               sum(ul.amount)::bigint, sum(ul.overage)::bigint, count(*)
          FROM @extschema@.usage_ledger AS ul
         WHERE ul.at >= p_from AND ul.at < p_to AND ul.period <> ''
           AND (p_feature_type IS NULL OR ul.feature_type = p_feature_type)
           AND (p_user_id IS NULL OR ul.user_id = p_user_id)
           AND (p_pool_id IS NULL OR ul.pool_id = p_pool_id)
         GROUP BY 1, 2, 3, 4 ORDER BY 1, ul.feature_type COLLATE "C", 4 NULLS FIRST, 3 NULLS FIRST;
        RETURN;
    END IF;

    -- A key that somebody has written by hand, and that is no period, is left out.
    SELECT string_agg(format(
               $$SELECT %1$s AS bucket, %2$L::text AS feature_type, fu.user_id::uuid AS user_id, '00000000-0000-0000-0000-000000000000'::uuid AS pool_id,
                        fu.%3$I::bigint + CASE WHEN fu.has_increments THEN
                            (SELECT coalesce(sum(ui.amount), 0)::bigint FROM @extschema@.usage_increments AS ui
                              WHERE ui.user_id = fu.user_id AND ui.period = fu.period AND ui.feature_type = %2$L)
                            ELSE 0 END AS amount, fu.period::text AS period
                   FROM @extschema@.feature_usage AS fu WHERE (fu.%3$I > 0 OR fu.has_increments) AND fu.period::text ~ %4$L
                  UNION ALL
                 SELECT %5$s, uc.feature_type, uc.user_id, uc.pool_id, uc.used, uc.period
                   FROM @extschema@.usage_counters AS uc
                  WHERE uc.pool_id <> '00000000-0000-0000-0000-000000000000' AND uc.feature_type = %2$L AND uc.used > 0 AND uc.period ~ %4$L$$,
               replace(k.starts_at, 'period', 'fu.period::text'), uf.feature_type, uf.usage_column, k.shape,
               replace(k.starts_at, 'period', 'uc.period')), ' UNION ALL ')
      INTO counters
      FROM @extschema@.usage_features AS uf
      JOIN (VALUES
            ('hour', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\dT\d\d$',
             $$(make_date(left(period, 4)::integer, substr(period, 6, 2)::integer, 1) + substr(period, 9, 2)::integer - 1
                + make_interval(hours => substr(period, 12, 2)::integer)) AT TIME ZONE 'UTC'$$),
            ('day', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\d$', day),
            ('week', '^(?!0000)\d{4}-W([0-4]\d|5[0-3])$', $$to_date(period, 'IYYY-"W"IW')::timestamp AT TIME ZONE 'UTC'$$),
            ('month', '^(?!0000)\d{4}-(0[1-9]|1[0-2])$',
             $$make_date(left(period, 4)::integer, substr(period, 6, 2)::integer, 1)::timestamp AT TIME ZONE 'UTC'$$),
            ('year', '^(?!0000)\d{4}$', $$make_date(period::integer, 1, 1)::timestamp AT TIME ZONE 'UTC'$$),
            ('total', '^total$', $$'-infinity'::timestamptz$$),
            ('billing_week', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\d/P1W$', day),
            ('billing_month', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\d/P1M$', day),
            ('billing_year', '^(?!0000)\d{4}-(0[1-9]|1[0-2])-\d\d/P1Y$', day)
           ) AS k (kind, shape, starts_at) ON k.kind = uf.period
     WHERE (p_feature_type IS NULL OR uf.feature_type = p_feature_type)
       AND EXISTS (SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = '@extschema@.feature_usage'::regclass AND a.attname = uf.usage_column AND NOT a.attisdropped);
    IF counters IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        $$SELECT c.bucket, c.feature_type, nullif(c.user_id, '00000000-0000-0000-0000-000000000000'),
                 nullif(c.pool_id, '00000000-0000-0000-0000-000000000000'), sum(c.amount)::bigint, coalesce(sum(uc.overage), 0)::bigint, NULL::bigint
            FROM (%s) AS c
            LEFT JOIN @extschema@.usage_counters AS uc
              ON uc.pool_id = c.pool_id AND uc.user_id = c.user_id
             AND uc.feature_type = c.feature_type AND uc.period = c.period
           WHERE c.amount > 0 AND c.bucket >= $1 AND c.bucket < $2 AND ($3 IS NULL OR c.user_id = $3)
             AND ($4 IS NULL OR c.pool_id = $4)
           GROUP BY 1, 2, 3, 4 ORDER BY 1, c.feature_type COLLATE "C", 4 NULLS FIRST, 3 NULLS FIRST$$, counters)
    USING p_from, p_to, p_user_id, p_pool_id;
END
$function$;
COMMENT ON FUNCTION @extschema@.usage_report(timestamptz, timestamptz, text, text, uuid, uuid) IS
'Returns who has used what from p_from until before p_to, per hour, day, month or period. '
'p_by hour (of at most 400 days), day and month read the ledger, of features that a rule logs, by UTC; period reads the counters of every feature, by the date of the period key, at midnight UTC (total is -infinity). One row per bucket, feature, user and pool that the caller may read: {bucket, feature_type, user_id, pool_id, amount, overage, entries}; entries is NULL for period, and so is user_id of a pool''s total, which includes the rows of its members. Errors: 22004 for a NULL, 22023 for an unknown feature type or p_by, or unusable instants, 42P01 if a table is missing.';

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
    ('carry_over_usage', 'service_role'),
    ('correct_usage', 'service_role'),
    ('usage_report', 'service_role'),
    ('usage_report', 'authenticated');

CREATE  FUNCTION "carry_over_usage"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT, /* Option < & str > */
	"p_period" TEXT, /* Option < & str > */
	"p_max" bigint, /* Option < i64 > */
	"p_expires_at" timestamp with time zone DEFAULT NULL, /* Option < TimestampWithTimeZone > */
	"p_allowance" bigint DEFAULT NULL, /* Option < i64 > */
	"p_pool_id" uuid DEFAULT NULL /* Option < Uuid > */
) RETURNS jsonb /* Jsonb < Carried > */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'carry_over_usage_wrapper';

CREATE  FUNCTION "check_feature_limit"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT, /* Option < & str > */
	"p_requested_amount" INT DEFAULT 1, /* Option < i32 > */
	"p_period" TEXT DEFAULT NULL /* Option < & str > */
) RETURNS jsonb /* Jsonb < Answer > */
STABLE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'check_feature_limit_wrapper';

CREATE  FUNCTION "commit_reservation"(
	"p_reservation_id" uuid, /* Option < Uuid > */
	"p_actual" INT DEFAULT NULL, /* Option < i32 > */
	"p_user_id" uuid DEFAULT NULL /* Option < Uuid > */
) RETURNS jsonb /* Jsonb < Settled > */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'commit_reservation_wrapper';

CREATE  FUNCTION "consume_feature"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT, /* Option < & str > */
	"p_amount" INT DEFAULT 1, /* Option < i32 > */
	"p_idempotency_key" TEXT DEFAULT NULL, /* Option < & str > */
	"p_pool_id" uuid DEFAULT NULL, /* Option < Uuid > */
	"p_metadata" jsonb DEFAULT NULL /* Option < JsonbText > */
) RETURNS jsonb /* Jsonb < Outcome > */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'consume_feature_wrapper';

CREATE  FUNCTION "correct_usage"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT, /* Option < & str > */
	"p_amount" bigint, /* Option < i64 > */
	"p_reason" TEXT, /* Option < & str > */
	"p_period" TEXT DEFAULT NULL, /* Option < & str > */
	"p_pool_id" uuid DEFAULT NULL, /* Option < Uuid > */
	"p_idempotency_key" TEXT DEFAULT NULL /* Option < & str > */
) RETURNS jsonb /* Jsonb < Outcome < Corrected > > */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'correct_usage_wrapper';

CREATE  FUNCTION "expire_reservations"(
	"p_limit" INT DEFAULT 1000 /* Option < i32 > */
) RETURNS INT /* i32 */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'expire_reservations_wrapper';

CREATE  FUNCTION "get_user_limits"(
	"p_user_id" uuid /* Option < Uuid > */
) RETURNS jsonb /* Jsonb < Summary > */
STABLE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'get_user_limits_wrapper';

CREATE  FUNCTION "grant_usage"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT, /* Option < & str > */
	"p_amount" bigint, /* Option < i64 > */
	"p_source_ref" TEXT, /* Option < & str > */
	"p_expires_at" timestamp with time zone DEFAULT NULL, /* Option < TimestampWithTimeZone > */
	"p_effective_at" timestamp with time zone DEFAULT NULL, /* Option < TimestampWithTimeZone > */
	"p_priority" INT DEFAULT 100, /* Option < i32 > */
	"p_pool_id" uuid DEFAULT NULL, /* Option < Uuid > */
	"p_reason" TEXT DEFAULT NULL /* Option < & str > */
) RETURNS jsonb /* Jsonb < Granted > */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'grant_usage_wrapper';

CREATE  FUNCTION "increment_chat_messages"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_count" INT, /* Option < i32 > */
	"p_period" TEXT /* Option < & str > */
) RETURNS void
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'increment_chat_messages_wrapper';

CREATE  FUNCTION "increment_feature_usage"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT, /* Option < & str > */
	"p_amount" INT, /* Option < i32 > */
	"p_period" TEXT /* Option < & str > */
) RETURNS void
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'increment_feature_usage_wrapper';

CREATE  FUNCTION "increment_images_generated"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_count" INT, /* Option < i32 > */
	"p_period" TEXT /* Option < & str > */
) RETURNS void
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'increment_images_generated_wrapper';

CREATE  FUNCTION "increment_insights_count"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_count" INT, /* Option < i32 > */
	"p_period" TEXT /* Option < & str > */
) RETURNS void
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'increment_insights_count_wrapper';

CREATE  FUNCTION "increment_therai_calls"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_calls" INT, /* Option < i32 > */
	"p_period" TEXT /* Option < & str > */
) RETURNS void
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'increment_therai_calls_wrapper';

CREATE  FUNCTION "increment_voice_seconds"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_seconds" INT, /* Option < i32 > */
	"p_period" TEXT /* Option < & str > */
) RETURNS void
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'increment_voice_seconds_wrapper';

CREATE  FUNCTION "record_usage"(
	"p_events" jsonb /* Option < JsonbText > */
) RETURNS INT /* i32 */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'record_usage_wrapper';

CREATE  FUNCTION "release_reservation"(
	"p_reservation_id" uuid, /* Option < Uuid > */
	"p_user_id" uuid DEFAULT NULL /* Option < Uuid > */
) RETURNS jsonb /* Jsonb < Settled > */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'release_reservation_wrapper';

CREATE  FUNCTION "reserve_feature"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT, /* Option < & str > */
	"p_amount" INT DEFAULT 1, /* Option < i32 > */
	"p_ttl" interval DEFAULT '5 minutes', /* Option < Interval > */
	"p_idempotency_key" TEXT DEFAULT NULL, /* Option < & str > */
	"p_pool_id" uuid DEFAULT NULL, /* Option < Uuid > */
	"p_metadata" jsonb DEFAULT NULL /* Option < JsonbText > */
) RETURNS jsonb /* Jsonb < Outcome > */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'reserve_feature_wrapper';

CREATE  FUNCTION "usage_period"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT, /* Option < & str > */
	"p_at" timestamp with time zone DEFAULT now(), /* Option < TimestampWithTimeZone > */
	"p_pool_id" uuid DEFAULT NULL /* Option < Uuid > */
) RETURNS jsonb /* Jsonb < Named > */
STABLE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'usage_period_wrapper';

CREATE  FUNCTION "usage_status"(
	"p_user_id" uuid, /* Option < Uuid > */
	"p_feature_type" TEXT DEFAULT NULL, /* Option < & str > */
	"p_pool_id" uuid DEFAULT NULL /* Option < Uuid > */
) RETURNS jsonb /* Jsonb < Status > */
STABLE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'usage_status_wrapper';

CREATE  FUNCTION "void_grant"(
	"p_source_ref" TEXT, /* Option < & str > */
	"p_feature_type" TEXT DEFAULT NULL, /* Option < & str > */
	"p_reason" TEXT DEFAULT NULL, /* Option < & str > */
	"p_user_id" uuid DEFAULT NULL /* Option < Uuid > */
) RETURNS jsonb /* Jsonb < Voided > */
VOLATILE
LANGUAGE c /* Rust */
AS 'MODULE_PATHNAME', 'void_grant_wrapper';

CREATE FUNCTION "usage_features_changed"()
	RETURNS TRIGGER
	LANGUAGE c
	AS 'MODULE_PATHNAME', 'usage_features_changed_wrapper';

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

-- The end of CREATE EXTENSION: the first setup.
--
-- The script of a trusted extension runs as a superuser, whoever installs it, and tables that exist
-- may run code of their owners: triggers, CHECK constraints, defaults, indexes. Therefore a
-- superuser only creates what is new; then the setup runs with the rights of the installer; after
-- that, when code of the installer may have run, the superuser only detaches: it calls no function,
-- reads no table and trusts no name that the installer could have changed meanwhile.

DO $install$
DECLARE
    owner constant text := (SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(extowner))
                              FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'feature_usage');
    tables constant text[] := ARRAY['feature_usage', 'user_plans', 'plan_limits',
                                    'feature_reservations', 'feature_idempotency_keys',
                                    'usage_counters', 'usage_rules', 'usage_grants', 'usage_alerts',
                                    'usage_ledger', 'usage_pools', 'usage_pool_members', 'usage_increments',
                                    'usage_features'];
    is_restore boolean;
    part record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    -- These run with the rights of their owner, whoever writes a row: never with a superuser's.
    EXECUTE 'ALTER FUNCTION feature_usage_internal.govern_feature() OWNER TO ' || owner;
    EXECUTE 'ALTER FUNCTION feature_usage_internal.read_calendars() OWNER TO ' || owner;
    PERFORM feature_usage_internal.ensure_member_grants();

    -- A restore turns row_security off, and brings the tables itself, right after this. It does not
    -- bring the USAGE of the schema: a dump leaves out what the script of an extension has granted.
    is_restore := current_setting('row_security') = 'off';

    -- The installer may lack the right to create tables in this schema.
    FOR part IN SELECT unnest(tables) AS name WHERE NOT is_restore LOOP
        IF to_regclass('@extschema@.' || part.name) IS NULL THEN
            -- Fails if somebody has made one meanwhile: what follows is only for a table of ours.
            PERFORM feature_usage_internal.create_table(part.name);
            EXECUTE 'ALTER TABLE @extschema@.' || part.name || ' OWNER TO ' || owner;
        END IF;
    END LOOP;

    EXECUTE 'CREATE FUNCTION feature_usage_internal.setup_as_owner() RETURNS void
                 LANGUAGE sql SECURITY DEFINER SET search_path = '''' AS '
            || CASE WHEN is_restore THEN '''SELECT feature_usage_internal.ensure_schema_usage()'''
                    ELSE '''SELECT feature_usage_internal.setup(); SELECT feature_usage_internal.warn_of_taken_over()''' END;
    EXECUTE 'ALTER FUNCTION feature_usage_internal.setup_as_owner() OWNER TO ' || owner;
    PERFORM feature_usage_internal.setup_as_owner();

    -- From here on, nothing of the installer's is trusted.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    DROP FUNCTION feature_usage_internal.setup_as_owner();
    IF is_restore THEN
        RETURN;
    END IF;

    -- The tables, and the increments of user-defined features (the only functions in SQL with these
    -- arguments), are the app's and outlive the extension. What was there before joins and leaves as
    -- well: Postgres records the grants that a script makes as the extension's own, even on objects
    -- that are not members, and a dump leaves out what is recorded. Leaving deletes the record.
    FOR part IN
        SELECT object.identity, object.is_member
          FROM (SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                      WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END || ' ' || c.oid::regclass AS identity,
                       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS is_member
                  FROM pg_class AS c
                 WHERE c.relnamespace = '@extschema@'::regnamespace
                   AND c.relname = ANY (tables)
                 UNION ALL
                SELECT 'TABLE ' || tree.relid::regclass,
                       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = tree.relid AND d.deptype = 'e')
                  FROM pg_class AS c CROSS JOIN LATERAL pg_partition_tree(c.oid) AS tree
                 WHERE c.relnamespace = '@extschema@'::regnamespace
                   AND c.relname = ANY (tables) AND tree.level > 0
                 UNION ALL
                -- The sequences of identity columns, if they are new.
                SELECT 'SEQUENCE ' || c.oid::regclass, true
                  FROM pg_class AS c
                  JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'feature_usage'
                 WHERE c.relkind = 'S'
                 UNION ALL
                SELECT 'FUNCTION ' || p.oid::regprocedure,
                       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
                  FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
                 WHERE p.pronamespace = '@extschema@'::regnamespace
                   AND l.lanname = 'sql' AND p.proname LIKE 'increment\_%'
                   AND p.proargtypes::text = array_to_string(ARRAY['uuid'::regtype, 'int4'::regtype, 'text'::regtype]::oid[], ' ')
               ) AS object
    LOOP
        IF NOT part.is_member THEN
            EXECUTE 'ALTER EXTENSION feature_usage ADD ' || part.identity;
        END IF;
        EXECUTE 'ALTER EXTENSION feature_usage DROP ' || part.identity;
    END LOOP;
END
$install$;
