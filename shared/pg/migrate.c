#include "shared/pg/migrate.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Any constant will do, as long as no other user of the database takes it: "pek_migr" in ASCII. */
#define MIGRATE_LOCK "8098997562497394546"

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* "relation "x" does not exist": without the statement, without addresses. */
static enum status fail(PGconn *conn, const PGresult *result, const char *what, struct fault *fault)
{
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    enum status status =
        PQstatus(conn) == CONNECTION_OK ? STATUS_FAILED_PRECONDITION : STATUS_UNAVAILABLE;
    return fault_set(fault, status, NULL, "%s: %s", what,
                     primary ? primary : "the connection to the database was lost");
}

/* "text" of TEXT(NUMBER), in SQL. */
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

static bool succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* `ret_locked`, which may be NULL: it did not get what it locks. */
static enum status run_locking(PGconn *conn, const char *sql, const char *what, bool *ret_locked,
                               struct fault *fault)
{
    PGresult *result = PQexec(conn, sql);
    enum status status = succeeded(result) ? STATUS_OK : fail(conn, result, what, fault);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (ret_locked)
        *ret_locked = status != STATUS_OK && sqlstate && strcmp(sqlstate, "55P03") == 0;
    PQclear(result);
    return status;
}

static enum status run(PGconn *conn, const char *sql, const char *what, struct fault *fault)
{
    return run_locking(conn, sql, what, NULL, fault);
}

/* $1 name, $2 the file as bytea, $3 the schema. The digest is the server's work: nothing here need know SHA-256. */
static PGresult *run_with_file(PGconn *conn, const char *sql, const struct migration *migration,
                               const char *schema)
{
    const char *values[] = {migration->name, migration->sql.ptr ? migration->sql.ptr : "", schema};
    const int lengths[] = {0, (int)migration->sql.len, 0};
    const int formats[] = {0, 1, 0};
    return PQexecParams(conn, sql, 3, NULL, values, lengths, formats, 0);
}

/* `ret_applied`: it is in the table with the same checksum. */
static enum status check(PGconn *conn, const struct migration *migration, const char *schema,
                         bool *ret_applied, struct fault *fault)
{
    PGresult *result = run_with_file(conn,
                                     "SELECT sha256 = encode(sha256($2::bytea), 'hex')"
                                     "  FROM public.pek_migration WHERE name = $1 AND schema = $3",
                                     migration, schema);
    enum status status = STATUS_OK;
    if (!succeeded(result))
        status = fail(conn, result, migration->name, fault);
    else if (PQntuples(result) == 0)
        *ret_applied = false;
    else if (PQgetvalue(result, 0, 0)[0] == 't')
        *ret_applied = true;
    else
        status = fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "MIGRATION_CHANGED", NULL,
                                  "%s was applied with other contents: add a new file instead",
                                  migration->name);
    PQclear(result);
    return status;
}

static enum status record(PGconn *conn, const struct migration *migration, const char *schema,
                          struct fault *fault)
{
    PGresult *result =
        run_with_file(conn,
                      "INSERT INTO public.pek_migration (name, schema, sha256, compatible)"
                      " VALUES ($1, $3, encode(sha256($2::bytea), 'hex'),"
                      "         convert_from($2::bytea, 'UTF8') ~ '(?n)^" MIGRATION_COMPATIBLE "')",
                      migration, schema);
    enum status status = succeeded(result) ? STATUS_OK : fail(conn, result, migration->name, fault);
    PQclear(result);
    return status;
}

static enum status apply_once(PGconn *conn, const struct migration *migration, const char *sql,
                              const char *schema, bool *ret_locked, struct fault *fault)
{
    enum status status =
        run(conn, "BEGIN; SET LOCAL lock_timeout = " TEXT(MIGRATE_LOCK_MS), migration->name, fault);
    *ret_locked = false;
    if (status == STATUS_OK)
        status = run_locking(conn, sql, migration->name, ret_locked, fault);
    /* A COMMIT in the file would leave half of it behind when the rest fails. */
    if (status == STATUS_OK && PQtransactionStatus(conn) != PQTRANS_INTRANS)
        status = fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                           "%s ends the transaction that it runs in", migration->name);
    if (status == STATUS_OK)
        status = record(conn, migration, schema, fault);
    if (status == STATUS_OK)
        return run(conn, "COMMIT", migration->name, fault);
    PQclear(PQexec(conn, "ROLLBACK"));
    return status;
}

