/* Realms that answer what they must not: nothing of it is shown, and what the others said is. */
#include "tests/integration/federation.h"

#include <sys/mman.h>
#include <unistd.h>

#include "shared/log/log.h"
#include "shared/log/log_limit.h"

#define GROUPS_BYTES 4096

/* What is wrong with the bytes themselves. */
static const enum rude_fault bad_items[] = {
    RUDE_OTHER_REALM, RUDE_GARBAGE,   RUDE_NOT_UTF8, RUDE_CUT,      RUDE_NO_TIME, RUDE_LARGE,
    RUDE_OVERSIZE,    RUDE_LONG_ETAG, RUDE_NO_ID,    RUDE_BAD_ETAG, RUDE_LONG_ID,
};
#define BAD_ITEMS (sizeof(bad_items) / sizeof(bad_items[0]))

static void fill(struct federation *f)
{
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        rude_worker_reset(&f->realms[i]);
    rude_worker_add(f->a, "k1", "one");
    rude_worker_add(f->b, "k2", "secret");
    rude_worker_add(f->b, "k4", "secret4");
    rude_worker_add(f->a, "k5", "five");
}

/* What one answer must not be, and an item of a list may. */
static const enum rude_fault bad_answers[] = {
    RUDE_OTHER_REALM, RUDE_GARBAGE,  RUDE_NOT_UTF8,  RUDE_CUT,   RUDE_NO_TIME,  RUDE_LARGE,
    RUDE_OVERSIZE,    RUDE_OTHER_ID, RUDE_LONG_ETAG, RUDE_NO_ID, RUDE_BAD_ETAG, RUDE_LONG_ID};
#define BAD_ANSWERS (sizeof(bad_answers) / sizeof(bad_answers[0]))

static void assert_bad_gateway(struct answer *answer, enum rude_fault fault)
{
    if (answer->code != 502 || answer_has(answer, "secret") || answer_has(answer, "foreign"))
        fail_msg("fault %d: %d %s", (int)fault, answer->code, answer->text);
    assert_true(answer_has(answer, "\"code\":502"));
    assert_true(answer->whole);
    answer_free(answer);
}

static void bad_answer_of_one_realm_is_a_bad_gateway(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < BAD_ANSWERS; i++) {
        fill(&f);
        f.b->fault = bad_answers[i];
        struct answer answer = federation_get(&f, "/api/v1/realms/b/groups/secret");
        assert_bad_gateway(&answer, bad_answers[i]);
        /* Also when no realm was named, and the others do not have it. */
        answer = federation_get(&f, "/api/v1/groups/secret");
        assert_bad_gateway(&answer, bad_answers[i]);
    }
    federation_close(&f);
}

static void bad_answer_hides_no_good_one(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < BAD_ANSWERS; i++) {
        fill(&f);
        rude_worker_add(f.c, "k2", "secret");
        f.b->fault = bad_answers[i];
        struct answer answer = federation_get(&f, "/api/v1/groups/secret");
        assert_int_equal(answer.code, 200);
        assert_true(answer_has(&answer, "\"realm\":\"c\""));
        answer_free(&answer);
    }
    federation_close(&f);
}

/* With the realm, the row and the reason; a few times, however often it happens. */
static void bad_answer_is_in_the_log(void **state)
{
    struct federation f;
    static char text[1 << 20];
    size_t lines = 0;
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    f.b->fault = RUDE_NO_TIME;
    int fd = memfd_create("log", MFD_CLOEXEC);
    log_open(&(struct log_options){.fd = fd, .level = LOG_INFO, .component = "test"});
    for (int i = 0; i < 20; i++) {
        struct answer answer = federation_get(&f, "/api/v1/groups");
        answer_free(&answer);
    }
    log_close();
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
    close(fd);
    assert_true(len > 0);
    for (const char *at = text; (at = strstr(at, "\"event\":\"realm.failed\"")); at++)
        lines++;
    assert_int_equal(lines, LOG_LIMIT_LINES);
    assert_non_null(strstr(text, "\"instance\":\"b\""));
    assert_non_null(strstr(text, "\"row\":\"secret\""));
    assert_non_null(strstr(text, "cannot be written: foundation_time"));
    federation_close(&f);
}

/* Of a change, too; but an id may be asked for in capitals. */
static void answer_is_of_what_was_asked(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    struct answer answer = federation_ask(&f, "PATCH", "/api/v1/realms/b/groups/secret", JSON_BODY,
                                          "{\"name\":\"New\"}");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    f.b->fault = RUDE_OTHER_ID;
    answer = federation_ask(&f, "PATCH", "/api/v1/realms/b/groups/secret", JSON_BODY,
                            "{\"name\":\"New\"}");
    assert_bad_gateway(&answer, f.b->fault);
    fill(&f);
    f.b->ignores_case = true;
    answer = federation_get(&f, "/api/v1/groups/SECRET");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    /* Not the other way round: that is how a realm would spell one object in two ways. */
    rude_worker_reset(f.b);
    rude_worker_add(f.b, "k2", "SECRET");
    f.b->ignores_case = true;
    answer = federation_get(&f, "/api/v1/realms/b/groups/secret");
    assert_int_equal(answer.code, 502);
    answer_free(&answer);
    federation_close(&f);
}

