#include "shared/service/read.h"

#include <assert.h>

#include "shared/base/buffer.h"
#include "shared/base/clock.h"

/* A sort key, an id and what ends it. */
#define POSITION_BYTES_MAX 8192

enum status read_row(struct rpc_ctx *ctx, const struct row_type *type,
                     const struct pg_statement *statement, const struct pg_param *params,
                     size_t param_count, void *ret_message)
{
    const struct service *service = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), statement, params, param_count,
                    &rows));
    enum status status = row_take(type, rows, rpc_arena(ctx), ret_message, rpc_fault(ctx));
    pg_result_free(rows);
    return status;
}

enum status read_one(struct rpc_ctx *ctx, const struct row_type *type,
                     const struct pg_statement *statement, const char *field, const char *id,
                     void *ret_message)
{
    enum status status = read_row(ctx, type, statement, PG_PARAMS(pg_str(id)), ret_message);
    return status == STATUS_NOT_FOUND ? row_missing(type, field, id, rpc_fault(ctx)) : status;
}

/* ---- lists ---- */

enum status read_rows(const struct read_batch *batch, const struct pg_statement *statement,
                      const struct pg_param *params, size_t param_count,
                      struct pg_result **ret_rows)
{
    const struct service *service = rpc_data(batch->ctx);
    return pg_read(service->pg, batch->lane, rpc_cancel(batch->ctx), statement, params, param_count,
                   ret_rows);
}

enum status read_rows_either(const struct read_batch *batch, const struct read_statement *statement,
                             const struct pg_param *params, size_t param_count,
                             struct pg_result **ret_rows)
{
    return read_rows(batch, batch->brief ? &statement->brief : &statement->whole, params,
                     param_count, ret_rows);
}

enum status read_check_page(struct rpc_ctx *ctx, int32_t page_size, const char *page_token)
{
    if (page_size < 0)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "page_size", "page_size is negative");
    if (page_token && page_token[0])
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "page_token",
                              "page tokens are the hub's; a realm takes `after`");
    return STATUS_OK;
}

