#include "shared/pg/session.h"

#include <stdlib.h>
#include <string.h>

#include "shared/pg/internal.h"

/* Whose data a server has, and what it shows of its timeline: of a standby as of its last restartpoint, or of what it flushed. */
#define SYSTEM "(SELECT system_identifier FROM pg_control_system())"
#define TIMELINE "left(pg_walfile_name(pg_current_wal_flush_lsn()), 8)"
#define TIMELINE_OF_STANDBY                                                                        \
    "(SELECT lpad(upper(to_hex(greatest(c.timeline_id, r.min_recovery_end_timeline))), 8, '0')"    \
    "   FROM pg_control_checkpoint() c, pg_control_recovery() r)"

/* Two that were promoted at once have the same timeline. */
#define PRIMARY "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint"

/* $1, $2 names and values, $3 the mark, $4 the schema, $5 whether all that is for this transaction. A session that has a mark
 * is another client's: nothing is set in it for longer. Every role that the login's may turn into counts, for SET ROLE needs no password. */
static const char set_sql[] =
    "WITH mine AS MATERIALIZED ("
    "    SELECT coalesce(current_setting('pek.session', true), '') = '' OR $5::boolean AS yes),"
    " made AS MATERIALIZED ("
    "    SELECT count(set_config(s.name, s.value, $5::boolean)) AS n FROM mine,"
    "           unnest($1::text[] || 'pek.session'::text, $2::text[] || $3::text) AS s (name, "
    "value)"
    "     WHERE mine.yes)"
    " SELECT mine.yes AND made.n > 0, pg_backend_pid(),"
    "        current_setting('row_security') = 'on',"
    "        (SELECT min(rolname) FROM pg_roles"
    "          WHERE rolsuper AND pg_has_role(session_user, oid, 'MEMBER')),"
    "        (SELECT min(rolname) FROM pg_roles"
    "          WHERE rolbypassrls AND pg_has_role(session_user, oid, 'MEMBER')),"
    "        (SELECT min(c.oid::regclass::text) FROM pg_class c"
    "           JOIN pg_namespace n ON n.oid = c.relnamespace"
    "          WHERE n.nspname = $4 AND c.relkind IN ('r', 'p')"
    "            AND pg_has_role(session_user, c.relowner, 'MEMBER')),"
    "        session_user,"
    "        pg_is_in_recovery(),"
    "        CASE WHEN pg_is_in_recovery() THEN " TIMELINE_OF_STANDBY " ELSE " TIMELINE " END,"
    "        " SYSTEM ","
    "        CASE WHEN pg_is_in_recovery() THEN 0 ELSE " PRIMARY " END"
    "   FROM mine, made";

/* $1 the schema, $2 the files that this program has, $3 the policy of its tables. A newer file may be compatible. */
static const char version_sql[] =
    "SELECT (SELECT min(name) FROM public.pek_migration WHERE schema = $1"
    "           AND name <> ALL ($2::text[]) AND NOT compatible),"
    "       (SELECT min(f.name) FROM unnest($2::text[]) AS f (name)"
    "         WHERE NOT EXISTS (SELECT FROM public.pek_migration m"
    "                            WHERE m.schema = $1 AND m.name = f.name)),"
    "       (SELECT min(c.oid::regclass::text) FROM pg_class c"
    "         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace($1)"
    "           AND $3::text IS NOT NULL AND NOT (c.relrowsecurity AND c.relforcerowsecurity)),"
    /* Of several policies one is enough to let a row through. */
    "       (SELECT min(c.oid::regclass::text) FROM pg_class c"
    "         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace($1)"
    "           AND $3::text IS NOT NULL"
    "           AND (SELECT count(*) <> 1 OR NOT coalesce(bool_and(p.polpermissive"
    "                       AND p.polcmd = '*' AND p.polroles = '{0}'::oid[]"
    "                       AND pg_get_expr(p.polqual, p.polrelid) = $3"
    "                       AND pg_get_expr(p.polwithcheck, p.polrelid) = $3), false)"
    "                  FROM pg_policy p WHERE p.polrelid = c.oid)),"
    "       (SELECT string_agg(DISTINCT schema, ', ') FROM public.pek_migration"
    "         WHERE NOT EXISTS (SELECT FROM public.pek_migration WHERE schema = $1)),"
    "       coalesce(has_function_privilege(to_regprocedure('public.pek_timeline_mark()'),"
    "                                       'EXECUTE'), false)";

