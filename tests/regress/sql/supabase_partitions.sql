-- A feature_usage that is partitioned by period: the setup brings it up to date, and nobody reaches its
-- partitions beside it, though Supabase's default privileges hand every new table to the API.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_supabase_partitions
\set fixture ../fixtures/supabase_database.sql
\i :dir/begin.sql
INSERT INTO auth.users SELECT lpad(n::text, 32, '0')::uuid FROM generate_series(1, 2) AS n;
\set user '''00000000-0000-0000-0000-000000000001'''
CREATE VIEW test.partitions AS
    SELECT t.relid::regclass AS partition, c.relrowsecurity AS is_protected, c.reloptions,
           (SELECT string_agg(DISTINCT pg_get_userbyid(a.grantee)::text, ', ') FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner) AS granted_to
      FROM pg_partition_tree(to_regclass('public.feature_usage')) AS t JOIN pg_class AS c ON c.oid = t.relid
     WHERE t.level > 0 ORDER BY c.relname;
GRANT SELECT ON test.partitions TO PUBLIC;
SET ROLE app_owner;
CREATE TABLE feature_usage (user_id uuid NOT NULL, period text COLLATE "C" NOT NULL, images_generated integer DEFAULT 0, PRIMARY KEY (user_id, period))
 PARTITION BY RANGE (period);
CREATE TABLE feature_usage_2025_02 PARTITION OF feature_usage FOR VALUES FROM ('2025-02') TO ('2025-03') WITH (fillfactor = 80);
CREATE TABLE feature_usage_default PARTITION OF feature_usage DEFAULT;
INSERT INTO feature_usage VALUES (:user, '2025-02-10', 2), (:user, '2025-03-10', NULL);
SELECT * FROM test.partitions;

-- Upgraded in place: every count is kept, a fillfactor that is set as well, and partitions are closed.
CREATE EXTENSION feature_usage;
SELECT * FROM test.partitions;
SELECT tableoid::regclass AS partition, period, images_generated, chat_messages, has_reservations FROM feature_usage ORDER BY period;
SELECT conrelid::regclass AS "table", pg_get_constraintdef(oid) AS definition FROM pg_constraint
 WHERE contype IN ('c', 'f') AND conrelid IN (SELECT relid FROM pg_partition_tree('feature_usage')) ORDER BY 1, 2;
-- The extension has no part of them: they are dumped, and stay.
SELECT count(*) AS members FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e' AND objid IN (SELECT relid FROM pg_partition_tree('feature_usage'));
SELECT count(*) AS recorded FROM pg_init_privs WHERE classoid = 'pg_class'::regclass AND objoid IN (SELECT relid FROM pg_partition_tree('feature_usage'));

-- Calls count in them; what the setup has done, it does not do again.
SET ROLE service_role;
SELECT increment_images_generated(:user, 1, '2025-02-10'), increment_images_generated(:user, 1, '2025-03-10');
SELECT test.sqlstate('SELECT * FROM feature_usage_2025_02') AS of_the_server;
SET ROLE authenticated;
SELECT set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000002"}', false) IS NOT NULL AS signed_in;
SELECT count(*) AS of_others FROM feature_usage;
SELECT test.sqlstate('SELECT * FROM feature_usage_2025_02') AS beside_the_table;
SELECT test.sqlstate($$UPDATE feature_usage_2025_02 SET images_generated = 0$$) AS written_beside_it;
SET ROLE app_owner;
SELECT period, images_generated FROM feature_usage ORDER BY period;
SELECT oid AS setup_before FROM pg_constraint WHERE conrelid = 'feature_usage'::regclass AND contype = 'c' \gset
SELECT feature_usage_setup();
SELECT oid = :setup_before AS is_unchanged FROM pg_constraint WHERE conrelid = 'feature_usage'::regclass AND contype = 'c';

-- A feature that is added has its counter everywhere.
SELECT add_feature('exports', 'month');
SELECT increment_exports(:user, 3, '2025-02');
SELECT tableoid::regclass AS partition, period, exports FROM feature_usage WHERE exports > 0;
SELECT test.sqlstate($$UPDATE feature_usage SET exports = -1$$) AS negative;

-- A partition that is added in an exposed schema is open until the next setup. One in a schema of its own never is.
CREATE TABLE feature_usage_2025_04 PARTITION OF feature_usage FOR VALUES FROM ('2025-04') TO ('2025-05');
CREATE SCHEMA counts;
CREATE TABLE counts.feature_usage_2025_05 PARTITION OF feature_usage FOR VALUES FROM ('2025-05') TO ('2025-06') WITH (fillfactor = 50);
SELECT * FROM test.partitions;
SELECT feature_usage_setup();
SELECT * FROM test.partitions;

-- The deletion of a user reaches all partitions.
DELETE FROM auth.users WHERE id = :user;
SELECT count(*) AS counts FROM feature_usage;

-- Refused: a partition of somebody who is not trusted, and counts of users that are gone.
RESET ROLE;
CREATE ROLE partition_owner;
ALTER TABLE counts.feature_usage_2025_05 OWNER TO partition_owner;
SET ROLE app_owner;
SELECT test.outcome('SELECT feature_usage_setup()');
RESET ROLE;
SELECT test.outcome('SELECT feature_usage_setup()') AS of_a_superuser;
ALTER TABLE counts.feature_usage_2025_05 OWNER TO app_owner;
DROP ROLE partition_owner;
SET ROLE app_owner;
ALTER TABLE feature_usage DROP CONSTRAINT feature_usage_user_id_fkey;
INSERT INTO feature_usage (user_id, period) VALUES (:user, '2025-02');
SELECT test.outcome('SELECT feature_usage_setup()');
SELECT test.hint('SELECT feature_usage_setup()');
DELETE FROM feature_usage AS t WHERE NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = t.user_id);
SELECT feature_usage_setup();
RESET ROLE;
\c :home
DROP DATABASE feature_usage_supabase_partitions;
