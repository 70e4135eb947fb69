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

/* The ETag of an answer, without quotes. */
static const char *tag_of(const struct answer *answer, char *ret_tag, size_t bytes)
{
    const char *at = strstr(answer->raw.ptr, "etag: \"");
    assert_non_null(at);
    at += strlen("etag: \"");
    snprintf(ret_tag, bytes, "%.*s", (int)strcspn(at, "\""), at);
    return ret_tag;
}

/* `text` with the tag in the place of each "$". */
static const char *with_tag(const char *text, const char *tag, char *ret_text, size_t bytes)
{
    size_t len = 0;
    for (; *text; text++)
        len += (size_t)snprintf(ret_text + len, bytes - len, *text == '$' ? "%s" : "%.1s",
                                *text == '$' ? tag : text);
    return ret_text;
}

static void read_is_not_modified_when_its_etag_is_named(void **state)
{
    static const struct {
        const char *header; /* "$": the ETag */
        int code;
    } reads[] = {
        {"If-None-Match: \"$\"\r\n", 304},
        {"If-None-Match: W/\"$\"\r\n", 304},
        {"If-None-Match: \"a,b\", W/\"c\" ,\"$\"\r\n", 304},
        {"If-None-Match: \"a\"\r\nIf-None-Match: \"$\"\r\n", 304},
        {"If-None-Match: *\r\n", 304},
        {"If-None-Match: \"$\"\r\nIf-None-Match: *\r\n", 400},
        {"If-None-Match: \"v2\"\r\n", 200},
        {"If-None-Match: \"v1\"\r\n", 200}, /* of a body, and so perhaps of something else */
        {"If-None-Match: $\r\n", 400},
        {"If-None-Match: \"$\r\n", 400},
        {"If-None-Match: \"a\" \"$\"\r\n", 400},
        {"If-Match: \"$\"\r\n", 200},
        {"If-Match: \"v1\"\r\n", 200},
        {"If-Match: *\r\n", 200},
        {"If-Match: \"v2\"\r\n", 412},
        {"If-Match: W/\"$\"\r\n", 412},
    };
    struct federation f;
    struct answer answer = {0};
    char tag[64], again[64], headers[256];
    (void)state;
    open_with_one(&f);
    assert_int_equal(ask(&f, "GET", NULL, NULL, &answer), 200);
    tag_of(&answer, tag, sizeof(tag));
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        with_tag(reads[i].header, tag, headers, sizeof(headers));
        if (ask(&f, "GET", headers, NULL, &answer) != reads[i].code)
            fail_msg("%s: %d %s", headers, answer.code, answer.text);
        assert_true(answer.whole);
        assert_string_equal(tag_of(&answer, again, sizeof(again)), tag);
        if (reads[i].code == 304)
            assert_int_equal(answer.body.len, 0);
        /* A browser may keep it, and must ask; what was refused is nothing to keep. */
        assert_non_null(strstr(answer.raw.ptr, reads[i].code < 400
                                                   ? "cache-control: private, no-cache\r\n"
                                                   : "cache-control: no-store\r\n"));
    }
    answer_free(&answer);
    federation_close(&f);
}

