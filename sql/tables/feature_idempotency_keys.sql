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
