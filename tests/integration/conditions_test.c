/* ETag, If-None-Match, If-Match; and what a GET gave, sent back by a PATCH. */
#include "tests/integration/federation.h"

#define ONE "/api/v1/realms/a/groups/one"
#define NAME_ONLY "{\"name\":\"New\"}"

static void open_with_one(struct federation *f)
{
    federation_open(f, NULL);
    rude_worker_add(f->a, "k1", "one");
}

/* Asks, and gives the code; what it says is in `ret_answer`, which is freed by the next. */
static int ask(struct federation *f, const char *verb, const char *headers, const char *body,
               struct answer *ret_answer)
{
    if (ret_answer->raw.ptr)
        answer_free(ret_answer);
    *ret_answer = federation_ask(f, verb, ONE, headers, body);
    return ret_answer->code;
}

static void read_is_not_modified_when_its_etag_is_named(void **state)
{
    static const struct {
        const char *header;
        int code;
    } reads[] = {
        {"If-None-Match: \"v1\"\r\n", 304},
        {"If-None-Match: W/\"v1\"\r\n", 304},
        {"If-None-Match: \"a,b\", W/\"c\" ,\"v1\"\r\n", 304},
        {"If-None-Match: \"a\"\r\nIf-None-Match: \"v1\"\r\n", 304},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"v1\"\r\nIf-None-Match: *\r\n", 400},
        {"If-None-Match: \"v2\"\r\n", 200},
        {"If-None-Match: v1\r\n", 400},
        {"If-None-Match: \"v1\r\n", 400},
        {"If-None-Match: \"a\" \"v1\"\r\n", 400},
        {"If-Match: \"v1\"\r\n", 200},
        {"If-Match: *\r\n", 200},
        {"If-Match: \"v2\"\r\n", 412},
        {"If-Match: W/\"v1\"\r\n", 412},
    };
    struct federation f;
    struct answer answer = {0};
    (void)state;
    open_with_one(&f);
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        if (ask(&f, "GET", reads[i].header, NULL, &answer) != reads[i].code)
            fail_msg("%s: %d %s", reads[i].header, answer.code, answer.text);
        assert_true(answer.whole);
        assert_non_null(strstr(answer.raw.ptr, "etag: \"v1\"\r\n"));
        if (reads[i].code == 304)
            assert_int_equal(answer.body.len, 0);
    }
    answer_free(&answer);
    federation_close(&f);
}

static void change_happens_to_what_if_match_names_only(void **state)
{
    static const struct {
        const char *headers, *body;
        int code;
        size_t updates;
    } changes[] = {
        {JSON_BODY "If-Match: \"v1\"\r\n", NAME_ONLY, 200, 1},
        {JSON_BODY "If-Match: \"v2\"\r\n", NAME_ONLY, 412, 0},
        {JSON_BODY "If-Match: \"v0\", \"v1\"\r\n", NAME_ONLY, 200, 1},
        {JSON_BODY "If-Match: \"v0\", \"v2\"\r\n", NAME_ONLY, 412, 0},
        {JSON_BODY "If-Match: W/\"v1\"\r\n", NAME_ONLY, 412, 0},
        {JSON_BODY "If-Match: *\r\n", NAME_ONLY, 200, 1},
        {JSON_BODY "If-Match: v1\r\n", NAME_ONLY, 400, 0},
        {JSON_BODY "If-Match: \"\"\r\n", NAME_ONLY, 412, 0},
        {JSON_BODY "If-Match: \"v0\", \"\"\r\n", NAME_ONLY, 412, 0},
        {JSON_BODY "If-Match: \"v1\"\r\n", "{\"name\":\"New\",\"etag\":\"v1\"}", 200, 1},
        {JSON_BODY "If-Match: \"v1\"\r\n", "{\"name\":\"New\",\"etag\":\"v2\"}", 400, 0},
        {JSON_BODY "If-None-Match: *\r\n", NAME_ONLY, 400, 0},
        /* In the body alone it is the API's own: 409. */
        {JSON_BODY, "{\"name\":\"New\",\"etag\":\"v2\"}", 409, 0},
    };
    struct federation f;
    struct answer answer = {0};
    (void)state;
    open_with_one(&f);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        rude_worker_reset(f.a);
        if (ask(&f, "PATCH", changes[i].headers, changes[i].body, &answer) != changes[i].code)
            fail_msg("%zu: %d %s", i, answer.code, answer.text);
        assert_int_equal(f.a->updates, changes[i].updates);
        if (answer.code == 200)
            assert_non_null(strstr(answer.raw.ptr, "etag: \"u1\"\r\n"));
    }
    answer_free(&answer);
    /* What makes something new has no etag to compare. */
    answer = federation_ask(&f, "POST", "/api/v1/realms/a/groups", JSON_BODY "If-Match: \"v1\"\r\n",
                            "{\"slug\":\"n\",\"name\":\"N\"}");
    assert_int_equal(answer.code, 400);
    answer_free(&answer);
    federation_close(&f);
}

