#include "hub/commands.h"

#include <libpq-fe.h>

#include "hub/schema/schema.h"
#include "worker/realm/migrations.h"

static const char *owner_of(const struct hub_config *config)
{
    return config->database_owner[0] ? config->database_owner : config->database;
}

enum status hub_migrate(const struct hub_config *config, struct fault *fault)
{
    size_t applied;
    const char *local = config->local_database_owner;

    if (config->local_realm[0])
        PEK_TRY(realm_migrate(local[0] ? local : owner_of(config), &applied, fault));
    return migrate_apply(owner_of(config), hub_migrations(), &applied, fault);
}

enum status hub_set_user_disabled(const struct hub_config *config, const char *who, bool disabled,
                                  struct fault *fault)
{
    const char *values[] = {who, disabled ? "true" : "false"};
    PGconn *connection = PQconnectdb(owner_of(config));
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
