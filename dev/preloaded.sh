# The libraries that Supabase's image preloads and that see our statements.
# shellcheck shell=bash source=dev/postgres.sh

PRELOADED=(pg_stat_statements pgaudit auto_explain)

# Installs them, and sets PRELOADED to those that this Postgres has.
need_preloaded() {
    local library libraries present=()
    libraries=$("$PG_CONFIG" --pkglibdir)
    if [ ! -f "$libraries/pgaudit.so" ] && is_debians; then
        need_packages "postgresql-$PG_MAJOR-pgaudit"
    fi
    for library in "${PRELOADED[@]}"; do
        [ ! -f "$libraries/$library.so" ] || present+=("$library")
    done
    PRELOADED=(${present[@]+"${present[@]}"})
}

# The server options that preload them.
preload_options() { printf -- '-c shared_preload_libraries=%s' "$(IFS=,; printf '%s' "${PRELOADED[*]}")"; }

# The same, and every library looks at every statement, even of functions.
preload_options_of_tests() {
    preload_options
    printf ' -c %s' pg_stat_statements.track=all pgaudit.log=all auto_explain.log_min_duration=0 \
        auto_explain.log_nested_statements=on auto_explain.log_analyze=on auto_explain.log_timing=off auto_explain.log_verbose=on
}
