//! A dump contains everything, and a restore or a new CREATE EXTENSION brings everything back.

use std::sync::LazyLock;

use integration::{Cluster, Database, FEATURES, increment, user};
use postgres::Client;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let cluster = Cluster::create("it_dump");
    let roles = include_str!("../../fixtures/supabase.sql");
    cluster.existing("postgres").psql(roles);
    cluster
});

const DAY: &str = "2024-01-31";

/// An application's database: the extension, a custom feature, rows of every table, user-defined
/// objects.
fn app(name: &str, schema: &str) -> Database {
    app_with_tables(name, schema, "")
}

/// The same if these tables existed before the extension.
fn app_with_tables(name: &str, schema: &str, before: &str) -> Database {
    let database = CLUSTER.empty_database(name);
    database.psql(include_str!("../../fixtures/supabase_database.sql"));
    // No dump carries what default privileges give to a role on an extension's own table. The
    // extension takes it from the API's roles; app_owner would have been its owner.
    database.execute(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM app_owner;
         ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON FUNCTIONS FROM app_owner",
    );
    database.psql(&format!(
        "CREATE SCHEMA IF NOT EXISTS {schema};
         {before}
         CREATE EXTENSION feature_usage SCHEMA {schema};
         SET search_path = {schema};
         SELECT add_feature('video', 'month', 'video_minutes', 'video_minutes_limit');
         -- An existing column keeps its type, so this counter can be full.
         ALTER TABLE feature_usage ADD COLUMN exports integer;
         SELECT add_feature('exports', 'day');
         INSERT INTO auth.users SELECT lpad(n::text, 32, '0')::uuid FROM generate_series(1, 9) AS n;
         INSERT INTO plan_limits (plan_id, plan_name, chat_messages_daily_limit, video_minutes_limit, exports_limit, has_voice_mode)
         VALUES ('pro', 'Pro', NULL, 90, 5, true), ('it''s \"odd\"', E'tab\\tand \\\\', 0, 0, NULL, false);
         UPDATE plan_limits SET exports_limit = 7 WHERE plan_id = 'free';
         INSERT INTO user_plans SELECT id, 'pro', true, 'active', timestamptz '2030-01-01' FROM auth.users LIMIT 4;
         UPDATE user_plans SET time_zone = 'Pacific/Kiritimati', period_anchor = '2025-01-31T18:30:00Z'
          WHERE user_id = lpad('2', 32, '0')::uuid;
         UPDATE plan_limits SET time_zone = 'Asia/Kolkata', period_anchor = '2025-01-15' WHERE plan_id = 'pro';
         INSERT INTO usage_rules (applies_to, plan_id, user_id, feature_type, effect, amount, per, every, ends_at, reason, source_ref)
         VALUES ('all', NULL, NULL, 'video', 'cap', 5, 'total', NULL, NULL, 'a \\ and a\ttab', NULL),
                ('plan', 'pro', NULL, 'video', 'cap', 4, 'rate', '31 days', NULL, NULL, NULL),
                ('plan', 'pro', NULL, 'chat', 'add', 5, 'period', NULL, 'infinity', NULL, NULL),
                ('user', NULL, lpad('2', 32, '0')::uuid, 'video', 'cap', 9223372036854775807, 'billing_month', NULL, '9999-01-01', NULL, 'pi_1'),
                ('user', NULL, lpad('9', 32, '0')::uuid, 'insights', 'deny', NULL, 'period', NULL, NULL, NULL, NULL);
         INSERT INTO usage_rules (applies_to, feature_type, effect, amount, paid_in)
         VALUES ('all', 'video', 'warn', 80, NULL), ('all', 'video', 'overage', 1, NULL), ('all', 'insights', 'cost', 2, 'video');
         SELECT grant_usage(lpad('2', 32, '0')::uuid, 'therai_calls', 7, 'pi_2', '9999-01-01', p_reason => 'a \\ and a\ttab'),
                grant_usage(lpad('3', 32, '0')::uuid, 'video', 9223372036854775807, 'pi_2', p_priority => 0), void_grant('pi_2', 'therai_calls');
         SELECT consume_feature(lpad('2', 32, '0')::uuid, 'video', 3), reserve_feature(lpad('2', 32, '0')::uuid, 'video');
         SELECT increment_video_minutes(lpad('3', 32, '0')::uuid, 100, 'current'), reserve_feature(lpad('3', 32, '0')::uuid, 'insights', 1);
         SELECT increment_images_generated(id, 3, '{DAY}'), increment_video_minutes(id, 40, '2024-01'),
                increment_exports(id, 2147483647, '{DAY}')
           FROM auth.users;
         ALTER TABLE feature_usage ADD COLUMN note text DEFAULT 'none' CHECK (note <> '');
         ALTER TABLE plan_limits ADD COLUMN gone text;
         ALTER TABLE plan_limits ADD COLUMN has_more boolean DEFAULT true;
         ALTER TABLE plan_limits DROP COLUMN gone;
         COMMENT ON TABLE plan_limits IS 'The app''s own words';
         CREATE INDEX feature_usage_by_period ON feature_usage (period);
         CREATE POLICY feature_usage_support ON feature_usage FOR SELECT TO anon USING (false);
         GRANT INSERT ON plan_limits TO authenticator;
         ALTER TABLE user_plans SET (autovacuum_enabled = off)",
    ));
    database
}

