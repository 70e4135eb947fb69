/* statements: which statements are prepared on one connection. Keyed by name; holds pointers to the callers'
 * static statements. */
#ifndef PEK_SHARED_PG_STATEMENTS_H
#define PEK_SHARED_PG_STATEMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/pg/pg.h"

/* A process has as many as its stores have queries; beyond this they are sent unprepared. */
#define STATEMENTS_MAX 512
#define STATEMENTS_BUCKETS (2 * STATEMENTS_MAX)

struct statements {
    const struct pg_statement *buckets[STATEMENTS_BUCKETS];
    size_t count;
};

void statements_reset(struct statements *statements);
bool statements_have(const struct statements *statements, const struct pg_statement *statement);
/* False when full. */
bool statements_add(struct statements *statements, const struct pg_statement *statement);
void statements_remove(struct statements *statements, const struct pg_statement *statement);

#endif