/* One address, and two things that have the same etag in their bodies: of two realms, of two users, of two ids. */
static void etag_says_whose_it_is(void **state)
{
    struct federation f;
    char of_a[64], of_bob[64], headers[128];
    (void)state;
    open_with_one(&f);
    rude_worker_add(f.b, "k1", "one");
    struct answer answer = federation_get(&f, "/api/v1/groups/one");
    assert_true(answer_has(&answer, "\"realm\":\"a\""));
    tag_of(&answer, of_a, sizeof(of_a));
    answer_free(&answer);
    f.a->item_count = 0;
    snprintf(headers, sizeof(headers), "If-None-Match: \"%s\"\r\n", of_a);
    answer = federation_ask(&f, "GET", "/api/v1/groups/one", headers, NULL);
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"realm\":\"b\""));
    answer_free(&answer);
    /* Nor does a change take it. */
    snprintf(headers, sizeof(headers), JSON_BODY "If-Match: \"%s\"\r\n", of_a);
    answer = federation_ask(&f, "PATCH", "/api/v1/realms/b/groups/one", headers, NAME_ONLY);
    assert_int_equal(answer.code, 412);
    assert_int_equal(f.b->updates, 0);
    answer_free(&answer);
    federation_log_in(&f, "bob");
    answer = federation_get(&f, "/api/v1/users/me/profile");
    assert_int_equal(answer.code, 200);
    tag_of(&answer, of_bob, sizeof(of_bob));
    answer_free(&answer);
    federation_log_in(&f, "alice");
    snprintf(headers, sizeof(headers), "If-None-Match: \"%s\"\r\n", of_bob);
    answer = federation_ask(&f, "GET", "/api/v1/users/me/profile", headers, NULL);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    snprintf(headers, sizeof(headers), JSON_BODY "If-Match: \"%s\"\r\n", of_bob);
    answer = federation_ask(&f, "PATCH", "/api/v1/users/me/profile", headers, "{}");
    assert_int_equal(answer.code, 412);
    answer_free(&answer);
    /* The same caller, another thing. */
    rude_worker_add(f.b, "k2", "two");
    answer = federation_get(&f, "/api/v1/groups/one");
    tag_of(&answer, of_a, sizeof(of_a));
    answer_free(&answer);
    snprintf(headers, sizeof(headers), "If-None-Match: \"%s\"\r\n", of_a);
    answer = federation_ask(&f, "GET", "/api/v1/groups/two", headers, NULL);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    federation_close(&f);
}

/* The tag of group `one` of realm a, as If-None-Match. */
static void have_one(struct federation *f, char ret_tag[64], char ret_header[256])
{
    struct answer answer = federation_get(f, "/api/v1/groups/one");
    assert_int_equal(answer.code, 200);
    assert_string_equal(f->a->offered, "");
    tag_of(&answer, ret_tag, 64);
    answer_free(&answer);
    snprintf(ret_header, 256, "If-None-Match: \"%s\"\r\n", ret_tag);
}

/* Asks realm a, or whom the path names, and says what realm a was told. */
static void assert_told(struct federation *f, const char *path, const char *headers, int code,
                        const char *told)
{
    size_t calls = f->a->calls;
    struct answer answer = federation_ask(f, "GET", path, headers, NULL);
    if (answer.code != code)
        fail_msg("%s %s: %d %s", path, headers, answer.code, answer.text);
    assert_string_equal(f->a->offered, told);
    assert_string_equal(f->b->offered, "");
    assert_int_equal(f->a->calls, calls + 1);
    assert_int_equal(code == 200, answer_has(&answer, "\"name\":\"one\""));
    answer_free(&answer);
}

/* What the client has is asked for by its etag, of the realm that gave it and of no other; what comes of it is the same whether
 * the realm knows of that or not. */
static void realm_is_told_what_the_client_has(void **state)
{
    struct federation f;
    char tag[64], headers[256];
    (void)state;
    open_with_one(&f);
    for (int cuts = 0; cuts < 2; cuts++) {
        f.a->cuts = f.b->cuts = cuts;
        have_one(&f, tag, headers);
        assert_told(&f, "/api/v1/groups/one", headers, 304, "v1");
        assert_told(&f, ONE, headers, 304, "v1");
        /* It has changed. */
        snprintf(f.a->etag, sizeof(f.a->etag), "v2");
        assert_told(&f, ONE, headers, 200, "v1");
        snprintf(f.a->etag, sizeof(f.a->etag), "v1");
        /* Of two that may be its own none is told, nor what no metadata can have, nor what stands in bodies. */
        snprintf(headers, sizeof(headers), "If-None-Match: \"%s\", \"%.17sv9\"\r\n", tag, tag);
        assert_told(&f, ONE, headers, 304, "");
        snprintf(headers, sizeof(headers), "If-None-Match: \"%.17s\xc3\xa9\"\r\n", tag);
        assert_told(&f, ONE, headers, 200, "");
        assert_told(&f, ONE, "If-None-Match: \"v1\"\r\n", 200, "");
    }
    federation_close(&f);
}

