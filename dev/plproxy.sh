# PL/Proxy, with which the router runs the calls on the shards.
# shellcheck shell=bash source=dev/postgres.sh

has_plproxy() { [ -f "$("$PG_CONFIG" --sharedir)/extension/plproxy.control" ]; }

# Installs it, where this Postgres is Debian's; fails if there is none for this Postgres.
need_plproxy() {
    has_plproxy || ! is_debians || need_packages "postgresql-$PG_MAJOR-plproxy"
    has_plproxy || fail "this Postgres has no PL/Proxy ($("$PG_CONFIG" --sharedir)/extension/plproxy.control): use Debian's Postgres 15, or install PL/Proxy 2.10 for this one"
}
