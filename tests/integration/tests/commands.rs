//! The commands in dev/: wrong arguments and a wrong Postgres end with a sentence that says what to do,
//! before anything is built or started.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Runs a command that fails, and returns the message of its error.
fn error_of(command: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let output = Command::new(root.join(command))
        .args(arguments)
        .env_remove("PG_CONFIG")
        .env_remove("PG_MAJOR")
        .envs(environment.iter().copied())
        .output()
        .expect(command);
    assert!(!output.status.success(), "{command} {arguments:?} succeeded");
    let errors = String::from_utf8_lossy(&output.stderr);
    let message = errors.lines().find_map(|line| line.strip_prefix("error: "));
    message.unwrap_or_else(|| panic!("{command} {arguments:?} has no message: {errors}")).to_owned()
}

#[test]
fn an_unknown_version_is_refused_with_those_there_are() {
    let choose = "PostgreSQL 13 is not supported: choose one of 14 15 16 17 18";
    for command in ["dev/demo", "dev/test", "dev/supabase"] {
        assert_eq!(error_of(command, &["13"], &[]), choose, "{command}");
    }
    assert_eq!(error_of("dev/install", &[], &[("PG_MAJOR", "13")]), choose);
}

#[test]
fn wrong_arguments_are_refused_with_the_usage() {
    let test = error_of("dev/test", &["15", "regres"], &[]);
    assert!(test.starts_with("there are no tests of kind regres. usage: test"), "{test}");
    let demo = error_of("dev/demo", &["fast"], &[]);
    assert_eq!(demo, "usage: demo [VERSION]; the versions are 14 15 16 17 18");
    assert!(error_of("dev/supabase", &["15", "begin"], &[]).starts_with("usage: supabase"));
    let no_revision = error_of("dev/bench", &["--against", "no-such-revision"], &[]);
    assert_eq!(no_revision, "git knows no revision no-such-revision");
}

#[test]
fn a_wrong_pg_config_is_named() {
    let missing = error_of("dev/install", &[], &[("PG_CONFIG", "/no/such/pg_config")]);
    assert_eq!(missing, "PG_CONFIG is /no/such/pg_config, which is not a program: correct it");
    let both = error_of("dev/demo", &["15"], &[("PG_CONFIG", "/usr/bin/true")]);
    assert_eq!(both, "both PG_CONFIG and version 15 are given: choose one of them");
}

#[test]
fn a_postgres_without_its_development_files_is_named() {
    let folder =
        std::env::temp_dir().join(format!("feature_usage_commands_{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let pg_config = folder.join("pg_config");
    fs::write(&pg_config, "#!/bin/sh\necho /no/such/folder\n").expect("a script");
    fs::set_permissions(&pg_config, fs::Permissions::from_mode(0o755)).expect("a program");
    let path = pg_config.to_str().expect("a path");
    let message = error_of("dev/install", &[], &[("PG_CONFIG", path)]);
    fs::remove_dir_all(&folder).expect("an end");
    assert!(
        message.contains("has no development files (no /no/such/folder/postgres.h)"),
        "{message}"
    );
}
