/* GET /users/me/export: a whole hub over one real realm, and realms that do what they are told. */
#include "tests/integration/worker.h"

#include <jansson.h>

#define PATH "/api/v1/users/me/export"

static void one_open(struct one *one, const char *const *args)
{
    one_begin(one);
    one_serve(one, args);
}

static json_t *export_of(struct one *one)
{
    struct answer answer = federation_get(&one->f, PATH);
    json_error_t error;
    assert_int_equal(answer.code, 200);
    assert_true(answer.whole);
    json_t *document = json_loads(answer.text, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        fail_msg("%s: %.2000s", error.text, answer.text);
    answer_free(&answer);
    return document;
}

static size_t count(const json_t *document, const char *realm, const char *kind)
{
    const json_t *record;
    size_t i, found = 0;
    json_array_foreach(json_object_get(document, "records"), i, record) found +=
        strcmp(json_string_value(json_object_get(record, "realm")), realm) == 0 &&
        strcmp(json_string_value(json_object_get(record, "kind")), kind) == 0;
    return found;
}

static bool misses(const json_t *document, const char *realm)
{
    const json_t *name;
    size_t i;
    json_array_foreach(json_object_get(document, "unreachable"), i,
                       name) if (strcmp(json_string_value(name), realm) == 0) return true;
    return false;
}

static bool is_whole(struct one *one)
{
    json_t *document = export_of(one);
    bool whole = count(document, "", "profile") == 1 && count(document, "d", "visit") == 1;
    json_decref(document);
    return whole;
}

/* a, b and c have no such service: they are named, and nothing is lost of what the others have. */
static void document_has_what_all_have_and_names_who_was_not_heard(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    /* 3 000 rows are more than a page, and more than what waits between the two. */
    pg_cluster_execute(
        federation_cluster,
        "INSERT INTO pek.audit_log (realm, actor, action, target_kind, target_id,"
        " detail) SELECT 'd', CASE n % 2 WHEN 0 THEN 'alice' ELSE 'bob' END, 'x', 'x',"
        " n::text, jsonb_build_object('text', repeat('é', 1000))"
        "  FROM generate_series(1, 6000) n");
    FEDERATION_WAIT_FOR(&one.f, is_whole(&one));
    json_t *document = export_of(&one);
    assert_int_equal(count(document, "", "account"), 1);
    assert_int_equal(count(document, "", "session"), 1);
    assert_int_equal(count(document, "d", "policy_assignment"), 1);
    assert_int_equal(count(document, "d", "audit"), 3000);
    assert_true(misses(document, "realms/a"));
    assert_true(misses(document, "realms/b"));
    assert_false(misses(document, "realms/d"));
    assert_string_equal(json_string_value(json_object_get(document, "nextPageToken")), "");
    json_decref(document);
    one_close(&one);
}

/* Also of a realm that knows them no more; and nothing of anybody else. */
static void everybody_gets_their_own_and_nothing_else(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    pg_cluster_execute(
        federation_cluster,
        "INSERT INTO pek.realm_user (realm, user_id) VALUES ('d', 'bob');"
        "UPDATE hub.profile SET cell_phone = '+36209999999' WHERE user_id = 'alice'");
    federation_log_in(&one.f, "bob");
    json_t *document = export_of(&one);
    assert_int_equal(count(document, "d", "visit"), 1);
    assert_int_equal(count(document, "d", "policy_assignment"), 0);
    char *text = json_dumps(document, 0);
    assert_null(strstr(text, "+36209999999"));
    assert_non_null(strstr(text, "\"bob\""));
    free(text);
    json_decref(document);
    struct answer other = federation_get(&one.f, "/api/v1/users/alice/export");
    assert_int_equal(other.code, 404);
    answer_free(&other);
    struct answer stranger = federation_ask(&one.f, "GET", PATH, "Cookie: x=y\r\n", NULL);
    assert_int_equal(stranger.code, 401);
    answer_free(&stranger);
    one_close(&one);
}

/* A realm that keeps silent has its time, and no more. */
static void realm_that_stalls_does_not_hold_the_others_up(void **state)
{
    static const char *const args[] = {"--straggler-ms=200ms", "--realm-timeout-ms=1s", NULL};
    struct one one;
    (void)state;
    one_open(&one, args);
    FEDERATION_WAIT_FOR(&one.f, is_whole(&one));
    one.f.b->holds_tokens = true;
    federation_log_in(&one.f, "alice");
    int64_t started_us = clock_monotonic_us();
    json_t *document = export_of(&one);
    assert_true(clock_monotonic_us() - started_us < INT64_C(8000000));
    assert_true(misses(document, "realms/b"));
    assert_int_equal(count(document, "d", "policy_assignment"), 1);
    json_decref(document);
    rude_worker_release_tokens(one.f.b);
    one_close(&one);
}

/* One that gives more than a realm can have is cut off in the middle: the document ends, and says so. */
static void realm_that_breaks_off_is_named(void **state)
{
    static const char *const args[] = {"--realm-items-max=100", NULL};
    struct one one;
    (void)state;
    one_open(&one, args);
    FEDERATION_WAIT_FOR(&one.f, is_whole(&one));
    pg_cluster_execute(federation_cluster,
                       "INSERT INTO pek.audit_log (realm, actor, action, target_kind, target_id)"
                       " SELECT 'd', 'alice', 'x', 'x', n::text FROM generate_series(1, 500) n");
    json_t *document = export_of(&one);
    assert_true(misses(document, "realms/d"));
    assert_in_range(count(document, "d", "audit"), 50, 100);
    assert_int_equal(count(document, "", "profile"), 1);
    json_decref(document);
    struct answer lines = federation_ask(&one.f, "GET", PATH, NDJSON, NULL);
    assert_true(answer_has(&lines, "{\"error\":{"));
    assert_false(answer_has(&lines, "\"cursor\""));
    answer_free(&lines);
    one_close(&one);
}

/* As lines, and as events: the same records, and an end. */
static void lines_and_events_have_the_same(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    FEDERATION_WAIT_FOR(&one.f, is_whole(&one));
    struct answer lines = federation_ask(&one.f, "GET", PATH, NDJSON, NULL);
    assert_true(lines.whole);
    assert_true(answer_has(&lines, "{\"result\":{\"realm\":\"\",\"kind\":\"account\""));
    assert_true(answer_has(&lines, "\n{\"end\":{"));
    answer_free(&lines);
    struct answer events = federation_ask(&one.f, "GET", PATH, EVENTS, NULL);
    assert_true(answer_has(&events, "\"kind\":\"profile\""));
    assert_true(answer_has(&events, "event: end\n"));
    /* There is no place to come back to. */
    assert_false(answer_has(&events, "id: "));
    answer_free(&events);
    struct answer part = federation_get(&one.f, "/api/v1/realms/d/users/me/export");
    assert_true(part.whole);
    assert_false(answer_has(&part, "\"kind\":\"account\""));
    assert_true(answer_has(&part, "\"kind\":\"visit\""));
    answer_free(&part);
    one_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(document_has_what_all_have_and_names_who_was_not_heard),
        cmocka_unit_test(everybody_gets_their_own_and_nothing_else),
        cmocka_unit_test(realm_that_stalls_does_not_hold_the_others_up),
        cmocka_unit_test(realm_that_breaks_off_is_named),
        cmocka_unit_test(lines_and_events_have_the_same),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
