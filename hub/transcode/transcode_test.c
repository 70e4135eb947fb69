/* What is known of methods, and what the federation does with requests and items. */
#include "hub/transcode/circle_descriptors_embedded.h"
#include "hub/transcode/fixture.h"
#include "hub/transcode/odd_descriptors_embedded.h"

/* ---- methods ------------------------------------------------------------------------------------- */

static const struct transcode_method *find(const struct transcode *transcode, const char *path)
{
    const struct transcode_method *method = transcode_find(transcode, slice_str(path));
    assert_non_null(method);
    return method;
}

static void methods_know_what_their_options_say(void **state)
{
    (void)state;
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    assert_true(list->server_streaming);
    assert_int_equal(list->realms, TRANSCODE_ALL);
    assert_int_equal(list->idempotency, TRANSCODE_NO_SIDE_EFFECTS);
    assert_true(slice_equal_str(list->collection, "groups"));
    assert_true(slice_equal_str(list->service, "pek.group.v1.GroupService"));
    assert_true(slice_equal_str(list->name, "ListGroups"));
    assert_non_null(list->sort_key);
    assert_int_equal(list->identity_count, 2);
    assert_non_null(list->realm);
    assert_non_null(list->page_size);
    assert_non_null(list->page_token);
    assert_non_null(list->after);
    assert_null(list->update_mask);
    assert_non_null(list->item_realm);
    assert_false(list->is_public);

    const struct transcode_method *update = find(pek, "/pek.group.v1.GroupService/UpdateGroup");
    assert_int_equal(update->idempotency, TRANSCODE_IDEMPOTENT);
    assert_int_equal(update->realms, TRANSCODE_ONE);
    assert_non_null(update->update_mask);
    assert_null(update->after);
    const struct transcode_method *issue = find(pek, "/pek.instance.v1.InstanceService/IssueToken");
    assert_true(issue->is_public);
    assert_int_equal(issue->realms, TRANSCODE_INTERNAL);
    assert_int_equal(find(odd, "/odd.OddService/Echo")->request_bytes_max, 100000);
    assert_null(transcode_find(pek, SLICE_LIT("/pek.group.v1.GroupService/Nothing")));
}

static void internal_methods_have_no_route(void **state)
{
    (void)state;
    assert_int_equal(route_match(transcode_routes(odd), SLICE_LIT("GET"), SLICE_LIT("/hidden"),
                                 &arena, NULL, NULL),
                     ROUTE_UNKNOWN);
    for (size_t i = 0; i < route_table_count(transcode_routes(pek)); i++) {
        const struct transcode_method *method = route_table_rule(transcode_routes(pek), i)->target;
        assert_int_not_equal(method->realms, TRANSCODE_INTERNAL);
    }
}

static void bad_descriptor_sets_are_refused(void **state)
{
    (void)state;
    struct transcode *none = NULL;
    assert_int_equal(transcode_new(SLICE_LIT("not one"), &none, &fault), STATUS_INVALID_ARGUMENT);
    /* Cut at any byte: refused, or fewer files; never a crash. */
    for (size_t len = 1; len < odd_descriptors_len; len += 97) {
        if (transcode_new(slice_make(odd_descriptors, len), &none, NULL) == STATUS_OK)
            none = transcode_free(none);
    }
    assert_null(none);
}

/* ---- what the federation uses -------------------------------------------------------------------- */

