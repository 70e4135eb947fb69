/* Lists as streams, while realms are slow and silent, and sessions and the hub end. */
#include "tests/integration/federation.h"

#define GROUPS_BYTES 4096
#define CURSOR_BYTES 1024

/* b has given its first item and is silent; a has another that comes behind whatever b may still have. */
static struct exchange begin_silence(struct federation *f, const char *headers)
{
    rude_worker_add(f->a, "k1", "one");
    rude_worker_add(f->b, "k2", "two");
    rude_worker_add(f->b, "k4", "four");
    rude_worker_add(f->a, "k5", "five");
    f->b->fault = RUDE_STALL;
    f->b->fault_after = 1;
    struct exchange stream = federation_send(f, "GET", "/api/v1/groups", headers, NULL);
    FEDERATION_WAIT_FOR(f, (exchange_take(&stream), exchange_has(&stream, "\"two\"")));
    return stream;
}

static struct answer go_on(struct federation *f, const char *cursor)
{
    char path[CURSOR_BYTES + 64];
    f->b->fault = RUDE_NOT;
    snprintf(path, sizeof(path), "/api/v1/groups?pageToken=%s", cursor);
    return federation_ask(f, "GET", path, NDJSON, NULL);
}

static void assert_goes_on(struct federation *f, const char *cursor, const char *groups)
{
    char text[GROUPS_BYTES];
    struct answer answer = go_on(f, cursor);
    assert_string_equal(answer_groups(&answer, text, sizeof(text)), groups);
    assert_true(answer_has(&answer, "{\"end\":"));
    answer_free(&answer);
}

/* Nobody's items wait for a realm that they come before; then it is given up, and the list goes on. */
static void what_order_permits_is_out_while_a_realm_is_silent(void **state)
{
    struct federation f;
    char text[GROUPS_BYTES], cursor[CURSOR_BYTES];
    (void)state;
    federation_open(&f, (const char *[]){"--realm-timeout-ms=500ms", NULL});
    struct exchange stream = begin_silence(&f, NDJSON);
    assert_true(exchange_has(&stream, "\"one\""));
    assert_false(exchange_has(&stream, "\"five\""));
    struct answer answer = federation_receive(&f, &stream);
    assert_string_equal(answer_groups(&answer, text, sizeof(text)), "a/one b/two a/five");
    assert_true(answer_has(&answer, "realm b broke off"));
    answer_string(&answer, "cursor", cursor, sizeof(cursor));
    answer_free(&answer);
    assert_goes_on(&f, cursor, "b/four");
    federation_close(&f);
}

/* Whoever is cut off, as when a hub is killed, has a line that says where to go on. */
static void lines_say_where_to_go_on_while_they_come(void **state)
{
    struct federation f;
    struct answer cut = {0};
    char cursor[CURSOR_BYTES];
    (void)state;
    federation_open(&f, NULL);
    struct exchange stream = begin_silence(&f, NDJSON);
    FEDERATION_WAIT_FOR(&f, (exchange_take(&stream), exchange_has(&stream, "\"}\n\r\n")));
    buffer_append_char(&stream.in, '\0');
    cut.text = stream.in.ptr;
    answer_string(&cut, "cursor", cursor, sizeof(cursor));
    exchange_close(&stream);
    FEDERATION_WAIT_FOR(&f, f.b->cancelled == 1);
    assert_goes_on(&f, cursor, "b/four a/five");
    federation_close(&f);
}

/* A cursor costs bytes: it is told with a write, and not with each line. */
static void lines_that_come_at_once_have_few_cursors(void **state)
{
    struct federation f;
    size_t cursors = 0;
    (void)state;
    federation_open(&f, NULL);
    for (int i = 0; i < RUDE_ITEMS_MAX; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%03d", i);
        rude_worker_add(f.a, key, key);
    }
    f.a->name_bytes = 1000;
    struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    for (const char *at = answer.text; (at = strstr(at, "\"cursor\":")); at++)
        cursors++;
    assert_in_range(cursors, 256 * 1000 / (48 * 1024), 2 * 256 * 1000 / (32 * 1024));
    answer_free(&answer);
    federation_close(&f);
}