/* $1 a timeline, of which whoever has its mark has replayed something. A standby's server shows the same with its next restartpoint, minutes
 * later. */
static const char known_sql[] = "SELECT (SELECT mark FROM public.pek_timeline"
                                "         WHERE system = " SYSTEM " AND timeline = $1::bigint)";
static const char note_sql[] = "SELECT public.pek_timeline_mark()";
/* In a session that only reads, or whose server is set to, or where those who note it at once would fail. */
static const char note_all_the_same_sql[] =
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;"
    "SELECT public.pek_timeline_mark()";

/* $1 the backend, $2 the mark: a transaction later they are the same in a session of one's own. */
static const char pinned_sql[] =
    "SELECT pg_backend_pid()::text = $1 AND current_setting('pek.session', true) = $2";

static bool is_standby(const struct connection *connection)
{
    return connection->server->role == PG_STANDBY;
}

enum status session_settings_init(struct session_settings *settings, const struct pg_setting *first,
                                  size_t first_count, const struct pg_setting *second,
                                  size_t second_count)
{
    struct buffer names, values, sql;
    buffer_init(&names, 4096);
    buffer_init(&values, 4096);
    buffer_init(&sql, 8192);
    buffer_append_str(&sql, "SELECT $1::text");
    buffer_append_char(&names, '{');
    buffer_append_char(&values, '{');
    bool plain = true;
    for (size_t i = 0; i < first_count + second_count; i++) {
        const struct pg_setting *setting = i < first_count ? &first[i] : &second[i - first_count];
        plain = plain && !strpbrk(setting->name, "\\\"'") && !strpbrk(setting->value, "\\\"'");
        buffer_printf(&names, "%s\"%s\"", i > 0 ? "," : "", setting->name);
        buffer_printf(&values, "%s\"%s\"", i > 0 ? "," : "", setting->value);
        buffer_printf(&sql, ", set_config('%s', '%s', true)", setting->name, setting->value);
    }
    buffer_append(&names, "}", 2);
    buffer_append(&values, "}", 2);
    buffer_append(&sql, "", 1);
    if (!plain || names.failed || values.failed || sql.failed) {
        buffer_done(&names);
        buffer_done(&values);
        buffer_done(&sql);
        return plain ? STATUS_RESOURCE_EXHAUSTED : STATUS_INVALID_ARGUMENT;
    }
    *settings =
        (struct session_settings){names.ptr, values.ptr, sql.ptr, {"pek_settings", sql.ptr}};
    return STATUS_OK;
}

void session_settings_done(struct session_settings *settings)
{
    free(settings->names);
    free(settings->values);
    free(settings->sql);
}

void session_reset(struct session *session)
{
    PQclear(session->answer);
    session->answer = NULL;
}

/* ---- asking ---- */

static char *own_files(const struct migrations *schema)
{
    struct buffer files;
    buffer_init(&files, 65536);
    buffer_append_char(&files, '{');
    for (size_t i = 0; i < schema->count; i++)
        buffer_printf(&files, "%s\"%s\"", i > 0 ? "," : "", schema->files[i].name);
    buffer_append(&files, "}", 2);
    if (!files.failed)
        return files.ptr;
    buffer_done(&files);
    return NULL;
}

static bool ask_timeline(struct connection *connection)
{
    struct session *session = &connection->session;
    unsigned long newest = pg_whole(connection->pg)->cluster.timeline;
    char text[24];
    const char *values[] = {text};
    session->asked = newest > session->timeline ? newest : session->timeline;
    snprintf(text, sizeof(text), "%lu", session->asked);
    /* In a transaction of a pooler something was asked already. */
    if (!is_standby(connection) && !connection->pg->direct)
        return PQsendQuery(connection->conn, note_all_the_same_sql) == 1;
    return connection->class->writes ? PQsendQuery(connection->conn, note_sql) == 1
                                     : PQsendQueryParams(connection->conn, known_sql, 1, NULL,
                                                         values, NULL, NULL, 0) == 1;
}

