/* P.row.h and P.row.c: the columns of messages with pek.row, and the readers of their rows. */
#include "bazel/generator/emit.h"
#include "bazel/generator/names.h"
#include "bazel/generator/rows.h"

static void emit_signature(const char *ours, struct buffer *out)
{
    buffer_printf(
        out,
        "PEK_MUST_CHECK enum status %s_from_row(const struct pg_result *rows, size_t row,\n"
        "    struct arena *arena, %s *ret_message, struct fault *fault)",
        ours, ours);
}

/* Returns how many there are. */
static size_t emit_list(const struct row_fields *row, bool brief, struct buffer *out)
{
    size_t count = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (row->fields[i].column == NULL)
            continue;
        buffer_printf(out, " \\\n    %s", count > 0 ? "\", \" " : "");
        if (brief && !rows_is_brief(row, &row->fields[i]))
            buffer_append_str(out, "\"NULL\"");
        else
            buffer_printf(out, "#r \".%s\"", row->fields[i].column);
        count++;
    }
    buffer_append_char(out, '\n');
    return count;
}

static void emit_columns(const upb_MessageDef *message, const struct row_fields *row,
                         struct arena *arena, struct buffer *out)
{
    const char *full_name = upb_MessageDef_FullName(message);
    const char *upper = names_short_upper(arena, full_name);
    const char *ours = names_short(arena, full_name);
    buffer_printf(out, "/* Of %s.%s AS r: \"SELECT \" %s_COLUMNS(r) \" FROM …\". */\n", row->schema,
                  row->table, upper);
    buffer_printf(out, "#define %s_COLUMNS(r)", upper);
    size_t count = emit_list(row, false, out);
    if (rows_has_brief(row)) {
        buffer_printf(out,
                      "/* The brief ones in the same places, and nothing in the others. */\n"
                      "#define %s_BRIEF_COLUMNS(r)",
                      upper);
        (void)emit_list(row, true, out);
    }
    buffer_printf(out,
                  "/* Columns of a statement's own come behind these. */\n"
                  "#define %s_COLUMN_COUNT %zu\n\n",
                  upper, count);
    emit_signature(ours, out);
    buffer_printf(out, ";\nextern const struct row_type %s_row;\n\n", ours);
}

static void emit_value(const struct row_field *field, size_t column, struct arena *arena,
                       struct buffer *out)
{
    static const char *const readers[] = {
        [ROW_TEXT] = "row_text",   [ROW_BYTES] = "row_bytes", [ROW_BOOL] = "row_bool",
        [ROW_INT32] = "row_int32", [ROW_INT64] = "row_int64", [ROW_ENUM] = "row_int32",
        [ROW_BITS] = "row_bits",   [ROW_TIME] = "row_time",   [ROW_ETAG] = "row_etag",
    };
    const char *member = names_member(arena, upb_FieldDef_Name(field->field));
    buffer_printf(out, "    message.%s = ", member);
    if (field->kind == ROW_ENUM || field->kind == ROW_BITS)
        buffer_printf(
            out, "(%s%s)",
            names_type(arena, upb_EnumDef_FullName(upb_FieldDef_EnumSubDef(field->field))),
            field->kind == ROW_BITS ? " *" : "");
    buffer_printf(out, "%s(&reader, %zu", readers[field->kind], column);
    if (field->kind == ROW_BITS)
        buffer_printf(out, ", &message.n_%s", member);
    buffer_append_str(out, ");\n");
}

/* "membership application" of MembershipApplication. */
static const char *noun_of(const upb_MessageDef *message, struct arena *arena)
{
    char *noun = arena_printf(arena, "%s", names_lower(arena, upb_MessageDef_Name(message)));
    for (char *c = noun; c != NULL && *c != '\0'; c++)
        if (*c == '_')
            *c = ' ';
    return noun == NULL ? "" : noun;
}

static void emit_reader(const upb_MessageDef *message, const struct row_fields *row,
                        struct arena *arena, struct buffer *out)
{
    const char *ours = names_short(arena, upb_MessageDef_FullName(message));
    size_t column = 0;
    emit_signature(ours, out);
    buffer_printf(out,
                  "\n{\n    struct row reader = {.rows = rows, .index = row, .arena = arena};\n"
                  "    %s message = %s_INIT;\n",
                  ours, names_short_upper(arena, upb_MessageDef_FullName(message)));
    for (size_t i = 0; i < row->count; i++)
        if (row->fields[i].column != NULL)
            emit_value(&row->fields[i], column++, arena, out);
    buffer_printf(out,
                  "    enum status status = row_end(&reader, &%s_row, fault);\n"
                  "    if (status == STATUS_OK)\n        *ret_message = message;\n"
                  "    return status;\n}\n\n",
                  ours);
}

