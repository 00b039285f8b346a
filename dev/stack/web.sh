# The web page of the example project: its packages, and its build.
# shellcheck shell=bash source=dev/stack/tools.sh

WEB=$ROOT/supabase/web

# Node's packages take part in no telemetry or advertising, and npm keeps its cache here.
web_npm() {
    (cd "$WEB" && PATH=$NODE_BIN:$PATH npm_config_cache=$TOOLS/npm-cache npm_config_fund=false npm_config_audit=false \
        npm_config_update_notifier=false npm "$@")
}

# Installs the packages, if package-lock.json has changed since.
web_install() {
    local installed=$WEB/node_modules/.package-lock.of-install
    need_node
    ! cmp --silent "$WEB/package-lock.json" "$installed" || return 0
    web_npm ci --loglevel error >/dev/null || fail "npm ci failed in supabase/web: see above"
    cp "$WEB/package-lock.json" "$installed"
}

# Builds the page into a folder, for the stack at SUPABASE_URL with ANON_KEY.
web_build() {
    VITE_SUPABASE_URL=$SUPABASE_URL VITE_SUPABASE_ANON_KEY=$ANON_KEY \
        web_npm run --silent build -- --outDir "$1" --emptyOutDir --logLevel warn
}
