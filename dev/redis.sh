# A private Redis for the benchmark, without a TCP port, that appends what it does to a file.
# shellcheck shell=bash source=dev/cluster.sh

redis_folder() { printf '%s/redis' "$(clusters_dir)"; }
redis_socket() { printf '%s/socket' "$(redis_folder)"; }

redis_start() {
    local folder
    folder=$(redis_folder)
    redis_stop
    mkdir -p "$folder"
    redis-server --port 0 --unixsocket "$(redis_socket)" --dir "$folder" --appendonly yes --save '' --daemonize yes \
        --pidfile "$folder/pid" --logfile "$folder/log" >/dev/null || fail "Redis did not start"
    while [ ! -S "$(redis_socket)" ]; do sleep 0.05; done
}

# Stops the server that redis_start has started, and removes its data.
redis_stop() {
    local folder process
    folder=$(redis_folder)
    if process=$(cat "$folder/pid" 2>/dev/null) && kill "$process" 2>/dev/null; then
        while kill -0 "$process" 2>/dev/null; do sleep 0.05; done
    fi
    rm -rf "${folder:?}"
}