static void request_is_asked_of_each_realm(void **state)
{
    (void)state;
    struct route_match match;
    struct transcode_request *request = NULL;
    assert_int_equal(make(pek, "GET /api/v1/groups?q=k%C3%B6r&pageSize=5&page_token=t",
                          (struct slice){0}, &match, &request),
                     STATUS_OK);
    assert_ptr_equal(transcode_request_method(request), match.rule->target);
    assert_int_equal(transcode_request_realm(request).len, 0);
    assert_int_equal(transcode_request_page_size(request), 5);
    assert_true(slice_equal_str(transcode_request_page_token(request), "t"));

    unsigned char hash[3][TRANSCODE_FINGERPRINT_BYTES];
    assert_int_equal(transcode_request_fingerprint(request, hash[0]), STATUS_OK);
    assert_int_equal(transcode_request_page_size(request), 5);
    assert_int_equal(transcode_request_set_realm(request, SLICE_LIT("worker-acme")), STATUS_OK);
    assert_int_equal(transcode_request_set_page_size(request, 6), STATUS_OK);
    assert_int_equal(transcode_request_set_page_token(request, SLICE_LIT("")), STATUS_OK);
    assert_int_equal(
        transcode_request_set_after(request, SLICE_LIT("\x01\x00\xff"), SLICE_LIT("a@b"), true),
        STATUS_OK);
    assert_int_equal(transcode_request_fingerprint(request, hash[1]), STATUS_OK);
    assert_memory_equal(hash[0], hash[1], TRANSCODE_FINGERPRINT_BYTES);

    struct slice first, second;
    assert_int_equal(transcode_request_bytes(request, &first), STATUS_OK);
    static const char expected[] = "\x0a\x0bworker-acme\x12\x04k\xC3\xB6r\x30\x06"
                                   "\x42\x0c\x0a\x03\x01\x00\xff\x12\x03"
                                   "a@b\x18\x01";
    assert_int_equal(first.len, sizeof(expected) - 1);
    assert_memory_equal(first.ptr, expected, first.len);
    assert_int_equal(transcode_request_set_realm(request, SLICE_LIT("hub")), STATUS_OK);
    assert_int_equal(transcode_request_bytes(request, &second), STATUS_OK);
    assert_int_equal(second.len, first.len - strlen("worker-acme") + strlen("hub"));
    assert_memory_equal(first.ptr, expected, first.len); /* still there */
    transcode_request_free(request);

    assert_int_equal(make(pek, "GET /api/v1/groups?q=other", (struct slice){0}, &match, &request),
                     STATUS_OK);
    assert_int_equal(transcode_request_fingerprint(request, hash[2]), STATUS_OK);
    assert_memory_not_equal(hash[0], hash[2], TRANSCODE_FINGERPRINT_BYTES);
    transcode_request_free(request);
}

static void mask_of_a_read_names_what_is_shown(void **state)
{
    static const struct {
        const char *mask, *json; /* NULL: the mask is refused */
    } masks[] = {
        {"name,parentId", "{\"name\":\"K\",\"parentId\":\"\"}"},
        {"parent_id", "{\"parentId\":\"\"}"},
        {"id,id", "{\"id\":\"a@b\"}"},
        /* It is not there. */
        {"createTime", "{}"},
        {"name,title", NULL},
        {"sortKey", NULL},
        {"name.first", NULL},
        {"create_time.seconds", NULL},
        {"*,title", NULL},
        {"name,", NULL},
        {"name,,id", NULL},
    };
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    struct slice bytes = SLICE_LIT("\x0a\x03hub\x12\x03"
                                   "a@b\x1a\x01K\xa2\x01\x01\x05");
    unsigned char hash[2][TRANSCODE_FINGERPRINT_BYTES];
    struct transcode_request *request = NULL;
    struct route_match match;
    char line[128];
    (void)state;
    assert_int_equal(make(pek, "GET /api/v1/groups", (struct slice){0}, &match, &request),
                     STATUS_OK);
    assert_int_equal(transcode_request_shown(request), TRANSCODE_SHOWN_ALL);
    assert_int_equal(transcode_request_fingerprint(request, hash[0]), STATUS_OK);
    transcode_request_free(request);
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        struct transcode_item *item = NULL;
        snprintf(line, sizeof(line), "GET /api/v1/groups?readMask=%s", masks[i].mask);
        enum status status = make(pek, line, (struct slice){0}, &match, &request);
        if (!masks[i].json) {
            assert_int_equal(status, STATUS_INVALID_ARGUMENT);
            assert_true(!strcmp(fault.field, "read_mask") || !strcmp(fault.field, "readMask"));
            continue;
        }
        assert_int_equal(status, STATUS_OK);
        /* The same list, whatever of it is shown: a page token leads on. */
        assert_int_equal(transcode_request_fingerprint(request, hash[1]), STATUS_OK);
        assert_memory_equal(hash[0], hash[1], TRANSCODE_FINGERPRINT_BYTES);
        assert_int_equal(transcode_item_new(pek, list, bytes, &item), STATUS_OK);
        buffer_reset(&out);
        assert_int_equal(
            transcode_item_json(item, NULL, transcode_request_shown(request), &out, NULL),
            STATUS_OK);
        buffer_append_char(&out, '\0');
        assert_string_equal(out.ptr, masks[i].json);
        transcode_item_free(item);
        transcode_request_free(request);
    }
    static const char *const wholes[] = {"GET /api/v1/groups?readMask=*",
                                         "GET /api/v1/groups?readMask=name,*",
                                         "GET /api/v1/groups?readMask="};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(make(pek, wholes[i], (struct slice){0}, &match, &request), STATUS_OK);
        assert_int_equal(transcode_request_shown(request), TRANSCODE_SHOWN_ALL);
        transcode_request_free(request);
    }
    /* Realms are asked in the proto's names. */
    assert_int_equal(
        make(pek, "GET /api/v1/groups?readMask=parentId", (struct slice){0}, &match, &request),
        STATUS_OK);
    assert_int_equal(transcode_request_bytes(request, &bytes), STATUS_OK);
    assert_int_equal(bytes.len, 13);
    assert_memory_equal(bytes.ptr, "\x4a\x0b\x0a\x09parent_id", 13);
    transcode_request_free(request);
}