static bool ask(struct connection *connection)
{
    struct session *session = &connection->session;
    const struct migrations *schema = connection->pg->schema;
    PGconn *conn = connection->conn;
    if (session->step == SESSION_KIND)
        return PQsendQuery(conn, "SELECT pg_is_in_recovery()") == 1;
    if (session->step == SESSION_BEGIN || session->step == SESSION_END)
        return PQsendQuery(conn, session->step == SESSION_BEGIN
                                     ? "BEGIN ISOLATION LEVEL READ COMMITTED"
                                     : "COMMIT") == 1;
    if (session->step == SESSION_SET) {
        const char *values[] = {connection->settings->names, connection->settings->values,
                                session->mark, schema ? schema->schema : NULL,
                                connection->pg->direct ? "true" : "false"};
        return PQsendQueryParams(conn, set_sql, 5, NULL, values, NULL, NULL, 0) == 1;
    }
    if (session->step == SESSION_VERSION) {
        char *files = own_files(schema);
        const char *values[] = {schema->schema, files, schema->policy};
        bool sent =
            files && PQsendQueryParams(conn, version_sql, 3, NULL, values, NULL, NULL, 0) == 1;
        free(files);
        return sent;
    }
    if (session->step == SESSION_TIMELINE)
        return ask_timeline(connection);
    if (session->step == SESSION_STRANGER)
        return PQsendQueryParams(conn, schema->stranger_sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", session->backend_pid);
    const char *values[] = {pid, session->mark};
    return PQsendQueryParams(conn, pinned_sql, 2, NULL, values, NULL, NULL, 0) == 1;
}

/* The question of the next step that is to be asked; after the last the connection is up. */
static void go_on(struct connection *connection)
{
    struct session *session = &connection->session;
    const struct migrations *schema = connection->pg->schema;
    bool by_transaction = connection->pg->direct != NULL;
    if (session->step == SESSION_KIND && !by_transaction)
        session->step = SESSION_SET;
    if (session->step == SESSION_VERSION && !schema)
        session->step++;
    if (session->step == SESSION_TIMELINE && !session->has_timelines)
        session->step++;
    if (session->step == SESSION_STRANGER && (!schema || !schema->stranger_sql))
        session->step++;
    if (session->step == SESSION_PINNED && !session_is_pooled(connection))
        session->step++;
    if (session->step == SESSION_END && !by_transaction)
        session->step++;
    if (session->step == SESSION_STEPS) {
        if (!cluster_admit(connection))
            return;
        if (PQenterPipelineMode(connection->conn) == 1 && connection_watch(connection, UV_READABLE))
            connection_came_up(connection);
        else
            connection_drop(connection, PQerrorMessage(connection->conn));
        return;
    }
    if (!ask(connection) || !connection_flush(connection))
        connection_drop(connection, PQerrorMessage(connection->conn));
}

/* ---- the answers ---- */

static bool is_true(const PGresult *answer, int column)
{
    return PQgetvalue(answer, 0, column)[0] == 't';
}

/* False when the connection was given up. */
static bool judge_role(struct connection *connection, const PGresult *answer)
{
    static const char *const why[] = {
        "is or may become a superuser, by",
        "is or may become one with BYPASSRLS, by",
        "is or may become the owner of",
    };
    char text[PG_ERROR_BYTES_MAX];
    if (!is_true(answer, 2)) {
        connection_refuse(connection, "row_security is off for this role: it must be on");
        return false;
    }
    for (int i = 0; i < 3; i++) {
        if (PQgetisnull(answer, 0, 3 + i))
            continue;
        snprintf(text, sizeof(text), "row security would not bind this program: role %s %s %s",
                 PQgetvalue(answer, 0, 6), why[i], PQgetvalue(answer, 0, 3 + i));
        connection_refuse(connection, text);
        return false;
    }
    return true;
}

const struct pg_statement session_guard = {
    "pek_session_guard",
    "SELECT 1 / (current_setting('pek.session', true) IS NOT DISTINCT FROM $1)::int",
};

static const struct pg_statement cluster_guards[PG_ROLES + 1] = {
    [PG_PRIMARY] = {"pek_primary_guard",
                    "SELECT 1 / (CASE WHEN NOT pg_is_in_recovery() THEN"
                    "            $1 = concat_ws(' ', " SYSTEM ", " TIMELINE ", " PRIMARY ")"
                    "            END IS TRUE)::int"},
    [PG_STANDBY] = {"pek_standby_cluster_guard",
                    "SELECT 1 / (pg_is_wal_replay_paused() IS NOT NULL AND"
                    "            $1 = concat_ws(' ', " SYSTEM ", " TIMELINE_OF_STANDBY ", 0)"
                    "            )::int"},
    /* Where the tables say what it has replayed, and of whom. */
    [PG_ROLES] = {"pek_standby_cluster_guard",
                  "SELECT 1 / (pg_is_wal_replay_paused() IS NOT NULL AND s.system = " SYSTEM
                  "            AND s.timeline >= " TIMELINE_OF_STANDBY
                  "            AND (s.mark = 0 AND s.timeline = " TIMELINE_OF_STANDBY
                  "                 OR EXISTS (SELECT FROM public.pek_timeline AS t"
                  "                     WHERE t.system = s.system AND t.timeline"
                  "                         = ('x' || s.timeline)::bit(32)::bigint"
                  "                       AND s.mark IN (0, t.mark))))::int"
                  "  FROM (SELECT split_part($1, ' ', 1)::bigint AS system,"
                  "               split_part($1, ' ', 2) COLLATE \"C\" AS timeline,"
                  "               split_part($1, ' ', 3)::bigint AS mark) AS s"},
};

const struct pg_statement *session_cluster_guard(const struct connection *connection)
{
    bool asks_tables = is_standby(connection) && connection->session.has_timelines;
    return &cluster_guards[asks_tables ? PG_ROLES : connection->server->role];
}

bool session_is_cluster_guard(const struct pg_statement *statement)
{
    return statement >= cluster_guards &&
           statement < cluster_guards + sizeof(cluster_guards) / sizeof(cluster_guards[0]);
}

void session_cluster(const struct connection *connection, char ret_text[SESSION_CLUSTER_BYTES_MAX])
{
    const struct cluster *cluster = &connection->session.cluster;
    snprintf(ret_text, SESSION_CLUSTER_BYTES_MAX, "%lld %08lX %lld", (long long)cluster->system,
             cluster->timeline,
             (long long)(is_standby(connection) ? cluster->mark : cluster->primary));
}

void session_echo(const struct connection *connection, unsigned at,
                  char ret_text[SESSION_ECHO_BYTES_MAX])
{
    snprintf(ret_text, SESSION_ECHO_BYTES_MAX, "%s %u", connection->session.mark, at);
}

bool session_is_echo(const struct connection *connection, unsigned at, const PGresult *answer)
{
    char expected[SESSION_ECHO_BYTES_MAX];
    session_echo(connection, at, expected);
    return PQntuples(answer) == 1 && PQnfields(answer) > 0 &&
           strcmp(PQgetvalue(answer, 0, 0), expected) == 0;
}

bool session_is_pooled(const struct connection *connection)
{
    return !connection->pg->direct &&
           connection->session.backend_pid != PQbackendPID(connection->conn);
}

void session_refuse_shared(struct connection *connection)
{
    connection_refuse(connection,
                      "the pooler before the database (pgbouncer?) lends one session to several"
                      " clients: either its pool_mode is session, with a server_reset_query, or"
                      " database_listen leads past it");
}

static bool refuse_shared(struct connection *connection)
{
    session_refuse_shared(connection);
    return false;
}

static bool judge_encoding(struct connection *connection)
{
    struct fault fault;
    if (migrate_check_encoding(connection->conn, &fault) == STATUS_OK)
        return true;
    connection_refuse(connection, fault.text);
    return false;
}

static bool is_of_its_kind(struct connection *connection, bool is_one)
{
    char text[PG_ERROR_BYTES_MAX];
    if (is_one == is_standby(connection))
        return true;
    snprintf(text, sizeof(text), "%s is %s standby", PQhost(connection->conn), is_one ? "a" : "no");
    connection_drop(connection, text);
    return false;
}

/* While there is no primary every standby is asked again and again. A pooler ends its connection to a server when a client leaves in a
 * transaction, and makes a new one, for which others wait: so it is asked before one begins, and, of the server that then has it, in it. */
static bool judge_kind(struct connection *connection, const PGresult *answer)
{
    return is_of_its_kind(connection, is_true(answer, 0));
}

/* Its server, of what its tables may show: asked in the steps that follow. */
static bool shows_less(const struct connection *connection)
{
    const struct cluster *cluster = &pg_whole(connection->pg)->cluster;
    const struct session *session = &connection->session;
    return is_standby(connection) && session->cluster.system == cluster->system &&
           session->timeline < cluster->timeline;
}

/* A promotion begins a timeline. A server of an earlier one was the primary before, and came back without knowing; or it is a standby that
 * does not follow. */
static bool judge_cluster(struct connection *connection, const PGresult *answer)
{
    if (!is_of_its_kind(connection, is_true(answer, 7)))
        return false;
    connection->session.timeline = strtoul(PQgetvalue(answer, 0, 8), NULL, 16);
    connection->session.cluster.timeline = connection->session.timeline;
    connection->session.cluster.mark = 0;
    connection->session.has_timelines = false;
    connection->session.cluster.system = strtoll(PQgetvalue(answer, 0, 9), NULL, 10);
    /* Without a pooler all lead where one of them does, and listen there. */
    connection->session.cluster.primary =
        pg_whole(connection->pg)->direct ? strtoll(PQgetvalue(answer, 0, 10), NULL, 10) : 0;
    return shows_less(connection) || cluster_admit(connection);
}

static bool judge_set(struct connection *connection, const PGresult *answer)
{
    if (!is_true(answer, 0))
        return refuse_shared(connection);
    if (!judge_cluster(connection, answer))
        return false;
    connection->session.backend_pid = (int)strtol(PQgetvalue(answer, 0, 1), NULL, 10);
    if (connection->pg->pooled && session_is_pooled(connection)) {
        connection_refuse(connection,
                          "this leads to a pooler (pgbouncer?), which loses what PostgreSQL"
                          " tells: it must lead past it");
        return false;
    }
    return !connection->pg->schema ||
           (judge_encoding(connection) && judge_role(connection, answer));
}

/* What stands in the columns of version_sql, and what it says; the first is the reason. */
static bool judge_version(struct connection *connection, const PGresult *answer)
{
    static const struct {
        int column;
        const char *before, *after; /* the schema, and the value */
        const char *advice;
    } reasons[] = {
        {4, "this database has no schema ", ", but ",
         ": is it the right one? If it is, run the command migrate"},
        {2, "row security of schema ", " is switched off, or not forced, on table ", ""},
        {3, "row security of schema ", " has not the program's own policy alone on table ", ""},
        {0, "schema ", " is newer than this program, which does not know ",
         ": run the program that migrated it"},
        {1, "schema ", " is older than this program, it lacks ", ": run the command migrate"},
    };
    char text[PG_ERROR_BYTES_MAX];
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (PQgetisnull(answer, 0, reasons[i].column))
            continue;
        snprintf(text, sizeof(text), "%s%s%s%s%s", reasons[i].before,
                 connection->pg->schema->schema, reasons[i].after,
                 PQgetvalue(answer, 0, reasons[i].column), reasons[i].advice);
        connection_refuse(connection, text);
        return false;
    }
    connection->session.has_timelines = is_true(answer, 5);
    return true;
}

