#include <openssl/evp.h>
#include <stdlib.h>
#include <upb/decode.h>
#include <upb/encode.h>

#include "hub/transcode/internal.h"

static struct transcode_request *request_new(const struct transcode *transcode,
                                             const struct transcode_method *method)
{
    struct transcode_request *request = calloc(1, sizeof(*request));
    if (!request)
        return NULL;
    request->transcode = transcode;
    request->method = method;
    request->arena = upb_Arena_New();
    request->message = request->arena ? upb_Message_New(method->request, request->arena) : NULL;
    return request->message ? request : transcode_request_free(request);
}

struct transcode_request *transcode_request_free(struct transcode_request *request)
{
    if (request) {
        if (request->arena)
            upb_Arena_Free(request->arena);
        free(request);
    }
    return NULL;
}

const struct transcode_method *transcode_request_method(const struct transcode_request *request)
{
    return request->method;
}

/* ---- from HTTP ----------------------------------------------------------------------------------- */

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr(" \t\r\n", text.ptr[i]) || text.ptr[i] == '\0')
            return false;
    }
    return true;
}

const upb_MessageDef *mask_target(const struct transcode_method *method,
                                  const struct route_rule *rule)
{
    const upb_FieldDef *field = upb_MessageDef_FindFieldByName(method->request, rule->body);
    return field && upb_FieldDef_IsSubMessage(field) ? upb_FieldDef_MessageSubDef(field)
                                                     : method->request;
}

static enum status set_body(struct transcode_request *request, const struct route_rule *rule,
                            struct slice body, struct fault *fault)
{
    const struct transcode_method *method = request->method;
    if (transcode_takes_media(rule))
        return STATUS_OK;
    if (rule->body[0] == '\0') {
        if (is_blank(body))
            return STATUS_OK;
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "no body is expected");
    }
    bool whole = strcmp(rule->body, "*") == 0;
    if (is_blank(body)) {
        if (whole)
            return STATUS_OK;
        return fault_set(fault, STATUS_INVALID_ARGUMENT, rule->body, "a JSON body is missing");
    }
    struct body_options options = {.rule = rule};
    if (!whole)
        options.field = upb_MessageDef_FindFieldByName(method->request, rule->body);
    if (method->update_mask) {
        options.mask_def = upb_FieldDef_MessageSubDef(method->update_mask);
        options.mask = upb_Message_New(options.mask_def, request->arena);
    }
    enum status status = body_decode(request->transcode, body, method->request, request->message,
                                     &options, request->arena, fault);
    if (status != STATUS_OK || !options.mask ||
        upb_Message_Has(request->message, method->update_mask))
        return status;
    if (!upb_Message_Set(request->message, method->update_mask,
                         (upb_MessageValue){.msg_val = options.mask}, request->arena))
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the request");
    request->mask_is_implied = true;
    return STATUS_OK;
}

/* A value bound by the path must be what the body says, when the body says it. */
static bool agrees(const upb_FieldDef *field, const upb_Message *holder, upb_MessageValue bound)
{
    upb_MessageValue given = upb_Message_Get(holder, field);
    switch (upb_FieldDef_CType(field)) {
    case kUpb_CType_String:
    case kUpb_CType_Bytes:
        return given.str_val.size == 0 ||
               asked_is_spelled(slice_of(given.str_val), slice_of(bound.str_val));
    case kUpb_CType_Bool: return !given.bool_val || given.bool_val == bound.bool_val;
    case kUpb_CType_Enum:
    case kUpb_CType_Int32:
    case kUpb_CType_UInt32: return given.int32_val == 0 || given.int32_val == bound.int32_val;
    case kUpb_CType_Int64:
    case kUpb_CType_UInt64: return given.int64_val == 0 || given.int64_val == bound.int64_val;
    case kUpb_CType_Float:
    case kUpb_CType_Double:
    case kUpb_CType_Message: break; /* the path decides */
    }
    return true;
}

