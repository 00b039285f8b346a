-- Makes a database a router: the API of feature_usage, whose calls run on the shards. Run it as a superuser
-- with psql, in a database with the extension; docs/scale.md says what comes before and after. Run it again
-- after a change of the extension or of these files.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION IF NOT EXISTS plproxy;
\ir schema.sql
\ir gate.sql
\ir errors.sql
\ir callers.sql
\ir batch.sql
\ir sources.sql
\ir routes.sql
\ir plans.sql
\ir check.sql
\ir split.sql
SELECT feature_usage_router.route();
COMMIT;
