#include "bazel/generator/rows.h"

#include <string.h>

static enum row_kind kind_of(const upb_FieldDef *field, bool etag)
{
    if (upb_FieldDef_IsRepeated(field))
        return upb_FieldDef_Type(field) == kUpb_FieldType_Enum ? ROW_BITS : ROW_NONE;
    if (upb_FieldDef_RealContainingOneof(field) != NULL)
        return ROW_NONE;
    switch (upb_FieldDef_Type(field)) {
    case kUpb_FieldType_String: return etag ? ROW_ETAG : ROW_TEXT;
    case kUpb_FieldType_Bytes: return ROW_BYTES;
    case kUpb_FieldType_Bool: return ROW_BOOL;
    case kUpb_FieldType_Int32: return ROW_INT32;
    case kUpb_FieldType_Int64: return ROW_INT64;
    case kUpb_FieldType_Enum: return ROW_ENUM;
    case kUpb_FieldType_Message:
        return strcmp(upb_MessageDef_FullName(upb_FieldDef_MessageSubDef(field)),
                      "google.protobuf.Timestamp") == 0
                   ? ROW_TIME
                   : ROW_NONE;
    default: return ROW_NONE;
    }
}

enum status rows_read(const upb_MessageDef *message, struct arena *arena,
                      struct row_fields *ret_fields)
{
    const upb_DefPool *pool = upb_FileDef_Pool(upb_MessageDef_File(message));
    struct row_options options;
    enum status status = row_options_read(pool, message, arena, &options);
    if (status != STATUS_OK)
        return status;
    struct row_fields out = {.schema = options.schema, .table = options.table};
    if (options.table[0] != '\0')
        out.count = (size_t)upb_MessageDef_FieldCount(message);
    out.fields = arena_zalloc(arena, out.count, sizeof(*out.fields));
    if (out.fields == NULL)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < out.count; i++) {
        struct row_field *field = &out.fields[i];
        field->field = upb_MessageDef_Field(message, (int)i);
        status = field_options_read(pool, field->field, arena, &field->options);
        if (status != STATUS_OK)
            return status;
        field->kind = kind_of(field->field, field->options.etag);
        if (!field->options.computed)
            field->column = field->options.column[0] != '\0' ? field->options.column
                                                             : upb_FieldDef_Name(field->field);
    }
    *ret_fields = out;
    return STATUS_OK;
}

enum status rows_in_file(const upb_FileDef *file, struct arena *arena, bool *ret_any)
{
    bool any = false;
    for (int i = 0; i < upb_FileDef_TopLevelMessageCount(file); i++) {
        struct row_options options;
        enum status status = row_options_read(
            upb_FileDef_Pool(file), upb_FileDef_TopLevelMessage(file, i), arena, &options);
        if (status != STATUS_OK)
            return status;
        any |= options.table[0] != '\0';
    }
    *ret_any = any;
    return STATUS_OK;
}

static bool is_text(const struct row_field *field)
{
    return field->kind == ROW_TEXT && field->column != NULL;
}

static bool is_id(const struct row_field *field)
{
    return is_text(field) && strcmp(upb_FieldDef_Name(field->field), "id") == 0;
}

bool rows_is_key(const struct row_fields *row, const struct row_field *field)
{
    for (size_t i = 0; i < row->count; i++)
        if (is_id(&row->fields[i]))
            return is_id(field);
    const char *name = upb_FieldDef_Name(field->field), *end = strrchr(name, '_');
    return is_text(field) && end != NULL && strcmp(end, "_id") == 0;
}

bool rows_is_brief(const struct row_fields *row, const struct row_field *field)
{
    return field->options.brief || field->options.internal || field->options.etag ||
           rows_is_key(row, field) || strcmp(upb_FieldDef_Name(field->field), "realm") == 0;
}

bool rows_has_brief(const struct row_fields *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->fields[i].options.brief)
            return true;
    return false;
}
