#include "shared/staging/staging.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shared/base/buffer.h"
#include "shared/staging/begin_sql.h"

#define BLOCK_BYTES 65536
#define SQL_BYTES_MAX 65536
static const char byte_order_mark[] = "\xEF\xBB\xBF";

/* What the database said; whose fault it is, its class tells. */
static enum status failed(struct staging *staging, const PGresult *result, const char *field)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *where = result ? PQresultErrorField(result, PG_DIAG_CONTEXT) : NULL;
    enum status status = STATUS_UNAVAILABLE;
    /* A schema, a table or a column that a migration makes. */
    if (state &&
        (strcmp(state, "3F000") == 0 || strcmp(state, "42P01") == 0 || strcmp(state, "42703") == 0))
        return fault_set(staging->fault, STATUS_UNAVAILABLE, NULL,
                         "%s: the database is not up to date; run migrate first", text);
    if (state && field)
        status = STATUS_INVALID_ARGUMENT;
    else if (state && (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0))
        status = STATUS_FAILED_PRECONDITION;
    if (!text)
        text = PQerrorMessage(staging->connection);
    if (!where)
        return fault_set(staging->fault, status, field, "%s", text);
    return fault_set(staging->fault, status, field, "%s (%.*s)", text, (int)strcspn(where, "\n:"),
                     where);
}

enum status staging_run(struct staging *staging, const char *sql)
{
    PGresult *result = PQexec(staging->connection, sql);
    ExecStatusType status = PQresultStatus(result);
    enum status done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
                           ? STATUS_OK
                           : failed(staging, result, NULL);
    PQclear(result);
    return done;
}

enum status staging_apply(struct staging *staging, const char *sql, const char *const *values,
                          size_t count)
{
    PGresult *result =
        PQexecParams(staging->connection, sql, (int)count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    enum status done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
                           ? STATUS_OK
                           : failed(staging, result, NULL);
    PQclear(result);
    return done;
}

enum status staging_begin(struct staging *staging)
{
    return staging_run(staging, (const char *)staging_begin_sql);
}

/* ---- a file ---- */

/* The names of a header; an empty slice behind the last. */
struct header {
    struct slice columns[STAGING_COLUMNS_MAX + 1];
    size_t count;
};

static bool is_column(struct slice name)
{
    if (name.len < 1 || name.len > 63)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] != '_' && (name.ptr[i] < 'a' || name.ptr[i] > 'z') &&
            (name.ptr[i] < '0' || name.ptr[i] > '9'))
            return false;
    return true;
}

/* Names of the tables of Rails need no quoting, so a header is never more than words and commas. */
static enum status read_header(struct staging *staging, const char *field, struct slice line,
                               struct header *ret_header)
{
    struct header header = {.count = 0};
    while (line.len > 0 && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == '\n'))
        line.len--;
    bool more = line.len > 0;
    while (more) {
        more = memchr(line.ptr, ',', line.len) != NULL;
        struct slice name = slice_cut(&line, ',');
        if (name.len >= 2 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"')
            name = slice_make(name.ptr + 1, name.len - 2);
        if (header.count == STAGING_COLUMNS_MAX || !is_column(name))
            return fault_set(staging->fault, STATUS_INVALID_ARGUMENT, field,
                             "the first line is no header of up to %d names of columns",
                             STAGING_COLUMNS_MAX);
        header.columns[header.count++] = name;
    }
    *ret_header = header;
    return STATUS_OK;
}

static bool has_column(const struct header *header, struct slice name)
{
    for (size_t i = 0; i < header->count; i++)
        if (slice_equal(header->columns[i], name))
            return true;
    return false;
}

/* The table, with the columns of the header in its order, and those that it has not. */
static enum status make_table(struct staging *staging, const struct staging_file *file,
                              const char *field, const struct header *header)
{
    struct slice required = slice_str(file->required), optional = slice_str(file->optional);
    struct buffer sql;
    buffer_init(&sql, SQL_BYTES_MAX);
    buffer_printf(&sql, "CREATE TEMPORARY TABLE in_%s (line_no bigint GENERATED ALWAYS AS IDENTITY",
                  file->name);
    for (size_t i = 0; i < header->count; i++)
        buffer_printf(&sql, ", \"%.*s\" text", SLICE_ARG(header->columns[i]));
    while (required.len > 0) {
        struct slice name = slice_cut(&required, ' ');
        if (!has_column(header, name) && header->count > 0) {
            buffer_done(&sql);
            return fault_set(staging->fault, STATUS_INVALID_ARGUMENT, field,
                             "there is no column %.*s", SLICE_ARG(name));
        }
        if (header->count == 0)
            buffer_printf(&sql, ", \"%.*s\" text", SLICE_ARG(name));
    }
    while (optional.len > 0) {
        struct slice name = slice_cut(&optional, ' ');
        if (!has_column(header, name))
            buffer_printf(&sql, ", \"%.*s\" text", SLICE_ARG(name));
    }
    buffer_printf(&sql, ") ON COMMIT DROP");
    buffer_append_char(&sql, '\0');
    PGresult *result = sql.failed ? NULL : PQexec(staging->connection, sql.ptr);
    enum status status =
        PQresultStatus(result) == PGRES_COMMAND_OK ? STATUS_OK : failed(staging, result, field);
    PQclear(result);
    buffer_done(&sql);
    return status;
}

