/* Of staging.h: what is made of texts by ICU, a batch at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/pg/pg.h"
#include "shared/staging/staging.h"
#include "shared/text/name.h"
#include "shared/text/text.h"

#define BATCH_ARENA_BYTES_MAX ((size_t)256 << 20)
#define WORK_ARENA_BYTES_MAX ((size_t)16 << 20) /* of one text */

enum status staging_make_name(void *collator, struct slice text, struct arena *arena,
                              struct staged_text *ret_text)
{
    struct text_name name;
    const char *copy = arena_strndup(arena, text.ptr, text.len);
    if (!copy)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(text_name_make(collator, copy, NULL, arena, &name, NULL));
    *ret_text = (struct staged_text){name.name, name.unique_key, name.folded, name.sort_key};
    return STATUS_OK;
}

enum status staging_make_line(void *arg, struct slice text, struct arena *arena,
                              struct staged_text *ret_text)
{
    struct slice line;
    (void)arg;
    PEK_TRY(text_normalise_name(text, NULL, arena, &line, NULL));
    *ret_text = (struct staged_text){.text = line};
    return STATUS_OK;
}

enum status staging_make_prose(void *arg, struct slice text, struct arena *arena,
                               struct staged_text *ret_text)
{
    struct slice prose;
    (void)arg;
    PEK_TRY(text_normalise_prose(text, STAGING_TEXT_CHARS_MAX, NULL, arena, &prose, NULL));
    *ret_text = (struct staged_text){.text = prose};
    return STATUS_OK;
}

/* Columns of a batch, as arrays. */
struct batch {
    struct slice lines[STAGING_BATCH_ROWS], fine[STAGING_BATCH_ROWS], texts[STAGING_BATCH_ROWS];
    struct slice unique_keys[STAGING_BATCH_ROWS], folded[STAGING_BATCH_ROWS];
    struct slice sort_keys[STAGING_BATCH_ROWS];
};

struct making {
    struct staging *staging;
    staging_make make;
    void *arg;
    struct arena batch_arena, work_arena;
    struct batch *batch;
};

static enum status out_of_memory(struct staging *staging)
{
    return fault_set(staging->fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
}

static enum status make_one(struct making *making, const PGresult *rows, int row)
{
    struct batch *batch = making->batch;
    struct arena *arena = &making->batch_arena;
    struct staged_text made = {0};
    struct slice text = slice_make(PQgetvalue(rows, row, 1), (size_t)PQgetlength(rows, row, 1));
    enum status status = making->make(making->arg, text, &making->work_arena, &made);
    if (status != STATUS_OK && status != STATUS_INVALID_ARGUMENT)
        return out_of_memory(making->staging);
    batch->lines[row] = slice_str(PQgetvalue(rows, row, 0));
    batch->fine[row] = status == STATUS_OK ? SLICE_LIT("t") : SLICE_LIT("f");
    batch->texts[row] = arena_copy(arena, made.text);
    batch->unique_keys[row] = arena_copy(arena, made.unique_key);
    batch->folded[row] = arena_copy(arena, made.folded);
    batch->sort_keys[row] = arena_copy(arena, made.sort_key);
    arena_reset(&making->work_arena);
    return arena->failed ? out_of_memory(making->staging) : STATUS_OK;
}

static enum status write_batch(struct making *making, const char *table, size_t count)
{
    struct batch *batch = making->batch;
    struct arena *arena = &making->batch_arena;
    const struct pg_param params[] = {
        pg_text_array(arena, batch->lines, count),  pg_text_array(arena, batch->fine, count),
        pg_text_array(arena, batch->texts, count),  pg_text_array(arena, batch->unique_keys, count),
        pg_text_array(arena, batch->folded, count), pg_bytea_array(arena, batch->sort_keys, count),
    };
    const char *values[sizeof(params) / sizeof(params[0])];
    char sql[512];
    if (arena->failed)
        return out_of_memory(making->staging);
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        values[i] = params[i].ptr;
    snprintf(sql, sizeof(sql),
             "INSERT INTO %s SELECT m.line_no::bigint, CASE WHEN m.fine = 't' THEN m.text END,"
             " m.unique_key, m.folded, m.sort_key FROM unnest($1::text[], $2::text[], $3::text[],"
             " $4::text[], $5::text[], $6::bytea[])"
             " AS m (line_no, fine, text, unique_key, folded, sort_key)",
             table);
    return staging_apply(making->staging, sql, values, sizeof(params) / sizeof(params[0]));
}

/* The next rows of the cursor; 0 in `ret_count` behind the last. */
static enum status make_batch(struct making *making, const char *table, size_t *ret_count)
{
    struct staging *staging = making->staging;
    PGresult *rows = PQexec(staging->connection, "FETCH 200 FROM texts");
    _Static_assert(STAGING_BATCH_ROWS == 200, "the number above");
    if (PQresultStatus(rows) != PGRES_TUPLES_OK) {
        PQclear(rows);
        return fault_set(staging->fault, STATUS_UNAVAILABLE, NULL, "%s",
                         PQerrorMessage(staging->connection));
    }
    size_t count = (size_t)PQntuples(rows);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = make_one(making, rows, (int)i);
    if (status == STATUS_OK && count > 0)
        status = write_batch(making, table, count);
    PQclear(rows);
    arena_reset(&making->batch_arena);
    *ret_count = count;
    return status;
}

enum status staging_texts(struct staging *staging, const char *table, const char *select,
                          staging_make make, void *arg)
{
    struct making making = {.staging = staging, .make = make, .arg = arg};
    size_t count = 1;
    char sql[2048];
    snprintf(sql, sizeof(sql),
             "CREATE TEMPORARY TABLE %s (line_no bigint PRIMARY KEY, text text, unique_key text,"
             " folded text, sort_key bytea) ON COMMIT DROP;"
             " DECLARE texts NO SCROLL CURSOR FOR SELECT t.line_no, left(t.text, 20001) FROM (%s)"
             " AS t (line_no, text) WHERE t.text <> ''",
             table, select);
    _Static_assert(STAGING_TEXT_CHARS_MAX == 20001, "the number above");
    PEK_TRY(staging_run(staging, sql));
    making.batch = malloc(sizeof(*making.batch));
    arena_init(&making.batch_arena, BATCH_ARENA_BYTES_MAX);
    arena_init(&making.work_arena, WORK_ARENA_BYTES_MAX);
    enum status status = making.batch ? STATUS_OK : out_of_memory(staging);
    while (status == STATUS_OK && count > 0)
        status = make_batch(&making, table, &count);
    arena_done(&making.batch_arena);
    arena_done(&making.work_arena);
    free(making.batch);
    PEK_TRY(status);
    snprintf(sql, sizeof(sql), "CLOSE texts; ANALYZE %s", table);
    return staging_run(staging, sql);
}
