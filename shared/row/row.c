#include "shared/row/row.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/calendar.h"
#include "shared/base/number.h"
#include "shared/row/told.h"

#define ROW_NAME_BYTES_MAX 400 /* what is longer is cut */

/* ---- a whole row ---- */

enum status row_missing(const struct row_type *type, const char *field, const char *id,
                        struct fault *fault)
{
    return fault_set(fault, STATUS_NOT_FOUND, field, "there is no %s %s", type->noun, id);
}

enum status row_take(const struct row_type *type, const struct pg_result *rows, struct arena *arena,
                     void *ret_message, struct fault *fault)
{
    if (pg_rows(rows) == 0)
        return STATUS_NOT_FOUND;
    return type->read(rows, 0, arena, ret_message, fault);
}

static bool is_among(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

bool row_is_brief(const struct row_type *type, const Google__Protobuf__FieldMask *mask)
{
    if (!type->brief || !mask || mask->n_paths == 0)
        return false;
    for (size_t i = 0; i < mask->n_paths; i++)
        if (!is_among(type->brief, mask->paths[i]))
            return false;
    return true;
}

enum status row_check_etag(const struct row_type *type, const void *message, const char *id,
                           const char *etag, struct fault *fault)
{
    const char *present = type->etag(message);
    size_t len = strcspn(etag, (const char[]){TOLD_ETAG_DOT, 0}); /* what was read beside the row */
    if (etag[0] == '\0' || slice_equal_str(slice_make(etag, len), present))
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_ABORTED, ROW_REASON_CHANGED, "etag",
                            "%s %s was changed by somebody else", type->noun, id);
}

/* ---- what a request gives a row ---- */

enum status row_check_time(const Google__Protobuf__Timestamp *time, const char *field,
                           struct fault *fault)
{
    if (!time || (time->seconds >= CALENDAR_SECONDS_MIN && time->seconds <= CALENDAR_SECONDS_MAX &&
                  time->nanos >= 0 && time->nanos <= 999999999))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "%s is no point in time", field);
}

struct pg_param row_time_param(struct arena *arena, const Google__Protobuf__Timestamp *time)
{
    return time ? pg_timestamp(arena, time->seconds, time->nanos) : PG_NULL;
}

/* ---- values ---- */

static void spoil(struct row *row, int column)
{
    row->is_bad = true;
    row->bad_column = column;
}

char *row_text(struct row *row, int column)
{
    struct slice text = pg_get_slice(row->rows, row->index, column);
    return text.len == 0 ? row_string(protobuf_c_empty_string)
                         : arena_strndup(row->arena, text.ptr, text.len);
}

char *row_etag(struct row *row, int column)
{
    struct slice version = pg_get_slice(row->rows, row->index, column);
    if (version.len == 0)
        return row_string(protobuf_c_empty_string);
    char *etag = arena_alloc(row->arena, version.len + 2);
    if (!etag)
        return NULL;
    etag[0] = 'v';
    memcpy(etag + 1, version.ptr, version.len);
    etag[version.len + 1] = '\0';
    return etag;
}

ProtobufCBinaryData row_bytes(struct row *row, int column)
{
    struct slice bytes = pg_get_bytea(row->rows, row->index, column, row->arena);
    ProtobufCBinaryData data = {bytes.len, NULL};
    if (bytes.len > 0)
        memcpy(&data.data, &bytes.ptr, sizeof(data.data));
    return data;
}

bool row_bool(struct row *row, int column)
{
    return pg_get_bool(row->rows, row->index, column);
}

int64_t row_int64(struct row *row, int column)
{
    struct slice text = pg_get_slice(row->rows, row->index, column);
    int64_t number = 0;
    if (text.len > 0 && !number_parse(text, &number))
        spoil(row, column);
    return number;
}

int32_t row_int32(struct row *row, int column)
{
    int64_t number = row_int64(row, column);
    if (number < INT32_MIN || number > INT32_MAX) {
        spoil(row, column);
        return 0;
    }
    return (int32_t)number;
}

int *row_bits(struct row *row, int column, size_t *ret_count)
{
    uint64_t bits = (uint64_t)row_int64(row, column);
    size_t count = 0;
    int *values = arena_alloc(row->arena, (size_t)__builtin_popcountll(bits) * sizeof(*values));
    *ret_count = 0;
    if (!values)
        return NULL;
    for (int bit = 0; bit < 64; bit++)
        if (bits >> bit & 1)
            values[count++] = bit + 1;
    *ret_count = count;
    return values;
}

Google__Protobuf__Timestamp *row_time(struct row *row, int column)
{
    if (pg_is_null(row->rows, row->index, column))
        return NULL;
    Google__Protobuf__Timestamp *time = arena_alloc(row->arena, sizeof(*time));
    if (!time)
        return NULL;
    google__protobuf__timestamp__init(time);
    if (pg_get_timestamp(row->rows, row->index, column, &time->seconds, &time->nanos) != STATUS_OK)
        spoil(row, column);
    return time;
}

/* "group x", "membership group_id x, user_id y". */
static enum status unreadable(const struct row *row, const struct row_type *type,
                              struct fault *fault)
{
    char name[ROW_NAME_BYTES_MAX] = "";
    for (size_t i = 0; i < type->key_count; i++) {
        const char *column = pg_column_name(row->rows, type->key[i]);
        size_t len = strlen(name);
        snprintf(name + len, sizeof(name) - len, "%s%s%s%.*s", i > 0 ? ", " : "",
                 type->key_count > 1 ? column : "", type->key_count > 1 ? " " : "",
                 SLICE_ARG(pg_get_slice(row->rows, row->index, type->key[i])));
    }
    return fault_set(fault, STATUS_DATA_LOSS, NULL, "%s %s cannot be read: its %s", type->noun,
                     name, pg_column_name(row->rows, row->bad_column));
}

enum status row_end(const struct row *row, const struct row_type *type, struct fault *fault)
{
    if (row->arena->failed)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "a %s is too large", type->noun);
    return row->is_bad ? unreadable(row, type, fault) : STATUS_OK;
}
