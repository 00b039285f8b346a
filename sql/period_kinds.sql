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
