#!/usr/bin/env bash
# The databases and roles of ./dev up, which docs/operations.md asks of an operator: each login opens its own database and no
# other, and the backup has what it needs.
#
# usage: roles_test.sh DEV_COMMON DEV_POSTGRES PEK_HUB PEK_WORKER
set -euo pipefail

common=$(readlink -f "${1:?usage: roles_test.sh DEV_COMMON DEV_POSTGRES PEK_HUB PEK_WORKER}")
postgres=$(readlink -f "${2:?usage: roles_test.sh DEV_COMMON DEV_POSTGRES PEK_HUB PEK_WORKER}")
hub=$(readlink -f "${3:?usage: roles_test.sh DEV_COMMON DEV_POSTGRES PEK_HUB PEK_WORKER}")
worker=$(readlink -f "${4:?usage: roles_test.sh DEV_COMMON DEV_POSTGRES PEK_HUB PEK_WORKER}")
# shellcheck disable=SC2034 # the sourced files use it
ROOT=$(mktemp -d)
chmod 755 "$ROOT"
# shellcheck source=deploy/dev/common.sh
source "$common"
# shellcheck source=deploy/dev/postgres.sh
source "$postgres"
data_set "$ROOT/data"
trap 'postgres_stop; postgres_forget; rm -rf "$ROOT" "$(socket_dir)"' EXIT

fail() {
    printf '%s\n' "$*"
    exit 1
}

value() { # realm role statement
    sql "$1" "$2" -A -t -c "$3"
}

refused() { # what realm role statement
    local text
    if text=$(value "$2" "$3" "$4" 2>&1); then
        fail "$1: $3 may, in the database of $2"
    fi
    [[ $text == *"permission denied"* ]] || fail "$1: $text"
}

postgres_start
postgres_make_databases hub worker-acme worker-conference
postgres_make_databases hub worker-acme worker-conference # what is there stays
"$hub" migrate --database "$(conninfo hub)" --database-owner "$(conninfo hub pek_owner)" --hub-key /dev/null
for realm in hub worker-acme worker-conference; do
    "$worker" migrate --database-owner "$(conninfo "$realm" pek_owner)"
    [[ $(value "$realm" "$(database_of "$realm")" 'SELECT count(*) FROM pek.realm_group') == 0 ]] ||
        fail "the login of $realm cannot do its work"
    [[ $(value "$realm" postgres 'SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()') == UTF8 ]] ||
        fail "the database of $realm is not UTF8"
done

# Whoever has a worker has that worker.
refused "the hub's database" hub pek_worker_acme 'SELECT count(*) FROM hub.session'
refused "another realm's database" worker-conference pek_worker_acme 'SELECT count(*) FROM pek.realm_group'
refused "a realm's database" worker-acme pek_hub 'SELECT count(*) FROM pek.realm_group'
if value worker-acme pek_app 'SELECT 1' >/dev/null 2>&1; then
    fail "pek_app, which all databases know, is a login"
fi

# The backup, as written; what it must not do it cannot.
for realm in hub worker-acme; do
    "$(postgres_bin)/pg_dump" --format=custom --file "$ROOT/dump" --dbname "$(conninfo "$realm" pek_backup)"
    [[ -s $ROOT/dump ]] || fail "no dump of $realm"
done
refused "a change by the backup" worker-acme pek_backup 'DELETE FROM pek.realm_group'
echo ok
