#include "shared/text/csv.h"

#include <strings.h>

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "shared/base/utf8.h"
#include "shared/text/utf16.h"

/* ---- writing ----------------------------------------------------------------------------------- */

/* The character that `text` begins with, and its bytes; a byte that is none is U+FFFD. */
static UChar32 first_char(struct slice text, size_t *ret_len)
{
    UChar32 c = 0xFFFD;

    *ret_len = utf8_char_len(text);
    if (*ret_len > 0)
        U8_GET((const uint8_t *)text.ptr, 0, 0, (int32_t)*ret_len, c);
    else
        *ret_len = 1;
    return c;
}

/* What a spreadsheet runs, also where it takes full-width forms for the same; and what is written like one that was made
 * harmless: each has an apostrophe more when it is written, so that no two cells come out the same. */
static bool is_formula(struct slice text)
{
    static const UChar32 begins[] = {'=',  '+',    '-',    '@',    '\t',
                                     '\r', 0xFF1D, 0xFF0B, 0xFF0D, 0xFF20};
    size_t len;

    while (text.len > 0 && text.ptr[0] == '\'')
        text = slice_make(text.ptr + 1, text.len - 1);
    if (text.len == 0)
        return false;
    UChar32 c = first_char(text, &len);
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (c == begins[i])
            return true;
    return false;
}

static bool is_in(struct slice text, char c)
{
    return text.len > 0 && memchr(text.ptr, c, text.len);
}

void csv_append(struct buffer *out, struct slice text)
{
    bool quoted = is_in(text, '"') || is_in(text, ',') || is_in(text, '\n') || is_in(text, '\r');
    bool begins = true;

    if (quoted)
        buffer_append_char(out, '"');
    for (size_t i = 0, len; i < text.len; i += len) {
        struct slice rest = slice_make(text.ptr + i, text.len - i);
        UChar32 c = first_char(rest, &len);
        if (begins && is_formula(rest))
            buffer_append_char(out, '\'');
        if (c == '"')
            buffer_append_char(out, '"');
        buffer_append(out, rest.ptr, len);
        /* A spreadsheet that takes another separator for ours begins a cell behind it, and some skip what nobody sees. */
        begins = c == ';' || c == '\t' || c == '\r' || c == '\n' ||
                 (begins && (c == '"' || u_isUWhiteSpace(c) || char_is_invisible(c)));
    }
    if (quoted)
        buffer_append_char(out, '"');
}

/* ---- reading ----------------------------------------------------------------------------------- */

static bool at(const struct csv *csv, char c)
{
    return csv->rest.len > 0 && *csv->rest.ptr == c;
}

static char take(struct csv *csv)
{
    char c = *csv->rest.ptr;

    csv->rest = slice_make(csv->rest.ptr + 1, csv->rest.len - 1);
    csv->next_line += c == '\n' || (c == '\r' && !at(csv, '\n'));
    return c;
}

static bool at_end(const struct csv *csv)
{
    return csv->rest.len == 0 || at(csv, '\n') || at(csv, '\r');
}

static void take_end(struct csv *csv)
{
    if (at(csv, '\r'))
        (void)take(csv);
    if (at(csv, '\n'))
        (void)take(csv);
}

static void skip_empty_lines(struct csv *csv)
{
    while (csv->rest.len > 0 && at_end(csv))
        take_end(csv);
}

/* Of the first row outside of quotes: a tab if there is one, since no name has any; otherwise what there is more of, and a
 * comma when it has neither. */
static char find_separator(struct slice text)
{
    size_t commas = 0, semicolons = 0, tabs = 0;
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!quoted && (c == '\n' || c == '\r'))
            break;
        quoted ^= c == '"';
        commas += !quoted && c == ',';
        semicolons += !quoted && c == ';';
        tabs += !quoted && c == '\t';
    }
    if (tabs > 0)
        return '\t';
    return semicolons > commas ? ';' : ',';
}