/* As when a database goes that is all realms'. Also page by page: a realm's place stays its own until it has given something. */
static void realms_that_break_at_different_places_go_on_there(void **state)
{
    static const char *const a[] = {"k1", "k2", "k3"}, *const b[] = {"k4", "k8", "k9"};
    static const char *const pages[] = {"a/k2", "a/k3", "b/k9"};
    struct federation f;
    char text[GROUPS_BYTES], cursor[CURSOR_BYTES], path[CURSOR_BYTES + 64];
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < 3; i++) {
        rude_worker_add(f.a, a[i], a[i]);
        rude_worker_add(f.b, b[i], b[i]);
    }
    f.a->fault = f.b->fault = RUDE_FAIL;
    f.a->status = f.b->status = STATUS_UNAVAILABLE;
    f.a->fault_after = 1;
    f.b->fault_after = 2;
    struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    assert_string_equal(answer_groups(&answer, text, sizeof(text)), "a/k1 b/k4 b/k8");
    assert_true(answer_has(&answer, "broke off"));
    answer_string(&answer, "cursor", cursor, sizeof(cursor));
    answer_free(&answer);
    f.a->fault = RUDE_NOT;
    assert_goes_on(&f, cursor, "a/k2 a/k3 b/k9");
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "/api/v1/groups?pageSize=1&pageToken=%s", cursor);
        answer = federation_get(&f, path);
        assert_string_equal(answer_groups(&answer, text, sizeof(text)), pages[i]);
        answer_string(&answer, "nextPageToken", cursor, sizeof(cursor));
        answer_free(&answer);
    }
    assert_string_equal(cursor, "");
    federation_close(&f);
}

/* The first event's, in the cursor that a stream begins with; which may be empty. */
static void take_first_id(struct federation *f, char cursor[CURSOR_BYTES])
{
    char headers[CURSOR_BYTES + 64];
    snprintf(headers, sizeof(headers), EVENTS "%s%s%s", cursor[0] ? "Last-Event-ID: " : "", cursor,
             cursor[0] ? "\r\n" : "");
    struct answer answer = federation_ask(f, "GET", "/api/v1/groups", headers, NULL);
    const char *id = strstr(answer.text, "id: ") + strlen("id: ");
    snprintf(cursor, CURSOR_BYTES, "%.*s", (int)strcspn(id, "\n"), id);
    answer_free(&answer);
}

/* It was to go on, and is away: what it has is not over for that. */
static void realm_that_is_away_when_it_is_to_go_on_does_later(void **state)
{
    struct federation f;
    char text[GROUPS_BYTES], cursor[CURSOR_BYTES], path[CURSOR_BYTES + 64];
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "k1");
    rude_worker_add(f.a, "k3", "k3");
    rude_worker_add(f.b, "k2", "k2");
    rude_worker_add(f.b, "k4", "k4");
    f.a->fault = f.b->fault = RUDE_FAIL;
    f.a->status = f.b->status = STATUS_INTERNAL;
    f.a->fault_after = f.b->fault_after = 1;
    struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    assert_string_equal(answer_groups(&answer, text, sizeof(text)), "a/k1 b/k2");
    answer_string(&answer, "cursor", cursor, sizeof(cursor));
    answer_free(&answer);
    /* The other has nothing more, which is an answer. */
    f.b->refusals = 1000;
    f.a->fault = RUDE_NOT;
    f.a->item_count = 0;
    snprintf(path, sizeof(path), "/api/v1/groups?pageToken=%s", cursor);
    answer = federation_ask(&f, "GET", path, NDJSON, NULL);
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer_groups(&answer, text, sizeof(text)), "");
    assert_true(answer_has(&answer, "realm b broke off"));
    answer_free(&answer);
    f.a->item_count = 2;
    for (size_t i = 0; i < 2; i++) {
        f.b->refusals = 1000;
        snprintf(path, sizeof(path), "/api/v1/groups?pageToken=%s", cursor);
        answer = federation_ask(&f, "GET", path, NDJSON, NULL);
        if (i == 0) {
            assert_string_equal(answer_groups(&answer, text, sizeof(text)), "a/k3");
            assert_true(answer_has(&answer, "realm b broke off"));
            answer_string(&answer, "cursor", cursor, sizeof(cursor));
        } else { /* nobody else has anything: the cursor is good still */
            assert_int_equal(answer.code, 500);
        }
        answer_free(&answer);
    }
    /* A browser, which would not come back after any other answer. */
    snprintf(path, sizeof(path), EVENTS "Last-Event-ID: %s\r\n", cursor);
    answer = federation_ask(&f, "GET", "/api/v1/groups", path, NULL);
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "event: error"));
    answer_string(&answer, "cursor", cursor, sizeof(cursor));
    answer_free(&answer);
    f.b->refusals = 0;
    f.b->fault = RUDE_NOT;
    assert_goes_on(&f, cursor, "b/k4");
    federation_close(&f);
}

