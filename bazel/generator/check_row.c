#include "bazel/generator/check.h"
#include "bazel/generator/rows.h"

static void refuse(const upb_MessageDef *message, const struct row_field *field, const char *why,
                   struct buffer *refusals)
{
    buffer_printf(refusals, "%s: %s.%s: %s\n", upb_FileDef_Name(upb_MessageDef_File(message)),
                  upb_MessageDef_FullName(message), upb_FieldDef_Name(field->field), why);
}

/* Plain names: they become a part of statements. */
static bool is_name(const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if (!(*c == '_' || (*c >= 'a' && *c <= 'z') || (c > name && *c >= '0' && *c <= '9')))
            return false;
    return name[0] != '\0';
}

enum status check_row(const upb_MessageDef *message, bool nested, struct arena *arena,
                      struct buffer *refusals)
{
    struct row_fields row;
    enum status status = rows_read(message, arena, &row);
    if (status != STATUS_OK || row.table[0] == '\0')
        return status;
    const char *file = upb_FileDef_Name(upb_MessageDef_File(message));
    const char *name = upb_MessageDef_FullName(message);
    if (nested)
        buffer_printf(refusals, "%s: %s: pek.row on a message within another\n", file, name);
    if (!is_name(row.table))
        buffer_printf(refusals, "%s: %s: pek.row table \"%s\" is no plain name\n", file, name,
                      row.table);
    if (!is_name(row.schema))
        buffer_printf(refusals, "%s: %s: pek.row schema \"%s\" is no plain name\n", file, name,
                      row.schema);
    size_t columns = 0, keys = 0;
    for (size_t i = 0; i < row.count; i++) {
        const struct row_field *field = &row.fields[i];
        columns += field->column != NULL;
        keys += rows_is_key(&row, field);
        if (field->options.computed && (field->options.column[0] != '\0' || field->options.etag))
            refuse(message, field, "pek.field is both computed and read from a column", refusals);
        else if (field->options.computed && field->options.brief)
            refuse(message, field, "pek.field is both computed and brief", refusals);
        else if (field->options.etag && field->kind != ROW_ETAG)
            refuse(message, field, "pek.field etag on what is not a string", refusals);
        else if (field->column != NULL && field->kind == ROW_NONE)
            refuse(message, field, "no column can be read into this; it may be computed", refusals);
        else if (field->column != NULL && !is_name(field->column))
            refuse(message, field, "the column is no plain name", refusals);
    }
    if (columns > 0 && (keys == 0 || keys > ROW_KEYS_MAX))
        buffer_printf(refusals,
                      "%s: %s: pek.row needs a text id, or 1 to %d that end in _id: a row that "
                      "cannot be read is "
                      "told by them\n",
                      file, name, ROW_KEYS_MAX);
    if (columns == 0)
        buffer_printf(refusals, "%s: %s: pek.row on a message without columns\n", file, name);
    return STATUS_OK;
}
