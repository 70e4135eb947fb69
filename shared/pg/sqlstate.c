#include <string.h>

#include "shared/pg/connection.h"

struct sqlstate_row {
    const char *prefix; /* five characters, or the first two of a class */
    enum status status;
};

/* The longer prefix stands first. https://www.postgresql.org/docs/15/errcodes-appendix.html */
static const struct sqlstate_row sqlstate_rows[] = {
    {"23505", STATUS_ALREADY_EXISTS},
    {"23503", STATUS_FAILED_PRECONDITION},
    {"23514", STATUS_FAILED_PRECONDITION},
    {"23P01", STATUS_FAILED_PRECONDITION},
    {"P0001", STATUS_FAILED_PRECONDITION},
    {"22", STATUS_INVALID_ARGUMENT},
    {"40001", STATUS_ABORTED},
    {"40P01", STATUS_ABORTED},
    {"42501", STATUS_PERMISSION_DENIED},
    {"25P03", STATUS_UNAVAILABLE}, /* the server closed an idle transaction */
    {"55P03", STATUS_UNAVAILABLE}, /* lock_timeout */
    {"57P", STATUS_UNAVAILABLE},
    {"53", STATUS_UNAVAILABLE},
    {"08", STATUS_UNAVAILABLE},
};

enum status sqlstate_status(const char *sqlstate, const struct cancel *cancel)
{
    if (sqlstate[0] == '\0')
        return STATUS_UNAVAILABLE;
    if (strcmp(sqlstate, "57014") == 0)
        return cancel && cancel->cancelled ? STATUS_CANCELLED : STATUS_DEADLINE_EXCEEDED;
    for (size_t i = 0; i < sizeof(sqlstate_rows) / sizeof(sqlstate_rows[0]); i++)
        if (strncmp(sqlstate, sqlstate_rows[i].prefix, strlen(sqlstate_rows[i].prefix)) == 0)
            return sqlstate_rows[i].status;
    return STATUS_INTERNAL;
}

bool sqlstate_is_loss(const char *sqlstate)
{
    return sqlstate[0] == '\0' || strncmp(sqlstate, "57P", 3) == 0 ||
           strncmp(sqlstate, "08", 2) == 0 || strcmp(sqlstate, "25P03") == 0;
}
