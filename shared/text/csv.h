/* csv: cells of comma-separated values (RFC 4180), read and written. UTF-8; a byte order mark in front is skipped. What is read
 * may have semicolons or tabs instead of commas, as spreadsheets write it where a comma is the decimal point, and as they copy
 * it: a first line like `sep=;` says which, and otherwise the first row.
 *
 * What a spreadsheet would run as a formula, also of full-width characters or behind some that nobody sees, is written with an
 * apostrophe in front (OWASP, "CSV Injection"): at the beginning of a cell, where reading takes it away again, and behind what
 * another spreadsheet takes for the end of one. Text that looks so already has one more. Rows end with CRLF, LF or CR; a
 * quoted cell may have them inside. Pure functions.
 */
#ifndef PEK_SHARED_TEXT_CSV_H
#define PEK_SHARED_TEXT_CSV_H

#include "shared/base/arena.h"
#include "shared/base/buffer.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define CSV_BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* One cell of text. Commas between cells and CRLF after a row are the caller's. */
void csv_append(struct buffer *out, struct slice text);

struct csv {
    struct slice rest;
    size_t
        line; /* of the row that was read last, from 1; one with line ends inside is where it begins */
    size_t next_line;
    char separator;
};
void csv_init(struct csv *csv, struct slice text);
/* The cells of the next row, from the arena or of the text: `max` at most, `ret_count` 0 at the end. Empty lines are
 * skipped. INVALID_ARGUMENT on `field` for a quote where none may be, one that does not end, and more cells than `max`. */
PEK_MUST_CHECK enum status csv_read(struct csv *csv, const char *field, struct arena *arena,
                                    struct slice *cells, size_t max, size_t *ret_count,
                                    struct fault *fault);

#endif
