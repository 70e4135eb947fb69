#include "shared/service/export.h"

#include <assert.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/service/read.h"

/* An id is made of keys of tables. */
#define ID_BYTES_MAX 1024

enum { ID, CREATE_TIME, VALUES };

typedef Pek__Export__V1__Record__ValuesEntry values_entry;

static enum status take_values(const struct pg_result *rows, size_t index, struct row *row,
                               export_v1_record *record)
{
    struct arena *arena = row->arena;
    values_entry *entries = arena_zalloc(arena, EXPORT_VALUES_MAX, sizeof(*entries));
    record->values = arena_zalloc(arena, EXPORT_VALUES_MAX, sizeof(*record->values));
    if (!entries || !record->values)
        return STATUS_RESOURCE_EXHAUSTED;
    for (int column = VALUES; pg_column_name(rows, column)[0] != '\0'; column++) {
        if (pg_is_null(rows, index, column))
            continue;
        assert(record->n_values < EXPORT_VALUES_MAX);
        values_entry *entry = &entries[record->n_values];
        pek__export__v1__record__values_entry__init(entry);
        entry->key = arena_printf(arena, "%s", pg_column_name(rows, column));
        entry->value = row_text(row, column);
        record->values[record->n_values++] = entry;
    }
    return STATUS_OK;
}

static enum status send_row(struct rpc_ctx *ctx, const struct export_part *part, size_t kind,
                            const struct pg_result *rows, size_t index)
{
    struct arena *arena = rpc_scratch(ctx);
    struct row row = {.rows = rows, .index = index, .arena = arena};
    export_v1_record record = EXPORT_V1_RECORD_INIT;
    unsigned char *key = arena_alloc(arena, 2);
    if (!key)
        return STATUS_RESOURCE_EXHAUSTED;
    key[0] = part->order;
    key[1] = (unsigned char)kind;
    record.realm = row_string(part->realm);
    record.kind = row_string(part->kinds[kind].kind);
    record.id = row_text(&row, ID);
    record.create_time = row_time(&row, CREATE_TIME);
    record.sort_key = (ProtobufCBinaryData){2, key};
    PEK_TRY(take_values(rows, index, &row, &record));
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    return rpc_stream_send(rpc_stream(ctx), &record.base);
}

/* Where a kind goes on. */
struct progress {
    char last[ID_BYTES_MAX]; /* behind this id; "" at first */
    size_t rows;             /* that the next batch may have */
    bool more;
};

static enum status send_batch(struct rpc_ctx *ctx, const struct export_part *part, size_t kind,
                              struct progress *progress)
{
    const struct service *service = rpc_data(ctx);
    struct pg_result *rows;
    PEK_TRY(pg_read(service->pg, PG_LONG_READ, rpc_cancel(ctx), &part->kinds[kind].statement,
                    PG_PARAMS(pg_text(rpc_principal(ctx)->user), pg_str(progress->last),
                              pg_int(rpc_scratch(ctx), (int64_t)progress->rows)),
                    &rows));
    int64_t read_us = clock_monotonic_us();
    enum status status = STATUS_OK;
    size_t count = pg_rows(rows), i = 0;
    while (status == STATUS_OK && i < count && !(i > 0 && read_is_forgotten(ctx, rows, read_us)))
        status = send_row(ctx, part, kind, rows, i++);
    if (status == STATUS_OK && i > 0) {
        struct slice id = pg_get_slice(rows, i - 1, ID);
        if (id.len >= ID_BYTES_MAX)
            status = fault_set(rpc_fault(ctx), STATUS_DATA_LOSS, NULL, "a record's id is too long");
        else
            memcpy(progress->last, id.ptr, id.len + 1);
    }
    progress->more = count == progress->rows || i < count;
    progress->rows = read_next_rows(rows);
    pg_result_free(rows);
    return status;
}

enum status export_user(struct rpc_ctx *ctx, const struct export_part *part)
{
    assert(part->count <= EXPORT_KINDS_MAX);
    for (size_t kind = 0; kind < part->count; kind++) {
        struct progress progress = {.rows = READ_FIRST_ROWS};
        do {
            PEK_TRY(rpc_stream_wait(rpc_stream(ctx)));
            PEK_TRY(send_batch(ctx, part, kind, &progress));
        } while (progress.more);
    }
    return STATUS_OK;
}