static enum status start_copy(struct staging *staging, const struct staging_file *file,
                              const char *field, const struct header *header)
{
    struct buffer sql;
    buffer_init(&sql, SQL_BYTES_MAX);
    buffer_printf(&sql, "COPY in_%s (", file->name);
    for (size_t i = 0; i < header->count; i++)
        buffer_printf(&sql, "%s\"%.*s\"", i ? ", " : "", SLICE_ARG(header->columns[i]));
    buffer_printf(&sql, ") FROM STDIN (FORMAT csv, HEADER, ENCODING 'UTF8')");
    buffer_append_char(&sql, '\0');
    PGresult *result = sql.failed ? NULL : PQexec(staging->connection, sql.ptr);
    enum status status =
        PQresultStatus(result) == PGRES_COPY_IN ? STATUS_OK : failed(staging, result, field);
    PQclear(result);
    buffer_done(&sql);
    return status;
}

/* Behind PQputCopyEnd. */
static enum status end_copy(struct staging *staging, const char *field)
{
    enum status status = STATUS_OK;
    PGresult *result;
    while ((result = PQgetResult(staging->connection))) {
        if (status == STATUS_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
            status = failed(staging, result, field);
        PQclear(result);
    }
    return status;
}

/* `block` has the first `len` bytes, with the header in them. */
static enum status copy_file(struct staging *staging, const char *field, FILE *stream, char *block,
                             size_t len)
{
    const char *trouble = NULL;
    while (len > 0 && PQputCopyData(staging->connection, block, (int)len) == 1)
        len = fread(block, 1, BLOCK_BYTES, stream);
    if (ferror(stream))
        trouble = "the file cannot be read to its end";
    if (PQputCopyEnd(staging->connection, trouble) != 1)
        return failed(staging, NULL, NULL);
    return end_copy(staging, field);
}

static enum status load_stream(struct staging *staging, const struct staging_file *file,
                               const char *field, FILE *stream, char *block)
{
    struct header header;
    size_t len = fread(block, 1, BLOCK_BYTES, stream), mark = sizeof(byte_order_mark) - 1;
    if (len >= mark && memcmp(block, byte_order_mark, mark) == 0)
        memmove(block, block + mark, len -= mark);
    const char *end =
        memchr(block, '\n', len < STAGING_HEADER_BYTES_MAX ? len : STAGING_HEADER_BYTES_MAX);
    if (!end && (len == 0 || len >= STAGING_HEADER_BYTES_MAX))
        return fault_set(staging->fault, STATUS_INVALID_ARGUMENT, field,
                         "the first line is no header of up to %d bytes", STAGING_HEADER_BYTES_MAX);
    /* COPY changes the block: names are the table's from here on. */
    struct slice line = slice_make(block, end ? (size_t)(end - block) : len);
    PEK_TRY(read_header(staging, field, line, &header));
    PEK_TRY(make_table(staging, file, field, &header));
    PEK_TRY(start_copy(staging, file, field, &header));
    return copy_file(staging, field, stream, block, len);
}

static enum status finish_file(struct staging *staging, const struct staging_file *file)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "ANALYZE in_%s; INSERT INTO staged_file (file, read_rows) SELECT '%s', count(*) FROM "
             "in_%s",
             file->name, file->name, file->name);
    return staging_run(staging, sql);
}

static enum status load_missing(struct staging *staging, const struct staging_file *file,
                                const char *field)
{
    const struct header none = {.count = 0};
    PEK_TRY(make_table(staging, file, field, &none));
    PEK_TRY(finish_file(staging, file));
    return staging_apply(staging,
                         "INSERT INTO remark (file, line_no, reason) VALUES ($1, 0, 'there is no "
                         "such file in the folder')",
                         &file->name, 1);
}

