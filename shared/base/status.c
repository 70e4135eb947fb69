#include "shared/base/status.h"

#include <stddef.h>

struct status_row {
    const char *name;
    int http;
};

static const struct status_row status_rows[] = {
#define STATUS_ROW(name, code, http) [code] = {#name, http},
    STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

#define STATUS_COUNT (sizeof(status_rows) / sizeof(status_rows[0]))

const char *status_name(enum status status)
{
    return (size_t)status < STATUS_COUNT ? status_rows[status].name : "UNKNOWN";
}

int status_http(enum status status)
{
    return (size_t)status < STATUS_COUNT ? status_rows[status].http : 500;
}

enum status status_from_code(long code)
{
    return code >= 0 && (size_t)code < STATUS_COUNT ? (enum status)code : STATUS_UNKNOWN;
}