static void items_are_read_once_and_shown_without_their_key(void **state)
{
    (void)state;
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    struct slice bytes = SLICE_LIT("\x0a\x03hub\x12\x03"
                                   "a@b\x1a\x04K\xC3\xB6r\x30\x04\xa2\x01\x03\x05\x00\x06");
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(pek, list, bytes, &item), STATUS_OK);
    assert_true(slice_equal(transcode_item_sort_key(item), SLICE_LIT("\x05\x00\x06")));
    assert_true(slice_equal_str(transcode_item_identity(item, 0), "hub"));
    assert_true(slice_equal_str(transcode_item_identity(item, 1), "a@b"));
    assert_int_equal(transcode_item_identity(item, 2).len, 0);
    assert_true(slice_equal_str(transcode_item_realm(item), "hub"));
    assert_int_equal(transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, NULL), STATUS_OK);
    buffer_append_char(&out, '\0');
    assert_string_equal(
        out.ptr, "{\"realm\":\"hub\",\"id\":\"a@b\",\"name\":\"K\xC3\xB6r\",\"description\":\"\","
                 "\"parentId\":\"\","
                 "\"purpose\":\"CIRCLE\",\"webpage\":\"\",\"mail\":\"\",\"isCommunity\":false,"
                 "\"isResort\":false,"
                 "\"isTaskForce\":false,\"hasTransitiveMembership\":false,\"isArchived\":false,"
                 "\"usersCanApply\":false,\"archivedMembersVisible\":false,\"etag\":\"\"}");
    transcode_item_free(item);
}

/* Whether the answer of these bytes is of what the request asked for, by caller dan. */
static bool is_of(const char *line, const char *body, struct slice bytes)
{
    struct route_match match;
    struct transcode_request *request = NULL;
    struct transcode_asked asked;
    struct transcode_item *item = NULL;
    if (make(pek, line, slice_str(body), &match, &request) != STATUS_OK)
        fail_msg("%s: %s", line, fault.text);
    const struct transcode_method *method = match.rule->target;
    assert_int_equal(transcode_item_new(pek, method, bytes, &item), STATUS_OK);
    transcode_asked_init(request, &match, SLICE_LIT("dan"), &asked);
    bool is = transcode_item_is_asked(item, &asked);
    transcode_item_free(item);
    transcode_request_free(request);
    return is;
}