enum status staging_load(struct staging *staging, const struct staging_file *file)
{
    char path[4096], field[64];
    struct stat info;
    if (snprintf(path, sizeof(path), "%s/%s.csv", staging->folder, file->name) >= (int)sizeof(path))
        return fault_set(staging->fault, STATUS_INVALID_ARGUMENT, NULL,
                         "the folder's name is too "
                         "long");
    snprintf(field, sizeof(field), "%s.csv", file->name);
    FILE *stream = fopen(path, "re");
    if (!stream && errno == ENOENT && file->may_be_missing)
        return load_missing(staging, file, field);
    if (!stream)
        return fault_set(staging->fault, STATUS_INVALID_ARGUMENT, field, "it cannot be opened: %s",
                         strerror(errno));
    char *block = malloc(BLOCK_BYTES);
    enum status status;
    if (!block)
        status = fault_set(staging->fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    else if (fstat(fileno(stream), &info) || !S_ISREG(info.st_mode))
        status = fault_set(staging->fault, STATUS_INVALID_ARGUMENT, field, "it is no file");
    else if (info.st_size > STAGING_FILE_BYTES_MAX)
        status =
            fault_set(staging->fault, STATUS_INVALID_ARGUMENT, field, "it has more than 4 GiB");
    else
        status = load_stream(staging, file, field, stream, block);
    free(block);
    fclose(stream);
    return status == STATUS_OK ? finish_file(staging, file) : status;
}

/* ---- the account ---- */

enum status staging_add_up(struct staging *staging)
{
    /* Distinct line numbers from 1: as many as were read are all of them. */
    static const char sql[] =
        "SELECT f.file FROM staged_file AS f LEFT JOIN ("
        "   SELECT o.file, count(*) AS said_rows, count(DISTINCT o.line_no) AS lines"
        "     FROM outcome AS o GROUP BY o.file) AS o ON o.file = f.file"
        " WHERE coalesce(o.said_rows, 0) <> f.read_rows OR coalesce(o.lines, 0) <> f.read_rows"
        " LIMIT 1";
    PGresult *result = PQexec(staging->connection, sql);
    enum status status = STATUS_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        status = failed(staging, result, NULL);
    else if (PQntuples(result) > 0)
        status =
            fault_set(staging->fault, STATUS_INTERNAL, NULL,
                      "the rows of %s do not add up: nothing was kept", PQgetvalue(result, 0, 0));
    PQclear(result);
    return status;
}

enum status staging_pass(struct staging *from, const char *out, struct staging *to, const char *in)
{
    char *row;
    int len = 0;
    PGresult *result = PQexec(from->connection, out);
    enum status status =
        PQresultStatus(result) == PGRES_COPY_OUT ? STATUS_OK : failed(from, result, NULL);
    PQclear(result);
    PEK_TRY(status);
    result = PQexec(to->connection, in);
    status = PQresultStatus(result) == PGRES_COPY_IN ? STATUS_OK : failed(to, result, NULL);
    PQclear(result);
    PEK_TRY(status);
    while ((len = PQgetCopyData(from->connection, &row, 0)) > 0) {
        if (status == STATUS_OK && PQputCopyData(to->connection, row, len) != 1)
            status = failed(to, NULL, NULL);
        PQfreemem(row);
    }
    PEK_TRY(status);
    PEK_TRY(end_copy(from, NULL));
    if (PQputCopyEnd(to->connection, NULL) != 1)
        return failed(to, NULL, NULL);
    return end_copy(to, NULL);
}

const char staging_counts[] =
    "SELECT c.file, c.read, c.made, c.there, c.not_taken FROM ("
    " SELECT 1 AS base, * FROM counted"
    " UNION ALL SELECT 2, f.place, f.file, f.read_rows, count(*) FILTER (WHERE o.what = 1),"
    "        count(*) FILTER (WHERE o.what = 2), count(*) FILTER (WHERE o.what = 3)"
    "   FROM staged_file AS f LEFT JOIN outcome AS o ON o.file = f.file"
    "  GROUP BY f.place, f.file, f.read_rows) AS c ORDER BY c.base, c.place";

/* An id that is none is somebody's text: its line is named. */
const char staging_reasons[] =
    "SELECT r.file, r.rows, r.what, r.ids FROM ("
    " SELECT 1 AS base, * FROM reasoned"
    " UNION ALL SELECT 2, f.place, w.file, count(*), w.what, array_to_string((array_agg("
    "      CASE WHEN w.line_no = 0 THEN '' WHEN w.id ~ '^[0-9]{1,18}$' THEN w.id"
    "           ELSE 'row ' || w.line_no END ORDER BY w.line_no))[1:3], ', ')"
    "   FROM (SELECT file, line_no, id, 'not taken: ' || reason AS what FROM outcome WHERE what = 3"
    "         UNION ALL SELECT file, line_no, id, 'taken, but ' || reason FROM remark WHERE "
    "line_no > "
    "0"
    "         UNION ALL SELECT file, line_no, id, reason FROM remark WHERE line_no = 0) AS w"
    "   JOIN staged_file AS f ON f.file = w.file GROUP BY f.place, w.file, w.what) AS r"
    " ORDER BY r.base, r.place, r.what";
_Static_assert(STAGING_REASON_IDS == 3, "the slice above");