static enum status set_variable(struct transcode_request *request, const char *path,
                                struct slice text, struct fault *fault)
{
    const upb_MessageDef *def = request->method->request;
    const upb_FieldDef *field = field_resolve(def, slice_str(path));
    struct slice copy;
    upb_MessageValue value;
    if (!bytes_copy(request->arena, text, &copy))
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the request");
    const char *wanted =
        value_parse(request->transcode, field, copy, VALUE_PARAMETER, request->arena, &value);
    if (wanted)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, path, "\"%s\" in the path must be %s",
                         upb_FieldDef_JsonName(field), wanted);
    const upb_Message *holder = field_holder(request->message, def, slice_str(path));
    if (holder && !agrees(field, holder, value))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, path,
                         "\"%s\" in the body differs from the path", upb_FieldDef_JsonName(field));
    if (!field_set_path(request->message, def, slice_str(path), value, request->arena))
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the request");
    return STATUS_OK;
}

static enum status check_mask(struct transcode_request *request, const struct route_rule *rule,
                              struct fault *fault)
{
    const upb_FieldDef *field = request->method->update_mask;
    if (!field || !upb_Message_Has(request->message, field))
        return STATUS_OK;
    upb_Message *mask = upb_Message_Mutable(request->message, field, request->arena).msg;
    enum status status =
        mask_check(request->transcode, mask, upb_FieldDef_MessageSubDef(field),
                   mask_target(request->method, rule), "update_mask", request->arena, fault);
    return status == STATUS_OK ? given_back_check(request, rule, fault) : status;
}

static enum status check_read_mask(struct transcode_request *request, struct fault *fault)
{
    const struct method_entry *entry = (const struct method_entry *)request->method;
    const upb_FieldDef *field = request->method->read_mask;
    if (!field || !upb_Message_Has(request->message, field))
        return STATUS_OK;
    return mask_shown(
        entry->response_plan, upb_Message_Mutable(request->message, field, request->arena).msg,
        upb_FieldDef_MessageSubDef(field), "read_mask", request->arena, &request->shown, fault);
}

uint64_t transcode_request_shown(const struct transcode_request *request)
{
    return request->shown;
}

size_t transcode_body_bytes_max(const struct transcode_method *method)
{
    return method->request_bytes_max ? method->request_bytes_max : TRANSCODE_BODY_BYTES_MAX;
}

enum status request_check_length(const struct transcode_method *method, struct slice body,
                                 struct fault *fault)
{
    size_t bytes_max = transcode_body_bytes_max(method);
    if (body.len <= bytes_max)
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_RESOURCE_EXHAUSTED, TRANSCODE_REQUEST_TOO_LARGE, NULL,
                            "the body has %zu bytes, at most %zu are taken", body.len, bytes_max);
}

enum status transcode_request_new(const struct transcode *transcode,
                                  const struct route_match *match, struct slice query,
                                  struct slice body, struct transcode_request **ret_request,
                                  struct fault *fault)
{
    const struct route_rule *rule = match->rule;
    const struct transcode_method *method = rule->target;
    PEK_TRY(request_check_length(method, body, fault));
    struct transcode_request *request = request_new(transcode, method);
    if (!request)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the request");
    /* The query first: a mask given there counts when the body's keys would make one. */
    enum status status = query_decode(transcode, query, method->request, request->message, rule,
                                      request->arena, fault);
    if (status == STATUS_OK)
        status = set_body(request, rule, body, fault);
    for (size_t i = 0; status == STATUS_OK && i < rule->variable_count; i++)
        status = set_variable(request, rule->variables[i], match->values[i], fault);
    if (status == STATUS_OK)
        status = check_mask(request, rule, fault);
    if (status == STATUS_OK)
        status = check_read_mask(request, fault);
    if (status != STATUS_OK) {
        transcode_request_free(request);
        return status;
    }
    *ret_request = request;
    return STATUS_OK;
}

