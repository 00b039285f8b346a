# The web page of the example project: its packages, and its build.
# shellcheck shell=bash source=dev/stack/tools.sh

WEB=$ROOT/supabase/web

# npm in a folder. It sends no telemetry, shows no advertising, and keeps its cache here.
npm_in() {
    local folder=$1
    shift
    (cd "$folder" && PATH=$NODE_BIN:$PATH npm_config_cache=$TOOLS/npm-cache npm_config_fund=false npm_config_audit=false \
        npm_config_update_notifier=false npm "$@")
}

# Installs the packages of a folder, if its package-lock.json has changed since.
npm_install() {
    local folder=$1 installed=$1/node_modules/.package-lock.of-install
    need_node
    ! cmp --silent "$folder/package-lock.json" "$installed" || return 0
    printf '    the packages of %s, from npm\n' "${folder#"$ROOT"/}"
    npm_in "$folder" ci --loglevel error >/dev/null || fail "npm ci failed in $folder: see above"
    cp "$folder/package-lock.json" "$installed"
}

web_install() { npm_install "$WEB"; }

# What the browser tests need: Chromium, the font of the page, and Playwright.
need_browser() {
    need_packages chromium fonts-inter
    npm_install "$ROOT/tests/web"
}

# Builds the page into a folder, for the stack at SUPABASE_URL with ANON_KEY.
web_build() {
    VITE_SUPABASE_URL=$SUPABASE_URL VITE_SUPABASE_ANON_KEY=$ANON_KEY \
        npm_in "$WEB" run --silent build -- --outDir "$1" --emptyOutDir --logLevel warn
}