/* The realm says rightly that the etag is the present one, and the client has it of something else. */
static void what_the_client_has_of_another_thing_is_asked_for_whole(void **state)
{
    struct federation f;
    char tag[64], headers[256];
    (void)state;
    open_with_one(&f);
    rude_worker_add(f.a, "k2", "two");
    rude_worker_add(f.b, "k1", "one");
    for (int cuts = 0; cuts < 2; cuts++) {
        f.a->cuts = f.b->cuts = cuts;
        have_one(&f, tag, headers);
        size_t calls = f.a->calls;
        struct answer answer =
            federation_ask(&f, "GET", "/api/v1/realms/a/groups/two", headers, NULL);
        assert_int_equal(answer.code, 200);
        assert_true(answer_has(&answer, "\"name\":\"two\""));
        assert_int_equal(f.a->calls, calls + 2);
        assert_string_equal(f.a->offered, "");
        const char *etag = strstr(answer.raw.ptr, "etag: \"");
        assert_non_null(etag);
        assert_null(strstr(etag + 1, "etag: \""));
        answer_free(&answer);
        /* Another realm is not told at all, and so asked once. */
        calls = f.b->calls;
        answer = federation_ask(&f, "GET", "/api/v1/realms/b/groups/one", headers, NULL);
        assert_int_equal(answer.code, 200);
        assert_string_equal(f.b->offered, "");
        assert_int_equal(f.b->calls, calls + 1);
        assert_true(answer_has(&answer, "\"name\":\"one\""));
        answer_free(&answer);
    }
    federation_close(&f);
}

/* A realm that ignores a mask is shown by it all the same. */
static void answer_is_cut_to_the_read_mask(void **state)
{
    static const struct {
        const char *mask;
        int code;
        const char *text; /* the whole answer, or a part of a refusal */
    } reads[] = {
        {"name", 200, "{\"name\":\"one\"}"},
        {"id,name", 200, "{\"id\":\"one\",\"name\":\"one\"}"},
        {"parent_id", 200, "{\"parentId\":\"\"}"},
        {"title", 400, "\"readMask\""},
        {"sortKey", 400, "\"readMask\""},
    };
    struct federation f;
    char path[128], tag[64], other[64];
    (void)state;
    open_with_one(&f);
    struct answer answer = federation_get(&f, ONE);
    tag_of(&answer, tag, sizeof(tag));
    answer_free(&answer);
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        snprintf(path, sizeof(path), ONE "?readMask=%s", reads[i].mask);
        answer = federation_get(&f, path);
        assert_int_equal(answer.code, reads[i].code);
        if (reads[i].code == 200) {
            assert_string_equal(answer.text, reads[i].text);
            assert_string_equal(tag_of(&answer, other, sizeof(other)), tag);
        } else {
            assert_true(answer_has(&answer, reads[i].text));
        }
        answer_free(&answer);
        snprintf(path, sizeof(path), "/api/v1/groups?readMask=%s", reads[i].mask);
        answer = federation_get(&f, path);
        assert_int_equal(answer.code, reads[i].code);
        assert_true(answer_has(&answer, reads[i].text));
        answer_free(&answer);
    }
    federation_close(&f);
}

