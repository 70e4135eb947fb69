#include "worker/realm/audit_prune.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

/* Changes wait no longer than this for a month that is dropped. */
#define LOCK_TIMEOUT "5s"

struct pruning {
    PGconn *connection;
    struct fault *fault;
};

static PGresult *run(struct pruning *pruning, const char *sql, const char *const *values, int count)
{
    PGresult *result = PQexecParams(pruning->connection, sql, count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    (void)!fault_set(pruning->fault, STATUS_UNAVAILABLE, "database_owner", "%s",
                     PQerrorMessage(pruning->connection));
    PQclear(result);
    return NULL;
}

static bool execute(struct pruning *pruning, const char *sql, const char *const *values, int count)
{
    PGresult *result = run(pruning, sql, values, count);
    PQclear(result);
    return result != NULL;
}

static bool is_day(const char *text)
{
    for (size_t i = 0; i < 10; i++)
        if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
            return false;
    return text[10] == '\0';
}

/* The moment at which the day begins. */
static bool begin_of(struct pruning *pruning, const char *day, PGresult **ret_moment)
{
    static const char sql[] =
        "SELECT m.at::text, m.at <= now()"
        "  FROM (SELECT $1::date::timestamp AT TIME ZONE 'Europe/Budapest' AS at) AS m";
    PGresult *result = is_day(day) ? run(pruning, sql, &day, 1) : NULL;
    if (!is_day(day) || !result) /* 2026-02-31 is none, either */
        (void)!fault_set(pruning->fault, STATUS_INVALID_ARGUMENT, "before",
                         "before is a day, as 2026-09-01");
    else if (PQgetvalue(result, 0, 1)[0] != 't')
        (void)!fault_set(pruning->fault, STATUS_INVALID_ARGUMENT, "before",
                         "before is a day that has begun");
    *ret_moment = result;
    return result && !pruning->fault->status;
}

static bool count(struct pruning *pruning, const char *moment, audit_prune_told told, void *arg,
                  int64_t *ret_rows)
{
    static const char sql[] =
        "SELECT to_char(l.create_time AT TIME ZONE 'UTC', 'YYYY-MM'), count(*)"
        "  FROM pek.audit_log AS l WHERE l.create_time < $1::timestamptz"
        " GROUP BY 1 ORDER BY 1";
    PGresult *months = run(pruning, sql, &moment, 1);
    int64_t all = 0;
    for (int i = 0; months && i < PQntuples(months); i++) {
        int64_t rows = strtoll(PQgetvalue(months, i, 1), NULL, 10);
        told(arg, PQgetvalue(months, i, 0), rows);
        all += rows;
    }
    *ret_rows = all;
    PQclear(months);
    return months != NULL;
}

static bool take_away(struct pruning *pruning, const char *realm, const char *moment, int64_t rows)
{
    char number[24];
    const char *const values[] = {realm, moment, number};
    snprintf(number, sizeof(number), "%lld", (long long)rows);
    return execute(pruning,
                   "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, detail)"
                   " VALUES ('operator', 'audit.prune', 'realm', $1, jsonb_build_object("
                   "  'before', $2::timestamptz, 'rows', $3::bigint))",
                   values, 3) &&
           execute(pruning, "SELECT pek.audit_prune($1::timestamptz)", &moment, 1) &&
           execute(pruning, "COMMIT", NULL, 0);
}

static bool begin(struct pruning *pruning, const char *realm)
{
    return execute(pruning, "BEGIN ISOLATION LEVEL REPEATABLE READ", NULL, 0) &&
           execute(pruning, "SET LOCAL ROLE pek_owner", NULL, 0) &&
           execute(pruning, "SET LOCAL lock_timeout = '" LOCK_TIMEOUT "'", NULL, 0) &&
           execute(pruning, "SELECT set_config('pek.realm', $1, true)", &realm, 1);
}

enum status audit_prune(const char *conninfo, const char *realm, const char *before, bool confirmed,
                        audit_prune_told told, void *arg, int64_t *ret_rows, struct fault *fault)
{
    struct pruning pruning = {PQconnectdb(conninfo), fault};
    PGresult *moment = NULL;
    int64_t rows = 0;
    *fault = (struct fault){0};
    bool done =
        begin(&pruning, realm) && begin_of(&pruning, before, &moment) &&
        count(&pruning, PQgetvalue(moment, 0, 0), told, arg, &rows) &&
        (!confirmed || rows == 0 || take_away(&pruning, realm, PQgetvalue(moment, 0, 0), rows));
    PQclear(moment);
    PQfinish(pruning.connection); /* without COMMIT nothing happened */
    if (!done)
        return fault->status ? fault->status : STATUS_UNAVAILABLE;
    *ret_rows = rows;
    return STATUS_OK;
}