/* Whoever sends a protection without its value believes in it; to take it for none would be to leave them without. */
static void protection_that_is_empty_is_refused(void **state)
{
    static const struct {
        const char *headers;
        int code;
        const char *says;
    } changes[] = {
        {JSON_BODY "Idempotency-Key:\r\n", 400, "idempotency-key"},
        {JSON_BODY "Idempotency-Key: \r\n", 400, "idempotency-key"},
        {JSON_BODY "If-Match:\r\n", 412, "if-match"},
        {JSON_BODY "If-None-Match:\r\n", 400, "if-none-match"},
        {JSON_BODY "Origin:\r\n", 403, "origin"},
        {JSON_BODY "Sec-Fetch-Site:\r\n", 403, "sec-fetch-site"},
        {"Content-Type:\r\n", 415, "content-type"},
    };
    struct federation f;
    struct answer answer = {0};
    (void)state;
    open_with_one(&f);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        if (ask(&f, "PATCH", changes[i].headers, NAME_ONLY, &answer) != changes[i].code ||
            !answer_has(&answer, changes[i].says))
            fail_msg("%zu: %d %s", i, answer.code, answer.text);
    }
    assert_int_equal(f.a->calls, 0);
    answer_free(&answer);
    federation_close(&f);
}

/* The answer with one text put in the place of another. */
static const char *with(const struct answer *answer, const char *was, const char *is,
                        char *ret_body, size_t bytes)
{
    const char *at = strstr(answer->text, was);
    assert_non_null(at);
    snprintf(ret_body, bytes, "%.*s%s%s", (int)(at - answer->text), answer->text, is,
             at + strlen(was));
    return ret_body;
}

static void what_get_gave_can_be_sent_back(void **state)
{
    struct federation f;
    struct answer got = {0}, answer = {0};
    char body[4096];
    (void)state;
    open_with_one(&f);
    assert_int_equal(ask(&f, "GET", NULL, NULL, &got), 200);
    /* As it is: nothing changes, and it is the answer. */
    assert_int_equal(ask(&f, "PATCH", JSON_BODY, got.text, &answer), 200);
    assert_string_equal(answer.text, got.text);
    assert_int_equal(f.a->updates, 0);
    /* Unless it is not the one that If-Match names, which is 412, whether or not anything would change. */
    with(&got, "\"etag\":\"v1\"", "\"etag\":\"\"", body, sizeof(body));
    assert_int_equal(ask(&f, "PATCH", JSON_BODY "If-Match: \"bad\"\r\n", body, &answer), 412);
    assert_int_equal(ask(&f, "PATCH", JSON_BODY "If-Match: \"\"\r\n", body, &answer), 412);
    assert_int_equal(f.a->updates, 0);
    /* With one thing changed, that is what changes. */
    with(&got, "\"name\":\"one\"", "\"name\":\"New\"", body, sizeof(body));
    assert_int_equal(ask(&f, "PATCH", JSON_BODY, body, &answer), 200);
    assert_int_equal(f.a->updates, 1);
    assert_string_equal(f.a->mask, "name");
    /* It is guarded by its etag, which is another one by now, also when nothing would change. */
    assert_int_equal(ask(&f, "PATCH", JSON_BODY, body, &answer), 409);
    assert_int_equal(ask(&f, "PATCH", JSON_BODY, got.text, &answer), 409);
    assert_int_equal(f.a->updates, 1);
    answer_free(&answer);
    answer_free(&got);
    federation_close(&f);
}

static void what_only_the_realm_sets_is_refused_by_its_name(void **state)
{
    static const struct {
        const char *was, *is, *field;
    } changes[] = {
        {"\"isArchived\":false", "\"isArchived\":true", "group.isArchived"},
        {"\"etag\"", "\"createTime\":\"2020-01-01T00:00:00Z\",\"etag\"", "group.createTime"},
        {"\"realm\":\"a\"", "\"realm\":\"b\"", "realm"},
    };
    struct federation f;
    struct answer got = {0}, answer = {0};
    char body[4096], field[64];
    (void)state;
    open_with_one(&f);
    assert_int_equal(ask(&f, "GET", NULL, NULL, &got), 200);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        with(&got, changes[i].was, changes[i].is, body, sizeof(body));
        if (ask(&f, "PATCH", JSON_BODY, body, &answer) != 400)
            fail_msg("%s: %d %s", changes[i].is, answer.code, answer.text);
        snprintf(field, sizeof(field), "%s\"", changes[i].field);
        assert_true(answer_has(&answer, field));
    }
    /* A mask of the client's own may not name it, even to the same value. */
    answer_free(&answer);
    answer = federation_ask(&f, "PATCH", ONE "?updateMask=isArchived", JSON_BODY,
                            "{\"isArchived\":false}");
    assert_int_equal(answer.code, 400);
    assert_true(answer_has(&answer, "group.isArchived"));
    assert_int_equal(f.a->updates, 0);
    answer_free(&answer);
    answer_free(&got);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_is_not_modified_when_its_etag_is_named),
        cmocka_unit_test(change_happens_to_what_if_match_names_only),
        cmocka_unit_test(protection_that_is_empty_is_refused),
        cmocka_unit_test(what_get_gave_can_be_sent_back),
        cmocka_unit_test(what_only_the_realm_sets_is_refused_by_its_name),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