static enum status apply(PGconn *conn, const struct migration *migration, const char *schema,
                         struct fault *fault)
{
    char *sql = strndup(migration->sql.ptr ? migration->sql.ptr : "", migration->sql.len);
    if (!sql)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "%s: no memory", migration->name);
    bool locked = true;
    enum status status = STATUS_UNAVAILABLE;
    for (int i = 0; i < MIGRATE_TRIES && locked; i++) {
        status = apply_once(conn, migration, sql, schema, &locked, fault);
        if (locked)
            PQclear(PQexec(conn, "SELECT pg_sleep(" TEXT(MIGRATE_PAUSE_MS) " / 1000.0)"));
    }
    free(sql);
    return status;
}

/* What there is already is left as it is, without a write, which would wait for a standby, and without a lock, which would wait for a
 * backup.
 *
 * Which timelines a cluster has been in. A row of one says that whoever has it has replayed that one. Whoever may write to the
 * database notes the one that it is in with a mark, and that none came later (a dump of a copy that was promoted says so), and nothing else.
 * The mark tells servers apart that were promoted at once. That does not wait for a standby, and does no harm where it fails. */
static const char tables_sql[] =
    "DO $do$ BEGIN"
    " IF to_regclass('public.pek_migration') IS NULL THEN"
    "  CREATE TABLE public.pek_migration ("
    "   name text PRIMARY KEY, schema text NOT NULL, sha256 text NOT NULL,"
    "   compatible boolean NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());"
    "  GRANT SELECT ON public.pek_migration TO PUBLIC;"
    " END IF;"
    " IF to_regclass('public.pek_timeline') IS NULL THEN"
    "  CREATE TABLE public.pek_timeline ("
    "   system bigint, timeline bigint, mark bigint NOT NULL DEFAULT 1 + (random() * 9e15)::bigint,"
    "   PRIMARY KEY (system, timeline));"
    "  GRANT SELECT ON public.pek_timeline TO PUBLIC;"
    " END IF;"
    " IF to_regprocedure('public.pek_timeline_mark()') IS NULL THEN"
    "  CREATE FUNCTION public.pek_timeline_mark() RETURNS bigint LANGUAGE plpgsql"
    "   SECURITY DEFINER SET search_path = pg_catalog AS $$"
    "  DECLARE"
    "   this bigint := (SELECT system_identifier FROM pg_control_system());"
    "   file text := pg_walfile_name(pg_current_wal_flush_lsn());"
    "   present bigint := ('x' || left(file, 8))::bit(32)::bigint;"
    "  BEGIN"
    "   IF (SELECT max(timeline) FROM public.pek_timeline WHERE system = this)"
    "      IS DISTINCT FROM present THEN"
    "    PERFORM set_config('synchronous_commit', 'local', true);"
    "    DELETE FROM public.pek_timeline WHERE system = this AND timeline > present;"
    "    INSERT INTO public.pek_timeline VALUES (this, present) ON CONFLICT DO NOTHING;"
    "   END IF;"
    "   RETURN (SELECT mark FROM public.pek_timeline WHERE system = this AND timeline = present);"
    "  EXCEPTION WHEN OTHERS THEN RETURN 0;"
    "  END $$;"
    "  GRANT EXECUTE ON FUNCTION public.pek_timeline_mark() TO PUBLIC;"
    " END IF;"
    "END $do$";

static enum status prepare(PGconn *conn, struct fault *fault)
{
    /* Waits for whoever else is migrating; goes with the connection. */
    PEK_TRY(run(conn, "SELECT pg_advisory_lock(" MIGRATE_LOCK ")", "migration lock", fault));
    return run(conn, tables_sql, "pek_migration", fault);
}