enum status transcode_request_decode(const struct transcode *transcode,
                                     const struct transcode_method *method, struct slice bytes,
                                     struct transcode_request **ret_request, struct fault *fault)
{
    struct transcode_request *request = request_new(transcode, method);
    if (!request)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for the request");
    if (upb_Decode(
            bytes.ptr, bytes.len, request->message, upb_MessageDef_MiniTable(method->request), NULL,
            UPB_DECODE_MAXDEPTH(TRANSCODE_DEPTH_MAX), request->arena) != kUpb_DecodeStatus_Ok) {
        transcode_request_free(request);
        return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "not a message of this method");
    }
    *ret_request = request;
    return STATUS_OK;
}

/* ---- fields that the hub knows ------------------------------------------------------------------- */

static struct slice get_text(const struct transcode_request *request, const upb_FieldDef *field)
{
    return field ? slice_of(upb_Message_Get(request->message, field).str_val) : (struct slice){0};
}

struct slice transcode_request_realm(const struct transcode_request *request)
{
    return get_text(request, request->method->realm);
}

struct slice transcode_request_page_token(const struct transcode_request *request)
{
    return get_text(request, request->method->page_token);
}

int32_t transcode_request_page_size(const struct transcode_request *request)
{
    const upb_FieldDef *field = request->method->page_size;
    return field ? upb_Message_Get(request->message, field).int32_val : 0;
}

bool transcode_request_byte_order_mark(const struct transcode_request *request)
{
    const upb_FieldDef *field = request->method->byte_order_mark;
    return field && upb_Message_Get(request->message, field).bool_val;
}

static enum status set_text(struct transcode_request *request, const upb_FieldDef *field,
                            struct slice text)
{
    struct slice copy;
    if (!field)
        return STATUS_OK;
    if (!bytes_copy(request->arena, text, &copy) ||
        !upb_Message_Set(request->message, field, (upb_MessageValue){.str_val = view_of(copy)},
                         request->arena))
        return STATUS_RESOURCE_EXHAUSTED;
    return STATUS_OK;
}

enum status transcode_request_set_realm(struct transcode_request *request, struct slice realm)
{
    return set_text(request, request->method->realm, realm);
}

enum status transcode_request_set_page_token(struct transcode_request *request,
                                             struct slice page_token)
{
    return set_text(request, request->method->page_token, page_token);
}

enum status transcode_request_set_page_size(struct transcode_request *request, int32_t page_size)
{
    const upb_FieldDef *field = request->method->page_size;
    if (field && !upb_Message_Set(request->message, field,
                                  (upb_MessageValue){.int32_val = page_size}, request->arena))
        return STATUS_RESOURCE_EXHAUSTED;
    return STATUS_OK;
}

enum status transcode_request_set_after(struct transcode_request *request, struct slice sort_key,
                                        struct slice id, bool inclusive)
{
    const upb_FieldDef *after = request->method->after;
    if (!after)
        return STATUS_OK;
    const upb_MessageDef *def = upb_FieldDef_MessageSubDef(after);
    upb_Message *cursor = upb_Message_New(def, request->arena);
    struct slice key_copy, id_copy;
    if (!cursor || !bytes_copy(request->arena, sort_key, &key_copy) ||
        !bytes_copy(request->arena, id, &id_copy))
        return STATUS_RESOURCE_EXHAUSTED;
    const upb_MessageValue values[] = {
        {.str_val = view_of(key_copy)}, {.str_val = view_of(id_copy)}, {.bool_val = inclusive}};
    for (uint32_t i = 0; i < 3; i++) {
        const upb_FieldDef *field = upb_MessageDef_FindFieldByNumber(def, i + 1);
        if (!field || !upb_Message_Set(cursor, field, values[i], request->arena))
            return STATUS_RESOURCE_EXHAUSTED;
    }
    if (!upb_Message_Set(request->message, after, (upb_MessageValue){.msg_val = cursor},
                         request->arena))
        return STATUS_RESOURCE_EXHAUSTED;
    return STATUS_OK;
}