/* A realm that answers with the members of another group, the memberships of another user, or of nobody. */
static void list_is_of_what_was_asked(void **state)
{
    static const char *const lists[] = {
        "/api/v1/groups/g/members", "/api/v1/realms/b/groups/g/members", "/api/v1/groups/G/members",
        "/api/v1/users/me/memberships", "/api/v1/users/alice/memberships"};
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        fill(&f);
        struct answer answer = federation_get(&f, lists[i]);
        if (answer.code != 200 || !answer_has(&answer, "secret4") ||
            !answer_has(&answer, "\"unreachable\":[]"))
            fail_msg("%s: %d %s", lists[i], answer.code, answer.text);
        answer_free(&answer);
        for (int no_id = 0; no_id < 2; no_id++) {
            fill(&f);
            f.b->fault = no_id ? RUDE_NO_ID : RUDE_OTHER_ID;
            f.b->fault_after = 1;
            answer = federation_get(&f, lists[i]);
            if (!answer_has(&answer, "\"unreachable\":[\"realms/b\"]") ||
                answer_has(&answer, "secret4") || answer_has(&answer, "foreign") ||
                answer_has(&answer, "\"userId\":\"\""))
                fail_msg("%s: %d %s", lists[i], answer.code, answer.text);
            answer_free(&answer);
        }
    }
    federation_close(&f);
}

static void page_names_the_realm_whose_first_answer_is_bad(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES];
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < BAD_ITEMS; i++) {
        fill(&f);
        f.b->fault = bad_items[i];
        struct answer answer = federation_get(&f, "/api/v1/groups");
        assert_int_equal(answer.code, 200);
        assert_true(answer.whole);
        assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/one a/five");
        assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
        assert_false(answer_has(&answer, "secret"));
        answer_free(&answer);
    }
    federation_close(&f);
}

static const enum rude_fault bad_ends[] = {RUDE_OTHER_REALM, RUDE_GARBAGE, RUDE_NOT_UTF8,
                                           RUDE_CUT,         RUDE_NO_TIME, RUDE_LARGE,
                                           RUDE_OVERSIZE,    RUDE_FAIL,    RUDE_BROKEN_ORDER};
#define BAD_ENDS (sizeof(bad_ends) / sizeof(bad_ends[0]))

/* What the others have is given, and the realm is named: the reader sees that something is missing. */
static void page_goes_on_without_a_realm_that_goes_bad(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024];
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < BAD_ENDS; i++) {
        fill(&f);
        f.b->fault = bad_ends[i];
        f.b->fault_after = 1;
        f.b->status = STATUS_INTERNAL;
        struct answer answer = federation_get(&f, "/api/v1/groups");
        assert_int_equal(answer.code, 200);
        assert_string_equal(answer_groups(&answer, groups, sizeof(groups)),
                            "a/one b/secret a/five");
        if (!answer_has(&answer, "\"unreachable\":[\"realms/b\"]"))
            fail_msg("fault %d: %s", (int)bad_ends[i], answer.text);
        assert_string_equal(answer_string(&answer, "nextPageToken", token, sizeof(token)), "");
        answer_free(&answer);
    }
    federation_close(&f);
}

/* Nobody else is kept waiting there. */
static void list_of_one_realm_goes_on_where_it_broke(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024], path[2048];
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < BAD_ENDS; i++) {
        fill(&f);
        f.b->fault = bad_ends[i];
        f.b->fault_after = 1;
        f.b->status = STATUS_INTERNAL;
        struct answer answer = federation_get(&f, "/api/v1/realms/b/groups");
        assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "b/secret");
        assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        assert_true(token[0] != '\0');
        answer_free(&answer);
        f.b->fault = RUDE_NOT;
        snprintf(path, sizeof(path), "/api/v1/realms/b/groups?pageToken=%s", token);
        answer = federation_get(&f, path);
        assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "b/secret4");
        answer_free(&answer);
    }
    federation_close(&f);
}

/* The last line is the error, with a cursor, and from there on nothing is missing or repeated: the others have given
 * all they have, the realm goes on where it broke. */