static void change_happens_to_what_if_match_names_only(void **state)
{
    static const struct {
        const char *headers, *body;
        int code;
        size_t updates;
    } changes[] = {
        {JSON_BODY "If-Match: \"$\"\r\n", NAME_ONLY, 200, 1}, /* "$": the ETag */
        {JSON_BODY "If-Match: \"x\", \"$\"\r\n", NAME_ONLY, 200, 1},
        {JSON_BODY "If-Match: W/\"$\"\r\n", NAME_ONLY, 412, 0},
        {JSON_BODY "If-Match: \"$\"\r\n", "{\"name\":\"New\",\"etag\":\"v1\"}", 200, 1},
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
    char tag[64], after[64], headers[256];
    (void)state;
    open_with_one(&f);
    assert_int_equal(ask(&f, "GET", NULL, NULL, &answer), 200);
    tag_of(&answer, tag, sizeof(tag));
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        rude_worker_reset(f.a);
        with_tag(changes[i].headers, tag, headers, sizeof(headers));
        if (ask(&f, "PATCH", headers, changes[i].body, &answer) != changes[i].code)
            fail_msg("%zu: %d %s", i, answer.code, answer.text);
        assert_int_equal(f.a->updates, changes[i].updates);
        /* One leg, however many etags were tried. */
        const char *leg = strstr(answer.raw.ptr, "a;dur=");
        assert_true(!leg || !strstr(leg + 1, "a;dur="));
        if (answer.code == 200)
            assert_string_equal(strchr(tag_of(&answer, after, sizeof(after)), '.'), ".u1");
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
    /* What is told beside the row has changed, and not the row. */
    snprintf(f.a->etag, sizeof(f.a->etag), "v1.6fe0");
    assert_int_equal(ask(&f, "PATCH", JSON_BODY, got.text, &answer), 200);
    with(&got, "\"etag\":\"v1\"", "\"etag\":\"\"", body, sizeof(body));
    assert_int_equal(ask(&f, "PATCH", JSON_BODY "If-Match: \"v1\"\r\n", body, &answer), 200);
    assert_int_equal(f.a->updates, 0);
    snprintf(f.a->etag, sizeof(f.a->etag), "v1");
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

/* Of what cannot be read, what was given back is not known. */
static void what_nobody_may_read_is_not_sent_back(void **state)
{
    struct federation f;
    struct answer answer;
    (void)state;
    open_with_one(&f);
    answer = federation_ask(&f, "PATCH", "/api/v1/realms/a/groups/none", JSON_BODY,
                            "{\"isArchived\":true}");
    assert_in_range(answer.code, 400, 404);
    assert_null(strstr(answer.text, "REALMS_NOT_ASKED"));
    answer_free(&answer);
    assert_int_equal(f.a->updates, 0);
    federation_close(&f);
}

/* Somebody else changed it, and with it what only the realm sets: that it was changed is what there is to say. */
static void what_was_changed_meanwhile_is_refused_as_such(void **state)
{
    struct federation f;
    struct answer got = {0}, answer = {0};
    char body[4096], bare[4096];
    (void)state;
    open_with_one(&f);
    assert_int_equal(ask(&f, "GET", NULL, NULL, &got), 200);
    with(&got, "\"isArchived\":false", "\"isArchived\":true", body, sizeof(body));
    snprintf(f.a->etag, sizeof(f.a->etag), "v2");
    assert_int_equal(ask(&f, "PATCH", JSON_BODY, body, &answer), 409);
    assert_true(answer_has(&answer, "CHANGED_MEANWHILE"));
    assert_int_equal(ask(&f, "PATCH", JSON_BODY "If-Match: \"v1\"\r\n", body, &answer), 412);
    char *etag = strstr(body, "\"etag\":\"v1\"");
    assert_non_null(etag);
    snprintf(bare, sizeof(bare), "%.*s\"etag\":\"\"%s", (int)(etag - body), body,
             etag + strlen("\"etag\":\"v1\""));
    assert_int_equal(ask(&f, "PATCH", JSON_BODY "If-Match: \"v1\"\r\n", bare, &answer), 412);
    assert_int_equal(ask(&f, "PATCH", JSON_BODY "If-Match: \"v1\", \"v0\"\r\n", bare, &answer),
                     412);
    /* With the present one it is the field. */
    assert_int_equal(ask(&f, "PATCH", JSON_BODY "If-Match: \"v1\", \"v2\"\r\n", bare, &answer),
                     400);
    assert_true(answer_has(&answer, "group.isArchived"));
    assert_int_equal(ask(&f, "PATCH", JSON_BODY, bare, &answer), 400);
    assert_int_equal(f.a->updates, 0);
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
        cmocka_unit_test(etag_says_whose_it_is),
        cmocka_unit_test(realm_is_told_what_the_client_has),
        cmocka_unit_test(what_the_client_has_of_another_thing_is_asked_for_whole),
        cmocka_unit_test(answer_is_cut_to_the_read_mask),
        cmocka_unit_test(change_happens_to_what_if_match_names_only),
        cmocka_unit_test(protection_that_is_empty_is_refused),
        cmocka_unit_test(what_get_gave_can_be_sent_back),
        cmocka_unit_test(what_nobody_may_read_is_not_sent_back),
        cmocka_unit_test(what_was_changed_meanwhile_is_refused_as_such),
        cmocka_unit_test(what_only_the_realm_sets_is_refused_by_its_name),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
