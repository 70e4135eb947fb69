/* JSON to a message, walking the text and the type together.
 *
 * json_scan has judged the text before: it is JSON, not too deep, without duplicate keys. So nothing here
 * looks for errors of syntax; what remains is whether it is *this* message, and errors name the field.
 */
#include <stdio.h>

#include "hub/transcode/internal.h"
#include "shared/json/json_scan.h"

#define SCAN_ARENA_BYTES_MAX (2u * 1024 * 1024)
#define PATH_DEPTH_MAX (TRANSCODE_DEPTH_MAX + 2)
#define PATH_BYTES_MAX 256

struct step {
    struct slice spelled;      /* as the client wrote it; empty for what the route adds */
    const upb_FieldDef *field; /* NULL for a map's key */
    size_t index;
    bool in_array;
};

struct body {
    const struct transcode *transcode;
    const struct body_options *options;
    upb_Arena *arena;
    struct fault *fault;
    const char *at;
    struct step steps[PATH_DEPTH_MAX];
    size_t depth;
    size_t first_own; /* steps before it come from the route, not the client */
    size_t message_count;
};

/* ---- errors -------------------------------------------------------------------------------------- */

static void path_put(char path[PATH_BYTES_MAX], size_t *len, const char *bytes, size_t count)
{
    if (*len + count < PATH_BYTES_MAX) {
        memcpy(path + *len, bytes, count);
        *len += count;
    }
    path[*len] = '\0';
}

/* "group.members[3].userId" as the client spelled it, or with the proto's names. */
static size_t path_text(const struct body *body, bool spelled, char path[PATH_BYTES_MAX])
{
    size_t len = 0;
    path[0] = '\0';
    for (size_t i = 0; i < body->depth; i++) {
        const struct step *step = &body->steps[i];
        bool own = i >= body->first_own;
        if (len > 0 && own)
            path_put(path, &len, ".", 1);
        if (step->field && !spelled)
            path_put(path, &len, upb_FieldDef_Name(step->field),
                     strlen(upb_FieldDef_Name(step->field)));
        else if (own)
            path_put(path, &len, step->spelled.ptr, step->spelled.len);
        if (step->in_array) {
            char index[24];
            int digits = snprintf(index, sizeof(index), "[%zu]", step->index);
            path_put(path, &len, index, (size_t)digits);
        }
    }
    return len;
}

static enum status refuse(const struct body *body, const char *what)
{
    char field[PATH_BYTES_MAX], spelled[PATH_BYTES_MAX];
    path_text(body, false, field);
    if (path_text(body, true, spelled) == 0 && body->depth <= body->first_own)
        return fault_set(body->fault, STATUS_INVALID_ARGUMENT, field, "the body %s", what);
    return fault_set(body->fault, STATUS_INVALID_ARGUMENT, field, "\"%s\" %s", spelled, what);
}

static enum status refuse_wanted(const struct body *body, const char *wanted)
{
    char what[128];
    snprintf(what, sizeof(what), "must be %s", wanted);
    return refuse(body, what);
}

static enum status no_memory(const struct body *body)
{
    return fault_set(body->fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the body");
}

/* ---- text ---------------------------------------------------------------------------------------- */

static void skip_blanks(struct body *body)
{
    while (*body->at == ' ' || *body->at == '\t' || *body->at == '\r' || *body->at == '\n')
        body->at++;
}

/* Steps over `c` if it comes next. */
static bool take(struct body *body, char c)
{
    skip_blanks(body);
    if (*body->at != c)
        return false;
    body->at++;
    return true;
}

static uint32_t take_hex4(struct body *body)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)*body->at++;
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

static char *put_escape(struct body *body, char *out)
{
    char c = *body->at++;
    switch (c) {
    case 'b': *out++ = '\b'; return out;
    case 'f': *out++ = '\f'; return out;
    case 'n': *out++ = '\n'; return out;
    case 'r': *out++ = '\r'; return out;
    case 't': *out++ = '\t'; return out;
    case 'u': break;
    default: *out++ = c; return out;
    }
    uint32_t code = take_hex4(body);
    if (code >= 0xD800 && code < 0xDC00) {
        body->at += 2; /* the scan saw the other half */
        code = 0x10000 + ((code - 0xD800) << 10) + (take_hex4(body) - 0xDC00);
    }
    return put_utf8(out, code);
}

