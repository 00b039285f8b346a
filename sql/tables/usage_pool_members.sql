-- usage_pool_members: who may act in which pool. May be a view over an app's memberships, of accepted ones only.

INSERT INTO feature_usage_internal.tables (name, lock_order, key, may_be_view, references_users, description)
VALUES ('usage_pool_members', 12, '{pool_id,user_id}', true, true,
        'The members of pools. May be a view, which must show accepted memberships only.');

INSERT INTO feature_usage_internal.columns (table_name, position, name, definition, types, description)
VALUES
    ('usage_pool_members', 1, 'pool_id', 'uuid NOT NULL', '{uuid}',
     'The pool.'),
    ('usage_pool_members', 2, 'user_id', 'uuid NOT NULL', '{uuid}',
     'The member.');

INSERT INTO feature_usage_internal.indexes (table_name, name, definition, is_unique)
VALUES ('usage_pool_members', 'usage_pool_members_by_user', '(user_id)', false);

INSERT INTO feature_usage_internal.policies (table_name, name, command, role_name, condition, needs_auth_uid, description)
VALUES
    ('usage_pool_members', 'usage_pool_members_own_rows', 'SELECT', 'authenticated', 'user_id = (SELECT auth.uid())', true,
     'Lets signed-in users read their own rows.'),
    ('usage_pool_members', 'usage_pool_members_service_role', 'ALL', 'service_role', 'true', false,
     'Lets the server''s role, and roles that are members of it, read and write all rows.');

INSERT INTO feature_usage_internal.grants (table_name, role_name, privileges)
VALUES
    ('usage_pool_members', 'service_role', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('usage_pool_members', 'authenticated', '{SELECT}');
