# Another revision of the extension, for a comparison.
# shellcheck shell=bash source=dev/common.sh

AGAINST=$TARGET/against
# The installed files of the extension before the other revision is installed; empty if there are
# none.
INSTALLED_BEFORE=

# Builds a revision from a copy of its files, and installs it with its own commands.
install_revision() {
    local source=$AGAINST/source
    # An unchanged copy is not compiled again. New files get the current time, because cargo would
    # not recompile files that are older than its output.
    if [ "$(cat "$source/.revision" 2>/dev/null)" != "$1" ]; then
        rm -rf "$source"
        mkdir -p "$source"
        git archive "$1" | tar --extract --touch --directory "$source"
        printf '%s' "$1" >"$source/.revision"
    fi
    INSTALLED_BEFORE=$(extension_files)
    CARGO_TARGET_DIR=$(realpath "$AGAINST")/build "$source/dev/install" >"$AGAINST/log" 2>&1 ||
        { tail -n 30 "$AGAINST/log" >&2; fail "building or installing $1 failed; see $AGAINST/log"; }
}

extension_files() {
    find "$("$PG_CONFIG" --sharedir)/extension" -name 'feature_usage*'
}

# Makes a cluster independent of the installed library: its functions use a copy.
keep_library() {
    local library moved
    library=$(cluster_folder "$1")/feature_usage.so
    install -m 755 "$("$PG_CONFIG" --pkglibdir)/feature_usage.so" "$library"
    moved=$(cluster_psql "$1" --dbname template1 --no-align --tuples-only --set library="$library" <<'SQL'
WITH moved AS (
    UPDATE pg_proc SET probin = :'library' WHERE probin = '$libdir/feature_usage' RETURNING oid
) SELECT count(*) FROM moved;
SQL
    )
    [ "$moved" -gt 0 ] || fail "no function in cluster $1 uses the installed library"
}

# Installs the current extension again, and removes files that only the other revision has.
restore_extension() {
    local file as_root=as_root
    [ -n "$INSTALLED_BEFORE" ] || return 0
    ! can_install || as_root=
    extension_files | while read -r file; do
        grep -qxF "$file" <<<"$INSTALLED_BEFORE" || $as_root rm "$file"
    done
    install_extension
    INSTALLED_BEFORE=
}
