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