/* The line that it was cut behind says where each goes on: also who had broken by then. */
static void realm_that_broke_before_the_stream_was_cut_goes_on(void **state)
{
    struct federation f;
    struct answer cut = {0};
    char cursor[CURSOR_BYTES], text[GROUPS_BYTES];
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "k1");
    rude_worker_add(f.a, "k5", "k5");
    rude_worker_add(f.a, "k7", "k7");
    rude_worker_add(f.c, "k2", "k2");
    rude_worker_add(f.c, "k3", "k3");
    rude_worker_add(f.c, "k6", "k6");
    f.a->fault = RUDE_STALL;
    f.a->fault_after = 2;
    f.c->fault = RUDE_FAIL;
    f.c->status = STATUS_INTERNAL;
    f.c->fault_after = 1;
    struct exchange stream = federation_send(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    FEDERATION_WAIT_FOR(&f, (exchange_take(&stream), exchange_has(&stream, "\"k5\"")));
    FEDERATION_WAIT_FOR(&f, (exchange_take(&stream), exchange_has(&stream, "\"}\n\r\n")));
    buffer_append_char(&stream.in, '\0');
    cut.text = strstr(stream.in.ptr, "\"k5\"");
    assert_string_equal(answer_groups(&(struct answer){.text = stream.in.ptr}, text, sizeof(text)),
                        "a/k1 c/k2 a/k5");
    answer_string(&cut, "cursor", cursor, sizeof(cursor));
    exchange_close(&stream);
    FEDERATION_WAIT_FOR(&f, f.a->cancelled == 1);
    f.a->fault = f.c->fault = RUDE_NOT;
    assert_goes_on(&f, cursor, "c/k3 c/k6 a/k7");
    /* Cut again, before c is where the others are. */
    take_first_id(&f, cursor);
    assert_goes_on(&f, cursor, "c/k6 a/k7");
    federation_close(&f);
}

/* At the very place of the last item given, too: b comes behind a there, and has not given its own yet. */
static void realm_that_breaks_where_the_stream_was_cut_goes_on_there(void **state)
{
    struct federation f;
    char cursor[CURSOR_BYTES] = "", text[GROUPS_BYTES], path[CURSOR_BYTES + 64];
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    rude_worker_add(f.a, "k2", "two");
    rude_worker_add(f.b, "k1", "one");
    rude_worker_add(f.b, "k3", "three");
    take_first_id(&f, cursor);
    f.b->refusals = 1000;
    f.b->status = STATUS_INTERNAL;
    snprintf(path, sizeof(path), "/api/v1/groups?pageToken=%s", cursor);
    struct answer answer = federation_ask(&f, "GET", path, NDJSON, NULL);
    assert_string_equal(answer_groups(&answer, text, sizeof(text)), "a/two");
    answer_string(&answer, "cursor", cursor, sizeof(cursor));
    answer_free(&answer);
    f.b->refusals = 0;
    assert_goes_on(&f, cursor, "b/one b/three");
    federation_close(&f);
}