/* The string at `at`, unescaped into the arena. */
static bool take_string(struct body *body, struct slice *ret_text)
{
    skip_blanks(body);
    const char *start = ++body->at;
    while (*body->at != '"' && *body->at != '\\')
        body->at++;
    const char *end = body->at;
    while (*end != '"')
        end += *end == '\\' ? 2 : 1;
    char *out = upb_Arena_Malloc(body->arena, (size_t)(end - start) + 1);
    if (!out)
        return false;
    memcpy(out, start, (size_t)(body->at - start));
    char *to = out + (body->at - start);
    while (body->at < end) {
        if (*body->at == '\\') {
            body->at++;
            to = put_escape(body, to);
        } else {
            *to++ = *body->at++;
        }
    }
    *to = '\0';
    body->at = end + 1;
    *ret_text = slice_make(out, (size_t)(to - out));
    return true;
}

/* A number, true, false or null. */
static struct slice take_bare(struct body *body)
{
    skip_blanks(body);
    const char *start = body->at;
    while (*body->at && !strchr(",]} \t\r\n", *body->at))
        body->at++;
    return slice_make(start, (size_t)(body->at - start));
}

/* ---- values -------------------------------------------------------------------------------------- */

static enum status take_message(struct body *body, const upb_MessageDef *def, upb_Message *message);

static enum status take_value(struct body *body, const upb_FieldDef *field,
                              upb_MessageValue *ret_value)
{
    skip_blanks(body);
    if (!value_is_textual(field)) {
        if (*body->at != '{')
            return refuse_wanted(body, "an object");
        const upb_MessageDef *def = upb_FieldDef_MessageSubDef(field);
        if (++body->message_count > TRANSCODE_REQUEST_MESSAGES_MAX)
            return refuse(body, "is one object too many");
        upb_Message *message = upb_Message_New(def, body->arena);
        if (!message)
            return no_memory(body);
        ret_value->msg_val = message;
        return take_message(body, def, message);
    }
    if (*body->at == '{' || *body->at == '[') {
        const char *wanted = value_parse(body->transcode, field, SLICE_LIT(""), VALUE_JSON_BARE,
                                         body->arena, ret_value);
        return refuse_wanted(body, wanted ? wanted : "one value");
    }
    struct slice text;
    enum value_source source = *body->at == '"' ? VALUE_JSON_STRING : VALUE_JSON_BARE;
    if (source == VALUE_JSON_BARE)
        text = take_bare(body);
    else if (!take_string(body, &text))
        return no_memory(body);
    const char *wanted = value_parse(body->transcode, field, text, source, body->arena, ret_value);
    return wanted ? refuse_wanted(body, wanted) : STATUS_OK;
}

static enum status take_array(struct body *body, const upb_FieldDef *field, upb_Message *message)
{
    upb_Array *array = upb_Message_Mutable(message, field, body->arena).array;
    if (!array)
        return no_memory(body);
    if (!take(body, '['))
        return refuse_wanted(body, "a list");
    struct step *step = &body->steps[body->depth - 1];
    step->in_array = true;
    for (step->index = 0; !take(body, ']'); step->index++) {
        take(body, ',');
        upb_MessageValue value = {0};
        enum status status = take_value(body, field, &value);
        if (status != STATUS_OK)
            return status;
        if (!upb_Array_Append(array, value, body->arena))
            return no_memory(body);
    }
    step->in_array = false;
    return STATUS_OK;
}

static enum status take_map(struct body *body, const upb_FieldDef *field, upb_Message *message)
{
    const upb_MessageDef *entry = upb_FieldDef_MessageSubDef(field);
    const upb_FieldDef *key_field = upb_MessageDef_FindFieldByNumber(entry, 1);
    const upb_FieldDef *value_field = upb_MessageDef_FindFieldByNumber(entry, 2);
    upb_Map *map = upb_Message_Mutable(message, field, body->arena).map;
    if (!map)
        return no_memory(body);
    if (!take(body, '{'))
        return refuse_wanted(body, "an object");
    while (!take(body, '}')) {
        take(body, ',');
        struct slice text;
        if (!take_string(body, &text))
            return no_memory(body);
        take(body, ':');
        if (body->depth == PATH_DEPTH_MAX)
            return refuse(body, "is nested too deep");
        body->steps[body->depth++] = (struct step){.spelled = text};
        upb_MessageValue key, value = {0};
        const char *wanted =
            value_parse(body->transcode, key_field, text, VALUE_PARAMETER, body->arena, &key);
        enum status status =
            wanted ? refuse_wanted(body, wanted) : take_value(body, value_field, &value);
        if (status != STATUS_OK)
            return status;
        body->depth--;
        if (!upb_Map_Set(map, key, value, body->arena))
            return no_memory(body);
    }
    return STATUS_OK;
}

/* ---- the update mask ----------------------------------------------------------------------------- */

