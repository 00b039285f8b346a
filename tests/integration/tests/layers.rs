//! The layers of the source: each module uses only modules of its own layer or lower ones.

use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom. The domain is a crate of its own, so the compiler enforces its place.
const LAYERS: [&str; 5] = ["api", "actions", "store", "pg", "error"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("it").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(folders.iter().flat_map(|folder| files_below(folder))).collect()
}

#[test]
fn modules_use_only_lower_layers() {
    let mut uses = 0;
    for (rank, layer) in LAYERS.iter().enumerate() {
        for file in files_below(&source().join(layer)) {
            let text = fs::read_to_string(&file).expect("a file");
            for part in text.split("crate::").skip(1) {
                let used = part.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
                let used = LAYERS.iter().position(|layer| *layer == used);
                let used = used.unwrap_or_else(|| panic!("no layer: {part:.20} in {file:?}"));
                assert!(used >= rank, "{file:?} uses {}", LAYERS[used]);
                uses += 1;
            }
        }
    }
    assert!(uses > 50, "only {uses} uses were found");
}

#[test]
fn unsafe_code_is_in_pg_only() {
    let library = fs::read_to_string(source().join("lib.rs")).expect("lib.rs");
    assert!(library.contains("#![deny(unsafe_code)]"), "the crate does not deny unsafe code");
    for file in files_below(&source()) {
        let text = fs::read_to_string(&file).expect("a file");
        let allows = text.contains("allow(unsafe_code");
        assert!(!allows || file.ends_with("src/lib.rs"), "{file:?} allows unsafe code");
        let is_unsafe = text.contains("unsafe {") || text.contains("unsafe fn");
        assert!(!is_unsafe || file.starts_with(source().join("pg")), "{file:?} has unsafe code");
    }
    assert_eq!(library.matches("allow(unsafe_code").count(), 1);
    assert!(
        library.contains("#[allow(unsafe_code, reason = \"Postgres is called in C\")]\nmod pg;")
    );
}