/* The names of the fields that the brief columns are read into. */
static void emit_brief(const struct row_fields *row, const char *ours, struct buffer *out)
{
    buffer_printf(out, "static const char *const %s_brief[] = {\n", ours);
    for (size_t i = 0; i < row->count; i++)
        if (row->fields[i].column != NULL && rows_is_brief(row, &row->fields[i]))
            buffer_printf(out, "    \"%s\",\n", upb_FieldDef_Name(row->fields[i].field));
    buffer_append_str(out, "    NULL,\n};\n\n");
}

static void emit_type(const upb_MessageDef *message, const struct row_fields *row,
                      struct arena *arena, struct buffer *out)
{
    const char *ours = names_short(arena, upb_MessageDef_FullName(message));
    const char *etag = NULL;
    for (size_t i = 0; i < row->count; i++)
        if (row->fields[i].kind == ROW_ETAG)
            etag = names_member(arena, upb_FieldDef_Name(row->fields[i].field));
    buffer_printf(out,
                  "static enum status %s_read(const struct pg_result *rows, size_t row,\n"
                  "    struct arena *arena, void *ret_message, struct fault *fault)\n{\n"
                  "    return %s_from_row(rows, row, arena, ret_message, fault);\n}\n\n",
                  ours, ours);
    if (etag != NULL)
        buffer_printf(out,
                      "static const char *%s_etag(const void *message)\n{\n"
                      "    const %s *typed = message;\n    return typed->%s;\n}\n\n",
                      ours, ours, etag);
    if (rows_has_brief(row))
        emit_brief(row, ours, out);
    buffer_printf(out,
                  "const struct row_type %s_row = {\n    .noun = \"%s\",\n"
                  "    .message = &%s__descriptor,\n    .read = %s_read,\n",
                  ours, noun_of(message, arena),
                  names_lower(arena, upb_MessageDef_FullName(message)), ours);
    buffer_append_str(out, "    .key = {");
    size_t column = 0, keys = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (rows_is_key(row, &row->fields[i]))
            buffer_printf(out, "%s%zu", keys++ > 0 ? ", " : "", column);
        column += row->fields[i].column != NULL;
    }
    buffer_printf(out, "},\n    .key_count = %zu,\n", keys);
    if (etag != NULL)
        buffer_printf(out, "    .etag = %s_etag,\n", ours);
    if (rows_has_brief(row))
        buffer_printf(out, "    .brief = %s_brief,\n", ours);
    buffer_append_str(out, "};\n\n");
}

static void emit_messages(const upb_FileDef *file, struct arena *arena, struct buffer *out,
                          bool header)
{
    for (int i = 0; i < upb_FileDef_TopLevelMessageCount(file); i++) {
        const upb_MessageDef *message = upb_FileDef_TopLevelMessage(file, i);
        struct row_fields row;
        if (rows_read(message, arena, &row) != STATUS_OK)
            return; /* the arena is full, which the caller sees */
        if (row.table[0] == '\0')
            continue;
        if (header) {
            emit_columns(message, &row, arena, out);
        } else {
            emit_reader(message, &row, arena, out);
            emit_type(message, &row, arena, out);
        }
    }
}

void emit_row_header(const upb_FileDef *file, struct arena *arena, struct buffer *out)
{
    const char *guard = names_guard(arena, file, ".row.h");
    emit_banner(file, out);
    buffer_printf(out,
                  "#ifndef %s\n#define %s\n\n#include \"%s\"\n#include \"shared/row/row.h\"\n\n",
                  guard, guard, names_output(arena, file, ".rpc.h"));
    emit_messages(file, arena, out, true);
    buffer_append_str(out, "#endif\n");
}

void emit_row_source(const upb_FileDef *file, struct arena *arena, struct buffer *out)
{
    emit_banner(file, out);
    buffer_printf(out, "#include \"%s\"\n\n", names_output(arena, file, ".row.h"));
    emit_messages(file, arena, out, false);
}
