/* Query parameters to fields. */
#include <stdio.h>

#include "hub/route/percent.h"
#include "hub/transcode/internal.h"

struct query {
    const struct transcode *transcode;
    const upb_MessageDef *def;
    upb_Message *message;
    const struct route_rule *rule;
    upb_Arena *arena;
    struct fault *fault;
};

static enum status refuse(const struct query *query, struct slice name, const char *what)
{
    char field[FAULT_FIELD_BYTES_MAX];
    size_t len = name.len < sizeof(field) - 1 ? name.len : sizeof(field) - 1;
    memcpy(field, name.ptr, len);
    field[len] = '\0';
    return fault_set(query->fault, STATUS_INVALID_ARGUMENT, field, "query parameter \"%.*s\" %s",
                     SLICE_ARG(name), what);
}

#define CLEAN "without control characters"

static bool decode(const struct query *query, struct slice raw, struct slice *ret_text)
{
    char *out = upb_Arena_Malloc(query->arena, raw.len + 1);
    size_t len = 0;
    if (!out || !percent_decode(raw, PERCENT_PLUS_IS_SPACE, out, &len))
        return false;
    *ret_text = slice_make(out, len);
    return true;
}

/* The field path is, or is below, what is bound elsewhere. Both are spelled freely: compare fields. */
static bool covers(const upb_MessageDef *def, struct slice bound, struct slice path)
{
    while (bound.len > 0) {
        if (path.len == 0)
            return false;
        const upb_FieldDef *a = field_find(def, slice_cut(&bound, '.'));
        const upb_FieldDef *b = field_find(def, slice_cut(&path, '.'));
        if (!a || a != b)
            return false;
        if (bound.len > 0 && upb_FieldDef_IsSubMessage(a))
            def = upb_FieldDef_MessageSubDef(a);
    }
    return true;
}

static const char *bound_elsewhere(const struct query *query, struct slice name)
{
    const struct route_rule *rule = query->rule;
    for (size_t i = 0; i < rule->variable_count; i++) {
        if (covers(query->def, slice_str(rule->variables[i]), name))
            return "is given by the path already";
    }
    if (strcmp(rule->body, "*") == 0)
        return "is not expected: everything is in the body";
    if (rule->body[0] != '\0' && covers(query->def, slice_str(rule->body), name))
        return "is not expected: it is in the body";
    return NULL;
}

static bool names_internal(const struct query *query, struct slice path)
{
    const upb_MessageDef *def = query->def;
    while (path.len > 0) {
        const upb_FieldDef *field = field_find(def, slice_cut(&path, '.'));
        if (!field || transcode_is_internal(query->transcode, field))
            return true;
        if (path.len > 0)
            def = upb_FieldDef_MessageSubDef(field);
    }
    return false;
}

static enum status parameter(const struct query *query, struct slice name, struct slice text)
{
    const upb_FieldDef *field =
        name.len > 0 && name.ptr[name.len - 1] != '.' ? field_resolve(query->def, name) : NULL;
    if (!field || names_internal(query, name))
        return refuse(query, name, "is unknown");
    const char *elsewhere = bound_elsewhere(query, name);
    if (elsewhere)
        return refuse(query, name, elsewhere);
    if (!value_is_textual(field) || upb_FieldDef_IsMap(field))
        return refuse(query, name, "cannot be given in a query");

    const upb_Message *holder = field_holder(query->message, query->def, name);
    if (holder && !upb_FieldDef_IsRepeated(field)) {
        const upb_OneofDef *oneof = upb_FieldDef_RealContainingOneof(field);
        if (oneof && upb_Message_WhichOneof(holder, oneof))
            return refuse(query, name, "excludes another one");
    }
    upb_MessageValue value;
    const char *wanted =
        value_parse(query->transcode, field, text, VALUE_PARAMETER, query->arena, &value);
    if (wanted) {
        char what[128];
        snprintf(what, sizeof(what), "must be %s", wanted);
        return refuse(query, name, what);
    }
    if (!field_set_path(query->message, query->def, name, value, query->arena))
        return fault_set(query->fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the query");
    return STATUS_OK;
}

enum status query_decode(const struct transcode *transcode, struct slice query_text,
                         const upb_MessageDef *def, upb_Message *message,
                         const struct route_rule *rule, upb_Arena *arena, struct fault *fault)
{
    struct query query = {transcode, def, message, rule, arena, fault};
    struct slice names[TRANSCODE_QUERY_PARAMETERS_MAX];
    size_t count = 0;
    while (query_text.len > 0) {
        struct slice raw_value = slice_cut(&query_text, '&');
        if (raw_value.len == 0)
            continue;
        struct slice raw_name = slice_cut(&raw_value, '='), name, text;
        if (!decode(&query, raw_name, &name))
            return fault_set(
                fault, STATUS_INVALID_ARGUMENT, NULL,
                "the name of a query parameter is not percent-encoded UTF-8 text " CLEAN);
        if (!decode(&query, raw_value, &text))
            return refuse(&query, name, "is not percent-encoded UTF-8 text " CLEAN);
        if (count == TRANSCODE_QUERY_PARAMETERS_MAX)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "more than %d query parameters",
                             TRANSCODE_QUERY_PARAMETERS_MAX);
        names[count++] = name;
        enum status status = parameter(&query, name, text);
        if (status != STATUS_OK)
            return status;
        if (upb_FieldDef_IsRepeated(field_resolve(def, name)))
            continue;
        for (size_t i = 0; i + 1 < count; i++) {
            if (covers(def, names[i], name) && covers(def, name, names[i]))
                return refuse(&query, name, "is given twice");
        }
    }
    return STATUS_OK;
}
