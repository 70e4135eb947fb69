/* row: rows of a table as messages. The generator writes the reader of each message with pek.row from these.
 *
 *     "SELECT " GROUP_V1_GROUP_COLUMNS(g) " FROM pek.realm_group AS g WHERE g.id = $1"
 *     group_v1_group_from_row(rows, 0, arena, &group, fault)
 *
 * Everything a message points to is in the arena: it outlives the rows. A NULL is the field's default. A value that
 * the field cannot hold (a time outside the years 1 to 9999, a number beyond 32 bits) makes the row's reader fail
 * with DATA_LOSS and a fault that names the row, by its id or by all that it has instead of one, and the column.
 */
#ifndef PEK_SHARED_ROW_ROW_H
#define PEK_SHARED_ROW_ROW_H

#include <protobuf-c/protobuf-c.h>

#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "shared/base/fault.h"
#include "shared/pg/pg.h"

#define ROW_KEYS_MAX 4

/* A message as rows have it; generated. */
struct row_type {
    const char *noun; /* "group", as in "there is no group x" */
    const ProtobufCMessageDescriptor *message;
    /* Statuses of …_from_row; `ret_message` is untouched on failure. `fault` may be NULL. */
    enum status (*read)(const struct pg_result *rows, size_t row, struct arena *arena,
                        void *ret_message, struct fault *fault);
    const char *(*etag)(const void *message); /* NULL: it has none */
    int key[ROW_KEYS_MAX];                    /* the columns that tell one row from another */
    size_t key_count;
    /* Fields of …_BRIEF_COLUMNS, up to a NULL: all others are their defaults in a row of these. NULL: there are no such columns. */
    const char *const *brief;
};

/* "there is no group x": NOT_FOUND on the field of the request, which may be NULL. */
enum status row_missing(const struct row_type *type, const char *field, const char *id,
                        struct fault *fault);
/* The message becomes the first row; a reader of its own may look at those behind it. NOT_FOUND, and no fault, when there
 * is none. */
PEK_MUST_CHECK enum status row_take(const struct row_type *type, const struct pg_result *rows,
                                    struct arena *arena, void *ret_message, struct fault *fault);

/* Whether rows of …_BRIEF_COLUMNS have all that a read mask names. Not without a mask. */
bool row_is_brief(const struct row_type *type, const Google__Protobuf__FieldMask *mask);

/* A message is always asked for as it is stored by this version of its row: ABORTED with ROW_REASON_CHANGED when
 * `etag` is another one. An empty one is any. */
#define ROW_REASON_CHANGED "CHANGED_MEANWHILE"
PEK_MUST_CHECK enum status row_check_etag(const struct row_type *type, const void *message,
                                          const char *id, const char *etag, struct fault *fault);

/* ---- what a request gives a row ---- */

/* A string as a member of a message: protobuf-c's are not const, though it does not write to them. */
static inline char *row_string(const char *string)
{
    union {
        const char *in;
        char *out;
    } either = {.in = string};
    return either.out;
}

/* INVALID_ARGUMENT on `field` outside the years 1 to 9999; absent is fine. */
PEK_MUST_CHECK enum status row_check_time(const Google__Protobuf__Timestamp *time,
                                          const char *field, struct fault *fault);
/* The parameter: NULL when absent; what is below a microsecond is cut off (pg_timestamp). */
struct pg_param row_time_param(struct arena *arena, const Google__Protobuf__Timestamp *time);

/* ---- for generated readers ---- */

/* One row while it is read; stays failed, so that row_end is the only check. */
struct row {
    const struct pg_result *rows;
    size_t index;
    struct arena *arena;
    int bad_column; /* when `is_bad` */
    bool is_bad;
};

char *row_text(struct row *row, int column);
char *row_etag(struct row *row, int column); /* "v3" of the number 3, "" of NULL */
ProtobufCBinaryData row_bytes(struct row *row, int column);
bool row_bool(struct row *row, int column);
int32_t row_int32(struct row *row, int column);
int64_t row_int64(struct row *row, int column);
/* 1, 3 of the bits 0b101. */
int *row_bits(struct row *row, int column, size_t *ret_count);
Google__Protobuf__Timestamp *row_time(struct row *row, int column); /* NULL for a NULL */
/* RESOURCE_EXHAUSTED when the arena is full, DATA_LOSS when something could not be read. */
PEK_MUST_CHECK enum status row_end(const struct row *row, const struct row_type *type,
                                   struct fault *fault);

#endif
