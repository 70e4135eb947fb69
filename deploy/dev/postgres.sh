# shellcheck shell=bash
# A private PostgreSQL: data below the data folder, one unix socket, no service of the machine touched.

# Prints the folder of PostgreSQL's programs.
postgres_bin() {
    local bin
    # Data belongs to the version that made it; new data goes to the newest that is there.
    bin=/usr/lib/postgresql/$(cat "$DATA/pg/PG_VERSION" 2>/dev/null)/bin
    if [[ -x $bin/initdb ]]; then
        printf '%s\n' "$bin"
        return
    fi
    while read -r bin; do
        if [[ -x $bin/initdb ]]; then
            printf '%s\n' "$bin"
            return
        fi
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr)
    die "PostgreSQL is not installed; run ./dev setup"
}

# PostgreSQL refuses to run as root: root hands over to the user that Debian's package made.
as_postgres() {
    if [[ $(id -u) -eq 0 ]]; then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

postgres_own() { # folder
    mkdir -p "$1"
    [[ $(id -u) -ne 0 ]] || chown postgres:postgres "$1"
    chmod 700 "$1"
}

# The cluster is $DATA/pg; where PostgreSQL's user cannot get there (a home folder of root's), that is a link.
postgres_make_folder() {
    local place
    [[ ! -e $DATA/pg/PG_VERSION ]] || return 0
    rm -rf "$DATA/pg"
    postgres_own "$DATA/pg"
    if ! (cd / && as_postgres test -w "$DATA/pg") 2>/dev/null; then
        place=/var/tmp/$(basename "$(socket_dir)").pg
        rm -rf "$DATA/pg" "$place"
        postgres_own "$place"
        ln -s "$place" "$DATA/pg"
    fi
    (cd / && as_postgres "$(postgres_bin)/initdb" --pgdata="$(readlink -f "$DATA/pg")" --username=postgres \
        --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync) >"$DATA/log/initdb.log" 2>&1 ||
        die "initdb failed; see $DATA/log/initdb.log"
}

postgres_forget() {
    local place
    place=$(readlink -f "$DATA/pg" 2>/dev/null) || place=$DATA/pg
    rm -rf "$place" "$DATA/pg"
}

# 200 for the demo's realms, and those of each worker that is configured beside them: 3 for statements, one to listen, and some
# while it migrates.
postgres_connections() {
    printf '%s\n' $((200 + 8 * $(find "$DATA/config" -name 'worker-[0-9]*.conf' | wc -l)))
}

postgres_start() {
    local bin pid_file
    bin=$(postgres_bin)
    postgres_own "$(socket_dir)"
    postgres_make_folder
    if program_pid postgres >/dev/null; then
        return 0
    fi
    # Left behind by one that was killed: PostgreSQL itself knows whether it may be ignored.
    pid_file=$(readlink -f "$DATA/pg")/postmaster.pid
    [[ ! -f $pid_file ]] || say "dev: PostgreSQL recovers from not having been stopped"
    (
        cd /
        if [[ $(id -u) -eq 0 ]]; then
            set -- setpriv --reuid=postgres --regid=postgres --init-groups --
        else
            set --
        fi
        # The socket's folder is what protects it: only its owner gets in.
        program_start postgres "$@" "$bin/postgres" -D "$(readlink -f "$DATA/pg")" -k "$(socket_dir)" \
            -c listen_addresses= -c unix_socket_permissions=0700 -c max_connections="$(postgres_connections)" \
            -c shared_buffers=256MB -c log_timezone=UTC -c timezone=UTC
    )
    wait_until 60 postgres "$bin/pg_isready" -q -h "$(socket_dir)" -U postgres || exit 1
}

# SIGINT is PostgreSQL's fast shutdown: connections are closed, nothing is lost.
postgres_stop() {
    program_stop postgres INT 60
}

sql() { # realm or "postgres", role, psql arguments…
    local database=postgres role=$2
    [[ $1 == postgres ]] || database=$(database_of "$1")
    shift 2
    "$(postgres_bin)/psql" -X -q -v ON_ERROR_STOP=1 -h "$(socket_dir)" -U "$role" -d "$database" "$@"
}

# As docs/operations.md has it. Roles belong to the cluster, a database to one realm: pek_owner owns the tables, pek_app is
# what a program may do, and the login that a program does it by has the name of its database, which no other's may open.
postgres_make_databases() { # realm…
    local realm database
    sql postgres postgres <<'SQL'
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pek_owner') THEN
        CREATE ROLE pek_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pek_app') THEN
        CREATE ROLE pek_app NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pek_backup') THEN
        CREATE ROLE pek_backup LOGIN NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
END $$;
ALTER ROLE pek_app NOLOGIN;
GRANT pg_read_all_data TO pek_backup;
SQL
    for realm in "$@"; do
        database=$(database_of "$realm")
        sql postgres postgres -v database="$database" <<'SQL'
SELECT format('CREATE DATABASE %I OWNER pek_owner TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8''', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SELECT format('CREATE ROLE %I LOGIN IN ROLE pek_app', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'database') \gexec
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"database", pek_backup;
SQL
    done
}