/* The field at the top of the path is bound by the path of the URL. */
static bool is_bound(const struct body *body, const char *path)
{
    const struct route_rule *rule = body->options->rule;
    for (size_t i = 0; i < rule->variable_count; i++) {
        if (strcmp(rule->variables[i], path) == 0)
            return true;
    }
    return false;
}

/* Whether the field just set is one that an update mask names: not what the URL says, nor the etag, which
 * guards the write rather than being written. */
static enum status mask_note(struct body *body, const upb_FieldDef *field)
{
    for (size_t i = 0; i < body->depth; i++) {
        if (body->steps[i].in_array || !body->steps[i].field)
            return STATUS_OK; /* a mask names a list or a map as a whole */
    }
    char path[PATH_BYTES_MAX];
    path_text(body, false, path);
    if (!body->options->mask || is_bound(body, path) ||
        strcmp(upb_FieldDef_Name(field), "etag") == 0)
        return STATUS_OK;
    struct slice rest = slice_str(path);
    if (body->first_own > 0) /* relative to the body's field */
        slice_cut(&rest, '.');
    if (rest.len == 0)
        return STATUS_OK;
    return mask_add(body->options->mask, body->options->mask_def, rest, body->arena)
               ? STATUS_OK
               : no_memory(body);
}

/* ---- fields -------------------------------------------------------------------------------------- */

static bool take_null(struct body *body)
{
    skip_blanks(body);
    if (*body->at != 'n')
        return false;
    body->at += sizeof("null") - 1;
    return true;
}

/* The value behind the colon, or the body's: the field's step is the last. */
static enum status take_field(struct body *body, upb_Message *message, const upb_FieldDef *field)
{
    if (take_null(body)) /* as if it were not there, but an update resets it */
        return mask_note(body, field);
    const upb_OneofDef *oneof = upb_FieldDef_RealContainingOneof(field);
    if (oneof && upb_Message_WhichOneof(message, oneof))
        return refuse(body, "excludes another field that is also given");
    if (upb_FieldDef_IsMap(field) || upb_FieldDef_IsRepeated(field)) {
        enum status status = upb_FieldDef_IsMap(field) ? take_map(body, field, message)
                                                       : take_array(body, field, message);
        return status == STATUS_OK ? mask_note(body, field) : status;
    }
    bool is_object = !value_is_textual(field);
    upb_MessageValue value = {0};
    enum status status = take_value(body, field, &value);
    if (status != STATUS_OK)
        return status;
    if (!upb_Message_Set(message, field, value, body->arena))
        return no_memory(body);
    return is_object ? STATUS_OK : mask_note(body, field);
}

static enum status take_member(struct body *body, const upb_MessageDef *def, upb_Message *message)
{
    struct slice name;
    if (!take_string(body, &name))
        return no_memory(body);
    take(body, ':');
    const upb_FieldDef *field = field_find(def, name);
    if (body->depth == PATH_DEPTH_MAX)
        return refuse(body, "is nested too deep");
    body->steps[body->depth++] = (struct step){.spelled = name, .field = field};
    if (!field || transcode_is_internal(body->transcode, field))
        return refuse(body, "is unknown");
    enum status status = take_field(body, message, field);
    body->depth--;
    return status;
}

static enum status take_message(struct body *body, const upb_MessageDef *def, upb_Message *message)
{
    take(body, '{');
    while (!take(body, '}')) {
        take(body, ',');
        enum status status = take_member(body, def, message);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status body_decode(const struct transcode *transcode, struct slice json,
                        const upb_MessageDef *def, upb_Message *message,
                        const struct body_options *options, upb_Arena *arena, struct fault *fault)
{
    struct arena scratch;
    arena_init(&scratch, SCAN_ARENA_BYTES_MAX);
    const struct json_limits limits = {TRANSCODE_DEPTH_MAX, TRANSCODE_JSON_KEYS_MAX, true};
    enum status status = json_scan(json, &limits, &scratch, fault);
    arena_done(&scratch);
    if (status != STATUS_OK)
        return status;

    /* The walk stops at what ends a value, the last at a NUL. */
    struct slice text;
    if (!bytes_copy(arena, json, &text))
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the body");
    struct body body = {
        .transcode = transcode, .options = options, .arena = arena, .fault = fault, .at = text.ptr};
    if (options->field) {
        body.steps[body.depth++] = (struct step){.field = options->field};
        body.first_own = 1;
        return take_field(&body, message, options->field);
    }
    skip_blanks(&body);
    if (*body.at != '{')
        return refuse_wanted(&body, "an object");
    return take_message(&body, def, message);
}