static bool judge_timeline(struct connection *connection, const PGresult *answer)
{
    struct session *session = &connection->session;
    session->cluster.mark = strtoll(PQgetvalue(answer, 0, 0), NULL, 10);
    if (is_standby(connection) && session->cluster.mark != 0)
        session->cluster.timeline = session->asked;
    return true;
}

/* Only a reason is a row. */
static bool judge_stranger(struct connection *connection, const PGresult *answer)
{
    if (PQntuples(answer) == 0)
        return true;
    connection_refuse(connection, PQgetvalue(answer, 0, 0));
    return false;
}

static bool judge_pinned(struct connection *connection, const PGresult *answer)
{
    return is_true(answer, 0) || refuse_shared(connection);
}

static bool judge_command(struct connection *connection, const PGresult *answer)
{
    (void)connection, (void)answer;
    return true;
}

/* 42P01, 42703, 42501: no table of migrations, or one from before everybody could read it. */
static bool is_unmigrated(const struct session *session)
{
    const char *sqlstate = PQresultErrorField(session->answer, PG_DIAG_SQLSTATE);
    return session->step == SESSION_VERSION && sqlstate &&
           (strcmp(sqlstate, "42P01") == 0 || strcmp(sqlstate, "42703") == 0 ||
            strcmp(sqlstate, "42501") == 0);
}

