#include "bazel/generator/check.h"

static bool is(const struct check *check, const char *realms)
{
    return strcmp(check->options->realms.name, realms) == 0;
}

static bool is_plain(const upb_FieldDef *field, upb_FieldType type)
{
    return field != NULL && upb_FieldDef_Type(field) == type && !upb_FieldDef_IsRepeated(field);
}

/* The hub puts the realm there, and reads from there whether one was named. */
static void check_realm_field(const struct check *check)
{
    const upb_MessageDef *request = upb_MethodDef_InputType(check->method);
    const upb_FieldDef *realm = upb_MessageDef_FindFieldByName(request, "realm");
    if (!is_plain(realm, kUpb_FieldType_String))
        check_refuse(check, "routing %s needs a string field `realm` in %s",
                     check->options->realms.name, upb_MessageDef_FullName(request));
}

static void check_merge(const struct check *check)
{
    if (!upb_MethodDef_ServerStreaming(check->method))
        check_refuse(check,
                     "routing REALMS_ALL merges streams, and this method is not server streaming");
    if (check->options->sort_key[0] == '\0')
        check_refuse(check, "routing REALMS_ALL needs sort_key");
    if (check->options->identity_count == 0)
        check_refuse(check, "routing REALMS_ALL needs identity");
}

/* A position in a list is (sort key bytes, last identity field); without a sort key it is the latter alone. */
static void check_position(const struct check *check)
{
    const struct method_options *options = check->options;
    const upb_MessageDef *item = upb_MethodDef_OutputType(check->method);
    const char *name = upb_MessageDef_FullName(item);
    if (options->sort_key[0] != '\0' &&
        !is_plain(upb_MessageDef_FindFieldByName(item, options->sort_key), kUpb_FieldType_Bytes))
        check_refuse(check, "routing sort_key \"%s\" is not a bytes field of %s", options->sort_key,
                     name);
    if (options->sort_key[0] != '\0' && options->identity_count == 0 && !is(check, "REALMS_ALL"))
        check_refuse(check, "routing sort_key without identity");
    for (size_t i = 0; i < options->identity_count; i++) {
        if (!is_plain(upb_MessageDef_FindFieldByName(item, options->identity[i]),
                      kUpb_FieldType_String))
            check_refuse(check, "routing identity \"%s\" is not a string field of %s",
                         options->identity[i], name);
    }
    if (options->identity_count > 0 && !upb_MethodDef_ServerStreaming(check->method) &&
        !is(check, "REALMS_ALL"))
        check_refuse(check, "routing identity on a method that is not server streaming");
}

/* A list is paged or it is short; what never leaves the federation may be a stream of events. */
static void check_length(const struct check *check)
{
    const struct method_options *options = check->options;
    bool streaming = upb_MethodDef_ServerStreaming(check->method);
    if (options->items_max > 0 && (!streaming || options->identity_count > 0))
        check_refuse(check, "routing items_max is for a list without identity");
    if (streaming && options->identity_count == 0 && options->items_max == 0 &&
        !is(check, "REALMS_INTERNAL") && !is(check, "REALMS_ALL"))
        check_refuse(check, "a list needs routing identity, to be paged, or items_max");
}

/* In a page the items of a stream are a list of this name; a unary answer has the list already. */
static void check_collection(const struct check *check)
{
    const char *collection = check->options->collection;
    const upb_MessageDef *response = upb_MethodDef_OutputType(check->method);
    bool streaming = upb_MethodDef_ServerStreaming(check->method);
    if (streaming && collection[0] == '\0')
        check_refuse(check, "a streaming method needs routing collection");
    if (streaming || collection[0] == '\0')
        return;
    const upb_FieldDef *list = upb_MessageDef_FindByJsonName(response, collection);
    if (list == NULL || !upb_FieldDef_IsRepeated(list) || !upb_FieldDef_IsSubMessage(list))
        check_refuse(check, "routing collection \"%s\" is not a list of messages in %s", collection,
                     upb_MessageDef_FullName(response));
}

/* Over all items of all realms: a page would have a number of its own. */
static void check_combine(const struct check *check)
{
    const struct option_combine *combine = &check->options->combine;
    const upb_MessageDef *item = upb_MethodDef_OutputType(check->method);
    const upb_MessageDef *request = upb_MethodDef_InputType(check->method);
    if (combine->function.name[0] == '\0' && combine->field[0] == '\0')
        return;
    if (!is(check, "REALMS_ALL") || check->options->document)
        check_refuse(check, "routing combine is for REALMS_ALL, and not for a document");
    if (combine->function.name[0] == '\0' || combine->name[0] == '\0' || combine->max == 0)
        check_refuse(check, "routing combine needs function, field, name and max");
    if (!is_plain(upb_MessageDef_FindFieldByName(item, combine->field), kUpb_FieldType_Int32))
        check_refuse(check, "routing combine field \"%s\" is not an int32 field of %s",
                     combine->field, upb_MessageDef_FullName(item));
    if (upb_MessageDef_FindFieldByName(request, "page_size"))
        check_refuse(check, "routing combine is of a whole list, and %s asks for pages",
                     upb_MessageDef_FullName(request));
}

/* Which fields of an answer are wanted (google.aip.dev/157); an answer that is more than its fields is whole. */
static void check_read_mask(const struct check *check)
{
    const struct method_options *options = check->options;
    const upb_FieldDef *mask =
        upb_MessageDef_FindFieldByName(upb_MethodDef_InputType(check->method), "read_mask");
    if (mask == NULL)
        return;
    if (!upb_FieldDef_IsSubMessage(mask) || upb_FieldDef_IsRepeated(mask) ||
        strcmp(upb_MessageDef_FullName(upb_FieldDef_MessageSubDef(mask)),
               "google.protobuf.FieldMask") != 0)
        check_refuse(check, "read_mask is no google.protobuf.FieldMask");
    if (options->idempotency != google_protobuf_MethodOptions_NO_SIDE_EFFECTS)
        check_refuse(check, "read_mask is for methods with NO_SIDE_EFFECTS");
    if (options->document || options->combine.field[0] != '\0')
        check_refuse(check, "read_mask is not for a document, nor for what is combined");
}

void check_routing(const struct check *check)
{
    if (check->options->realms.name[0] == '\0') {
        check_refuse(check, "no pek.routing");
        return;
    }
    if (is(check, "REALMS_ONE") || is(check, "REALMS_ANY") || is(check, "REALMS_ALL"))
        check_realm_field(check);
    if (is(check, "REALMS_ALL"))
        check_merge(check);
    if (check->options->document && !is(check, "REALMS_ALL"))
        check_refuse(check, "routing document is for REALMS_ALL");
    check_combine(check);
    check_position(check);
    check_length(check);
    check_read_mask(check);
    if (!is(check, "REALMS_INTERNAL"))
        check_collection(check);
}