/* By the path, by the body's ids, in lists, and by who asks. */
static void an_answer_is_of_what_was_asked(void **state)
{
    (void)state;
#define MEMBER(realm, group, user) "\x0a\x01" realm "\x12\x03" group "\x22\x03" user
#define GROUP(id, parent)                                                                          \
    "\x0a\x01"                                                                                     \
    "a"                                                                                            \
    "\x12\x03" id "\x2a\x03" parent
    static const struct {
        const char *line, *body;
        struct slice bytes;
        bool is;
    } answers[] = {
#define ADD "POST /api/v1/realms/a/groups/a@b/members:add"
        {ADD, "{\"userId\":\"bob\"}", SLICE_LIT(MEMBER("a", "a@b", "bob")), true},
        {ADD, "{\"userId\":\"bob\"}", SLICE_LIT(MEMBER("a", "a@b", "eve")), false},
        {ADD, "{\"userId\":\"bob\"}", SLICE_LIT(MEMBER("a", "a@c", "bob")), false},
        {ADD, "{\"userId\":\"bob\"}", SLICE_LIT(MEMBER("b", "a@b", "bob")), false},
        {ADD, "{\"userId\":\"bob\"}", SLICE_LIT(""), false},
#define BATCH "POST /api/v1/realms/a/groups/A@B/members:batchAccept"
        {BATCH, "{\"userIds\":[\"bob\"]}", SLICE_LIT("\x0a\x0d" MEMBER("a", "a@b", "bob")), true},
        {BATCH, "{\"userIds\":[\"bob\"]}", SLICE_LIT("\x0a\x0d" MEMBER("b", "a@b", "bob")), false},
        {BATCH, "{\"userIds\":[\"bob\"]}", SLICE_LIT("\x0a\x0d" MEMBER("a", "a@c", "bob")), false},
        {BATCH, "{\"userIds\":[\"bob\"]}",
         SLICE_LIT("\x0a\x0d" MEMBER("a", "a@b", "bob") "\x0a\x00"), false},
#define MOVE "POST /api/v1/realms/a/groups/a@b:move"
        {MOVE, "{\"parentId\":\"B@B\"}", SLICE_LIT(GROUP("a@b", "b@b")), true},
        {MOVE, "{\"parentId\":\"b@b\"}", SLICE_LIT(GROUP("a@b", "B@B")), false},
        {MOVE, "{\"parentId\":\"b@b\"}", SLICE_LIT(GROUP("a@b", "x@x")), false},
        {MOVE, "", SLICE_LIT(GROUP("a@b", "x@x")), true},
        {"GET /api/v1/groups?parentId=a@b", "", SLICE_LIT(GROUP("c@b", "a@b")), true},
        {"GET /api/v1/groups?parentId=a@b", "", SLICE_LIT(GROUP("c@b", "a@c")), false},
        {"GET /api/v1/groups/a@b/ancestors", "", SLICE_LIT(GROUP("c@b", "d@b")), true},
        {"GET /api/v1/users/me/memberships", "", SLICE_LIT(MEMBER("a", "a@b", "dan")), true},
        {"GET /api/v1/users/me/memberships", "", SLICE_LIT(MEMBER("a", "a@b", "bob")), false},
        /* A realm may be called so. */
        {"GET /api/v1/realms/me/groups/a@b", "",
         SLICE_LIT("\x0a\x02me\x12\x03"
                   "a@b"),
         true},
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (is_of(answers[i].line, answers[i].body, answers[i].bytes) != answers[i].is)
            fail_msg("%zu: %s %s", i, answers[i].line, answers[i].body);
}

static void internal_fields_are_cleared_at_every_depth(void **state)
{
    (void)state;
    const struct transcode_method *method = find(odd, "/odd.OddService/Inner");
    /* inner { secret { hidden } secrets { hidden } }, inners { secret { hidden } }, secrets { 1: { hidden } },
     * hidden_number, hidden_inner { text } */
#define SECRET "\x12\x06hidden"
    struct slice bytes =
        SLICE_LIT("\x6a\x14\x1a\x08" SECRET "\x22\x08" SECRET "\x72\x0a\x1a\x08" SECRET
                  "\x9a\x01\x0c\x08\x01\x12\x08" SECRET "\xe8\x01\x05\xf2\x01\x08\x0a"
                  "\x06hidden");
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(odd, method, bytes, &item), STATUS_OK);
    assert_int_equal(transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, NULL), STATUS_OK);
    buffer_append_char(&out, '\0');
    assert_null(strstr(out.ptr, "hidden"));
    assert_has(out.ptr, "\"inner\":{\"text\":\"\",\"number\":0,\"secret\":{\"shown\":\"\"},"
                        "\"secrets\":[{\"shown\":\"\"}]}");
    assert_has(out.ptr, "\"secrets\":{\"1\":{\"shown\":\"\"}}");
    transcode_item_free(item);
}

