//! Links libgcc's unwinder statically, so that the library needs nothing but libc: an image with a
//! Postgres of its own, such as Supabase's, need not have libgcc_s.so.1 where its loader looks.

use std::path::PathBuf;
use std::{env, fs};

/// A linker script in the place of the shared library that rustc asks for.
const SCRIPT: &str = "INPUT(-lgcc_eh)\n";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_gnu = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is_gnu("CARGO_CFG_TARGET_OS", "linux") || !is_gnu("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(folder.join("libgcc_s.so"), SCRIPT).expect("OUT_DIR is writable");
    println!("cargo:rustc-cdylib-link-arg=-L{}", folder.display());
}
