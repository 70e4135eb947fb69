/* export: all that a program stores about a user, for themself: ExportService of the hub and of every realm.
 *
 * A kind of record is a line: what it is called, and a statement. Whoever adds a table with somebody in it adds a line (or
 * says in tests/contract/export_contract_test.c why not), and that is all.
 *
 *     {"post", {"export_post", "SELECT o.group_id || ' ' || o.type_id, o.create_time, o.group_id AS \"groupId\" …"
 *                              "  FROM pek.post AS o WHERE o.user_id = $1" EXPORT_BATCH("…")}},
 *
 * Read in batches and sent row by row, as lists are (read.h): memory stays flat however much there is, however large, and however slow its
 * reader.
 */
#ifndef PEK_SHARED_SERVICE_EXPORT_H
#define PEK_SHARED_SERVICE_EXPORT_H

#include "pek/export/v1/export.rpc.h"
#include "shared/pg/pg.h"
#include "shared/service/service.h"

#define EXPORT_KINDS_MAX 64
#define EXPORT_VALUES_MAX 32 /* of a record */

struct export_kind {
    const char *kind;
    /* $1: the user, $2: behind this id, $3: so many. Columns: the id, which tells the rows of the kind apart; when it came about; and the values, as
     * texts, each called as in the answer. Ends with EXPORT_BATCH. */
    struct pg_statement statement;
};
/* The end of the statement: `id` is the first column's expression, a text. */
#define EXPORT_BATCH(id) " AND (" id ") COLLATE \"C\" > $2 ORDER BY (" id ") COLLATE \"C\" LIMIT $3"
/* An id made of a number that sorts as the number does. */
#define EXPORT_NUMBER(column) "lpad(" column "::text, 19, '0')"
/* As JSON has times. */
#define EXPORT_TIME(column)                                                                        \
    "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* The part of one program. */
struct export_part {
    const char *realm;   /* "" of the hub */
    unsigned char order; /* of the part among the parts */
    const struct export_kind *kinds;
    size_t count;
};

/* A handler's work: sends all of it. */
PEK_MUST_CHECK enum status export_user(struct rpc_ctx *ctx, const struct export_part *part);

#endif
