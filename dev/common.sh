# Shared by all commands here: paths, messages, installing packages.
# shellcheck shell=bash

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# The Postgres to use: that of PG_CONFIG, or Debian's of version PG_MAJOR.
PG_MAJOR=${PG_MAJOR:-15}
GIVEN_PG_CONFIG=${PG_CONFIG:-}
PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/$PG_MAJOR/bin/pg_config}
PG_CONFIG=$(command -v "$PG_CONFIG" || printf '%s' "$PG_CONFIG")

# Unset variables that would make tests depend on the caller's shell, such as a backtrace in an
# error's DETAIL.
unset RUST_BACKTRACE PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE PGPASSFILE

STARTED_AT=$SECONDS
STEP_AT=$SECONDS
STEP=

# Prints the name of a step, after the duration of the one before.
step() {
    end_step
    STEP=$1
    STEP_AT=$SECONDS
    printf '\n==> %s\n' "$1"
}

end_step() {
    [ -z "$STEP" ] || printf '    (%s: %d s)\n' "$STEP" $((SECONDS - STEP_AT))
    STEP=
}

total() {
    end_step
    printf '\nTotal: %d s\n' $((SECONDS - STARTED_AT))
}

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# Runs a command as root, with sudo if necessary.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || fail "this needs root: $*  (run as root, or install sudo)"
        sudo "$@"
    fi
}

# Postgres refuses to run as root; then its programs run as the user postgres instead.
as_server_user() {
    if [ "$(id -u)" -eq 0 ]; then
        # Change to a folder that this user can access.
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
    else
        "$@"
    fi
}

# Installs Debian packages that are missing, and only those.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "please install: ${missing[*]}"
    printf '    apt-get install %s\n' "${missing[*]}"
    as_root apt-get update -qq
    for package in "${missing[@]}"; do
        apt-cache show "$package" >/dev/null 2>&1 ||
            fail "apt has no $package: set PG_MAJOR or PG_CONFIG, or add the repository that has it (for Postgres, apt.postgresql.org)"
    done
    # For this installation only, keep Debian from starting a cluster.
    local settings=/etc/postgresql-common/createcluster.conf made=
    if [ ! -e $settings ]; then
        made=$settings
        as_root mkdir -p "$(dirname $settings)"
        printf 'create_main_cluster = false\n' | as_root tee $settings >/dev/null
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null || fail "apt-get install failed"
    [ -z "$made" ] || as_root rm -f "$made"
}

# Uses the Postgres of PG_CONFIG as it is; installs Debian's if necessary.
need_postgres() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust first, see https://rustup.rs"
    [ -z "$GIVEN_PG_CONFIG" ] || [ -x "$PG_CONFIG" ] || fail "PG_CONFIG is $GIVEN_PG_CONFIG, which is not a program: correct it"
    need_packages gcc libc6-dev libclang-dev
    [ -x "$PG_CONFIG" ] && [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] ||
        need_packages "postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR"
    [ -x "$PG_CONFIG" ] || fail "no pg_config at $PG_CONFIG: set PG_CONFIG"
    # Ask for sudo's password now rather than after the build.
    [ "$(id -u)" -eq 0 ] || can_install || as_root true
    PG_MAJOR=$("$PG_CONFIG" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
    PG_BIN=$("$PG_CONFIG" --bindir)
    export PG_CONFIG PG_MAJOR PG_BIN PGRX_PG_CONFIG_PATH=$PG_CONFIG
    export PATH=$PG_BIN:$PATH
}

# Whether this user may write to the folders of this Postgres.
can_install() {
    [ -w "$("$PG_CONFIG" --pkglibdir)" ] && [ -w "$("$PG_CONFIG" --sharedir)/extension" ]
}

CARGO_FEATURES() { printf -- '--no-default-features --features pg%s' "$PG_MAJOR"; }
