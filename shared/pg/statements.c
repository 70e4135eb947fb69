#include "shared/pg/statements.h"

#include <string.h>

#include "shared/base/siphash.h"

void statements_reset(struct statements *statements)
{
    memset(statements, 0, sizeof(*statements));
}

/* Names are ours: no key that an outsider must not guess. */
static size_t home(const struct pg_statement *statement)
{
    static const uint64_t key[2] = {0, 0};
    return (size_t)siphash(key, slice_str(statement->name)) % STATEMENTS_BUCKETS;
}

/* The bucket of the statement, or the empty one where it would go. Never more than half are taken. */
static size_t find(const struct statements *statements, const struct pg_statement *statement)
{
    size_t at = home(statement);
    while (statements->buckets[at] && strcmp(statements->buckets[at]->name, statement->name) != 0)
        at = (at + 1) % STATEMENTS_BUCKETS;
    return at;
}

bool statements_have(const struct statements *statements, const struct pg_statement *statement)
{
    return statements->buckets[find(statements, statement)] != NULL;
}

bool statements_add(struct statements *statements, const struct pg_statement *statement)
{
    size_t at = find(statements, statement);
    if (statements->buckets[at])
        return true;
    if (statements->count >= STATEMENTS_MAX)
        return false;
    statements->buckets[at] = statement;
    statements->count++;
    return true;
}

void statements_remove(struct statements *statements, const struct pg_statement *statement)
{
    size_t at = find(statements, statement);
    if (!statements->buckets[at])
        return;
    statements->buckets[at] = NULL;
    statements->count--;
    /* Whatever stands behind the hole may have been pushed over it: put it in again. */
    for (size_t next = (at + 1) % STATEMENTS_BUCKETS; statements->buckets[next];
         next = (next + 1) % STATEMENTS_BUCKETS) {
        const struct pg_statement *moved = statements->buckets[next];
        statements->buckets[next] = NULL;
        statements->buckets[find(statements, moved)] = moved;
    }
}