static bool judge(struct connection *connection)
{
    static bool (*const judges[SESSION_STEPS])(struct connection * connection,
                                               const PGresult *answer) = {
        [SESSION_KIND] = judge_kind,         [SESSION_BEGIN] = judge_command,
        [SESSION_SET] = judge_set,           [SESSION_VERSION] = judge_version,
        [SESSION_TIMELINE] = judge_timeline, [SESSION_STRANGER] = judge_stranger,
        [SESSION_PINNED] = judge_pinned,     [SESSION_END] = judge_command,
    };
    struct session *session = &connection->session;
    ExecStatusType type = PQresultStatus(session->answer);
    bool commands = session->step == SESSION_BEGIN || session->step == SESSION_END;
    if (type == (commands ? PGRES_COMMAND_OK : PGRES_TUPLES_OK) &&
        (commands || PQntuples(session->answer) == 1 || session->step == SESSION_STRANGER))
        return judges[session->step](connection, session->answer);
    if (is_unmigrated(session))
        connection_refuse(connection,
                          "the database is not migrated, or by an older program: run the command"
                          " migrate");
    else
        connection_drop(connection, type == PGRES_COMMAND_OK
                                        ? GUARD_ANOTHERS
                                        : PQresultErrorMessage(session->answer));
    return false;
}