/* What is behind an item, whose memory may go. */
static enum status continue_behind(const struct rpc_method *method, const void *item,
                                   struct buffer *position, struct read_batch *batch)
{
    struct slice key;
    const char *id;
    method->position(item, &key, &id);
    buffer_reset(position);
    buffer_append_slice(position, key);
    buffer_append(position, id, strlen(id) + 1);
    if (position->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    batch->after_key = slice_make(position->ptr, key.len);
    batch->after_id = position->ptr + key.len;
    batch->inclusive = false;
    return STATUS_OK;
}

bool read_is_forgotten(struct rpc_ctx *ctx, const struct pg_result *rows, int64_t read_us)
{
    return (pg_bytes(rows) > READ_BATCH_BYTES && !rpc_stream_has_room(rpc_stream(ctx))) ||
           clock_monotonic_us() - read_us > READ_HELD_MS * INT64_C(1000);
}

static enum status send_rows(struct rpc_ctx *ctx, const struct read_list *list,
                             const struct pg_result *rows, struct buffer *position,
                             struct read_batch *batch, size_t *ret_sent)
{
    const struct rpc_method *method = rpc_method(ctx);
    struct arena *scratch = rpc_scratch(ctx);
    bool goes_on = list->once_rows_max == 0;
    int64_t read_us = clock_monotonic_us();
    size_t count = pg_rows(rows), i;
    for (i = 0; i < count && !(goes_on && i > 0 && read_is_forgotten(ctx, rows, read_us)); i++) {
        ProtobufCMessage *item = arena_alloc(scratch, list->type->message->sizeof_message);
        if (!item)
            return STATUS_RESOURCE_EXHAUSTED;
        PEK_TRY(list->type->read(rows, i, scratch, item, rpc_fault(ctx)));
        if (list->complete)
            PEK_TRY(list->complete(rows, i, scratch, item));
        if (goes_on)
            PEK_TRY(continue_behind(method, item, position, batch));
        PEK_TRY(rpc_stream_send(rpc_stream(ctx), item));
    }
    *ret_sent = i;
    return STATUS_OK;
}

size_t read_next_rows(const struct pg_result *rows)
{
    size_t count = pg_rows(rows), bytes = pg_bytes(rows);
    size_t fit = count > 0 ? READ_BATCH_BYTES / (bytes / count + 1) : READ_BATCH_ROWS;
    return fit < 1 ? 1 : fit < READ_BATCH_ROWS ? fit : READ_BATCH_ROWS;
}

struct progress {
    size_t rows; /* that the next batch may have */
    size_t sent;
    bool more; /* there may be rows behind those that were sent */
};

static enum status send_batch(struct rpc_ctx *ctx, const struct read_list *list,
                              struct buffer *position, struct read_batch *batch,
                              struct progress *progress)
{
    struct pg_result *rows;
    PEK_TRY(list->next(batch, list->arg, &rows));
    size_t count = pg_rows(rows);
    enum status status = STATUS_OK;
    if (list->once_rows_max > 0 && count > list->once_rows_max)
        status = rpc_fail(ctx, STATUS_RESOURCE_EXHAUSTED,
                          "there are more than %zu: ask for a part of them", list->once_rows_max);
    else
        status = send_rows(ctx, list, rows, position, batch, &progress->sent);
    progress->rows = read_next_rows(rows);
    progress->more = count == batch->limit || progress->sent < count;
    pg_result_free(rows);
    return status;
}

static enum status send_all(struct rpc_ctx *ctx, const struct read_list *list,
                            struct buffer *position, struct read_batch *batch)
{
    struct service *service = rpc_data(ctx);
    const struct service_rights *rights = service->rights;
    size_t left = list->page_size > 0 ? (size_t)list->page_size : SIZE_MAX;
    struct progress progress = {.rows = list->once_rows_max > 0 ? list->once_rows_max + 1
                                                                : READ_FIRST_ROWS};
    do {
        batch->limit = left < progress.rows ? left : progress.rows;
        batch->scope = rights ? rights->scope(ctx) : NULL;
        PEK_TRY(send_batch(ctx, list, position, batch, &progress));
        left -= progress.sent;
        if (!progress.more || left == 0)
            return STATUS_OK;
        /* Nothing is read for a reader who stopped, and what is read later is asked for anew. */
        PEK_TRY(rpc_stream_wait(rpc_stream(ctx)));
        if (rights)
            PEK_TRY(rights->check_again(service, ctx, list->request));
    } while (true);
}

enum status read_list(struct rpc_ctx *ctx, const struct read_list *list)
{
    const struct rpc_method *method = rpc_method(ctx);
    assert(method->response == list->type->message);
    assert(method->position || list->once_rows_max > 0);
    PEK_TRY(read_check_page(ctx, list->page_size, list->page_token));
    size_t rows_max = list->once_rows_max > 0 ? list->once_rows_max : (size_t)list->page_size;
    bool is_short = rows_max > 0 && rows_max <= READ_POINT_ROWS_MAX;
    struct read_batch batch = {
        .ctx = ctx,
        .lane = is_short && !list->is_long ? PG_POINT_READ : PG_LONG_READ,
        .arena = rpc_scratch(ctx),
        .after_key = SLICE_LIT(""),
        .after_id = "",
        .brief = method->read_mask && row_is_brief(list->type, method->read_mask(list->request)),
    };
    if (list->after) {
        batch.after_key = slice_make(list->after->sort_key.data, list->after->sort_key.len);
        batch.after_id = list->after->id;
        batch.inclusive = list->after->inclusive;
    }
    struct buffer position;
    buffer_init(&position, POSITION_BYTES_MAX);
    enum status status = send_all(ctx, list, &position, &batch);
    buffer_done(&position);
    return status;
}
