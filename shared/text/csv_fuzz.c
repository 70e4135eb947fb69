/* Files of cells: read whatever they are, and what was read is written so that it is read again, and so that no spreadsheet runs it. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/base/utf8.h"
#include "shared/text/csv.h"

#define INPUT_BYTES_MAX 4096
#define CELLS_MAX 16

static bool is_in(struct slice text, const char *bytes)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(bytes, text.ptr[i]) && text.ptr[i])
            return true;
    return false;
}

/* What is written inside of a cell, to keep what another spreadsheet takes for its own from being run, stays there. */
static bool comes_back(struct slice cell)
{
    return cell.len == 0 || (!is_in(cell, ";\t\r\n") && cell.ptr[0] > ' ' && cell.ptr[0] != '"' &&
                             (uint8_t)cell.ptr[0] < 0x7f);
}

static void must_be_equal(struct slice read, struct slice written, struct arena *arena)
{
    if (comes_back(written)) {
        must(slice_equal(read, written));
        return;
    }
    char *a = arena_alloc(arena, read.len + 1), *b = arena_alloc(arena, written.len + 1);
    size_t a_len = 0, b_len = 0;
    must(a && b);
    for (size_t i = 0; i < read.len; i++)
        if (read.ptr[i] != '\'')
            a[a_len++] = read.ptr[i];
    for (size_t i = 0; i < written.len; i++)
        if (written.ptr[i] != '\'')
            b[b_len++] = written.ptr[i];
    must(slice_equal(slice_make(a, a_len), slice_make(b, b_len)));
}

static void must_be_harmless(struct slice text)
{
    if (text.len > 0 && text.ptr[0] == '"')
        text = slice_make(text.ptr + 1, text.len - 1);
    must(text.len == 0 || !memchr("=+-@\t\r", text.ptr[0], 6));
}

static void write_row(const struct slice *cells, size_t count, struct buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        size_t begin = out->len;
        csv_append(out, cells[i]);
        must_be_harmless(slice_make(out->ptr ? out->ptr + begin : "", out->len - begin));
    }
    buffer_append_str(out, "\r\n");
}

/* A row of nothing is an empty line, which is none. */
static void must_come_back(const struct slice *cells, size_t count, struct arena *arena)
{
    struct slice again[CELLS_MAX];
    size_t again_count;
    struct buffer out;
    struct csv csv;
    buffer_init(&out, 4 * INPUT_BYTES_MAX);
    buffer_append_str(&out, "sep=,\r\n");
    write_row(cells, count, &out);
    must(!out.failed);
    csv_init(&csv, buffer_slice(&out));
    must(csv_read(&csv, "field", arena, again, CELLS_MAX, &again_count, NULL) == STATUS_OK);
    must(again_count == (count == 1 && cells[0].len == 0 ? 0 : count) && csv.rest.len == 0);
    for (size_t i = 0; i < again_count; i++)
        must_be_equal(again[i], cells[i], arena);
    buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice cells[CELLS_MAX];
    size_t count, line = 0;
    struct fault fault = {0};
    struct arena arena;
    struct csv csv;
    enum status status;
    if (size > INPUT_BYTES_MAX)
        return 0;
    arena_init(&arena, 1u << 22);
    csv_init(&csv, slice_make(data, size));
    while ((status = csv_read(&csv, "field", &arena, cells, CELLS_MAX, &count, &fault)) ==
               STATUS_OK &&
           count > 0) {
        must(count <= CELLS_MAX && csv.line > line && csv.line < csv.next_line + 1);
        line = csv.line;
        if (!arena.failed && arena.used_bytes < 1u << 20)
            must_come_back(cells, count, &arena);
    }
    if (status == STATUS_OK)
        must(csv.rest.len == 0);
    else
        must(status == STATUS_INVALID_ARGUMENT && strcmp(fault.field, "field") == 0 &&
             strncmp(fault.text, "line ", 5) == 0);
    arena_done(&arena);
    return 0;
}
