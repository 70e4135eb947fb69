#include "worker/realm/bootstrap.h"

#include <libpq-fe.h>

#include "worker/rights/policy.h"

static bool run(PGconn *connection, const char *sql, const char *value, struct fault *fault)
{
    const char *values[] = {value};
    PGresult *result = PQexecParams(connection, sql, 1, NULL, values, NULL, NULL, 0);
    bool succeeded = PQresultStatus(result) == PGRES_TUPLES_OK;
    if (!succeeded)
        (void)!fault_set(fault, STATUS_UNAVAILABLE, "database_owner", "%s",
                         PQerrorMessage(connection));
    PQclear(result);
    return succeeded;
}

/* Here the realm begins, if it did not before: a program moves into no database that has others (0021_realm_here.sql). */
static const char begin_sql[] =
    "WITH begun AS (INSERT INTO pek.realm_state (realm, collator_version) VALUES ($1, '')"
    " ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM begun";

enum status realm_bootstrap(const char *conninfo, const char *realm, const char *user,
                            struct fault *fault)
{
    if (!policy_is_user(user))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "god", "%s is no id of a user", user);
    PGconn *connection = PQconnectdb(conninfo);
    bool done = run(connection, "SELECT set_config('pek.realm', $1, false)", realm, fault) &&
                run(connection, begin_sql, realm, fault) &&
                run(connection, "SELECT pek.make_god($1)", user, fault);
    PQfinish(connection);
    return done ? STATUS_OK : STATUS_UNAVAILABLE;
}