static void assert_resumes(struct federation *f, const char *accept, enum rude_fault fault)
{
    char groups[GROUPS_BYTES], cursor[1024], path[2048];
    fill(f);
    f->b->fault = fault;
    f->b->fault_after = 1;
    f->b->status = STATUS_UNAVAILABLE;
    struct answer answer = federation_ask(f, "GET", "/api/v1/groups", accept, NULL);
    assert_int_equal(answer.code, 200);
    assert_true(answer.whole);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/one b/secret a/five");
    assert_true(answer_has(&answer, "\"error\":{\"code\":"));
    assert_true(answer_has(&answer, "realm b broke off"));
    assert_false(answer_has(&answer, "nextPageToken"));
    answer_string(&answer, "cursor", cursor, sizeof(cursor));
    if (!cursor[0])
        fail_msg("fault %d: %s", (int)fault, answer.text);
    answer_free(&answer);
    f->b->fault = RUDE_NOT;
    snprintf(path, sizeof(path), "/api/v1/groups?pageToken=%s", cursor);
    answer = federation_ask(f, "GET", path, accept, NULL);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "b/secret4");
    assert_true(answer_has(&answer, "nextPageToken"));
    answer_free(&answer);
}

static void stream_ends_with_an_error_and_resumes(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < BAD_ENDS; i++) {
        assert_resumes(&f, NDJSON, bad_ends[i]);
        assert_resumes(&f, EVENTS, bad_ends[i]);
    }
    federation_close(&f);
}

/* The n-th id of the events, as a header. */
static const char *last_event_id(const struct answer *answer, size_t n, char *ret_headers,
                                 size_t bytes)
{
    const char *at = answer->text;
    for (size_t i = 0; i <= n; i++) {
        at = strstr(at, "id: ");
        assert_non_null(at);
        at += 4;
    }
    snprintf(ret_headers, bytes, EVENTS "Last-Event-ID: %.*s\r\n", (int)strcspn(at, "\n"), at);
    return ret_headers;
}

/* A browser's EventSource comes back by itself, with the id of the last event that it saw. */
static void events_resume_by_last_event_id(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], headers[2048];
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    f.b->fault = RUDE_FAIL;
    f.b->fault_after = 1;
    struct answer whole = federation_ask(&f, "GET", "/api/v1/groups", EVENTS, NULL);
    f.b->fault = RUDE_NOT;
    /* It saw the item before the realm broke; all but the last event; and the last, which is the error. */
    static const char *const rest[] = {"b/secret b/secret4 a/five", "b/secret4 a/five", "b/secret4",
                                       "b/secret4"};
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
        struct answer answer = federation_ask(
            &f, "GET", "/api/v1/groups", last_event_id(&whole, i, headers, sizeof(headers)), NULL);
        assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), rest[i]);
        answer_free(&answer);
    }
    answer_free(&whole);
    federation_close(&f);
}

/* A realm that takes its time: somebody in between would take a silent connection to be dead. */
static void events_that_wait_are_kept_alive(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){"--events-comment-ms=100ms", NULL});
    fill(&f);
    f.b->fault = RUDE_STALL;
    f.b->fault_after = 1;
    struct exchange events = federation_send(&f, "GET", "/api/v1/realms/b/groups", EVENTS, NULL);
    FEDERATION_WAIT_FOR(&f,
                        (exchange_take(&events), exchange_has(&events, "\n:\n\n\r\n3\r\n:\n\n")));
    assert_true(exchange_has(&events, "secret"));
    exchange_close(&events);
    FEDERATION_WAIT_FOR(&f, f.b->cancelled == 1);
    federation_close(&f);
}

/* The page is shorter then, and the next goes on. */
static void page_is_full_when_its_bytes_are(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024], path[2048];
    (void)state;
    federation_open(&f, NULL);
    fill(&f);
    for (int i = 0; i < 8; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k2%d", i);
        rude_worker_add(f.c, key, key);
    }
    f.c->name_bytes = 900000;
    struct answer answer = federation_get(&f, "/api/v1/groups");
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)),
                        "a/one b/secret c/k20 c/k21 c/k22 c/k23");
    answer_string(&answer, "nextPageToken", token, sizeof(token));
    answer_free(&answer);
    snprintf(path, sizeof(path), "/api/v1/groups?pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)),
                        "c/k24 c/k25 c/k26 c/k27 b/secret4 a/five");
    answer_free(&answer);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_answer_of_one_realm_is_a_bad_gateway),
        cmocka_unit_test(bad_answer_hides_no_good_one),
        cmocka_unit_test(bad_answer_is_in_the_log),
        cmocka_unit_test(answer_is_of_what_was_asked),
        cmocka_unit_test(list_is_of_what_was_asked),
        cmocka_unit_test(page_names_the_realm_whose_first_answer_is_bad),
        cmocka_unit_test(page_goes_on_without_a_realm_that_goes_bad),
        cmocka_unit_test(list_of_one_realm_goes_on_where_it_broke),
        cmocka_unit_test(stream_ends_with_an_error_and_resumes),
        cmocka_unit_test(events_resume_by_last_event_id),
        cmocka_unit_test(events_that_wait_are_kept_alive),
        cmocka_unit_test(page_is_full_when_its_bytes_are),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