/* A first line like `sep=;`, which spreadsheets take for no row either. */
static bool take_separator(struct csv *csv)
{
    struct csv behind = *csv;

    if (csv->rest.len < 5 || strncasecmp(csv->rest.ptr, "sep=", 4) != 0)
        return false;
    behind.separator = csv->rest.ptr[4];
    for (int i = 0; i < 5; i++)
        (void)take(&behind);
    if (!memchr(",;\t", behind.separator, 3) || !at_end(&behind))
        return false;
    *csv = behind;
    return true;
}

void csv_init(struct csv *csv, struct slice text)
{
    const struct slice mark = SLICE_LIT(CSV_BYTE_ORDER_MARK);

    if (slice_starts_with(text, mark))
        text = slice_make(text.ptr + mark.len, text.len - mark.len);
    *csv = (struct csv){.rest = text, .next_line = 1};
    skip_empty_lines(csv);
    if (!take_separator(csv))
        csv->separator = find_separator(csv->rest);
}

static enum status refuse(const struct csv *csv, const char *field, const char *what,
                          struct fault *fault)
{
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "line %zu: %s", csv->next_line, what);
}

/* What stands between the quotes, with one quote for two. */
static enum status take_quotes(struct slice inside, struct arena *arena, struct slice *ret_cell)
{
    char *cell = arena_alloc(arena, inside.len + 1);
    size_t len = 0;

    if (!cell)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < inside.len; i++) {
        cell[len++] = inside.ptr[i];
        i += inside.ptr[i] == '"';
    }
    *ret_cell = slice_make(cell, len);
    return STATUS_OK;
}

static enum status read_quoted(struct csv *csv, const char *field, struct arena *arena,
                               struct slice *ret_cell, struct fault *fault)
{
    (void)take(csv);
    const char *begin = csv->rest.ptr;
    while (csv->rest.len > 0) {
        if (take(csv) != '"')
            continue;
        if (at(csv, '"')) {
            (void)take(csv);
            continue;
        }
        if (!at(csv, csv->separator) && !at_end(csv))
            return refuse(csv, field, "a separator belongs behind a quoted cell", fault);
        return take_quotes(slice_make(begin, (size_t)(csv->rest.ptr - begin) - 1), arena, ret_cell);
    }
    return refuse(csv, field, "the quote does not end", fault);
}

static enum status read_cell(struct csv *csv, const char *field, struct arena *arena,
                             struct slice *ret_cell, struct fault *fault)
{
    const char *begin = csv->rest.ptr;

    if (at(csv, '"')) {
        PEK_TRY(read_quoted(csv, field, arena, ret_cell, fault));
    } else {
        while (!at(csv, csv->separator) && !at_end(csv)) {
            if (take(csv) == '"')
                return refuse(csv, field,
                              "a quote stands inside a cell that does not begin with one", fault);
        }
        *ret_cell = slice_make(begin, (size_t)(csv->rest.ptr - begin));
    }
    struct slice behind = slice_make(ret_cell->ptr + 1, ret_cell->len ? ret_cell->len - 1 : 0);
    if (ret_cell->len > 0 && ret_cell->ptr[0] == '\'' && is_formula(behind))
        *ret_cell = behind;
    return STATUS_OK;
}

enum status csv_read(struct csv *csv, const char *field, struct arena *arena, struct slice *cells,
                     size_t max, size_t *ret_count, struct fault *fault)
{
    size_t count = 0;

    skip_empty_lines(csv);
    csv->line = csv->next_line;
    while (csv->rest.len > 0) {
        if (count == max)
            return refuse(csv, field, "there are too many cells", fault);
        PEK_TRY(read_cell(csv, field, arena, &cells[count++], fault));
        if (at_end(csv)) {
            take_end(csv);
            break;
        }
        (void)take(csv);
        if (csv->rest.len == 0 || at_end(csv)) { /* an empty last cell */
            if (count == max)
                return refuse(csv, field, "there are too many cells", fault);
            cells[count++] = slice_make("", 0);
            take_end(csv);
            break;
        }
    }
    *ret_count = count;
    return STATUS_OK;
}
