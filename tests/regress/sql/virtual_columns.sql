-- Virtual generated columns, since PostgreSQL 18: a table may have some of its own; they follow the
-- counts.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_virtual_columns
\i :dir/begin.sql
CREATE TABLE feature_usage (
    user_id uuid, period text, images_generated integer NOT NULL DEFAULT 0, chat_messages integer NOT NULL DEFAULT 0,
    total integer GENERATED ALWAYS AS (images_generated + chat_messages) VIRTUAL,
    is_month boolean GENERATED ALWAYS AS (length(period) = 7) VIRTUAL,
    PRIMARY KEY (user_id, period)
);
CREATE TABLE plan_limits (plan_id text PRIMARY KEY, base integer,
    image_generation_daily_limit integer GENERATED ALWAYS AS (base * 10) VIRTUAL);
INSERT INTO plan_limits VALUES ('free', 1);
CREATE EXTENSION feature_usage;
\pset tuples_only on
\set user '\'00000000-0000-0000-0000-000000000001\''
SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS today \gset
SELECT increment_images_generated(:user, 2, :'today');
SELECT test.brief(consume_feature(:user, 'image_generation', 3));
SELECT record_usage(jsonb_build_array(jsonb_build_object('user_id', :user, 'feature_type', 'chat', 'amount', 4)));
SELECT images_generated, chat_messages, total, is_month FROM feature_usage;
-- A limit may be one as well: it is only read.
SELECT test.brief(consume_feature(:user, 'image_generation', 6));
UPDATE plan_limits SET base = 2;
SELECT test.brief(consume_feature(:user, 'image_generation', 6));
SELECT get_user_limits(:user) -> 'limits' -> 'image_generation_daily';
-- A counter may not: nothing could be counted in it.
\pset tuples_only off
DROP EXTENSION feature_usage;
ALTER TABLE feature_usage DROP COLUMN total, DROP COLUMN images_generated,
    ADD COLUMN images_generated integer GENERATED ALWAYS AS (chat_messages) VIRTUAL;
CREATE EXTENSION feature_usage;
\echo :LAST_ERROR_SQLSTATE
\c :home
DROP DATABASE feature_usage_virtual_columns;
