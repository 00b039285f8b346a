-- The first rule of a feature makes its calls read the rules, however the rule is written.
\getenv dir PG_ABS_SRCDIR
\set database feature_usage_governed
\i :dir/begin.sql
CREATE EXTENSION feature_usage;
\pset tuples_only on
CREATE VIEW governed AS SELECT string_agg(feature_type, ' ' ORDER BY feature_type) FROM usage_features WHERE is_governed;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgname IN ('usage_rules_govern', 'user_plans_calendars', 'plan_limits_calendars') ORDER BY tgname;
TABLE governed;
INSERT INTO usage_rules (rule_id, applies_to, feature_type, effect) VALUES ('00000000-0000-0000-0000-000000000001', 'all', 'chat', 'deny');
TABLE governed;
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'chat') ->> 'error_code';
-- UPDATE: the rule is about another feature now.
UPDATE usage_rules SET feature_type = 'insights';
TABLE governed;
SELECT feature_type, consume_feature('00000000-0000-0000-0000-000000000001', feature_type) ->> 'error_code' FROM unnest('{chat,insights}'::text[]) AS feature_type;
-- COPY.
COPY usage_rules (applies_to, feature_type, effect) FROM STDIN;
all	therai_calls	deny
\.
TABLE governed;
-- An apply worker of logical replication.
SET session_replication_role = replica;
INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'voice_seconds', 'deny');
-- An unknown feature is refused there too.
INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'videos', 'deny');
RESET session_replication_role;
TABLE governed;
-- A rolled back rule leaves no trace.
BEGIN;
INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'image_generation', 'deny');
TABLE governed;
ROLLBACK;
TABLE governed;
-- Several rules in one statement.
SELECT add_feature('video', 'month'), add_feature('audio', 'day');
INSERT INTO usage_rules (applies_to, feature_type, effect) SELECT 'all', feature_type, 'deny' FROM unnest('{video,audio,video}'::text[]) AS feature_type;
TABLE governed;
-- The last rule is gone: the features stay governed.
DELETE FROM usage_rules WHERE feature_type = 'audio';
TRUNCATE usage_rules;
SELECT feature_usage_setup();
TABLE governed;
SELECT consume_feature('00000000-0000-0000-0000-000000000001', 'chat') ->> 'consumed';

-- A rule that came without the trigger: the setup sees it, and enables the trigger again.
ALTER TABLE usage_rules DISABLE TRIGGER usage_rules_govern;
INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'image_generation', 'deny');
SELECT is_governed, consume_feature('00000000-0000-0000-0000-000000000001', 'image_generation') ->> 'consumed' FROM usage_features WHERE feature_type = 'image_generation';
SELECT feature_usage_setup();
SELECT is_governed, consume_feature('00000000-0000-0000-0000-000000000001', 'image_generation') ->> 'error_code' FROM usage_features WHERE feature_type = 'image_generation';
SELECT tgenabled FROM pg_trigger WHERE tgname = 'usage_rules_govern';
-- A feature that is added again while it has rules.
DELETE FROM usage_features WHERE feature_type IN ('video', 'audio');
ALTER TABLE usage_rules DISABLE TRIGGER usage_rules_govern;
INSERT INTO usage_rules (applies_to, feature_type, effect) VALUES ('all', 'video', 'deny');
ALTER TABLE usage_rules ENABLE ALWAYS TRIGGER usage_rules_govern;
SELECT add_feature('video', 'month'), add_feature('audio', 'day');
SELECT feature_type, is_governed, consume_feature('00000000-0000-0000-0000-000000000001', feature_type) ->> 'error_code'
  FROM usage_features WHERE feature_type IN ('video', 'audio') ORDER BY feature_type;
\c :home
DROP DATABASE feature_usage_governed;
