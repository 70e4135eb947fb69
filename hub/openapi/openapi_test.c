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

#define HEALTH                                                                                     \
    "{\"/healthz\":{\"get\":{\"operationId\":\"getHealth\",\"responses\":{"                        \
    "\"200\":{\"description\":\"OK\"}}}}}"

static const struct openapi_options options = {
    .title = "PÉK",
    .version = "1",
    .license = "MIT",
    .cookie = "pek_session",
    .cookie_secure = "__Host-pek_session",
    .paths = {HEALTH, sizeof(HEALTH) - 1},
};
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
        char member[256], embedded[256];
        snprintf(member, sizeof(member), "\"%.*s\":{", (int)(end - slash), slash);
        snprintf(embedded, sizeof(embedded), "\"%.*s\": {", (int)(end - slash), slash);
        const char *components = strstr(out.ptr, "\"components\":");
        if (!strstr(components, member) && !strstr(components, embedded))
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
    assert_has("\"license\":{\"name\":\"MIT\",\"identifier\":\"MIT\"}");
    assert_has("\"name\":\"__Host-pek_session\"");
    assert_has("\"/healthz\":{\"get\":{");
    assert_has("\"/api/v1/groups/{id}\":{\"get\":{\"operationId\":\"getGroup\"");
    assert_has("\"operationId\":\"getGroupInRealm\"");
    assert_has("\"operationId\":\"revokeSessionByDelete\"");
    assert_has("\"/api/v1/realms/{realm}/groups/{id}:archive\":{\"post\":");
    assert_has("\"name\":\"pageSize\",\"in\":\"query\"");
    assert_has(
        "\"application/x-ndjson\":{\"schema\":{\"$ref\":\"#/components/schemas/ListGroupsLine\"}}");
    assert_null(strstr(out.ptr, "sortKey"));
    assert_null(strstr(out.ptr, "\"after\""));
    assert_null(strstr(out.ptr, "IssueToken"));
    /* A comment of the protos, and its first sentence. */
    assert_has("\"description\":\"Refused while a subgroup is active, unless `cascade`.\"");
    assert_has("\"summary\":\"Refused while a subgroup is active, unless `cascade`\"");
}

static void what_is_given_and_what_is_taken_have_schemas_of_their_own(void **state)
{
    (void)state;
    write_of("pek", pek_descriptor_set, pek_descriptor_set_len);
    static const char *const parts[] = {
        /* Given: all that shows its default, and no bounds. */
        "\"Group\":{\"type\":\"object\",\"properties\":{\"realm\":{\"type\":\"string\","
        "\"readOnly\":true}",
        "\"name\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"}",
        "\"required\":[\"realm\",\"id\",\"name\",\"description\",\"parentId\",\"purpose\","
        "\"webpage\"",
        "\"ListGroupsResponse\":{\"type\":\"object\",\"required\":[\"groups\",\"nextPageToken\"",
        /* Taken by a change: bounds, and nothing is required. */
        "\"GroupPatch\":{\"type\":\"object\",\"properties\":{\"realm\":",
        "\"etag\":{\"type\":\"string\",\"description\":\"Changes with every change; give it back "
        "to refuse a "
        "write over somebody else's.\"}},\"additionalProperties\":false}",
        /* Taken by a creation. */
        "\"CreateGroupRequest\":{\"type\":\"object\",\"properties\":{\"parentId\":",
        "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}",
        "\"required\":[\"name\"],\"additionalProperties\":false}",
        "\"StatementInput\":{",
        "\"StatementPatch\":{",
        "\"maxItems\":20",
        "\"pattern\":\"^([a-z0-9][a-z0-9_-]*)?$\"",
        "\"name\":\"pageSize\",\"in\":\"query\",\"description\":\"A page has 100 at most; 0 takes "
        "the default "
        "of 20 for a page, everything for a "
        "stream.\",\"schema\":{\"type\":\"integer\",\"format\":\"int32\","
        "\"minimum\":0,\"maximum\":2147483647}",
        "\"name\":\"action\",\"in\":\"query\",\"required\":true",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_has(parts[i]);
}

/* From its id to the next operation. */
static struct slice operation(const char *id)
{
    char start[128];
    snprintf(start, sizeof(start), "\"operationId\":\"%s\"", id);
    const char *from = strstr(out.ptr, start);
    assert_non_null(from);
    const char *to = strstr(from + 1, "\"operationId\":");
    return to ? slice_make(from, (size_t)(to - from)) : slice_str(from);
}

