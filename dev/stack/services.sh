# The services of the local Supabase: REST server, Auth, edge functions and gateway, one process each. A
# folder in .stack/run has their logs and process ids.
# shellcheck shell=bash source=dev/stack/database.sh

stack_folder() { printf '%s/.stack/run/%s' "$ROOT" "$1"; }

# The names of the project's edge functions.
stack_functions() {
    local folder
    for folder in supabase/functions/[!_]*/; do basename "$folder"; done
}

# Starts the services of a database on a port of 127.0.0.1, with these edge functions. stack_make_keys has
# set the keys of the application. The REST server exposes API_SCHEMAS, by default public. The functions use
# the image model at IMAGE_API_URL, if it is set. Access tokens are valid for JWT_EXPIRY seconds, by default
# 3600. If WEB_ROOT is set, the page in that folder is served on WEB_PORT.
stack_start() {
    local name=$1 cluster=$2 database=$3 port=$4 folder sockets function locations='' page=''
    shift 4
    folder=$(stack_folder "$name")
    stack_stop "$name"
    mkdir -p "$folder"
    # The path of a socket must be short.
    sockets=$(mktemp -d /tmp/stack.XXXXXX)
    printf '%s' "$sockets" >"$folder/sockets"
    printf 'http://127.0.0.1:%s' "$port" >"$folder/url"

    start_rest "$folder" "$cluster" "$database" "$sockets"
    # Deno opens sockets below /dev only with --allow-all, and the clusters of tests are in /dev/shm.
    start_service "$folder" auth env DENO_SERVE_ADDRESS="unix:$sockets/auth.sock" SUPABASE_URL="http://127.0.0.1:$port" \
        DATABASE="$database" DATABASE_SOCKET="$(cluster_socket "$cluster")/.s.PGSQL.$CLUSTER_PORT" \
        "$DENO" run --quiet --frozen --config "$AUTH_CONFIG" --allow-all "$ROOT/dev/stack/auth/main.ts"
    for function in "$@"; do
        start_service "$folder" "$function" env DENO_SERVE_ADDRESS="unix:$sockets/$function.sock" \
            SUPABASE_URL="http://127.0.0.1:$port" SUPABASE_ANON_KEY="$ANON_KEY" \
            SUPABASE_SERVICE_ROLE_KEY="$SERVICE_KEY" JWT_SECRET="$JWT_SECRET" SUPABASE_JWKS="$SUPABASE_JWKS" \
            PLANS_WITHOUT_PAYMENT=true "$DENO" run --quiet --frozen --config "$DENO_CONFIG" --allow-env --allow-net \
            --allow-read="$sockets" --allow-write="$sockets" "$ROOT/supabase/functions/$function/index.ts"
        locations+="location = /functions/v1/$function { proxy_pass http://unix:$sockets/$function.sock:/$function; } "
    done
    [ -z "${WEB_ROOT:-}" ] || page="include web.conf;"
    sed -e "s|@WEB_PORT@|${WEB_PORT:-}|" -e "s|@WEB_ROOT@|${WEB_ROOT:-}|" dev/stack/web.conf >"$folder/web.conf"
    sed -e "s|@API@|127.0.0.1:$port|g" dev/stack/web-security.conf >"$folder/web-security.conf"
    start_gateway "$folder" "$port" "$sockets" "$locations" "$page"

    wait_for_service "$folder" rest test -S "$sockets/rest.sock"
    wait_for_service "$folder" auth test -S "$sockets/auth.sock"
    for function in "$@"; do
        wait_for_service "$folder" "$function" test -S "$sockets/$function.sock"
    done
    wait_for_service "$folder" gateway port_is_taken "$port"
}

# Only the REST server of a database, and the gateway before it.
stack_start_rest() {
    local name=$1 cluster=$2 database=$3 port=$4 folder sockets
    folder=$(stack_folder "$name")
    stack_stop "$name"
    mkdir -p "$folder"
    sockets=$(mktemp -d /tmp/stack.XXXXXX)
    printf '%s' "$sockets" >"$folder/sockets"
    start_rest "$folder" "$cluster" "$database" "$sockets"
    start_gateway "$folder" "$port" "$sockets" '' ''
    wait_for_service "$folder" rest test -S "$sockets/rest.sock"
    wait_for_service "$folder" gateway port_is_taken "$port"
}

start_rest() {
    local folder=$1 cluster=$2 database=$3 sockets=$4
    start_service "$folder" rest env PGRST_COMPAT_MODE=true PGRST_DB_SCHEMAS="${API_SCHEMAS:-public}" PGRST_DB_ANON_ROLE=anon \
        PGRST_DB_URI="postgres://authenticator@localhost/$database?host=$(cluster_socket "$cluster")&port=$CLUSTER_PORT" \
        PGRST_DB_CHANNEL_ENABLED=true PGRST_JWT_SECRET="$(stack_key_set)" PGRST_SERVER_UNIX_SOCKET="$sockets/rest.sock" "$POSTRUST"
}

