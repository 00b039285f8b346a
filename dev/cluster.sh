# Private Postgres clusters: each is a folder with a socket, and uses nothing else of the machine.
# shellcheck shell=bash source=dev/common.sh

# A short name for what belongs to a folder but is kept elsewhere.
name_of_folder() { printf 'feature_usage-%s' "$(printf '%s' "$1" | cksum | cut -d' ' -f1)"; }

# The folder of the clusters: in the checkout, unless the server's user cannot access that. Clusters
# with preloaded libraries (CLUSTER_PRELOAD) have their own, so that the same tests can run on both
# kinds at the same time.
clusters_dir() {
    local dir=$ROOT/.pg part=${CLUSTER_PRELOAD:+/preloaded}
    mkdir -p "$dir$part"
    # In a Debian 13 root folder, this user may have another number.
    if [ "$(id -u)" -eq 0 ] && id postgres >/dev/null 2>&1; then
        chown postgres: "$dir" "$dir$part"
        if ! as_server_user test -w "$dir" -a -x "$dir"; then
            dir=/var/tmp/$(name_of_folder "$ROOT")
            mkdir -p "$dir$part" && chown postgres: "$dir" "$dir$part"
        fi
    fi
    printf '%s' "$dir$part"
}

# The folder of a cluster: in clusters_dir, or in memory (CLUSTERS_IN_MEMORY, a folder).
cluster_folder() { printf '%s/%s' "$(clusters_data)" "$1"; }

clusters_data() {
    if [ -n "${CLUSTERS_IN_MEMORY:-}" ]; then
        printf '%s' "$CLUSTERS_IN_MEMORY${CLUSTER_PRELOAD:+/preloaded}"
    else
        clusters_dir
    fi
}

# Has this command and those that it runs put clusters into memory, if there is room: much of the time of
# tests goes into creating and deleting the files of tables.
clusters_use_memory() {
    local memory=/dev/shm free
    free=$(df --output=avail --block-size=1M $memory 2>/dev/null | tail -n 1)
    [ "${free:-0}" -ge 4096 ] || return 0
    CLUSTERS_IN_MEMORY=$memory/$(name_of_folder "$ROOT")
    export CLUSTERS_IN_MEMORY
    printf '    the data of the clusters is in %s\n' "$CLUSTERS_IN_MEMORY"
}

# Has clusters copied from one that initdb makes now, as initdb takes a second.
clusters_use_template() {
    CLUSTER_TEMPLATE=$(cluster_folder template)
    rm -rf "$CLUSTER_TEMPLATE"
    cluster_initdb "$CLUSTER_TEMPLATE"
    export CLUSTER_TEMPLATE
}

cluster_initdb() {
    local log
    log=$(as_server_user "$PG_BIN/initdb" --pgdata "$1" --username postgres --auth trust --encoding UTF8 --locale C --no-sync 2>&1) ||
        { printf '%s\n' "$log" >&2; fail "initdb failed"; }
}

