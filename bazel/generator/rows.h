/* rows: messages that are read from rows of a table (pek.row): which column a field comes from and what reads it.
 *
 * A column has its field's name unless the field says another; fields come in the order of the proto. Shared by
 * what checks, what writes, and the test that compares with the tables.
 */
#ifndef PEK_BAZEL_GENERATOR_ROWS_H
#define PEK_BAZEL_GENERATOR_ROWS_H

#include "bazel/generator/options.h"

enum row_kind {
    ROW_NONE, /* a field that no column can be read into */
    ROW_TEXT,
    ROW_BYTES,
    ROW_BOOL,
    ROW_INT32,
    ROW_INT64,
    ROW_ENUM,
    ROW_BITS, /* a list of enum values as the bits of a number: value n is bit n - 1 */
    ROW_TIME,
    ROW_ETAG,
};

#define ROW_KEYS_MAX 4 /* as shared/row/row.h has it */

struct row_field {
    const upb_FieldDef *field;
    const char *column; /* NULL: computed */
    enum row_kind kind;
    struct field_options options;
};

struct row_fields {
    const char *schema;
    const char *table; /* "": the message is not read from rows, and has no fields here */
    struct row_field *fields;
    size_t count;
};

/* RESOURCE_EXHAUSTED when the arena is full. */
PEK_MUST_CHECK enum status rows_read(const upb_MessageDef *message, struct arena *arena,
                                     struct row_fields *ret_fields);
/* Whether the field is of those that tell one row of a realm from another: `id`, or, where there is none, all texts with
 * names that end in _id. */
bool rows_is_key(const struct row_fields *row, const struct row_field *field);
/* Whether the field is read when only brief ones are asked for: pek.field brief, and what every row is told by. */
bool rows_is_brief(const struct row_fields *row, const struct row_field *field);
/* Whether the message has a field with pek.field brief. */
bool rows_has_brief(const struct row_fields *row);
/* Has this file a message that is read from rows? */
PEK_MUST_CHECK enum status rows_in_file(const upb_FileDef *file, struct arena *arena,
                                        bool *ret_any);

#endif
