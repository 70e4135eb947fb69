/* One realm at its worst: the others' items come all the same, in few pages, in time, and the realm is named. */
#include "tests/integration/federation.h"

#include <stdlib.h>

#define GROUPS_BYTES 8192
#define PATIENT 300 /* ms, of the straggler limit */

/* What a and c have; b is the worst. */
static const char others[] = "a/one c/two a/three c/four a/five c/six";

static void fill(struct federation *f, enum rude_fault fault, size_t after)
{
    static const char *const ids[] = {"one", "two", "three", "four", "five", "six"};
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        rude_worker_reset(&f->realms[i]);
    for (size_t i = 0; i < 6; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%zu", i + 1);
        rude_worker_add(i % 2 ? f->c : f->a, key, ids[i]);
    }
    rude_worker_add(f->b, "0", "first");
    rude_worker_add(f->b, "k1", "second");
    rude_worker_add(f->b, "k4", "third");
    f->b->fault = fault;
    f->b->fault_after = after;
    f->b->status = STATUS_INTERNAL;
}

static void drop_b(char *groups)
{
    struct slice rest = slice_str(groups);
    char *to = groups;
    while (rest.len > 0) {
        struct slice word = slice_cut(&rest, ' ');
        if (word.ptr[0] == 'b')
            continue;
        if (to != groups)
            *to++ = ' ';
        memmove(to, word.ptr, word.len);
        to += word.len;
    }
    *to = '\0';
}

/* From page to page to the end; how many calls b got is its own business. */
static void assert_walk(struct federation *f, enum rude_fault fault, size_t after)
{
    char groups[GROUPS_BYTES], token[1024] = "", path[2048];
    struct buffer all;
    size_t pages = 0;
    bool broke = false;
    int64_t started_us = clock_monotonic_us();
    buffer_init(&all, GROUPS_BYTES);
    fill(f, fault, after);
    do {
        snprintf(path, sizeof(path), "/api/v1/groups?pageSize=2%s%s", token[0] ? "&pageToken=" : "",
                 token);
        struct answer answer = federation_get(f, path);
        if (answer.code != 200)
            fail_msg("fault %d, page %zu: %d %s", (int)fault, pages, answer.code, answer.text);
        bool named = answer_has(&answer, "\"unreachable\":[\"realms/b\"]");
        if (broke && !named)
            fail_msg("fault %d, page %zu: %s", (int)fault, pages, answer.text);
        broke |= named;
        answer_groups(&answer, groups, sizeof(groups));
        buffer_printf(&all, "%s%s", all.len ? " " : "", groups);
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        answer_free(&answer);
        pages++;
    } while (token[0] && pages < 20);
    /* A fault after the second item of each answer is behind what a page of two needs. */
    if ((!broke && after + (fault == RUDE_SAME) < 2) || pages > 5)
        fail_msg("fault %d after %zu: %zu pages: %.*s", (int)fault, after, pages,
                 SLICE_ARG(buffer_slice(&all)));
    buffer_append_char(&all, '\0');
    assert_false(all.failed);
    drop_b(all.ptr);
    assert_string_equal(all.ptr, others);
    buffer_done(&all);
    /* It was waited for once. */
    assert_true(clock_monotonic_us() - started_us < (PATIENT + 3000) * INT64_C(1000));
}

static void pages_go_on_whatever_the_worst_realm_does(void **state)
{
    static const enum rude_fault faults[] = {RUDE_FAIL,  RUDE_STALL,        RUDE_GARBAGE,
                                             RUDE_SAME,  RUDE_BROKEN_ORDER, RUDE_NO_TIME,
                                             RUDE_SHADOW};
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){"--straggler-ms=300ms", NULL});
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        for (size_t after = 0; after < 3; after++) {
            /* What comes again, or before, is wrong from the second item on. */
            if (after == 0 && (faults[i] == RUDE_BROKEN_ORDER || faults[i] == RUDE_SAME))
                continue;
            assert_walk(&f, faults[i], after);
        }
    }
    federation_close(&f);
}

/* A realm that broke is not asked any more; a new list has it again. */
static void realm_that_broke_comes_back_in_a_new_list(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024], path[2048];
    (void)state;
    federation_open(&f, NULL);
    fill(&f, RUDE_FAIL, 1);
    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=2");
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "b/first a/one");
    answer_string(&answer, "nextPageToken", token, sizeof(token));
    answer_free(&answer);
    f.b->fault = RUDE_NOT;
    size_t calls = f.b->calls;
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=2&pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "c/two a/three");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    assert_int_equal(f.b->calls, calls);
    answer_free(&answer);
    answer = federation_get(&f, "/api/v1/groups?pageSize=2");
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "b/first a/one");
    assert_true(answer_has(&answer, "\"unreachable\":[]"));
    answer_free(&answer);
    federation_close(&f);
}

