#include <string.h>

#include "shared/pg/connection.h"

struct sqlstate_row {
    const char *prefix; /* five characters, or the two of a class */
    enum status status;
};

/* What each class of https://www.postgresql.org/docs/15/errcodes-appendix.html means to a caller; the longer
 * prefix stands first. A class that is not here is a fault of this program or of its grants: INTERNAL, told
 * by on_trouble. That holds for 42501 as well: who may do what is decided before the database is asked. And for a full disk
 * (53, 58): the server answers, and what needs no room works; a realm must not be taken for one that is away. */
static const struct sqlstate_row sqlstate_rows[] = {
    /* Data exceptions that a caller's value can bring about; the rest of class 22 are ours. */
    {"22001", STATUS_INVALID_ARGUMENT}, /* too long for its type */
    {"22003", STATUS_INVALID_ARGUMENT}, /* number out of range */
    {"22007", STATUS_INVALID_ARGUMENT}, /* no date or time */
    {"22008", STATUS_INVALID_ARGUMENT}, /* time out of range */
    {"22015", STATUS_INVALID_ARGUMENT}, /* interval out of range */
    {"22021", STATUS_INVALID_ARGUMENT}, /* no character of the encoding */
    {"22P02", STATUS_INVALID_ARGUMENT}, /* no text of its type */
    {"22P03", STATUS_INVALID_ARGUMENT}, /* no binary of its type */
    {"22P05", STATUS_INVALID_ARGUMENT}, /* a character that the encoding lacks */
    /* Rules that the schema keeps. 23502, a NULL, is ours. */
    {"23001", STATUS_FAILED_PRECONDITION},
    {"23503", STATUS_FAILED_PRECONDITION},
    {"23505", STATUS_ALREADY_EXISTS},
    {"23514", STATUS_FAILED_PRECONDITION},
    {"23P01", STATUS_FAILED_PRECONDITION},
    {"40002", STATUS_FAILED_PRECONDITION},
    {"P0001", STATUS_FAILED_PRECONDITION}, /* RAISE in a trigger */
    /* Two changes met: the whole transaction may be run again. */
    {"40003", STATUS_UNAVAILABLE}, /* whether it was committed is not known */
    {"40", STATUS_ABORTED},
    {"72", STATUS_ABORTED}, /* the snapshot is too old */
    /* Waited for another's lock: the realm is busy, not away, and trying at once would make it busier. */
    {"55P03", STATUS_RESOURCE_EXHAUSTED},
    /* The server, not the statement. */
    {"08", STATUS_UNAVAILABLE},    /* connection */
    {"25P03", STATUS_UNAVAILABLE}, /* it closed an idle transaction */
    {"25P04", STATUS_UNAVAILABLE}, /* or one that took too long */
    {"57", STATUS_UNAVAILABLE},    /* it stops, starts, or was told to end */
    {"XX001", STATUS_DATA_LOSS},   /* a broken table */
    {"XX002", STATUS_DATA_LOSS},   /* a broken index */
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
           strncmp(sqlstate, "08", 2) == 0 || strcmp(sqlstate, "25P03") == 0 ||
           strcmp(sqlstate, "25P04") == 0;
}

bool error_is_loss(const PGresult *error)
{
    const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(error, PG_DIAG_SEVERITY_NONLOCALIZED);
    return sqlstate_is_loss(sqlstate ? sqlstate : "") ||
           (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
}

bool sqlstate_is_read_only(const char *sqlstate)
{
    return strcmp(sqlstate, "25006") == 0;
}

bool sqlstate_is_no_room(const char *sqlstate)
{
    return strncmp(sqlstate, "53", 2) == 0 || strncmp(sqlstate, "58", 2) == 0;
}

bool sqlstate_is_trouble(const char *sqlstate)
{
    enum status status = sqlstate_status(sqlstate, NULL);
    return status == STATUS_INTERNAL || status == STATUS_UNAVAILABLE || status == STATUS_DATA_LOSS;
}

bool sqlstate_is_stale_plan(const PGresult *error)
{
    const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    const char *function = PQresultErrorField(error, PG_DIAG_SOURCE_FUNCTION);
    return sqlstate && function && strcmp(sqlstate, "0A000") == 0 &&
           strcmp(function, "RevalidateCachedQuery") == 0;
}
