//! Writes the extension's install script and control file.
//!
//! pgrx embeds what it knows of every SQL function in the library itself, and its own crate turns
//! that into SQL. `cargo pgrx schema` does the same, but takes minutes to install; with this, a
//! build needs nothing except cargo.

use std::fs;
use std::path::Path;

use eyre::{ContextCompat, Result, ensure};
use object::{Object, ObjectSection};
use pgrx_sql_entity_graph::section::decode_entities;
use pgrx_sql_entity_graph::{ControlFile, PgrxSql, SqlGraphEntity};

const NAME: &str = "feature_usage";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [library, control, version, directory] = arguments.as_slice() else {
        eyre::bail!("usage: packaging LIBRARY CONTROL_FILE VERSION TARGET_DIRECTORY");
    };
    let directory = Path::new(directory);
    fs::create_dir_all(directory)?;
    let control_text = fs::read_to_string(control)?.replace("@CARGO_VERSION@", version);
    let script = directory.join(format!("{NAME}--{version}.sql"));
    fs::write(&script, install_script(&fs::read(library)?, &control_text)?)?;
    fs::write(directory.join(format!("{NAME}.control")), control_text)?;
    println!("wrote {}", script.display());
    Ok(())
}

fn install_script(library: &[u8], control_text: &str) -> Result<String> {
    let library = object::File::parse(library)?;
    let section = library
        .section_by_name(".pgrxsc")
        .or_else(|| library.section_by_name("__pgrxsc"))
        .context("the library has no section of pgrx's: was it built by another version?")?;
    let mut entities = decode_entities(section.data()?)?;
    let functions = entities.iter().filter(|e| matches!(e, SqlGraphEntity::Function(_))).count();
    ensure!(functions > 0, "the linker dropped pgrx's section: build with --no-gc-sections");
    entities.push(SqlGraphEntity::ExtensionRoot(ControlFile::from_str(control_text)?));
    let mut script = Vec::new();
    PgrxSql::build(entities.into_iter(), NAME.to_owned(), false)?.write(&mut script)?;
    Ok(String::from_utf8(script)?)
}
