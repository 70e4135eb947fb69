/* What holds for all protos together, which no single run of the generator can see, and what it has no
 * reason to refuse: paths, names, and what a merged list needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upb/decode.h"
#include "upb/def.h"
#include "upb/reflection.h"

#include "bazel/generator/options.h"
#include "protos/descriptor_set.h"
#include "shared/base/arena.h"
#include "shared/base/buffer.h"
#include "worker/group/group_store.h"

#define ARENA_BYTES_MAX (16u * 1024 * 1024)
#define METHODS_MAX 512
#define FILES_MAX 256
#define BINDINGS_MAX 1024

struct method {
    const upb_MethodDef *def;
    struct method_options options;
};

static struct {
    upb_DefPool *pool;
    upb_Arena *memory;
    struct arena arena;
    const upb_FileDef *files[FILES_MAX]; /* ours */
    size_t file_count;
    struct method methods[METHODS_MAX];
    size_t method_count;
} all;

/* What was wrong, all of it, so that one run tells everything. */
static struct buffer complaints;

static void complain(const char *what, const char *why)
{
    buffer_printf(&complaints, "  %s: %s\n", what, why);
}

static void assert_no_complaints(void)
{
    if (complaints.len > 0)
        fail_msg("\n%.*s", (int)complaints.len, complaints.ptr);
}

static int forget_complaints(void **state)
{
    (void)state;
    buffer_reset(&complaints);
    return 0;
}

static void load_services(const upb_FileDef *file)
{
    for (int i = 0; i < upb_FileDef_ServiceCount(file); i++) {
        const upb_ServiceDef *service = upb_FileDef_Service(file, i);
        for (int j = 0; j < upb_ServiceDef_MethodCount(service); j++) {
            assert_true(all.method_count < METHODS_MAX);
            struct method *method = &all.methods[all.method_count++];
            method->def = upb_ServiceDef_Method(service, j);
            assert_int_equal(options_read(all.pool, method->def, &all.arena, &method->options),
                             STATUS_OK);
        }
    }
}

static int load(void **state)
{
    (void)state;
    arena_init(&all.arena, ARENA_BYTES_MAX);
    buffer_init(&complaints, ARENA_BYTES_MAX);
    all.pool = upb_DefPool_New();
    all.memory = upb_Arena_New();
    const google_protobuf_FileDescriptorSet *set = google_protobuf_FileDescriptorSet_parse(
        (const char *)pek_descriptor_set, pek_descriptor_set_len, all.memory);
    assert_non_null(set);
    size_t count;
    const google_protobuf_FileDescriptorProto *const *files =
        google_protobuf_FileDescriptorSet_file(set, &count);
    for (size_t i = 0; i < count; i++) {
        upb_Status status;
        upb_Status_Clear(&status);
        const upb_FileDef *file = upb_DefPool_AddFile(all.pool, files[i], &status);
        if (file == NULL)
            fail_msg("%s", upb_Status_ErrorMessage(&status));
        const char *name = upb_FileDef_Name(file);
        if (strncmp(name, "pek/", 4) != 0)
            continue;
        assert_true(all.file_count < FILES_MAX);
        all.files[all.file_count++] = file;
    }
    /* Extensions are known only now. */
    for (size_t i = 0; i < all.file_count; i++)
        load_services(all.files[i]);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    buffer_done(&complaints);
    arena_done(&all.arena);
    upb_Arena_Free(all.memory);
    upb_DefPool_Free(all.pool);
    return 0;
}

/* The walks below would say nothing about nothing. */
static void descriptor_set_has_the_services(void **state)
{
    (void)state;
    assert_true(all.method_count > 0);
    assert_non_null(upb_DefPool_FindServiceByName(all.pool, "pek.group.v1.GroupService"));
    assert_non_null(upb_DefPool_FindServiceByName(all.pool, "pek.instance.v1.InstanceService"));
    assert_non_null(upb_DefPool_FindServiceByName(all.pool, "pek.hub.v1.SessionService"));
}

static void every_method_has_access_and_routing(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.method_count; i++) {
        const char *name = upb_MethodDef_FullName(all.methods[i].def);
        if (all.methods[i].options.access_count == 0)
            complain(name, "no pek.access");
        if (all.methods[i].options.realms.name[0] == '\0')
            complain(name, "no pek.routing");
    }
    assert_no_complaints();
}

static bool routed(const struct method *method, const char *realms)
{
    return strcmp(method->options.realms.name, realms) == 0;
}

static void every_public_method_is_internal(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.method_count; i++) {
        const struct method *method = &all.methods[i];
        for (size_t j = 0; j < method->options.access_count; j++) {
            if (method->options.access[j].public && !routed(method, "REALMS_INTERNAL"))
                complain(upb_MethodDef_FullName(method->def), "is open to any browser");
        }
    }
    assert_no_complaints();
}