/// The same with the application's profiles instead of user_plans.
fn app_with_view(name: &str) -> Database {
    let database = app(name, "public");
    database.psql(
        "CREATE TABLE profiles AS SELECT user_id AS id, plan_id AS plan, trial_end_date FROM user_plans;
         DROP TABLE user_plans;
         CREATE VIEW user_plans WITH (security_invoker = on) AS
         SELECT id AS user_id, plan AS plan_id, true AS is_active, 'active'::text AS status, trial_end_date
           FROM profiles;
         SELECT feature_usage_setup()",
    );
    database
}

/// Everything that a restore must preserve, one line each: the catalog entries of every object of
/// the application and the extension, and the rows.
const CATALOGS: &[&str] = &[
    // The extension, its configuration tables, its members and dependencies.
    "SELECT extname, extnamespace::regnamespace, extversion, pg_get_userbyid(extowner),
            extconfig::regclass[], extcondition FROM pg_extension",
    "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
      WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'",
    "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
      WHERE refclassid = 'pg_extension'::regclass AND deptype = 'x'",
    "SELECT objoid::regclass, objsubid, privtype,
            ARRAY(SELECT acl::text FROM unnest(initprivs) AS acl ORDER BY 1)
       FROM pg_init_privs WHERE classoid = 'pg_class'::regclass AND objoid >= 16384",
    // Schemas: the API's roles may use the extension's.
    "SELECT nspname, pg_get_userbyid(nspowner), ARRAY(SELECT acl::text FROM unnest(nspacl) AS acl ORDER BY 1)
       FROM pg_namespace WHERE oid >= 16384",
    // Tables, views, their columns and comments.
    "SELECT oid::regclass, relkind, relrowsecurity, relforcerowsecurity, reloptions, pg_get_userbyid(relowner),
            ARRAY(SELECT acl::text FROM unnest(relacl) AS acl ORDER BY 1), obj_description(oid, 'pg_class'),
            CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) END
       FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'v', 'i')
        AND relnamespace <> 'pg_toast'::regnamespace",
    "SELECT attrelid::regclass, row_number() OVER (PARTITION BY attrelid ORDER BY attnum), attname,
            format_type(atttypid, atttypmod), attnotnull, attacl, col_description(attrelid, attnum),
            pg_get_expr(adbin, adrelid)
       FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid AND relkind IN ('r', 'v')
       LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped AND relnamespace <> 'pg_toast'::regnamespace",
    // Constraints including foreign keys, indexes, triggers, policies.
    "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated, obj_description(oid)
       FROM pg_constraint WHERE conrelid >= 16384",
    "SELECT pg_get_indexdef(indexrelid), indisprimary, indisvalid FROM pg_index WHERE indrelid >= 16384
        AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace)",
    "SELECT pg_get_triggerdef(oid), tgenabled, obj_description(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT polrelid::regclass, polname, polcmd, polpermissive, polroles::regrole[],
            pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(oid)
       FROM pg_policy",
    // Functions.
    "SELECT pg_get_functiondef(oid), pg_get_userbyid(proowner), obj_description(oid),
            ARRAY(SELECT acl::text FROM unnest(proacl) AS acl ORDER BY 1)
       FROM pg_proc WHERE oid >= 16384",
];

