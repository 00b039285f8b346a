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