/* "get /api/v1/groups/{}": what two methods may not share, whatever they call the variables. */
static const char *shape(const struct option_http *http)
{
    struct buffer out;
    buffer_init(&out, 4096);
    buffer_printf(&out, "%s ", http->verb);
    bool inside = false;
    for (const char *c = http->path; *c != '\0'; c++) {
        if (*c == '{' || !inside)
            buffer_append_char(&out, *c);
        if (*c == '{')
            inside = true;
        if (*c == '}') {
            buffer_append_char(&out, *c);
            inside = false;
        }
    }
    const char *copy = arena_strndup(&all.arena, out.ptr, out.len);
    buffer_done(&out);
    assert_non_null(copy);
    return copy;
}

static void http_paths_are_unique(void **state)
{
    (void)state;
    static const char *shapes[BINDINGS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < all.method_count; i++) {
        const struct method_options *options = &all.methods[i].options;
        for (size_t j = 0; j < options->http_count; j++) {
            const char *own = shape(&options->http[j]);
            for (size_t k = 0; k < count; k++) {
                if (strcmp(own, shapes[k]) == 0)
                    complain(upb_MethodDef_FullName(all.methods[i].def), own);
            }
            assert_true(count < BINDINGS_MAX);
            shapes[count++] = own;
        }
    }
    assert_no_complaints();
}

/* Below /api/v1, and a realm in the path is the field that the hub routes by. */
static void http_paths_follow_the_scheme(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.method_count; i++) {
        const struct method_options *options = &all.methods[i].options;
        for (size_t j = 0; j < options->http_count; j++) {
            const char *path = options->http[j].path;
            if (strncmp(path, "/api/v1/", 8) != 0)
                complain(path, "is not below /api/v1/");
            const char *realms = strstr(path, "/realms/");
            if (realms != NULL && strncmp(realms, "/realms/{realm}", 15) != 0)
                complain(path, "names a realm by another field than `realm`");
        }
    }
    assert_no_complaints();
}

/* ONE has no other way to learn the realm: each of its paths names it. */
static void every_path_of_one_realm_names_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.method_count; i++) {
        const struct method *method = &all.methods[i];
        for (size_t j = 0; routed(method, "REALMS_ONE") && j < method->options.http_count; j++) {
            if (strstr(method->options.http[j].path, "{realm}") == NULL)
                complain(upb_MethodDef_FullName(method->def), "has a path without {realm}");
        }
    }
    assert_no_complaints();
}

/* The hub retries by idempotency; proxies and browsers repeat GET and PUT by themselves. */
static void idempotency_is_that_of_the_verb(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.method_count; i++) {
        const struct method *method = &all.methods[i];
        const char *name = upb_MethodDef_FullName(method->def);
        int32_t level = method->options.idempotency;
        for (size_t j = 0; j < method->options.http_count; j++) {
            const char *verb = method->options.http[j].verb;
            if (strcmp(verb, "get") == 0 && level != google_protobuf_MethodOptions_NO_SIDE_EFFECTS)
                complain(name, "is a GET but not NO_SIDE_EFFECTS");
            if ((strcmp(verb, "put") == 0 || strcmp(verb, "delete") == 0) &&
                level != google_protobuf_MethodOptions_IDEMPOTENT)
                complain(name, "is a PUT or DELETE but not IDEMPOTENT");
        }
    }
    assert_no_complaints();
}

static bool is_internal(const upb_FieldDef *field)
{
    const upb_FieldDef *rule = upb_DefPool_FindExtensionByName(all.pool, "pek.field");
    const upb_MessageDef *type =
        upb_DefPool_FindMessageByName(all.pool, "google.protobuf.FieldOptions");
    assert_non_null(rule);
    assert_non_null(type);
    size_t len;
    char *bytes =
        google_protobuf_FieldOptions_serialize(upb_FieldDef_Options(field), all.memory, &len);
    upb_Message *options = upb_Message_New(type, all.memory);
    assert_int_equal(upb_Decode(bytes, len, options, upb_MessageDef_MiniTable(type),
                                upb_DefPool_ExtensionRegistry(all.pool), 0, all.memory),
                     kUpb_DecodeStatus_Ok);
    if (!upb_Message_Has(options, rule))
        return false;
    const upb_FieldDef *internal =
        upb_MessageDef_FindFieldByName(upb_FieldDef_MessageSubDef(rule), "internal");
    return upb_Message_Get(upb_Message_Get(options, rule).msg_val, internal).bool_val;
}

static bool has_field(const upb_MessageDef *message, const char *name, upb_FieldType type)
{
    const upb_FieldDef *field = upb_MessageDef_FindFieldByName(message, name);
    return field != NULL && upb_FieldDef_Type(field) == type && !upb_FieldDef_IsRepeated(field);
}