/* It is asked to go on behind an item and begins at the beginning. */
static void realm_that_repeats_itself_is_left_out(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024], path[2048];
    (void)state;
    federation_open(&f, NULL);
    fill(&f, RUDE_NOT, 0);
    struct answer answer = federation_get(&f, "/api/v1/groups?pageSize=2");
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "b/first a/one");
    answer_string(&answer, "nextPageToken", token, sizeof(token));
    answer_free(&answer);
    f.b->fault = RUDE_REPLAY;
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=2&pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "c/two a/three");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    answer_free(&answer);
    federation_close(&f);
}

/* It keeps everybody waiting a little for each item. */
static void export_is_not_held_up_by_a_realm_that_drips(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES];
    (void)state;
    federation_open(&f, (const char *[]){"--realm-timeout-ms=500ms", NULL});
    fill(&f, RUDE_DRIP, 0);
    int64_t started_us = clock_monotonic_us();
    struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    assert_true(clock_monotonic_us() - started_us < 5 * INT64_C(1000000));
    answer_groups(&answer, groups, sizeof(groups));
    drop_b(groups);
    assert_string_equal(groups, others);
    assert_true(answer_has(&answer, "\"error\":{\"code\":504"));
    answer_free(&answer);
    federation_close(&f);
}

static void export_is_not_filled_by_a_realm_without_end(void **state)
{
    struct federation f;
    static char groups[GROUPS_BYTES];
    (void)state;
    federation_open(&f, (const char *[]){"--realm-items-max=100", NULL});
    fill(&f, RUDE_ENDLESS, 0);
    struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    answer_groups(&answer, groups, sizeof(groups));
    drop_b(groups);
    assert_string_equal(groups, others);
    assert_true(answer_has(&answer, "longer than lists may be"));
    answer_free(&answer);
    federation_close(&f);
}

/* What a realm may give is counted over the list: pages, and an event stream that comes back, go on counting. */
static void list_is_not_filled_by_a_realm_that_always_has_more_before_the_others(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024] = "", path[2048], headers[2048];
    size_t pages = 0, bs = 0;
    (void)state;
    federation_open(&f, (const char *[]){"--realm-items-max=100", NULL});
    fill(&f, RUDE_AHEAD, 0);
    do {
        snprintf(path, sizeof(path), "/api/v1/groups?pageSize=30%s%s",
                 token[0] ? "&pageToken=" : "", token);
        struct answer answer = federation_get(&f, path);
        assert_int_equal(answer.code, 200);
        answer_groups(&answer, groups, sizeof(groups));
        for (const char *at = groups; (at = strstr(at, "b/0")); at++)
            bs++;
        bool out = answer_has(&answer, "\"unreachable\":[\"realms/b\"]");
        assert_true(out == (pages == 3));
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        answer_free(&answer);
    } while (token[0] && ++pages < 10);
    assert_int_equal(pages, 3);
    assert_int_equal(bs, 100);
    drop_b(groups);
    assert_string_equal(groups, others);
    /* From the last event that came. */
    snprintf(headers, sizeof(headers), EVENTS);
    for (size_t i = 0; i < 4; i++) {
        struct answer answer =
            federation_ask(&f, "GET", "/api/v1/groups?pageSize=30", headers, NULL);
        assert_int_equal(answer.code, 200);
        const char *last = NULL;
        for (const char *at = answer.text; (at = strstr(at, "id: ")); at++)
            last = at + 4;
        assert_non_null(last);
        snprintf(headers, sizeof(headers), EVENTS "Last-Event-ID: %.*s\r\n",
                 (int)strcspn(last, "\n"), last);
        answer_groups(&answer, groups, sizeof(groups));
        answer_free(&answer);
    }
    drop_b(groups);
    assert_string_equal(groups, others);
    federation_close(&f);
}