fn contents(database: &Database, with_rows: bool) -> Vec<String> {
    let mut client = database.connect();
    let mut contents = Vec::new();
    for query in CATALOGS {
        contents.extend(lines(&mut client, query));
    }
    assert!(contents.len() > 100, "only {} objects", contents.len());
    if with_rows {
        let tables =
            "SELECT oid::regclass::text FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'v')
                AND relnamespace <> 'pg_toast'::regnamespace";
        for table in client.query(tables, &[]).expect(tables) {
            let table: &str = table.get(0);
            let rows = format!("SELECT '{table}', t FROM {table} AS t");
            contents.extend(lines(&mut client, &rows));
        }
    }
    contents
}

/// The rows of a query as text, sorted.
fn lines(client: &mut Client, query: &str) -> Vec<String> {
    let text = format!("SELECT q::text FROM ({query}) AS q ORDER BY q::text COLLATE \"C\"");
    let rows = client.query(&text, &[]).expect(query);
    rows.iter().map(|row| row.get(0)).collect()
}

/// Compares line by line, so that a failure shows only the lines that differ.
fn expect_same(before: &[String], after: &[String], what: &str) {
    let lost: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(lost.is_empty() && new.is_empty(), "{what}\nlost: {lost:#?}\nnew: {new:#?}");
    assert_eq!(before.len(), after.len(), "{what}");
}

/// The ways to dump and restore.
#[derive(Clone, Copy)]
enum Way {
    Plain,
    Custom,
    Parallel,
    SchemaOnly,
}

fn copy(from: &Database, name: &str, way: Way) -> Database {
    let to = CLUSTER.empty_database(name);
    let file = std::env::temp_dir().join(format!("feature_usage_{}_{name}", std::process::id()));
    let path = format!("--file={}", file.display());
    let archive = file.to_str().expect("a path");
    match way {
        Way::Plain => drop(to.psql(&from.run("pg_dump", &[], ""))),
        Way::SchemaOnly => drop(to.psql(&from.run("pg_dump", &["--schema-only"], ""))),
        Way::Custom | Way::Parallel => {
            from.run("pg_dump", &["--format=custom", &path], "");
            let jobs = if matches!(way, Way::Parallel) { "--jobs=4" } else { "--jobs=1" };
            to.run("pg_restore", &["--exit-on-error", jobs, archive], "");
            std::fs::remove_file(&file).expect("a file");
        }
    }
    to
}

/// What calls know of rules, windows, time zones and anchors.
fn answers(database: &Database, schema: &str) -> Vec<String> {
    let mut client = database.connect();
    client.batch_execute(&format!("SET search_path = {schema}")).expect("a schema");
    let answers = lines(
        &mut client,
        "SELECT id, usage_status(id), get_user_limits(id), usage_period(id, 'video', '2025-01-31T20:00:00Z'),
                consume_feature(id, 'insights', 0)
           FROM auth.users",
    );
    assert_eq!(answers.len(), 9, "the users");
    let rates = answers.iter().filter(|answer| answer.contains("2678400")).count();
    assert!(rates >= 4, "the users of the plan have a rate: {answers:#?}");
    assert!(answers[8].contains("DENIED"), "a rule of a user: {}", answers[8]);
    answers
}

/// The features with rules, and whether calendars are read.
const FLAGS: &str =
    "SELECT feature_type, is_governed FROM usage_features WHERE is_governed AND reads_calendars";