# The folder of a cluster's socket. Its path must be short and without spaces.
cluster_socket() {
    local dir
    dir=$(cluster_folder "$1")/socket
    [[ ${#dir} -le 80 && $dir =~ ^[A-Za-z0-9/._-]+$ ]] || dir=/tmp/$(name_of_folder "$dir")
    printf '%s' "$dir"
}

CLUSTER_PORT=54329

# The process of the server that runs on this cluster's data, whatever its version.
cluster_process() {
    local data process
    data=$(cluster_folder "$1")/data
    # A server's working folder is its data.
    process=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) && [ "/proc/$process/cwd" -ef "$data" ] && printf '%s' "$process"
}

cluster_is_running() { cluster_process "$1" >/dev/null; }

cluster_version() { cat "$(cluster_folder "$1")/data/PG_VERSION" 2>/dev/null; }

# Starts a new, empty cluster; removes one of the same name from an earlier run.
cluster_create() {
    local dir
    dir=$(cluster_folder "$1")
    cluster_remove "$1"
    as_server_user mkdir -p "$dir"
    if [ -n "${CLUSTER_TEMPLATE:-}" ]; then
        as_server_user cp -a "$CLUSTER_TEMPLATE" "$dir/data"
    else
        cluster_initdb "$dir/data"
    fi
    cluster_start "$1"
}

# Starts a hot standby of a running cluster.
cluster_create_standby() {
    local dir
    dir=$(cluster_folder "$1")
    cluster_remove "$1"
    as_server_user mkdir -p "$dir"
    as_server_user "$PG_BIN/pg_basebackup" --host "$(cluster_socket "$2")" --port $CLUSTER_PORT --username postgres \
        --pgdata "$dir/data" --write-recovery-conf --checkpoint fast --no-sync
    cluster_start "$1"
}

# CLUSTER_CLOCK, such as "2024-02-29 23:59:58", is the start of the server's clock, in UTC.
# CLUSTER_CLOCK_FILE is a file with such a time, at which the clock stands until the file says another;
# in such a server, pg_sleep() never ends, and a deadlock is found after ten minutes: the handler of an alarm
# that interrupts libfaketime may crash.
# CLUSTER_OPTIONS and CLUSTER_PRELOAD, such as "-c jit=off", are further server options, and
# CLUSTER_ENVIRONMENT, such as "RUST_BACKTRACE=1", is an environment variable of the server.
cluster_start() {
    local dir socket clock=() patience=
    dir=$(cluster_folder "$1")
    socket=$(cluster_socket "$1")
    if [ -n "${CLUSTER_CLOCK:-}" ]; then
        need_packages libfaketime
        clock=(LD_PRELOAD="$(dpkg -L libfaketime | grep 'libfaketime\.so\.1$')" FAKETIME="@$CLUSTER_CLOCK" FAKETIME_DONT_RESET=1)
    elif [ -n "${CLUSTER_CLOCK_FILE:-}" ]; then
        need_packages libfaketime
        clock=(LD_PRELOAD="$(dpkg -L libfaketime | grep 'libfaketime\.so\.1$')" FAKETIME_TIMESTAMP_FILE="$CLUSTER_CLOCK_FILE"
               FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1)
        patience='-c deadlock_timeout=10min'
    fi
    as_server_user mkdir -p "$socket"
    as_server_user env -i PATH="$PATH" LANG=C.UTF-8 TZ=UTC ${clock[@]+"${clock[@]}"} ${CLUSTER_ENVIRONMENT:+"$CLUSTER_ENVIRONMENT"} "$PG_BIN/pg_ctl" --pgdata "$dir/data" --log "$dir/log" --wait start \
        --options "-k $socket -p $CLUSTER_PORT -c listen_addresses= -c max_connections=200 -c shared_buffers=256MB -c fsync=off $patience ${CLUSTER_PRELOAD:-} ${CLUSTER_OPTIONS:-}" \
        >/dev/null || { cat "$dir/log" >&2; fail "Postgres did not start"; }
}

# Stops the server that runs on this cluster's data, and no other.
cluster_stop() {
    local process tries=0
    process=$(cluster_process "$1") || return 0
    # The signal for a fast shutdown.
    kill -INT "$process"
    while kill -0 "$process" 2>/dev/null; do
        [ $((tries += 1)) -le 1200 ] || fail "the server of cluster $1 (process $process) did not stop"
        sleep 0.05
    done
}

cluster_remove() {
    cluster_stop "$1"
    rm -rf "$(cluster_socket "$1")" "$(cluster_folder "${1:?}")"
}

# Removes clusters left by interrupted tests.
clusters_remove_of_tests() {
    local dir
    for dir in "$(clusters_data)"/{it,regress,supabase}_*; do
        [ ! -d "$dir/data" ] || cluster_remove "$(basename "$dir")"
    done
}

# psql on a cluster: quiet, and stops at the first error.
cluster_psql() {
    local name=$1
    shift
    "$PG_BIN/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
        --host "$(cluster_socket "$name")" --port $CLUSTER_PORT --username postgres "$@"
}
