/* read: how a handler answers what is stored: one row, or a list of them.
 *
 * A list is a statement that the handler gives batch by batch; read_list does the rest: it continues behind the last
 * row that it sent (the keyset: routing's sort_key and identity in the proto), asks again whether the caller may between two
 * batches (service_rights), and stops when the caller is gone. A batch is read when the stream has room again, and between two no
 * connection is taken: a reader who stops costs PostgreSQL nothing.
 *
 * Memory stays flat however long the list is, however large its rows, and however slow its reader: rows that wait are READ_BATCH_BYTES
 * at most, and READ_HELD_MS old at most. What is above that is forgotten, and read again behind the last row that was sent.
 *
 *     static enum status next_groups(const struct read_batch *batch, const void *arg,
 *                                    struct pg_result **ret_rows)   // the store: one statement
 *
 *     struct read_list list = {.type = &group_v1_group_row, .request = req, READ_PAGE(req),
 *                              .next = next_groups, .arg = &query};
 *     return read_list(ctx, &list);
 */
#ifndef PEK_SHARED_SERVICE_READ_H
#define PEK_SHARED_SERVICE_READ_H

#include "pek/cursor.rpc.h"
#include "shared/row/row.h"
#include "shared/service/service.h"

#define READ_BATCH_ROWS 500
#define READ_FIRST_ROWS 100 /* so that the first are soon there */
#define READ_BATCH_BYTES (1024u * 1024)
#define READ_HELD_MS 2000
/* For what sends batches by itself. Whether those that wait for the reader, read at `read_us`, are too many or too old for that, and how many
 * the next batch may have: as READ_BATCH_BYTES have, should they be as large as these. */
bool read_is_forgotten(struct rpc_ctx *ctx, const struct pg_result *rows, int64_t read_us);
size_t read_next_rows(const struct pg_result *rows);
/* Up to so many rows a list is a page that a person waits for, and goes by the lane of point reads: the hub's largest
 * page, and the row that tells it that there is another. */
#define READ_POINT_ROWS_MAX 101

/* The row of a statement (row_take) becomes the answer. NOT_FOUND, and no fault, when there is none. */
PEK_MUST_CHECK enum status read_row(struct rpc_ctx *ctx, const struct row_type *type,
                                    const struct pg_statement *statement,
                                    const struct pg_param *params, size_t param_count,
                                    void *ret_message);
/* The row that `id` names becomes the answer, by a statement whose only parameter it is. NOT_FOUND on `field`. */
PEK_MUST_CHECK enum status read_one(struct rpc_ctx *ctx, const struct row_type *type,
                                    const struct pg_statement *statement, const char *field,
                                    const char *id, void *ret_message);

/* INVALID_ARGUMENT for a negative page size or a page token: those are the hub's. read_list calls it; so does a list of what
 * is not in the database. */
PEK_MUST_CHECK enum status read_check_page(struct rpc_ctx *ctx, int32_t page_size,
                                           const char *page_token);

/* What is wanted next: up to `limit` rows behind the position, in the list's order. */
struct read_batch {
    struct rpc_ctx *ctx;
    enum pg_lane lane;
    struct arena *arena;    /* of the batch */
    const void *scope;      /* service_rights.scope, as it is now */
    struct slice after_key; /* empty: from the beginning */
    const char *after_id;   /* "" likewise */
    bool inclusive;         /* from the position on, else behind it */
    size_t limit;
    bool brief; /* the request's read mask names nothing but brief columns (shared/row) */
};
typedef enum status (*read_next)(const struct read_batch *batch, const void *arg,
                                 struct pg_result **ret_rows);
/* The rows of one statement on the batch's lane. */
PEK_MUST_CHECK enum status read_rows(const struct read_batch *batch,
                                     const struct pg_statement *statement,
                                     const struct pg_param *params, size_t param_count,
                                     struct pg_result **ret_rows);
/* A statement that is there twice: `text` is a macro of the columns, which are those of all fields, and the brief ones.
 *
 *     #define ALL(columns) "SELECT " columns " FROM pek.realm_group AS g …"
 *     static const struct read_statement all = READ_STATEMENT(
 *         "group_list_all", ALL, GROUP_V1_GROUP_COLUMNS(g), GROUP_V1_GROUP_BRIEF_COLUMNS(g));
 */
struct read_statement {
    struct pg_statement whole, brief;
};
#define READ_STATEMENT(name, text, columns, brief_columns)                                         \
    {                                                                                              \
        {name, text(columns)},                                                                     \
        {                                                                                          \
            name "_brief", text(brief_columns)                                                     \
        }                                                                                          \
    }
/* The rows of the one that the batch wants. */
PEK_MUST_CHECK enum status read_rows_either(const struct read_batch *batch,
                                            const struct read_statement *statement,
                                            const struct pg_param *params, size_t param_count,
                                            struct pg_result **ret_rows);
/* The three parameters of a position: (sort_key, id) >= ($1::bytea, $2) AND ($3 OR (sort_key, id) <> ($1, $2)). */
#define READ_POSITION(batch)                                                                       \
    pg_bytea((batch)->after_key), pg_str((batch)->after_id), pg_bool((batch)->inclusive)

struct read_list {
    const struct row_type *type; /* of the items: the method's response */
    const void *request;         /* the handler's */
    int32_t page_size;           /* 0: everything */
    const char *page_token;      /* the hub's; refused here */
    const Pek__Cursor *after;    /* NULL: from the beginning */
    read_next next;
    const void *arg;
    /* Of each item that was read from a row: what the row has besides. NULL: nothing. */
    enum status (*complete)(const struct pg_result *rows, size_t row, struct arena *arena,
                            void *item);
    /* Takes PostgreSQL long however few rows are wanted: a search. */
    bool is_long;
    /* When not 0, the first batch is all there is, and more rows than these are refused. */
    size_t once_rows_max;
};
#define READ_PAGE(req)                                                                             \
    .page_size = (req)->page_size, .page_token = (req)->page_token, .after = (req)->after

/* read_check_page's statuses, and what `next`, check_again and sending answer. */
PEK_MUST_CHECK enum status read_list(struct rpc_ctx *ctx, const struct read_list *list);

#endif