/* Alone it goes on to the limit, and is refused there. */
static void list_of_one_realm_has_the_limit_too(void **state)
{
    struct federation f;
    char token[1024], path[2048];
    (void)state;
    federation_open(&f, (const char *[]){"--realm-items-max=100", NULL});
    fill(&f, RUDE_AHEAD, 0);
    struct answer answer = federation_get(&f, "/api/v1/realms/b/groups?pageSize=60");
    answer_string(&answer, "nextPageToken", token, sizeof(token));
    answer_free(&answer);
    snprintf(path, sizeof(path), "/api/v1/realms/b/groups?pageSize=60&pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"id\":\"00000100\""));
    assert_false(answer_has(&answer, "\"id\":\"00000101\""));
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    assert_string_equal(answer_string(&answer, "nextPageToken", token, sizeof(token)), "");
    answer_free(&answer);
    federation_close(&f);
}

/* It answers each page, and as late as it may: that it may once, not once a page. */
static void pages_wait_once_for_a_realm_that_is_late_each_time(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024] = "", path[2048], first[1024] = "";
    struct buffer all;
    (void)state;
    buffer_init(&all, GROUPS_BYTES);
    federation_open(&f, (const char *[]){"--straggler-ms=1s", NULL});
    fill(&f, RUDE_NOT, 0);
    f.b->late_ms = 800;
    int64_t started_us = clock_monotonic_us();
    do {
        snprintf(path, sizeof(path), "/api/v1/groups?pageSize=1%s%s", token[0] ? "&pageToken=" : "",
                 token);
        struct answer answer = federation_get(&f, path);
        assert_int_equal(answer.code, 200);
        answer_groups(&answer, groups, sizeof(groups));
        buffer_printf(&all, "%s%s", all.len ? " " : "", groups);
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        if (!first[0])
            snprintf(first, sizeof(first), "%s", token);
        if (!token[0])
            assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
        answer_free(&answer);
    } while (token[0]);
    int64_t took_ms = (clock_monotonic_us() - started_us) / 1000;
    buffer_append_char(&all, '\0');
    drop_b(all.ptr);
    assert_string_equal(all.ptr, others);
    assert_true(took_ms < 4 * f.b->late_ms); /* seven pages */
    /* What was too little time for it is no sign that it is away, however often a reader comes back. */
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=1&pageToken=%s", first);
    for (size_t i = 0; i < 6; i++) {
        struct answer answer = federation_get(&f, path);
        assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
        answer_free(&answer);
    }
    struct answer answer = federation_get(&f, "/api/v1/realms/b/groups");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    buffer_done(&all);
    federation_close(&f);
}

/* A realm that is merely farther away stays. */
static void realm_that_is_a_little_slower_stays_in_all_pages(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024] = "", path[2048];
    size_t bs = 0;
    (void)state;
    federation_open(&f, (const char *[]){"--straggler-ms=2s", NULL});
    fill(&f, RUDE_NOT, 0);
    for (int i = 0; i < 20; i++) {
        char id[8];
        snprintf(id, sizeof(id), "k9%02d", i);
        rude_worker_add(f.b, id, id);
    }
    rude_worker_add(f.a, "z", "last"); /* is kept waiting on each page */
    f.b->late_ms = 120;
    do {
        snprintf(path, sizeof(path), "/api/v1/groups?pageSize=1%s%s", token[0] ? "&pageToken=" : "",
                 token);
        struct answer answer = federation_get(&f, path);
        assert_true(answer_has(&answer, "\"unreachable\":[]"));
        bs += answer_groups(&answer, groups, sizeof(groups))[0] == 'b';
        answer_string(&answer, "nextPageToken", token, sizeof(token));
        answer_free(&answer);
    } while (token[0]);
    assert_int_equal(bs, 23);
    federation_close(&f);
}

/* What was sealed leads on, whatever became of the federation: a realm that was away when the list began, one that
 * left. */
static void token_leads_on_when_the_realms_are_not_the_same(void **state)
{
    struct federation f;
    char groups[GROUPS_BYTES], token[1024], path[2048];
    (void)state;
    federation_open(&f, NULL);
    fill(&f, RUDE_NOT, 0);
    f.b->holds_tokens = true;
    struct exchange exchange = federation_send(&f, "GET", "/api/v1/groups?pageSize=2", NULL, NULL);
    struct answer answer = federation_receive(&f, &exchange);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/one c/two");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    answer_string(&answer, "nextPageToken", token, sizeof(token));
    answer_free(&answer);
    /* Now it is known that b knows the user. */
    rude_worker_release_tokens(f.b);
    FEDERATION_WAIT_FOR(&f, (answer = federation_get(&f, "/api/v1/groups?pageSize=1"),
                             answer_groups(&answer, groups, sizeof(groups)), answer_free(&answer),
                             strcmp(groups, "b/first") == 0));
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=2&pageToken=%s", token);
    answer = federation_get(&f, path);
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/three c/four");
    answer_free(&answer);
    pg_cluster_execute(federation_cluster,
                       "UPDATE hub.instance SET status = 'REMOVED' WHERE realm = 'c'");
    FEDERATION_WAIT_FOR(&f, (answer = federation_get(&f, "/api/v1/realms/c/groups"),
                             answer_free(&answer), answer.code == 404));
    answer = federation_get(&f, path);
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/three a/five");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\",\"realms/c\"]"));
    answer_free(&answer);
    federation_close(&f);
}

