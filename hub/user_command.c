#include <libpq-fe.h>

#include "hub/hub.h"

enum status hub_set_user_disabled(const struct hub_config *config, const char *who, bool disabled,
                                  struct fault *fault)
{
    const char *values[] = {who, disabled ? "true" : "false"};
    /* As pekctl: the hub's own role may not. */
    PGconn *connection =
        PQconnectdb(config->database_owner[0] ? config->database_owner : config->database);
    PGresult *result = NULL;
    enum status status = STATUS_OK;

    if (PQstatus(connection) == CONNECTION_OK)
        result = PQexecParams(connection, "SELECT hub.set_user_disabled($1, $2::boolean)", 2, NULL,
                              values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        status = fault_set(fault, STATUS_UNAVAILABLE, "database", "%s", PQerrorMessage(connection));
    else if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0))
        status = fault_set(fault, STATUS_NOT_FOUND, "user", "there is no user %s", who);
    PQclear(result);
    PQfinish(connection);
    return status;
}
