-- void_grant: a source may have granted on any shard, so all are asked, and their answers are one.

CREATE OR REPLACE FUNCTION feature_usage_router.voided(p_answers jsonb[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
    SELECT CASE
        -- Usually one shard knows the source, or none.
        WHEN count(*) <= 1 THEN coalesce((array_agg(a))[1], p_answers[1])
        ELSE jsonb_strip_nulls(jsonb_build_object(
            'voided', true,
            'source_ref', min(a ->> 'source_ref'),
            'amount', sum((a ->> 'amount')::bigint),
            'used', sum((a ->> 'used')::bigint),
            'forfeited', sum((a ->> 'forfeited')::bigint),
            'grants', (SELECT jsonb_agg(part ORDER BY part ->> 'grant_id')
                         FROM unnest(p_answers) AS answer, jsonb_array_elements(answer -> 'grants') AS part),
            'replayed', CASE WHEN bool_and(a ? 'replayed') THEN true END))
        END
      FROM unnest(p_answers) AS a WHERE (a ->> 'voided')::boolean
$function$;
COMMENT ON FUNCTION feature_usage_router.voided(jsonb[]) IS
'Returns the answers of all shards to void_grant() as one.';