start_gateway() {
    local folder=$1 port=$2 sockets=$3 locations=$4 page=$5
    cp dev/stack/cors.conf "$folder"
    sed -e "s|@PORT@|$port|" -e "s|@SOCKETS@|$sockets|" -e "s|@FUNCTIONS@|$locations|" -e "s|@PAGE@|$page|" \
        -e "s|@ANON_KEY@|$ANON_KEY|" -e "s|@SERVICE_KEY@|$SERVICE_KEY|" \
        dev/stack/gateway.conf >"$folder/gateway.conf"
    start_service "$folder" gateway "$NGINX" -e stderr -p "$folder" -c "$folder/gateway.conf"
}

# The address of a stack that is running.
stack_url() {
    local folder
    folder=$(stack_folder "$1")
    service_is_running "$folder" gateway && cat "$folder/url"
}

start_service() {
    local folder=$1 name=$2
    shift 2
    (cd "$folder" && exec "$@") >"$folder/$name.log" 2>&1 &
    printf '%s' $! >"$folder/$name.pid"
}

# Whether a process id still belongs to the service, and not to a later process: compares the
# folder.
service_is_running() {
    local pid
    pid=$(cat "$1/$2.pid" 2>/dev/null) && [ "/proc/$pid/cwd" -ef "$1" ]
}

wait_for_service() {
    local folder=$1 name=$2 tries=0
    shift 2
    until "$@"; do
        service_is_running "$folder" "$name" && [ $((tries += 1)) -le 600 ] ||
            { cat "$folder/$name.log" >&2; fail "the service $name did not start"; }
        sleep 0.1
    done
}

stack_stop() {
    local folder pidfile name tries
    folder=$(stack_folder "$1")
    for pidfile in "$folder"/*.pid; do
        name=$(basename "$pidfile" .pid)
        [ "$name" != '*' ] && service_is_running "$folder" "$name" || continue
        kill "$(cat "$pidfile")" 2>/dev/null || true
        tries=0
        while service_is_running "$folder" "$name"; do
            [ $((tries += 1)) -le 50 ] || { kill -KILL "$(cat "$pidfile")"; break; }
            sleep 0.1
        done
    done
    [ ! -f "$folder/sockets" ] || rm -rf "$(cat "$folder/sockets")"
    rm -rf "$folder"
}

port_is_taken() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The first free port, starting from this one.
free_port() {
    local port=$1
    while port_is_taken "$port"; do port=$((port + 1)); done
    printf '%s' "$port"
}

# New keys for a stack: JWT_SECRET, and the public SUPABASE_JWKS of AUTH_PRIVATE_KEYS, with which tokens
# are signed; ANON_KEY and SERVICE_KEY, which are tokens.
stack_make_keys() {
    local keys
    JWT_SECRET=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    keys=$("$DENO" run --quiet --frozen --config "$DENO_CONFIG" dev/stack/keys.ts)
    SUPABASE_JWKS=${keys%%$'\n'*} AUTH_PRIVATE_KEYS=${keys#*$'\n'}
    export JWT_SECRET SUPABASE_JWKS AUTH_PRIVATE_KEYS
    ANON_KEY=$(stack_token anon)
    SERVICE_KEY=$(stack_token service_role)
    export ANON_KEY SERVICE_KEY
}

# The keys of a stack of this name, made once: clients and tokens go on working after a restart.
stack_keep_keys() {
    local file=.stack/keys/$1 name
    if [ ! -f "$file" ]; then
        stack_make_keys
        mkdir -p .stack/keys
        (umask 077 && for name in JWT_SECRET SUPABASE_JWKS AUTH_PRIVATE_KEYS ANON_KEY SERVICE_KEY; do
            printf '%s=%q\n' "$name" "${!name}"
        done >"$file.new")
        mv "$file.new" "$file"
    fi
    # shellcheck source=/dev/null
    source "$file"
    export JWT_SECRET SUPABASE_JWKS AUTH_PRIVATE_KEYS ANON_KEY SERVICE_KEY
}

# All keys with which tokens may be signed, for the REST server: the shared secret, and the public keys.
stack_key_set() {
    local secret
    secret=$(printf '%s' "$JWT_SECRET" | base64 --wrap=0 | tr '+/' '-_' | tr -d '=')
    printf '{"keys":[{"kty":"oct","alg":"HS256","k":"%s"},%s' "$secret" "${SUPABASE_JWKS#'{"keys":['}"
}

stack_token() {
    "$DENO" run --quiet --frozen --config "$DENO_CONFIG" --allow-env=JWT_SECRET dev/stack/token.ts "$@"
}
