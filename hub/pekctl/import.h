/* import: a pek-next dump into the hub and one realm, as its operator.
 *
 * Both databases are written by their owners, each in one transaction: the hub's first, since the realm's rows need the ids of users.
 * Without `apply` both are rolled back, after all has been done: what is printed is what would be. What fails leaves its database as it
 * was; an import whose users were taken and whose realm failed is run again.
 */
#ifndef PEK_HUB_PEKCTL_IMPORT_H
#define PEK_HUB_PEKCTL_IMPORT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>

#include "shared/base/fault.h"

struct import_job {
    PGconn *hub; /* not in a transaction */
    const char *folder, *realm, *realm_database;
    bool apply, json;
    FILE *out; /* two tables: counts of each file, and reasons */
};

/* INVALID_ARGUMENT names a file or an option. FAILED_PRECONDITION, UNAVAILABLE. */
PEK_MUST_CHECK enum status import_run(const struct import_job *job, struct fault *fault);

#endif