/* ---- time -------------------------------------------------------------------------------------- */

/* An export has the time of an export, and what came before its end, and the last line, a time of their own. */
static void export_has_its_own_time_and_says_how_it_ended(void **state)
{
    static const char *const accepts[] = {NDJSON, EVENTS};
    struct federation f;
    char groups[GROUPS_BYTES], cursor[1024];
    (void)state;
    federation_open(&f, (const char *[]){"--request-timeout-ms=300ms", "--export-timeout-ms=1s",
                                         "--realm-timeout-ms=20s", NULL});
    for (size_t i = 0; i < 2; i++) {
        fill(&f, RUDE_DRIP, 0);
        f.a->fault = f.c->fault = RUDE_DRIP;
        int64_t started_us = clock_monotonic_us();
        struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", accepts[i], NULL);
        int64_t took_ms = (clock_monotonic_us() - started_us) / 1000;
        assert_int_equal(answer.code, 200);
        assert_true(answer.whole);
        assert_true(took_ms >= 900 && took_ms < 10000);
        assert_true(answer_groups(&answer, groups, sizeof(groups))[0] != '\0');
        assert_true(answer_has(&answer, "\"error\":{\"code\":504"));
        assert_true(answer_string(&answer, "cursor", cursor, sizeof(cursor))[0] != '\0');
        answer_free(&answer);
    }
    federation_close(&f);
}

/* The reader sleeps until the export's time is up. What was made meanwhile and the last line come all the same, and
 * the cursor is behind the last item that came. */
static void export_of_a_slow_reader_ends_with_a_cursor_and_without_a_gap(void **state)
{
    static char groups[GROUPS_BYTES];
    struct federation f;
    char cursor[1024], path[2048], id[8], *last;
    (void)state;
    federation_open(&f, (const char *[]){"--export-timeout-ms=1s", NULL});
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "k%03d", i);
        rude_worker_add(f.a, id, id);
    }
    f.a->name_bytes = 200000;
    struct exchange exchange = federation_send(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    for (int64_t until_us = deadline_after_ms(1300); clock_monotonic_us() < until_us;)
        uv_run(&f.loop, UV_RUN_ONCE);
    struct answer answer = federation_receive(&f, &exchange);
    assert_true(answer.whole);
    assert_true(answer_has(&answer, "\"error\":{\"code\":504"));
    answer_string(&answer, "cursor", cursor, sizeof(cursor));
    answer_groups(&answer, groups, sizeof(groups));
    last = strrchr(groups, 'k');
    assert_non_null(last);
    int next = (int)strtol(last + 1, NULL, 10) + 1;
    assert_true(next < 200); /* it was cut off */
    answer_free(&answer);
    snprintf(path, sizeof(path), "/api/v1/groups?pageSize=1&pageToken=%s", cursor);
    answer = federation_get(&f, path);
    snprintf(id, sizeof(id), "k%03d", next);
    assert_non_null(strstr(answer_groups(&answer, groups, sizeof(groups)), id));
    answer_free(&answer);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_go_on_whatever_the_worst_realm_does),
        cmocka_unit_test(realm_that_broke_comes_back_in_a_new_list),
        cmocka_unit_test(realm_that_repeats_itself_is_left_out),
        cmocka_unit_test(export_is_not_held_up_by_a_realm_that_drips),
        cmocka_unit_test(export_is_not_filled_by_a_realm_without_end),
        cmocka_unit_test(list_is_not_filled_by_a_realm_that_always_has_more_before_the_others),
        cmocka_unit_test(list_of_one_realm_has_the_limit_too),
        cmocka_unit_test(pages_wait_once_for_a_realm_that_is_late_each_time),
        cmocka_unit_test(realm_that_is_a_little_slower_stays_in_all_pages),
        cmocka_unit_test(token_leads_on_when_the_realms_are_not_the_same),
        cmocka_unit_test(export_of_a_slow_reader_ends_with_a_cursor_and_without_a_gap),
        cmocka_unit_test(export_has_its_own_time_and_says_how_it_ended),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