/* A file of this schema that is not here comes from a newer program: what it made must not be migrated on, unless it is
 * compatible. */
static enum status refuse_newer(PGconn *conn, const struct migrations *migrations,
                                struct fault *fault)
{
    const char *values[] = {migrations->schema};
    PGresult *result =
        PQexecParams(conn,
                     "SELECT name FROM public.pek_migration WHERE schema = $1 AND NOT compatible"
                     " ORDER BY name",
                     1, NULL, values, NULL, NULL, 0);
    enum status status = succeeded(result) ? STATUS_OK : fail(conn, result, "pek_migration", fault);
    for (int row = 0; status == STATUS_OK && row < PQntuples(result); row++) {
        size_t i = 0;
        const char *name = PQgetvalue(result, row, 0);
        while (i < migrations->count && strcmp(migrations->files[i].name, name) != 0)
            i++;
        if (i == migrations->count)
            status = fault_set_reason(fault, STATUS_FAILED_PRECONDITION, "SCHEMA_NEWER", NULL,
                                      "%s was applied by a newer program", name);
    }
    PQclear(result);
    return status;
}

/* libpq's words, of the first line; they hold no password. */
static enum status cannot_connect(PGconn *conn, struct fault *fault)
{
    const char *text = PQerrorMessage(conn);
    enum status status =
        fault_set(fault, STATUS_UNAVAILABLE, NULL, "%.*s", (int)strcspn(text, "\n"), text);
    PQfinish(conn);
    return status;
}

/* Before libpq, whose complaint about a string that does not parse might quote a password with a blank in it. */
static bool parses(const char *conninfo)
{
    PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);
    PQconninfoFree(parsed);
    return parsed != NULL;
}

enum status migrate_check_encoding(struct pg_conn *conn, struct fault *fault)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");
    if (encoding && strcmp(encoding, "UTF8") == 0)
        return STATUS_OK;
    return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                     "the database's encoding is %s and must be UTF8: CREATE DATABASE … TEMPLATE "
                     "template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'",
                     encoding ? encoding : "not known");
}

/* An open connection to a database that this program may look at, or why not. */
static enum status open_database(const char *conninfo, PGconn **ret_conn, struct fault *fault)
{
    if (!parses(conninfo))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL,
                         "this is no connection string of PostgreSQL");
    PGconn *conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK)
        return cannot_connect(conn, fault);
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    enum status status = migrate_check_encoding(conn, fault);
    if (status == STATUS_OK)
        *ret_conn = conn;
    else
        PQfinish(conn);
    return status;
}

enum status migrate_check(const char *conninfo, const struct migrations *migrations,
                          struct fault *fault)
{
    PGconn *conn;
    PEK_TRY(open_database(conninfo, &conn, fault));
    enum status status = refuse_newer(conn, migrations, fault);
    for (size_t i = 0; status == STATUS_OK && i < migrations->count; i++) {
        bool done = false;
        status = check(conn, &migrations->files[i], migrations->schema, &done, fault);
        if (status == STATUS_OK && !done)
            status = fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                               "%s was not applied to this database: run the command migrate",
                               migrations->files[i].name);
    }
    PQfinish(conn);
    return status;
}

enum status migrate_apply(const char *conninfo, const struct migrations *migrations,
                          size_t *ret_applied, struct fault *fault)
{
    PGconn *conn;
    PEK_TRY(open_database(conninfo, &conn, fault));
    size_t applied = 0;
    enum status status = prepare(conn, fault);
    if (status == STATUS_OK)
        status = refuse_newer(conn, migrations, fault);
    for (size_t i = 0; status == STATUS_OK && i < migrations->count; i++) {
        const struct migration *file = &migrations->files[i];
        bool done = false;
        status = check(conn, file, migrations->schema, &done, fault);
        if (status != STATUS_OK || done)
            continue;
        status = apply(conn, file, migrations->schema, fault);
        if (status == STATUS_OK)
            applied++;
    }
    PQfinish(conn);
    if (status == STATUS_OK)
        *ret_applied = applied;
    return status;
}