static bool has(const char *id, const char *part)
{
    struct slice text = operation(id);
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static void an_operation_says_what_can_come_of_it(void **state)
{
    (void)state;
    write_of("pek", pek_descriptor_set, pek_descriptor_set_len);
    static const struct {
        const char *id, *statuses; /* of 304 to 504 */
    } cases[] = {
        {"getGroup", "304 400 401 403 404 412 429 500 502 503 504"},
        {"listGroups", "400 401 404 429 500 502 503 504"},
        {"createGroup", "400 401 403 404 409 413 415 429 500 502 503 504"},
        {"updateGroup", "400 401 403 404 409 412 413 415 429 500 502 503 504"},
        {"deletePolicy", "400 401 403 404 409 412 429 500 502 503 504"},
        {"getSession", "400 401 429 500 503 504"},
        {"revokeSession", "400 401 403 404 409 413 415 429 500 503 504"},
    };
    static const char *const codes[] = {"304", "400", "401", "403", "404", "409", "412",
                                        "413", "415", "429", "500", "502", "503", "504"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t j = 0; j < sizeof(codes) / sizeof(codes[0]); j++) {
            char part[64];
            snprintf(part, sizeof(part), "\"%s\":{\"$ref\":\"#/components/responses/", codes[j]);
            if (has(cases[i].id, part) != (strstr(cases[i].statuses, codes[j]) != NULL))
                fail_msg("%s and %s", cases[i].id, codes[j]);
        }
    }
    assert_true(has("listGroups", "\"readMask\",\"in\":\"query\""));
    assert_true(has("listGroups", "\"^(\\\\*|(realm|id|name|"));
    assert_false(has("listGroups", "sortKey"));
    assert_false(has("listPolicies", "\"readMask\""));
    assert_true(has("createGroup", "parameters/IdempotencyKey"));
    assert_false(has("getGroup", "parameters/IdempotencyKey"));
    assert_true(has("getGroup", "parameters/IfNoneMatch"));
    assert_true(has("updateGroup", "parameters/IfMatch"));
    assert_false(has("createGroup", "parameters/IfMatch"));
    assert_true(has("getGroup", "\"Federation-Incomplete\":"));
    assert_false(has("getGroupInRealm", "\"Federation-Incomplete\":"));
    assert_true(has("listGroups", "\"RateLimit\":"));
    assert_false(has("getGroup", "\"RateLimit\":"));
}

static void paths_that_differ_in_names_are_one(void **state)
{
    (void)state;
    write_of("pek", pek_descriptor_set, pek_descriptor_set_len);
    assert_null(strstr(out.ptr, "/groups/{groupId}\":{"));
    const char *path = strstr(out.ptr, "\"/api/v1/realms/{realm}/groups/{id}\":{");
    assert_non_null(path);
    assert_non_null(strstr(path, "\"patch\":{\"operationId\":\"updateGroup\""));
    assert_null(strstr(path + 1, "\"/api/v1/realms/{realm}/groups/{id}\":{"));
    assert_has("\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
               "\"$ref\":\"#/components/schemas/GroupPatch\"},\"example\":{}}},"
               "\"description\":\"At most 131072 bytes.\"}");
    /* Where the first has a dot, there is none in the document. */
    assert_has("/policies/{policyId}/statements/{statementId}\":{");
    assert_null(strstr(out.ptr, "{statement.id}"));
}

/* What may be left out is left out: "string" would be no id of a group. */
static void bodies_have_examples_of_what_they_must_have(void **state)
{
    static const char *const parts[] = {
        "schemas/CreateGroupRequest\"},\"example\":{\"name\":\"text\"}",
        "schemas/MoveGroupRequest\"},\"example\":{}",
        "schemas/BatchAddMembersRequest\"},\"example\":{\"userIds\":[\"bob\"]}",
        "schemas/SemesterInput\"},\"example\":{\"id\":\"2026-2027/1\",\"season\":\"OFFSEASON\"}",
        "schemas/CreateStatementRequest\"},\"example\":{\"statement\":{\"actions\":[\"",
        "schemas/PointRulesInput\"},\"example\":{\"workMax\":1,",
    };
    (void)state;
    write_of("pek", pek_descriptor_set, pek_descriptor_set_len);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_has(parts[i]);
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
        "\"inners\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Inner\"}}",
        "\"inners\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/InnerInput\"}}",
        "\"time\":{\"type\":\"string\",\"format\":\"date-time\"}",
        "\"maybeText\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
        "\"Colour\":{\"type\":\"string\",\"enum\":[\"NO_COLOUR\",\"RED\",\"GREEN\",",
        "\"name\":\"inner.secret.shown\",\"in\":\"query\"",
        "\"/odd/{text}/{innerText}\":{\"put\":",
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
        cmocka_unit_test_teardown(what_is_given_and_what_is_taken_have_schemas_of_their_own,
                                  teardown),
        cmocka_unit_test_teardown(an_operation_says_what_can_come_of_it, teardown),
        cmocka_unit_test_teardown(paths_that_differ_in_names_are_one, teardown),
        cmocka_unit_test_teardown(bodies_have_examples_of_what_they_must_have, teardown),
        cmocka_unit_test_teardown(odd_types_have_their_schemas, teardown),
        cmocka_unit_test_teardown(small_buffer_is_told, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