static void response_body_is_the_field_it_names(void **state)
{
    (void)state;
    struct route_match one, many;
    assert_int_equal(route_match(transcode_routes(odd), SLICE_LIT("GET"), SLICE_LIT("/odd/inner"),
                                 &arena, &one, NULL),
                     ROUTE_FOUND);
    assert_int_equal(route_match(transcode_routes(odd), SLICE_LIT("GET"), SLICE_LIT("/odd/inners"),
                                 &arena, &many, NULL),
                     ROUTE_FOUND);
    const struct transcode_method *method = one.rule->target;
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(odd, method,
                                        SLICE_LIT("\x6a\x02\x10\x05\x72\x02\x10\x06\x72"
                                                  "\x02\x10\x07"),
                                        &item),
                     STATUS_OK);
    assert_int_equal(transcode_item_json(item, one.rule, TRANSCODE_SHOWN_ALL, &out, NULL),
                     STATUS_OK);
    buffer_append_char(&out, '\n');
    assert_int_equal(transcode_item_json(item, many.rule, TRANSCODE_SHOWN_ALL, &out, NULL),
                     STATUS_OK);
    buffer_append_char(&out, '\0');
    assert_string_equal(out.ptr, "{\"text\":\"\",\"number\":5,\"secrets\":[]}\n"
                                 "[{\"text\":\"\",\"number\":6,\"secrets\":[]},"
                                 "{\"text\":\"\",\"number\":7,\"secrets\":[]}]");
    transcode_item_free(item);
}

static void garbage_is_no_item(void **state)
{
    (void)state;
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    static const struct slice garbage[] = {
        {"\x0a", 1},
        {"\x0a\x05hub", 5},
        {"\x0a\x02\xff\xfe", 4},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11},
        {"\x0b\x0b\x0b", 3},
    };
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        struct transcode_item *item = NULL;
        assert_int_equal(transcode_item_new(pek, list, garbage[i], &item), STATUS_DATA_LOSS);
        assert_null(item);
    }
    /* A time that has no text. */
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(pek, list,
                                        SLICE_LIT("\x3a\x0b\x08\xff\xff\xff\xff\xff\xff\xff"
                                                  "\xff\x7f\x00"),
                                        &item),
                     STATUS_DATA_LOSS);
    assert_int_equal(transcode_item_new(pek, list,
                                        SLICE_LIT("\x3a\x0a\x08\xff\xff\xff\xff\xff\xff\xff"
                                                  "\xff\x7f"),
                                        &item),
                     STATUS_OK);
    assert_int_equal(transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, NULL),
                     STATUS_DATA_LOSS);
    transcode_item_free(item);
}

static enum status span(struct slice bytes)
{
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(odd, find(odd, "/odd.OddService/Span"), bytes, &item),
                     STATUS_OK);
    buffer_reset(&out);
    fault = (struct fault){0};
    enum status status = transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, &fault);
    transcode_item_free(item);
    return status;
}