/// Calls on the copy continue from the state of the dump.
fn expect_it_works(database: &Database, schema: &str) {
    let mut client = database.connect();
    client.batch_execute(&format!("SET search_path = {schema}")).expect("a schema");
    for feature in &FEATURES {
        let period = feature.period(DAY);
        increment(&mut client, feature.increment, user(1), 1, period).expect(feature.name);
    }
    increment(&mut client, "increment_video_minutes", user(1), 2, "2024-01").expect("video");
    let refused = increment(&mut client, "increment_exports", user(1), 1, DAY);
    assert_eq!(integration::sqlstate(refused), "22003", "the counter was full");
    let row = client.query_one(
        "SELECT check_feature_limit($1, 'image_generation', 1, $2) ->> 'current_usage',
                check_feature_limit($1, 'video', 1, '2024-01') ->> 'remaining',
                check_feature_limit($3, 'video', 1, '2024-01') ->> 'error_code',
                get_user_limits($1) -> 'limits' ->> 'video_minutes'",
        &[&user(1), &DAY, &user(9)],
    );
    let row = row.expect("an answer");
    assert_eq!(row.get::<_, &str>(0), "4");
    assert_eq!(row.get::<_, &str>(1), (90 - 42 - 1).to_string());
    assert_eq!(row.get::<_, &str>(2), "LIMIT_EXCEEDED");
    assert_eq!(row.get::<_, &str>(3), "90");
    // Of user 2, 4 of the total of 5 are used or reserved, and all of the rate.
    let row = client.query_one(
        "SELECT consume_feature($1, 'insights') ->> 'error_code',
                consume_feature($2, 'video') ->> 'error_code',
                consume_feature($3, 'video', 6) ->> 'error_code',
                (SELECT used FROM usage_counters WHERE user_id = $2 AND period = 'total')",
        &[&user(9), &user(2), &user(3)],
    );
    let row = row.expect("an answer");
    assert_eq!(row.get::<_, &str>(0), "DENIED");
    assert_eq!(row.get::<_, &str>(1), "RATE_LIMITED");
    assert_eq!(row.get::<_, &str>(2), "LIMIT_EXCEEDED");
    assert_eq!(row.get::<_, i64>(3), 4);
}

fn expect_copies(from: &Database, schema: &str) {
    // First, since a consume makes a row.
    let known = answers(from, schema);
    let before = contents(from, true);
    for (way, suffix) in
        [(Way::Plain, "plain"), (Way::Custom, "custom"), (Way::Parallel, "parallel")]
    {
        let to = copy(from, &format!("{}_{suffix}", from.name), way);
        expect_same(&before, &contents(&to, true), suffix);
        assert_eq!(dump_text(&to), dump_text(from), "{suffix}: the dump of the copy");
        expect_same(&known, &answers(&to, schema), suffix);
        expect_it_works(&to, schema);
    }
}

