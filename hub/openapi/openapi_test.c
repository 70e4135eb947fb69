#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub/openapi/openapi.h"
#include "hub/transcode/odd_descriptors_embedded.h"
#include "protos/descriptor_set.h"
#include "shared/json/json_scan.h"

static const struct openapi_options options = {
    .title = "PÉK", .version = "1", .cookie = "pek_session"};
static struct buffer out;
static struct transcode *transcode;

static void write_of(const char *name, const unsigned char *set, size_t len)
{
    struct fault fault = {0};
    buffer_init(&out, OPENAPI_BYTES_MAX);
    struct slice bytes = slice_make(set, len);
    if (transcode_new(bytes, &transcode, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
    assert_int_equal(openapi_write(transcode, bytes, &options, &out), STATUS_OK);
    /* OPENAPI_OUT=folder keeps it, for a validator. */
    char path[256];
    const char *folder = getenv("OPENAPI_OUT");
    if (folder)
        snprintf(path, sizeof(path), "%s/%s.json", folder, name);
    FILE *file = folder ? fopen(path, "w") : NULL;
    if (file) {
        fwrite(out.ptr, 1, out.len, file);
        fclose(file);
    }
    buffer_append_char(&out, '\0');
}

static int teardown(void **state)
{
    (void)state;
    buffer_done(&out);
    transcode = transcode_free(transcode);
    return 0;
}

static void assert_strict_json(void)
{
    struct arena arena;
    struct fault fault = {0};
    const struct json_limits limits = {JSON_SCAN_DEPTH_LIMIT, 1000000, false};
    arena_init(&arena, 1u << 26);
    if (json_scan(slice_make(out.ptr, out.len - 1), &limits, &arena, &fault) != STATUS_OK)
        fail_msg("%s: %s", fault.field, fault.text);
    arena_done(&arena);
}

/* Every reference leads to a member of components. */
static void assert_references_lead_somewhere(void)
{
    static const char mark[] = "\"$ref\":\"#/components/";
    size_t count = 0;
    for (const char *at = out.ptr; (at = strstr(at, mark)) != NULL; count++) {
        at += sizeof(mark) - 1;
        const char *slash = strchr(at, '/') + 1, *end = strchr(at, '"');
        char member[256];
        snprintf(member, sizeof(member), "\"%.*s\":{", (int)(end - slash), slash);
        if (!strstr(strstr(out.ptr, "\"components\":"), member))
            fail_msg("%s is not among the components", member);
    }
    assert_true(count > 10);
}

static void assert_has(const char *part)
{
    if (!strstr(out.ptr, part))
        fail_msg("%s is not in %s", part, out.ptr);
}

static void document_of_the_federation_is_whole(void **state)
{
    (void)state;
    write_of("pek", pek_descriptor_set, pek_descriptor_set_len);
    assert_strict_json();
    assert_references_lead_somewhere();
    assert_has("\"openapi\":\"3.1.0\"");
    assert_has("\"/api/v1/groups/{id}\":{\"get\":{\"operationId\":\"GroupService_GetGroup\"");
    assert_has("\"operationId\":\"GroupService_GetGroup_2\"");
    assert_has("\"/api/v1/realms/{realm}/groups/{id}:archive\":{\"post\":");
    assert_has("\"name\":\"pageSize\",\"in\":\"query\"");
    assert_has("\"nextPageToken\"");
    assert_has("\"application/x-ndjson\"");
    assert_null(strstr(out.ptr, "sortKey"));
    assert_null(strstr(out.ptr, "\"after\""));
    assert_null(strstr(out.ptr, "IssueToken"));
    /* A comment of the protos. */
    assert_has("\"pek.group.v1.Group\":{\"type\":\"object\"");
    assert_has("\"description\":\"Refused while a subgroup is active, unless `cascade`.\"");
}

static void paths_that_differ_in_names_are_one(void **state)
{
    (void)state;
    write_of("pek", pek_descriptor_set, pek_descriptor_set_len);
    assert_null(strstr(out.ptr, "\"/api/v1/realms/{realm}/groups/{group.id}\""));
    const char *path = strstr(out.ptr, "\"/api/v1/realms/{realm}/groups/{id}\":{");
    assert_non_null(path);
    const char *patch = strstr(path, "\"patch\":{\"operationId\":\"GroupService_UpdateGroup\"");
    assert_non_null(patch);
    assert_null(strstr(path + 1, "\"/api/v1/realms/{realm}/groups/{id}\":{"));
    assert_has("\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
               "\"$ref\":\"#/components/schemas/pek.group.v1.Group\"}}}}");
}

static void odd_types_have_their_schemas(void **state)
{
    (void)state;
    write_of("odd", odd_descriptors, odd_descriptors_len);
    assert_strict_json();
    assert_references_lead_somewhere();
    static const char *const parts[] = {
        "\"i64\":{\"type\":\"string\",\"format\":\"int64\"}",
        "\"u32\":{\"type\":\"integer\",\"minimum\":0}",
        "\"data\":{\"type\":\"string\",\"contentEncoding\":\"base64\"}",
        "\"counts\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\",",
        "\"inners\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/odd.Inner\"}}",
        "\"time\":{\"type\":\"string\",\"format\":\"date-time\"}",
        "\"maybeText\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
        "\"odd.Colour\":{\"type\":\"string\",\"enum\":[\"NO_COLOUR\",\"RED\",\"GREEN\",",
        "\"name\":\"inner.secret.shown\",\"in\":\"query\"",
        "\"/odd/{text}/{inner.text}\":{\"put\":",
        "\"security\":[]",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_has(parts[i]);
    assert_null(strstr(out.ptr, "hidden"));
    assert_null(strstr(out.ptr, "QUERY"));
}

static void small_buffer_is_told(void **state)
{
    (void)state;
    write_of("odd", odd_descriptors, odd_descriptors_len);
    struct buffer small;
    buffer_init(&small, 1000);
    assert_int_equal(openapi_write(transcode, slice_make(odd_descriptors, odd_descriptors_len),
                                   &options, &small),
                     STATUS_RESOURCE_EXHAUSTED);
    buffer_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(document_of_the_federation_is_whole, teardown),
        cmocka_unit_test_teardown(paths_that_differ_in_names_are_one, teardown),
        cmocka_unit_test_teardown(odd_types_have_their_schemas, teardown),
        cmocka_unit_test_teardown(small_buffer_is_told, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
