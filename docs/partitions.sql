-- Partitions of feature_usage by month, in a schema that no API exposes; for the owner of the extension.

CREATE SCHEMA usage_partitions;

-- What every change of partitions locks, in the order in which calls and deletions of users do.
CREATE FUNCTION usage_partitions.lock_counts() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('auth.users') IS NOT NULL THEN
        LOCK TABLE auth.users IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    LOCK TABLE feature_usage IN ACCESS EXCLUSIVE MODE;
END
$$;

-- Adds the partition of a month, with what the default partition has of it, unless it is there.
CREATE FUNCTION usage_partitions.add_month(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part constant text := 'usage_partitions.' || to_char(month, '"m"YYYY_MM');
    first constant text := to_char(month, 'YYYY-MM');
    -- After December comes 2026-13: it sorts after every day of December, but before the weeks (2026-W01)
    -- and the next year (2027), which are no part of a month.
    after constant text := to_char(month, 'YYYY-') || to_char(extract(month FROM month) + 1, 'FM00');
BEGIN
    IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(part) AND inhparent = 'feature_usage'::regclass) THEN
        PERFORM usage_partitions.lock_counts();
        EXECUTE format('CREATE TABLE %s (LIKE feature_usage INCLUDING ALL) WITH (fillfactor = 50)', part);
        EXECUTE format('WITH moved AS (DELETE FROM usage_partitions.others WHERE period >= %L AND period < %L RETURNING *)
                        INSERT INTO %s SELECT * FROM moved', first, after, part);
        EXECUTE format('ALTER TABLE feature_usage ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', part, first, after);
    END IF;
END
$$;

-- For a scheduler: this month and the next ones.
CREATE FUNCTION usage_partitions.add_months(ahead integer DEFAULT 3) RETURNS void LANGUAGE sql AS $$
    SELECT usage_partitions.add_month((date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n))::date)
      FROM generate_series(0, ahead) AS n
$$;

-- Detaches the partition of a month that is over: its table stays, and nothing counts in it any more.
CREATE FUNCTION usage_partitions.detach_month(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part constant text := 'usage_partitions.' || to_char(month, '"m"YYYY_MM');
    is_in_use boolean;
BEGIN
    PERFORM usage_partitions.lock_counts();
    -- A billing month may begin on the last day of a month, and a day end later in the user's time zone.
    IF date_trunc('month', month) + interval '2 months 1 day' > now() AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION 'periods that begin in % may still be current', to_char(month, 'YYYY-MM')
            USING ERRCODE = 'object_in_use', HINT = 'Detach a month two months after it has ended.';
    END IF;
    EXECUTE format($q$SELECT EXISTS (SELECT FROM %s WHERE period LIKE '%%/P1Y' AND left(period, 10)::timestamp + interval '1 year 1 day' > now() AT TIME ZONE 'UTC')$q$, part)
       INTO is_in_use;
    IF is_in_use THEN
        RAISE EXCEPTION 'billing years that began in % are still current', to_char(month, 'YYYY-MM')
            USING ERRCODE = 'object_in_use', HINT = 'Detach the month when they have ended.';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %1$s AS c JOIN feature_reservations AS r USING (user_id)
                                    WHERE r.status = ''reserved'' AND c.period IN (r.period, r.sources -> ''paid'' ->> ''period''))
                        OR EXISTS (SELECT FROM %1$s AS c JOIN usage_increments AS i USING (user_id, period) WHERE c.has_increments)', part)
       INTO is_in_use;
    IF is_in_use THEN
        RAISE EXCEPTION '% has open reservations, or increments that are not added yet', to_char(month, 'YYYY-MM')
            USING ERRCODE = 'object_in_use', HINT = 'Run SELECT expire_reservations(); then retry.';
    END IF;
    EXECUTE format('ALTER TABLE feature_usage DETACH PARTITION %s', part);
END
$$;
