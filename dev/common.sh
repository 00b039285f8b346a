# Shared by all commands here: paths, messages, installing packages.
# shellcheck shell=bash

set -euo pipefail

# This command, to run it again in another root folder.
# shellcheck disable=SC2034 # used by dev/postgres.sh
COMMAND=("$(realpath "$0")" "$@")

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

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
    [ -z "$STEP" ] || printf '    (%s: %d s)\n' "${STEP%% (*}" $((SECONDS - STEP_AT))
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
need_server_user() {
    [ "$(id -u)" -ne 0 ] || id postgres >/dev/null 2>&1 ||
        useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin postgres
}

as_server_user() {
    if [ "$(id -u)" -eq 0 ]; then
        # Change to a folder that this user can access.
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
    else
        "$@"
    fi
}

# Whether apt has a package.
apt_has() {
    command -v apt-get >/dev/null || return 1
    apt-cache show "$1" >/dev/null 2>&1 || { update_apt && apt-cache show "$1" >/dev/null 2>&1; }
}

# Updates the lists of packages, once per command.
update_apt() {
    [ -z "${APT_UPDATED:-}" ] || return 0
    as_root apt-get update -qq || fail "apt-get update failed: check the network and apt's sources"
    export APT_UPDATED=1
}

# Installs the package of a server for its program only, unless it is there. Debian would start it.
need_without_service() {
    local program=$1 package=$2 service=$3
    ! command -v "$program" >/dev/null || return 0
    need_packages "$package"
    [ ! -d /run/systemd/system ] || as_root systemctl disable --quiet --now "$service"
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
    update_apt
    for package in "${missing[@]}"; do
        apt_has "$package" || fail "apt has no $package: add the source that has it (for Postgres, apt.postgresql.org)"
    done
    # For this installation only, keep Debian from starting a cluster.
    local settings=/etc/postgresql-common/createcluster.conf made=
    if [ ! -e $settings ]; then
        made=$settings
        as_root mkdir -p "$(dirname $settings)"
        printf 'create_main_cluster = false\n' | as_root tee $settings >/dev/null
    fi
    as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null || fail "apt-get install failed"
    [ -z "$made" ] || as_root rm -f "$made"
}

# Python with its virtual environments, which are a separate package on Debian.
need_venv() {
    command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null || need_packages python3 python3-venv
}
