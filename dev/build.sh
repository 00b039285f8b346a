# Builds the extension and installs it into the Postgres that PG_CONFIG names.
# shellcheck shell=bash source=dev/common.sh

TARGET=${CARGO_TARGET_DIR:-target}
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -1)

INSTALL_SCRIPT=feature_usage--$VERSION.sql

# Builds the library, and generates the install script from it.
generate_extension() {
    # Both in one build, so that neither waits for a core.
    # shellcheck disable=SC2046
    cargo build --release --locked --lib --bins --package feature_usage --package packaging $(CARGO_FEATURES)
    "$TARGET/release/packaging" "$TARGET/release/libfeature_usage.so" feature_usage.control "$VERSION" "$TARGET/extension"
}

# The same, and fails unless the committed install script is the generated one: reviewers read it,
# and a superuser runs it.
build_extension() {
    generate_extension
    diff --unified "sql/install/$INSTALL_SCRIPT" "$TARGET/extension/$INSTALL_SCRIPT" >&2 ||
        fail "sql/install/$INSTALL_SCRIPT differs from the generated script: run dev/install-script, and commit the result"
}

install_extension() {
    local extensions libraries as_root=as_root
    ! can_install || as_root=
    extensions=$("$PG_CONFIG" --sharedir)/extension
    libraries=$("$PG_CONFIG" --pkglibdir)
    $as_root install -m 644 "$TARGET/extension/feature_usage.control" "$TARGET/extension/$INSTALL_SCRIPT" "$extensions"
    # The library is replaced by renaming, so that running backends keep their open file.
    $as_root install -m 755 "$TARGET/release/libfeature_usage.so" "$libraries/feature_usage.so.new"
    $as_root mv "$libraries/feature_usage.so.new" "$libraries/feature_usage.so"
    printf '    installed into %s and %s\n' "$extensions" "$libraries"
}