void session_begin(struct connection *connection)
{
    struct pg *pg = connection->pg;
    struct session *session = &connection->session;
    connection->state = LINK_CHECKING;
    session_reset(session);
    session->step = SESSION_KIND;
    snprintf(session->mark, sizeof(session->mark), "%llx",
             (unsigned long long)pg_random(pg, UINT64_MAX));
    connection_start_timer(connection, pg->connect_timeout_ms);
    go_on(connection);
}

void session_continue(struct connection *connection)
{
    struct session *session = &connection->session;
    PGconn *conn = connection->conn;
    unsigned epoch = connection->epoch;
    if (PQconsumeInput(conn) != 1 || !connection_flush(connection)) {
        connection_drop(connection, PQerrorMessage(conn));
        return;
    }
    while (connection->epoch == epoch && connection->state == LINK_CHECKING && !PQisBusy(conn)) {
        PGresult *result = PQgetResult(conn);
        if (guard_is_copy(PQresultStatus(result))) {
            PQclear(result);
            connection_drop(connection, GUARD_ANOTHERS);
        } else if (result) {
            PQclear(session->answer);
            session->answer = result;
        } else if (!session->answer) {
            return; /* nothing has come yet */
        } else if (judge(connection)) {
            session_reset(session);
            session->step++;
            go_on(connection);
        }
    }
}