enum status transcode_request_set_live(struct transcode_request *request)
{
    const upb_FieldDef *live = request->method->live;
    return !live || upb_Message_Set(request->message, live, (upb_MessageValue){.bool_val = true},
                                    request->arena)
               ? STATUS_OK
               : STATUS_RESOURCE_EXHAUSTED;
}

struct slice transcode_request_user(const struct transcode_request *request, size_t n)
{
    const upb_FieldDef *field = request->method->users;
    if (!field || (!upb_FieldDef_IsRepeated(field) && n > 0))
        return (struct slice){0};
    if (!upb_FieldDef_IsRepeated(field))
        return get_text(request, field);
    const upb_Array *users = upb_Message_Get(request->message, field).array_val;
    return users && n < upb_Array_Size(users) ? slice_of(upb_Array_Get(users, n).str_val)
                                              : (struct slice){0};
}

enum status transcode_request_set_user(struct transcode_request *request, struct slice user)
{
    return set_text(request, request->method->users, user);
}

enum status transcode_request_set_told(struct transcode_request *request, struct slice bytes)
{
    const upb_FieldDef *field = request->method->told;
    const upb_MessageDef *def = upb_FieldDef_MessageSubDef(field);
    upb_Message *told = upb_Message_New(def, request->arena);
    if (!told || upb_Decode(bytes.ptr, bytes.len, told, upb_MessageDef_MiniTable(def), NULL, 0,
                            request->arena) != kUpb_DecodeStatus_Ok)
        return STATUS_RESOURCE_EXHAUSTED;
    return upb_Message_Set(request->message, field, (upb_MessageValue){.msg_val = told},
                           request->arena)
               ? STATUS_OK
               : STATUS_RESOURCE_EXHAUSTED;
}

/* ---- bytes --------------------------------------------------------------------------------------- */

static enum status encode(const struct transcode_request *request, upb_Arena *arena,
                          struct slice *ret_bytes)
{
    char *bytes = NULL;
    size_t len = 0;
    if (upb_Encode(request->message, upb_MessageDef_MiniTable(request->method->request),
                   kUpb_EncodeOption_Deterministic, arena, &bytes, &len) != kUpb_EncodeStatus_Ok)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_bytes = slice_make(bytes, len);
    return STATUS_OK;
}

enum status transcode_request_bytes(struct transcode_request *request, struct slice *ret_bytes)
{
    return encode(request, request->arena, ret_bytes);
}

enum status transcode_request_fingerprint(struct transcode_request *request,
                                          unsigned char ret_hash[TRANSCODE_FINGERPRINT_BYTES])
{
    const struct transcode_method *method = request->method;
    const upb_FieldDef *const paging[] = {method->realm, method->page_size, method->page_token,
                                          method->after, method->read_mask};
    enum { COUNT = sizeof(paging) / sizeof(paging[0]) };
    upb_MessageValue kept[COUNT];
    bool had[COUNT] = {false};
    for (size_t i = 0; i < COUNT; i++) {
        if (!paging[i] ||
            (upb_FieldDef_HasPresence(paging[i]) && !upb_Message_Has(request->message, paging[i])))
            continue;
        had[i] = true;
        kept[i] = upb_Message_Get(request->message, paging[i]);
        upb_Message_ClearField(request->message, paging[i]);
    }
    struct slice bytes;
    enum status status = encode(request, request->arena, &bytes);
    for (size_t i = 0; i < COUNT; i++) {
        if (had[i] && !upb_Message_Set(request->message, paging[i], kept[i], request->arena))
            status = STATUS_RESOURCE_EXHAUSTED;
    }
    if (status != STATUS_OK)
        return status;
    /* Two methods may have requests that look alike. */
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool good = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(hash, method->path.ptr, method->path.len + 1) == 1 &&
                EVP_DigestUpdate(hash, bytes.ptr, bytes.len) == 1 &&
                EVP_DigestFinal_ex(hash, ret_hash, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return good ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}