/* A page token becomes a position that each realm is asked to start from. */
static void every_list_with_an_order_can_be_paged(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.method_count; i++) {
        const struct method *method = &all.methods[i];
        const upb_MessageDef *request = upb_MethodDef_InputType(method->def);
        const char *name = upb_MethodDef_FullName(method->def);
        bool asks = has_field(request, "page_size", kUpb_FieldType_Int32);
        if (upb_MethodDef_ServerStreaming(method->def) && asks &&
            method->options.identity_count == 0)
            complain(name, "has pages but no order");
        bool whole = method->options.document || method->options.combine.name[0] != '\0';
        if (whole && asks)
            complain(name, "is given whole and has pages");
        if (method->options.identity_count == 0 || whole)
            continue;
        if (!asks)
            complain(name, "has no int32 page_size");
        if (!has_field(request, "page_token", kUpb_FieldType_String))
            complain(name, "has no string page_token");
        if (!has_field(request, "after", kUpb_FieldType_Message) ||
            strcmp(upb_MessageDef_FullName(upb_FieldDef_MessageSubDef(
                       upb_MessageDef_FindFieldByName(request, "after"))),
                   "pek.Cursor") != 0)
            complain(name, "has no pek.Cursor after");
    }
    assert_no_complaints();
}

/* Paged, or as short as the code makes it. */
static void every_list_is_paged_or_short(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        size_t items_max;
    } short_lists[] = {{"pek.group.v1.GroupService.ListAncestors", GROUP_ANCESTORS_MAX}};
    size_t found = 0;
    for (size_t i = 0; i < all.method_count; i++) {
        const struct method *method = &all.methods[i];
        const char *name = upb_MethodDef_FullName(method->def);
        size_t items_max = method->options.items_max;
        if (!upb_MethodDef_ServerStreaming(method->def) || routed(method, "REALMS_INTERNAL"))
            continue;
        if (method->options.identity_count == 0 && items_max == 0)
            complain(name, "has neither pages nor items_max");
        for (size_t j = 0; j < sizeof(short_lists) / sizeof(short_lists[0]); j++)
            if (strcmp(name, short_lists[j].method) == 0 && items_max == short_lists[j].items_max)
                items_max = 0, found++;
        if (items_max > 0)
            complain(name, "has another items_max than the code");
    }
    assert_int_equal(found, sizeof(short_lists) / sizeof(short_lists[0]));
    assert_no_complaints();
}

static void check_leak(const upb_FieldDef *field)
{
    const char *owner = upb_MessageDef_FullName(upb_FieldDef_ContainingType(field));
    bool cursor =
        upb_FieldDef_IsSubMessage(field) &&
        strcmp(upb_MessageDef_FullName(upb_FieldDef_MessageSubDef(field)), "pek.Cursor") == 0;
    bool sort_key = strcmp(upb_FieldDef_Name(field), "sort_key") == 0 &&
                    upb_FieldDef_Type(field) == kUpb_FieldType_Bytes &&
                    strcmp(owner, "pek.Cursor") != 0;
    if ((cursor || sort_key) && !is_internal(field))
        complain(upb_FieldDef_FullName(field), "is not marked internal");
}

static void check_field_name(const upb_FieldDef *field)
{
    const char *name = upb_FieldDef_Name(field);
    size_t len = strlen(name);
    bool fine = len > 0 && name[0] >= 'a' && name[0] <= 'z' && name[len - 1] != '_' &&
                strstr(name, "__") == NULL &&
                strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
    if (!fine)
        complain(upb_FieldDef_FullName(field), "is not lower_snake_case");
}

static void each_field(const upb_MessageDef *message, void (*visit)(const upb_FieldDef *))
{
    for (int i = 0; i < upb_MessageDef_FieldCount(message); i++)
        visit(upb_MessageDef_Field(message, i));
    for (int i = 0; i < upb_MessageDef_NestedMessageCount(message); i++)
        each_field(upb_MessageDef_NestedMessage(message, i), visit);
}

static void each_field_of_all(void (*visit)(const upb_FieldDef *))
{
    for (size_t i = 0; i < all.file_count; i++) {
        for (int j = 0; j < upb_FileDef_TopLevelMessageCount(all.files[i]); j++)
            each_field(upb_FileDef_TopLevelMessage(all.files[i], j), visit);
    }
}

static void sort_keys_and_cursors_never_leave_the_federation(void **state)
{
    (void)state;
    each_field_of_all(check_leak);
    assert_no_complaints();
}

static void field_names_are_lower_snake_case(void **state)
{
    (void)state;
    each_field_of_all(check_field_name);
    assert_no_complaints();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(descriptor_set_has_the_services, forget_complaints),
        cmocka_unit_test_setup(every_method_has_access_and_routing, forget_complaints),
        cmocka_unit_test_setup(every_public_method_is_internal, forget_complaints),
        cmocka_unit_test_setup(http_paths_are_unique, forget_complaints),
        cmocka_unit_test_setup(http_paths_follow_the_scheme, forget_complaints),
        cmocka_unit_test_setup(every_path_of_one_realm_names_it, forget_complaints),
        cmocka_unit_test_setup(idempotency_is_that_of_the_verb, forget_complaints),
        cmocka_unit_test_setup(every_list_with_an_order_can_be_paged, forget_complaints),
        cmocka_unit_test_setup(every_list_is_paged_or_short, forget_complaints),
        cmocka_unit_test_setup(sort_keys_and_cursors_never_leave_the_federation, forget_complaints),
        cmocka_unit_test_setup(field_names_are_lower_snake_case, forget_complaints),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
