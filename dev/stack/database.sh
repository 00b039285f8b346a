# The databases of the local Supabase: a private cluster with Supabase's roles, and one database per
# application, each with the auth schema and the migrations of its project.
# shellcheck shell=bash source=dev/stack/tools.sh

# Starts a new cluster whose databases will be like Supabase's.
stack_cluster_create() {
    local cluster=$1
    cluster_create "$cluster"
    cluster_psql "$cluster" --file tests/fixtures/supabase.sql --command 'CREATE DATABASE supabase_template'
    cluster_psql "$cluster" --dbname supabase_template --file tests/fixtures/supabase_database.sql \
        --file dev/stack/template.sql --file dev/stack/auth/tables.sql
    # A role cannot rename itself.
    cluster_psql "$cluster" --command 'CREATE ROLE renamer SUPERUSER LOGIN'
    cluster_psql "$cluster" --username renamer --dbname template1 --file dev/stack/roles.sql
    cluster_psql "$cluster" --username supabase_admin --dbname template1 --command 'DROP ROLE renamer'
}

stack_database_create() {
    cluster_psql "$1" --dbname template1 --command "CREATE DATABASE $2 TEMPLATE supabase_template"
}

# The address of a database for the Supabase CLI. With a socket, the CLI ignores the port of the
# address and reads PGPORT.
stack_database_url() { printf 'postgresql://postgres@localhost/%s?host=%s' "$2" "$(cluster_socket "$1")"; }

supabase_cli() { PGPORT=$CLUSTER_PORT "$SUPABASE_CLI" "$@"; }

# Applies the missing migrations of a project (a folder with a supabase/ in it) to a database.
stack_push() {
    local cluster=$1 database=$2 project=$3
    supabase_cli db push --yes --workdir "$project" --remote "$(stack_database_url "$cluster" "$database")"
}

# The password of all demo users.
DEMO_PASSWORD=demo-password

# Creates the demo users of a database, once: who deletes one does not get them back.
stack_create_demo_users() {
    local marker hash
    marker=$(cluster_folder "$1")/demo
    [ ! -f "$marker" ] || return 0
    step "Creating demo users"
    hash=$("$DENO" run --quiet --frozen --config "$AUTH_CONFIG" dev/stack/auth/passwords.ts "$DEMO_PASSWORD")
    cluster_psql "$1" --dbname "$2" --set password_hash="$hash" --file dev/stack/demo.sql >/dev/null
    as_server_user touch "$marker"
}