/// A dump without the lines that differ between runs.
fn dump_text(database: &Database) -> String {
    let dump = database.run("pg_dump", &[], "");
    let lines = dump.lines().filter(|line| {
        !["-- Dumped ", "\\restrict ", "\\unrestrict "].iter().any(|start| line.starts_with(start))
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_way_to_restore_brings_everything_back() {
    expect_copies(&app("app", "public"), "public");
}

#[test]
fn a_restore_works_with_the_extension_in_another_schema() {
    expect_copies(&app("app_schema", "usage"), "usage");
}

#[test]
fn a_restore_works_with_a_schema_whose_name_needs_quotes() {
    let schema = r#""Usage of features""#;
    expect_copies(&app("app_quoted", schema), schema);
}

#[test]
fn a_restore_works_with_a_view_in_place_of_user_plans() {
    expect_copies(&app_with_view("app_view"), "public");
}

#[test]
fn tables_from_before_the_extension_are_dumped_with_their_grants() {
    let tables = "CREATE TABLE feature_usage (user_id uuid, period text, images_generated integer);
                  CREATE TABLE user_plans (user_id uuid, plan_id text, is_active boolean, status text, trial_end_date timestamptz);";
    expect_copies(&app_with_tables("app_before", "public", tables), "public");
}

#[test]
fn a_second_create_extension_leaves_a_database_that_can_be_dumped() {
    let database = app("app_second", "public");
    database.psql("DROP EXTENSION feature_usage; CREATE EXTENSION feature_usage");
    expect_copies(&database, "public");
}

/// The data of rules and of the registry in either order. A dump has the triggers after all data.
#[test]
fn rules_that_are_restored_before_or_after_the_registry_hold() {
    let from = app("app_order", "public");
    let (rules, registry) = ("--table=public.usage_rules", "--table=public.usage_features");
    let others = ["--exclude-table=public.usage_rules", "--exclude-table=public.usage_features"];
    let dump = |arguments: &[&str]| from.run("pg_dump", arguments, "");
    let flags = lines(&mut from.connect(), FLAGS);
    assert_eq!(flags.len(), 4, "chat, insights, therai_calls and video: {flags:?}");
    for (name, order) in [("app_before", [rules, registry]), ("app_after", [registry, rules])] {
        let to = CLUSTER.empty_database(&format!("{name}_copy"));
        to.psql(&dump(&["--section=pre-data"]));
        for table in order {
            to.psql(&dump(&["--section=data", table]));
        }
        to.psql(&dump(&["--section=data", others[0], others[1]]));
        to.psql(&dump(&["--section=post-data"]));
        expect_same(&flags, &lines(&mut to.connect(), FLAGS), name);
        expect_same(&answers(&from, "public"), &answers(&to, "public"), name);
        expect_it_works(&to, "public");
    }
}

/// Data for tables that exist, whose triggers fire: the registry comes first.
#[test]
fn rules_that_are_copied_into_an_installation_govern_its_features() {
    let from = app("app_data", "public");
    let dump =
        |table: &str| from.run("pg_dump", &["--data-only", &format!("--table=public.{table}")], "");
    let to = CLUSTER.empty_database("app_data_copy");
    to.psql("CREATE EXTENSION feature_usage");
    let refused = to.psql_with_errors(&dump("usage_rules"));
    assert!(refused.contains("unknown feature type"), "video is not registered: {refused}");
    to.execute(
        "SELECT add_feature('video', 'month', 'video_minutes', 'video_minutes_limit');
         DELETE FROM plan_limits",
    );
    assert!(lines(&mut to.connect(), FLAGS).is_empty());
    to.psql(&dump("usage_rules"));
    to.psql(&dump("usage_grants"));
    to.psql(&dump("user_plans"));
    let flags = lines(&mut to.connect(), FLAGS);
    expect_same(&lines(&mut from.connect(), FLAGS), &flags, "the flags of the registry");
}

/// A restore that disables triggers leaves flags that the setup sets.
#[test]
fn the_setup_sees_rules_that_came_without_triggers() {
    let from = app("app_disabled", "public");
    let to = CLUSTER.empty_database("app_disabled_copy");
    to.psql(
        "CREATE EXTENSION feature_usage;
         SELECT add_feature('video', 'month', 'video_minutes', 'video_minutes_limit')",
    );
    for table in ["usage_rules", "usage_grants", "user_plans"] {
        let table = format!("--table=public.{table}");
        to.psql(&from.run("pg_dump", &["--data-only", "--disable-triggers", &table], ""));
    }
    assert!(lines(&mut to.connect(), FLAGS).is_empty());
    to.execute("SELECT feature_usage_setup()");
    let flags = lines(&mut to.connect(), FLAGS);
    expect_same(&lines(&mut from.connect(), FLAGS), &flags, "the flags of the registry");
    let triggers = "SELECT tgname FROM pg_trigger WHERE tgname IN ('usage_rules_govern', 'usage_grants_govern', 'user_plans_calendars')
                       AND tgenabled = 'A'";
    assert_eq!(lines(&mut to.connect(), triggers).len(), 3, "the triggers are enabled again");
}

#[test]
fn only_internal_tables_are_members_of_the_extension() {
    let from = app("app_members", "public");
    let to = copy(&from, "app_members_copy", Way::Plain);
    for database in [from, to] {
        let members = lines(
            &mut database.connect(),
            "SELECT DISTINCT c.relnamespace::regnamespace FROM pg_class AS c JOIN pg_depend AS d ON d.objid = c.oid
              WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND c.relkind = 'r'",
        );
        assert_eq!(members, ["(feature_usage_internal)"]);
    }
}

#[test]
fn a_dump_of_the_schema_alone_restores_and_denies_until_there_are_plans() {
    let from = app("app_empty", "public");
    let to = copy(&from, "app_empty_copy", Way::SchemaOnly);
    expect_same(&contents(&from, false), &contents(&to, false), "the schema");
    to.execute("INSERT INTO auth.users VALUES ('00000000-0000-0000-0000-000000000001')");
    let mut client = to.connect();
    // The rows of the registry are data: without them, all features are unknown.
    let refused = increment(&mut client, "increment_images_generated", user(1), 1, DAY);
    assert_eq!(integration::sqlstate(refused), "22023", "an unknown feature");
    to.execute("SELECT feature_usage_setup()");
    increment(&mut client, "increment_images_generated", user(1), 1, DAY).expect("a count");
    let answer = integration::check(&mut client, "image_generation", user(1), 0);
    assert_eq!(answer["error_code"], "UNKNOWN_PLAN");
    // The setup adds the built-in features; custom ones must be added again.
    let refused = increment(&mut client, "increment_video_minutes", user(1), 5, "2024-01");
    assert_eq!(integration::sqlstate(refused), "22023", "an unknown feature");
    to.execute(
        "SELECT add_feature('video', 'month', 'video_minutes', 'video_minutes_limit'), add_feature('exports', 'day')",
    );
    increment(&mut client, "increment_video_minutes", user(1), 5, "2024-01").expect("a count");
    expect_same(&contents(&from, false), &contents(&to, false), "the schema after the setup");
}

#[test]
fn the_setup_revokes_default_privileges_on_restored_tables() {
    let from = app("app_project", "public");
    let to = CLUSTER.empty_database("app_project_copy");
    // A new project's default privileges grant every table restored into public to the API's roles.
    to.psql(include_str!("../../fixtures/supabase_database.sql"));
    to.execute("INSERT INTO auth.users SELECT lpad(n::text, 32, '0')::uuid FROM generate_series(1, 9) AS n");
    to.psql(&from.run("pg_dump", &["--exclude-schema=auth"], ""));
    to.execute("SELECT feature_usage_setup()");
    let rights = "SELECT role, c.oid::regclass::text, acl.privilege_type
           FROM unnest('{anon,authenticated,service_role}'::regrole[]) AS role,
                pg_class AS c, aclexplode(c.relacl) AS acl
          WHERE acl.grantee IN (role, 0) AND c.relnamespace = 'public'::regnamespace
         UNION ALL
         SELECT role, p.oid::regprocedure::text, 'EXECUTE'
           FROM unnest('{anon,authenticated,service_role}'::regrole[]) AS role, pg_proc AS p
          WHERE p.pronamespace = 'public'::regnamespace
            AND has_function_privilege(role, p.oid, 'EXECUTE')";
    let before = lines(&mut from.connect(), rights);
    assert!(before.len() > 20, "only {} rights", before.len());
    expect_same(&before, &lines(&mut to.connect(), rights), "rights");
}

#[test]
fn drop_extension_and_create_extension_keep_everything() {
    for (database, schema) in [
        (app("app_again", "public"), "public"),
        (app("app_again_schema", "usage"), "usage"),
        (app_with_view("app_again_view"), "public"),
    ] {
        let before = contents(&database, true);
        database.psql(&format!(
            "DROP EXTENSION feature_usage; CREATE EXTENSION feature_usage SCHEMA {schema}"
        ));
        expect_same(&before, &contents(&database, true), &database.name);
        expect_it_works(&database, schema);
    }
}
