# A router and its shards: private clusters named after NAME, each with the database app.
# shellcheck shell=bash source=dev/cluster.sh

NAME=${NAME:-shards}
DATABASE=app
# Nothing about what does not exist yet.
export PGOPTIONS='-c client_min_messages=warning'

router_cluster() { printf '%s_router' "$NAME"; }
shard_cluster() { printf '%s_%s' "$NAME" "$1"; }

# How another server reaches a cluster.
connection_to() { printf 'host=%s port=%s dbname=%s' "$(cluster_socket "$1")" "$CLUSTER_PORT" $DATABASE; }

router_psql() { cluster_psql "$(router_cluster)" --dbname $DATABASE --no-align --tuples-only "$@"; }
shard_psql() {
    local number=$1
    shift
    cluster_psql "$(shard_cluster "$number")" --dbname $DATABASE --no-align --tuples-only "$@"
}

# Runs each line of the output of a query, as a statement of its own, on the same shard.
shard_run_each() { shard_psql "$1" --command 'SET lock_timeout = 2000' --file - <<<"$2 \\gexec" >/dev/null; }

is_power_of_two() { [[ $1 =~ ^[1-9][0-9]{0,3}$ ]] && [ $(($1 & ($1 - 1))) -eq 0 ]; }

is_made() { [ -f "$(cluster_folder "$(router_cluster)")/ready" ]; }

# The shards to which the router sends calls.
count_shards() { router_psql --command 'SELECT count(*) FROM feature_usage_router.shards()'; }

# The numbers of all shard clusters that exist, those of a split too.
shard_numbers() {
    local folder
    for folder in "$(clusters_data)/${NAME}"_*; do
        [[ ! $folder =~ _([0-9]+)$ ]] || printf '%s\n' "${BASH_REMATCH[1]}"
    done | sort -n
}

# More than Postgres' own for replication: each shard follows the router, and a new one an old one.
server_options() {
    printf '%s' "-c wal_level=logical -c max_wal_senders=150 -c max_replication_slots=150 -c max_worker_processes=40
        -c max_logical_replication_workers=24 -c shared_buffers=64MB -c max_connections=400 ${CLUSTER_OPTIONS:-}" | tr '\n' ' '
}

start_cluster() { CLUSTER_OPTIONS=$(server_options) cluster_start "$1"; }

# Starts those that are stopped, but not what an interrupted split has left.
start_clusters() {
    local number
    cluster_is_running "$(router_cluster)" || start_cluster "$(router_cluster)"
    for ((number = 0; number < $(count_shards); number++)); do
        cluster_is_running "$(shard_cluster "$number")" || start_cluster "$(shard_cluster "$number")"
    done
}

# A cluster with Supabase's roles, and a database like Supabase's with the extension. It has no table of users:
# shards never have one.
make_database() {
    CLUSTER_OPTIONS=$(server_options) cluster_create "$1"
    cluster_psql "$1" --file tests/fixtures/supabase.sql --command "CREATE DATABASE $DATABASE"
    cluster_psql "$1" --dbname $DATABASE --file tests/fixtures/supabase_database.sql --command 'DROP TABLE auth.users' \
        --command 'CREATE EXTENSION feature_usage'
}

# A router whose calls go to the shards 0 to $1 - 1.
make_router() {
    local number shards=''
    make_database "$(router_cluster)"
    for ((number = 0; number < $1; number++)); do
        shards+="${shards:+, }p$number '$(connection_to "$(shard_cluster "$number")")'"
    done
    router_psql --file router/router.sql >/dev/null
    router_psql --command "CREATE SERVER feature_usage FOREIGN DATA WRAPPER plproxy OPTIONS ($shards)" \
        --file router/logins.sql
}

# The shard of this number, with the features and the plans of the router.
make_shard() {
    local number=$1 features
    make_database "$(shard_cluster "$number")"
    features=$(router_psql --command "SELECT format('SELECT add_feature(%L, %L, %L, %L);', feature_type, period, usage_column, limit_column)
                                        FROM usage_features WHERE NOT is_builtin ORDER BY feature_type")
    shard_psql "$number" --command "${features:-;}" --file router/shard.sql >/dev/null
    # The plans come from the router, those of a new database too.
    router_psql --command "SELECT pg_terminate_backend(active_pid, 10000), pg_sleep(0.1) FROM pg_replication_slots
                            WHERE slot_name = 'feature_usage_plans_$number' AND active_pid IS NOT NULL" \
        --command "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'feature_usage_plans_$number'" >/dev/null
    shard_psql "$number" --command 'TRUNCATE plan_limits, usage_rules, usage_pools, usage_pool_members' \
        --command "CREATE SUBSCRIPTION feature_usage_plans_$number CONNECTION '$(connection_to "$(router_cluster)") user=postgres' PUBLICATION feature_usage_plans"
}

# Waits until a query on a shard says t.
wait_for_shard() {
    local tries=0
    until [ "$(shard_psql "$1" --command "$2")" = t ]; do
        [ $((tries += 1)) -le 6000 ] || fail "shard $1: $3 did not end"
        sleep 0.1
    done
}

wait_for_plans() {
    wait_for_shard "$1" "SELECT coalesce(bool_and(srsubstate = 'r'), false) FROM pg_subscription_rel AS r JOIN pg_subscription AS s ON s.oid = r.srsubid
                          WHERE s.subname = 'feature_usage_plans_$1'" 'copying the plans'
}

# Fails, and says in what, if router and shards differ.
check_shards() {
    local problems
    problems=$(router_psql --command 'SELECT problem FROM feature_usage_router.problems()') || fail "the router does not answer: see above"
    [ -z "$problems" ] || { printf '%s\n' "$problems" >&2; fail "the shards do not agree: mend what is listed above, then run dev/shards check"; }
}
