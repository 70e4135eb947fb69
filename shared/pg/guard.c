/* What it means that a guard failed: a statement that stands before others, which do not run then. */
#include <string.h>

#include "shared/pg/internal.h"

/* Below 15.5 PostgreSQL may read pg_control while it is written, and finds a wrong checksum: asked again it answers. */
static bool is_torn(const char *sqlstate)
{
    return strcmp(sqlstate, "XX000") == 0;
}

bool guard_is_told(const struct pg_statement *statement, const char *sqlstate)
{
    enum status status = sqlstate_status(sqlstate, NULL);
    if (session_is_cluster_guard(statement))
        return sqlstate_is_trouble(sqlstate) && !is_torn(sqlstate);
    if (statement != &standby_guard)
        return sqlstate_is_trouble(sqlstate);
    return status != STATUS_ABORTED && status != STATUS_DEADLINE_EXCEEDED;
}

bool guard_refuses(struct connection *connection, const struct pg_statement *guard,
                   const char *sqlstate)
{
    /* 42P01, 42703, 42501: another cluster has not even the table that it asks, or lets nobody read it. */
    bool refuses = strcmp(sqlstate, "22012") == 0 || strcmp(sqlstate, "42P01") == 0 ||
                   strcmp(sqlstate, "42703") == 0 || strcmp(sqlstate, "42501") == 0;
    if (guard == &session_guard)
        connection->foreign |= refuses;
    else if (session_is_cluster_guard(guard))
        connection->doomed = refuses ? "the pooler leads elsewhere now" : connection->doomed;
    else if (guard != &standby_guard && guard != &standby_look)
        return false;
    if (strcmp(sqlstate, "55000") == 0) /* functions of recovery, where there is none */
        return connection->promoted = true;
    return refuses;
}

bool guard_is_asked_again(const struct pg_statement *guard, const char *sqlstate)
{
    return guard == &standby_guard || /* another server may answer */
           (session_is_cluster_guard(guard) && is_torn(sqlstate));
}

bool guard_is_anothers(const struct connection *connection, const struct command *failed)
{
    const struct command *before =
        &connection->commands[(connection->head - 1) % CONNECTION_COMMANDS_MAX];
    return connection->pg->direct && (failed->statement == &connection->settings->statement ||
                                      (failed->statement != failed->request->statement &&
                                       (connection->head == 0 || before->kind == COMMAND_SYNC)));
}

bool guard_is_copy(ExecStatusType type)
{
    return type == PGRES_COPY_IN || type == PGRES_COPY_OUT || type == PGRES_COPY_BOTH;
}
