-- Partitions by month, as docs/operations.md makes them: which period key is where, which month is refused,
-- and what happens to a month that has been detached.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_partitions_by_month
\i :dir/begin.sql
\set user '''00000000-0000-0000-0000-000000000001'''
\set other '''00000000-0000-0000-0000-000000000002'''
CREATE TABLE feature_usage (user_id uuid NOT NULL, period text COLLATE "C" NOT NULL, PRIMARY KEY (user_id, period)) PARTITION BY RANGE (period);
CREATE EXTENSION feature_usage;
\i :dir/../../docs/partitions.sql
-- Without a partition, a count is an error, and nothing is counted.
SELECT test.outcome($$SELECT increment_images_generated('00000000-0000-0000-0000-000000000001', 1, '2024-02-10')::text$$);
CREATE TABLE usage_partitions.others PARTITION OF feature_usage DEFAULT;
SELECT increment_images_generated(:user, 1, '2024-02-10');
SELECT feature_usage_setup();

-- What the default partition has of a month moves; a second call changes nothing.
SELECT usage_partitions.add_month('2024-02-01'), usage_partitions.add_month('2024-02-01'), usage_partitions.add_month('2024-12-01');
INSERT INTO feature_usage (user_id, period) SELECT :other, unnest('{2024-02,2024-02-01,2024-02-29,2024-02-29T23,2024-02-29/P1W,2024-02-29/P1M,2024-02-29/P1Y,2024-03,2024-01-31,2024-W05,2024,2024-12-31T23,2024-12,2025,2024-W52,2025-01,total}'::text[]);
SELECT tableoid::regclass AS partition, string_agg(period, ' ' ORDER BY period) AS periods FROM feature_usage GROUP BY 1 ORDER BY 1::text;
-- The scheduler's call makes this month and those to come.
SELECT usage_partitions.add_months(2);
SELECT count(*) AS partitions FROM pg_inherits WHERE inhparent = 'feature_usage'::regclass;
SELECT consume_feature(:user, 'image_generation') ->> 'period' AS today \gset
SELECT tableoid::regclass::text = 'usage_partitions.m' || translate(left(period, 7), '-', '_') AS is_in_its_month FROM feature_usage WHERE period = :'today';

-- Refused: a month that may be current, one with open reservations, and one that is no partition.
SELECT test.outcome($$SELECT usage_partitions.detach_month((now() AT TIME ZONE 'UTC')::date)::text$$) LIKE '55006 periods that begin in % may still be current' AS is_refused;
SELECT test.outcome($$SELECT usage_partitions.detach_month((now() AT TIME ZONE 'UTC' - interval '1 month 1 day')::date)::text$$) LIKE '55006 periods that begin in % may still be current' AS is_refused;
SELECT test.outcome($$SELECT usage_partitions.detach_month('2024-03-01')::text$$);
INSERT INTO feature_reservations (reservation_id, user_id, feature_type, period, status, amount, expires_at)
VALUES (:user, :user, 'image_generation', '2024-02-10', 'reserved', 1, '2024-02-10 13:00:00+00'), (:other, :user, 'image_generation', '2024-02-10', 'reserved', 1, '2024-02-10 13:00:00+00');
SELECT test.outcome($$SELECT usage_partitions.detach_month('2024-02-01')::text$$);
SELECT test.hint($$SELECT usage_partitions.detach_month('2024-02-01')$$);
DELETE FROM feature_reservations;
UPDATE feature_usage SET has_increments = true WHERE user_id = :user AND period = '2024-02-10';
INSERT INTO usage_increments (user_id, period, feature_type, amount) VALUES (:user, '2024-02-10', 'chat', 0);
SELECT test.outcome($$SELECT usage_partitions.detach_month('2024-02-01')::text$$);
DELETE FROM usage_increments;
INSERT INTO feature_reservations (reservation_id, user_id, feature_type, period, status, amount, expires_at)
VALUES (:user, :user, 'image_generation', '2024-02-10', 'reserved', 1, '2024-02-10 13:00:00+00'), (:other, :user, 'image_generation', '2024-02-10', 'reserved', 1, '2024-02-10 13:00:00+00');
SELECT expire_reservations();
SELECT usage_partitions.detach_month('2024-02-01');
-- A billing year ends later.
SELECT usage_partitions.add_month(((now() AT TIME ZONE 'UTC')::date - 180)::date);
INSERT INTO feature_usage (user_id, period) SELECT :other, to_char((now() AT TIME ZONE 'UTC')::date - 180, 'YYYY-MM-DD"/P1Y"');
SELECT test.outcome($$SELECT usage_partitions.detach_month((now() AT TIME ZONE 'UTC')::date - 180)::text$$) LIKE '55006 billing years that began in % are still current' AS is_refused;

-- The detached table keeps its counts. What arrives afterwards begins again at 0, in the default partition: an
-- increment, an event and a late commit are counted once, a release gives nothing back.
SELECT user_id, period, images_generated FROM usage_partitions.m2024_02 WHERE user_id = :user;
SELECT count(*) AS left_in_the_table FROM feature_usage WHERE period >= '2024-02' AND period < '2024-03';
SELECT increment_images_generated(:other, 4, '2024-02-10');
SELECT record_usage(format('[{"user_id": "%s", "feature_type": "image_generation", "amount": 2, "period": "2024-02-11"}]', :other)::jsonb);
SELECT commit_reservation(:user, 3) - '{expires_at,reservation_id}'::text[] AS late;
SELECT release_reservation(:other) -> 'released' AS released;
SELECT tableoid::regclass AS partition, right(user_id::text, 1) AS "user", period, images_generated FROM feature_usage WHERE period LIKE '2024-02-1%' ORDER BY user_id, period;
-- The month can be a partition again only without these: two rows of one period would be two counts.
SELECT test.outcome($$SELECT usage_partitions.add_month('2024-02-01')::text$$);
SELECT test.sqlstate($$ALTER TABLE feature_usage ATTACH PARTITION usage_partitions.m2024_02 FOR VALUES FROM ('2024-02') TO ('2024-03')$$);
DELETE FROM feature_usage WHERE period >= '2024-02' AND period < '2024-03';
ALTER TABLE feature_usage ATTACH PARTITION usage_partitions.m2024_02 FOR VALUES FROM ('2024-02') TO ('2024-03');
SELECT increment_images_generated(:user, 1, '2024-02-10');
SELECT tableoid::regclass AS partition, images_generated FROM feature_usage WHERE user_id = :user AND period = '2024-02-10';
\c :home
DROP DATABASE feature_usage_partitions_by_month;