static void durations_are_written_or_named(void **state)
{
    static const struct {
        const char *bytes; /* of the Duration */
        size_t len;
        const char *text; /* NULL: it has none */
    } spans[] = {
        {"", 0, "\"0s\""},
        {"\x08\x01\x10\x80\xca\xb5\xee\x01", 8, "\"1.500s\""},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "\"-1s\""},
        {"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "\"-0.000000001s\""},
        {"\x08\x80\xbc\xae\xce\x97\x09", 7, "\"315576000000s\""},
        {"\x08\x81\xbc\xae\xce\x97\x09", 7, NULL},                          /* too long */
        {"\x10\x80\x94\xeb\xdc\x03", 6, NULL},                              /* a whole second */
        {"\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, NULL}, /* two signs */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        char bytes[32] = {'\x0a', (char)spans[i].len};
        memcpy(bytes + 2, spans[i].bytes, spans[i].len);
        assert_int_equal(span(slice_make(bytes, 2 + spans[i].len)),
                         spans[i].text ? STATUS_OK : STATUS_DATA_LOSS);
        buffer_append_char(&out, '\0');
        if (spans[i].text)
            assert_has(out.ptr, spans[i].text);
        else
            assert_string_equal(fault.field, "span");
    }
}

/* An Everything with a text of this length, and behind it a map of numbers with this entry. */
static enum status map_with(struct slice entry, size_t text_bytes)
{
    struct transcode_item *item = NULL;
    char bytes[128] = {'\x0a', (char)text_bytes};
    size_t len = 2 + text_bytes;
    memset(bytes + 2, 'x', text_bytes);
    memcpy(bytes + len, "\x92\x01", 2);
    bytes[len + 2] = (char)entry.len;
    memcpy(bytes + len + 3, entry.ptr, entry.len);
    enum status status = transcode_item_new(odd, find(odd, "/odd.OddService/Echo"),
                                            slice_make(bytes, len + 3 + entry.len), &item);
    transcode_item_free(item);
    return status;
}

/* At whatever distance from the end: upb would stop the process for some. */
static void entries_of_maps_have_a_key_and_a_value(void **state)
{
    static const struct {
        struct slice entry;
        enum status status;
    } entries[] = {
        {{"\x0a\x01"
          "a\x10\x07",
          5},
         STATUS_OK},
        {{"", 0}, STATUS_OK},
        {{"\x10\x07", 2}, STATUS_OK},
        {{"\x78\x01\x0a\x01"
          "a\x10\x07",
          7},
         STATUS_DATA_LOSS},
        {{"\x0a\x01"
          "a\x7a\x06"
          "bcdefg\x10\x07",
          13},
         STATUS_DATA_LOSS},
        {{"\x0a\x01"
          "a\x12\x01"
          "7",
          6},
         STATUS_DATA_LOSS}, /* a value of another kind is none */
        {{"\x0a\x01"
          "a\x7b\x7c",
          5},
         STATUS_DATA_LOSS}, /* a group */
        {{"\x0a\x09"
          "a",
          3},
         STATUS_DATA_LOSS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        for (size_t before = 0; before < 40; before++)
            assert_int_equal(map_with(entries[i].entry, before), entries[i].status);
}

/* Of an Everything whose mask has one path. */
static enum status mask_of_one(const char *path)
{
    struct transcode_item *item = NULL;
    char bytes[64] = {'\xb2', '\x01', (char)(strlen(path) + 2), '\x0a', (char)strlen(path)};
    memcpy(bytes + 5, path, strlen(path));
    assert_int_equal(transcode_item_new(odd, find(odd, "/odd.OddService/Echo"),
                                        slice_make(bytes, 5 + strlen(path)), &item),
                     STATUS_OK);
    buffer_reset(&out);
    enum status status = transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, NULL);
    transcode_item_free(item);
    return status;
}

static void masks_of_realms_stay_one_text(void **state)
{
    (void)state;
    assert_int_equal(mask_of_one("inner.snake_case"), STATUS_OK);
    buffer_append_char(&out, '\0');
    assert_has(out.ptr, "\"mask\":\"inner.snakeCase\"");
    assert_int_equal(mask_of_one("text\",\"hidden\":\"1"), STATUS_DATA_LOSS);
    assert_int_equal(mask_of_one("text\\"), STATUS_DATA_LOSS);
    assert_int_equal(mask_of_one("text\n"), STATUS_DATA_LOSS);
}

static void large_items_fit_and_small_buffers_say_so(void **state)
{
    (void)state;
    const struct transcode_method *list = find(pek, "/pek.group.v1.GroupService/ListGroups");
    static char bytes[20004];
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "\x1a\xa0\x9c\x01", 4);
    struct transcode_item *item = NULL;
    assert_int_equal(transcode_item_new(pek, list, slice_make(bytes, 20004), &item), STATUS_OK);
    assert_int_equal(transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &out, NULL), STATUS_OK);
    assert_true(out.len > 20000);
    assert_int_equal(out.ptr[out.len - 1], '}');
    struct buffer small;
    buffer_init(&small, 1000);
    assert_int_equal(transcode_item_json(item, NULL, TRANSCODE_SHOWN_ALL, &small, NULL),
                     STATUS_DATA_LOSS);
    buffer_done(&small);
    transcode_item_free(item);
}