static void stream_ends_with_its_session(void **state)
{
    static const char *const accepted[] = {NDJSON, EVENTS};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct federation f;
        char cursor[CURSOR_BYTES];
        federation_open(&f, NULL);
        struct exchange stream = begin_silence(&f, accepted[i]);
        struct answer answer = federation_ask(&f, "POST", "/auth/logout", JSON_BODY, "");
        assert_int_equal(answer.code, 204);
        answer_free(&answer);
        int64_t begin_us = clock_monotonic_us();
        answer = federation_receive(&f, &stream);
        assert_true(clock_monotonic_us() - begin_us < 1000000);
        assert_true(answer.whole);
        assert_true(answer_has(&answer, "UNAUTHENTICATED"));
        assert_false(answer_has(&answer, "\"five\""));
        answer_string(&answer, "cursor", cursor, sizeof(cursor));
        answer_free(&answer);
        FEDERATION_WAIT_FOR(&f, f.b->cancelled == 1);
        /* Of the same user, in another session. */
        federation_log_in(&f, "alice");
        assert_goes_on(&f, cursor, "b/four a/five");
        federation_close(&f);
    }
}

/* Before it would be cut off; what goes on is begun at another hub. */
static void stream_ends_in_time_for_a_hub_that_stops(void **state)
{
    struct federation f;
    char cursor[CURSOR_BYTES];
    (void)state;
    federation_open(&f, (const char *[]){"--drain-timeout-ms=3s", NULL});
    struct exchange stream = begin_silence(&f, NDJSON);
    hub_stop(f.hub);
    federation_wait_for_stop(&f);
    struct answer answer = federation_receive(&f, &stream);
    assert_true(answer.whole);
    assert_true(answer_has(&answer, "\"status\":\"UNAVAILABLE\""));
    assert_true(answer_has(&answer, "this hub is being closed"));
    assert_true(answer_string(&answer, "cursor", cursor, sizeof(cursor))[0] != '\0');
    answer_free(&answer);
    assert_true(federation_close_stopped(&f));
}

/* The linker hands us each fiber that is to be started. */
static bool fibers_in_use;
enum status __real_fiber_go(struct fibers *fibers, void (*run)(void *arg), void *arg);
enum status __wrap_fiber_go(struct fibers *fibers, void (*run)(void *arg), void *arg);
enum status __wrap_fiber_go(struct fibers *fibers, void (*run)(void *arg), void *arg)
{
    return fibers_in_use ? STATUS_RESOURCE_EXHAUSTED : __real_fiber_go(fibers, run, arg);
}

static void hub_whose_fibers_are_all_in_use_stops(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    struct exchange stream = begin_silence(&f, NDJSON);
    fibers_in_use = true;
    hub_stop(f.hub);
    federation_wait_for_stop(&f);
    fibers_in_use = false;
    exchange_close(&stream);
    (void)federation_close_stopped(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_order_permits_is_out_while_a_realm_is_silent),
        cmocka_unit_test(lines_say_where_to_go_on_while_they_come),
        cmocka_unit_test(lines_that_come_at_once_have_few_cursors),
        cmocka_unit_test(realms_that_break_at_different_places_go_on_there),
        cmocka_unit_test(realm_that_is_away_when_it_is_to_go_on_does_later),
        cmocka_unit_test(realm_that_broke_before_the_stream_was_cut_goes_on),
        cmocka_unit_test(realm_that_breaks_where_the_stream_was_cut_goes_on_there),
        cmocka_unit_test(stream_ends_with_its_session),
        cmocka_unit_test(stream_ends_in_time_for_a_hub_that_stops),
        cmocka_unit_test(hub_whose_fibers_are_all_in_use_stops),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
