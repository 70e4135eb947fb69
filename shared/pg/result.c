#include <stdlib.h>

#include "shared/pg/internal.h"

enum status result_new(PGresult *result, struct pg_result **ret_result)
{
    struct pg_result *owner = malloc(sizeof(*owner));
    if (!owner) {
        PQclear(result);
        return STATUS_RESOURCE_EXHAUSTED;
    }
    owner->result = result;
    *ret_result = owner;
    return STATUS_OK;
}

struct pg_result *pg_result_free(struct pg_result *result)
{
    if (result) {
        PQclear(result->result);
        free(result);
    }
    return NULL;
}

size_t pg_rows(const struct pg_result *result)
{
    return (size_t)PQntuples(result->result);
}

size_t pg_affected(const struct pg_result *result)
{
    return (size_t)strtoull(PQcmdTuples(result->result), NULL, 10);
}

size_t pg_bytes(const struct pg_result *result)
{
    return PQresultMemorySize(result->result);
}

bool pg_is_null(const struct pg_result *result, size_t row, int column)
{
    return PQgetisnull(result->result, (int)row, column) != 0;
}

struct slice pg_get_slice(const struct pg_result *result, size_t row, int column)
{
    if (pg_is_null(result, row, column))
        return slice_make("", 0);
    return slice_make(PQgetvalue(result->result, (int)row, column),
                      (size_t)PQgetlength(result->result, (int)row, column));
}

const char *pg_get_str(const struct pg_result *result, size_t row, int column)
{
    return pg_get_slice(result, row, column).ptr;
}

int64_t pg_get_int(const struct pg_result *result, size_t row, int column)
{
    return strtoll(pg_get_str(result, row, column), NULL, 10);
}

bool pg_get_bool(const struct pg_result *result, size_t row, int column)
{
    return pg_get_str(result, row, column)[0] == 't';
}

const char *pg_column_name(const struct pg_result *result, int column)
{
    const char *name = PQfname(result->result, column);
    return name ? name : "";
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* \x0a1b…: https://www.postgresql.org/docs/15/datatype-binary.html; bytea_output = hex is set on every
 * connection, so the older escape format does not occur. */
struct slice pg_get_bytea(const struct pg_result *result, size_t row, int column,
                          struct arena *arena)
{
    struct slice text = pg_get_slice(result, row, column);
    if (text.len < 2)
        return slice_make("", 0);
    size_t len = text.len / 2 - 1;
    char *bytes = arena_alloc(arena, len);
    if (!bytes)
        return slice_make(NULL, 0);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(hex_digit(text.ptr[2 + 2 * i]) << 4 | hex_digit(text.ptr[3 + 2 * i]));
    return slice_make(bytes, len);
}