static void request_bytes_are_judged(void **state)
{
    (void)state;
    const struct transcode_method *get = find(pek, "/pek.group.v1.GroupService/GetGroup");
    struct transcode_request *request = NULL;
    assert_int_equal(transcode_request_decode(pek, get, SLICE_LIT("\x0a\x03hub"), &request, &fault),
                     STATUS_OK);
    assert_true(slice_equal_str(transcode_request_realm(request), "hub"));
    assert_int_equal(transcode_request_page_size(request), 0);
    assert_int_equal(transcode_request_set_page_size(request, 5), STATUS_OK); /* it has none */
    transcode_request_free(request);
    assert_int_equal(transcode_request_decode(pek, get, SLICE_LIT("\x0a\x09hub"), &request, &fault),
                     STATUS_INVALID_ARGUMENT);
}

/* ---- errors -------------------------------------------------------------------------------------- */

static void errors_have_their_fixed_form(void **state)
{
    (void)state;
    struct fault denied;
    fault_set(&denied, STATUS_PERMISSION_DENIED, "group.parent_id", "no \"right\"");
    transcode_error_json(&denied, 0, false, &out);
    buffer_append_char(&out, '\0');
    assert_string_equal(
        out.ptr, "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"message\":\"no "
                 "\\\"right\\\"\",\"details\":[{\"@type\":\"type.googleapis.com/"
                 "google.rpc.ErrorInfo\",\"reason\":\"PERMISSION_DENIED\",\"domain\":\"pek\","
                 "\"metadata\":{\"field\":\"group.parentId\"}}]}}");
    buffer_reset(&out);
    fault_set_reason(&denied, STATUS_UNAVAILABLE, "REALM_DOWN", NULL, "gone");
    transcode_error_json(&denied, 502, true, &out);
    buffer_append_char(&out, '\0');
    assert_string_equal(out.ptr,
                        "{\"type\":\"about:blank\",\"title\":\"UNAVAILABLE\",\"status\":502,"
                        "\"detail\":\"gone\",\"details\":[{\"@type\":\"type.googleapis.com/"
                        "google.rpc.ErrorInfo\",\"reason\":\"REALM_DOWN\",\"domain\":\"pek\","
                        "\"metadata\":{}}]}");
}

static void messages_in_a_circle_are_refused(void **state)
{
    (void)state;
    struct transcode *none = NULL;
    struct slice set = slice_make(circle_descriptors, circle_descriptors_len);
    assert_int_equal(transcode_new(set, &none, &fault), STATUS_INVALID_ARGUMENT);
    assert_null(none);
    assert_has(fault.text, "holds itself");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_in_a_circle_are_refused),
        TEST(methods_know_what_their_options_say),
        TEST(internal_methods_have_no_route),
        TEST(bad_descriptor_sets_are_refused),
        TEST(request_is_asked_of_each_realm),
        TEST(mask_of_a_read_names_what_is_shown),
        TEST(items_are_read_once_and_shown_without_their_key),
        TEST(an_answer_is_of_what_was_asked),
        TEST(internal_fields_are_cleared_at_every_depth),
        TEST(response_body_is_the_field_it_names),
        TEST(garbage_is_no_item),
        TEST(durations_are_written_or_named),
        TEST(entries_of_maps_have_a_key_and_a_value),
        TEST(masks_of_realms_stay_one_text),
        TEST(large_items_fit_and_small_buffers_say_so),
        TEST(request_bytes_are_judged),
        TEST(errors_have_their_fixed_form),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
