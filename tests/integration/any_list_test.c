/* A list that any realm may have, and the first that claims to have it does not give it to its end. */
#include "tests/integration/federation.h"

#define PATH "/api/v1/groups/one/ancestors"

static const char *const accepts[] = {NULL, NDJSON, EVENTS};

/* a claims it, b has it. */
static void fill(struct federation *f, enum rude_fault fault, size_t after)
{
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        rude_worker_reset(&f->realms[i]);
    rude_worker_add(f->a, "k1", "one");
    rude_worker_add(f->a, "k2", "bogus");
    rude_worker_add(f->a, "k3", "bogus");
    rude_worker_add(f->b, "k1", "one");
    rude_worker_add(f->b, "k2", "two");
    f->a->fault = fault;
    f->a->fault_after = after;
    f->a->status = STATUS_INTERNAL;
}

static void list_that_its_first_realm_does_not_end_is_the_next_ones(void **state)
{
    static const enum rude_fault faults[] = {RUDE_FAIL,     RUDE_STALL, RUDE_GARBAGE,
                                             RUDE_NOT_UTF8, RUDE_LARGE, RUDE_OTHER_REALM};
    struct federation f;
    char groups[4096];
    (void)state;
    federation_open(&f, (const char *[]){"--straggler-ms=300ms", "--realm-timeout-ms=500ms", NULL});
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        for (size_t j = 0; j < 9; j++) {
            size_t after = j % 3;
            int64_t started_us = clock_monotonic_us();
            fill(&f, faults[i], after);
            struct answer answer = federation_ask(&f, "GET", PATH, accepts[j / 3], NULL);
            answer_groups(&answer, groups, sizeof(groups));
            if (answer.code != 200 || strcmp(groups, "b/one b/two") != 0)
                fail_msg("fault %d after %zu: %d %s", (int)faults[i], after, answer.code,
                         answer.raw.ptr);
            assert_true(answer.whole);
            assert_non_null(
                strstr(answer.raw.ptr, "content-location: /api/v1/realms/b/groups/one/ancestors"));
            assert_non_null(strstr(answer.raw.ptr, "federation-incomplete: a\r\n"));
            assert_true(answer_has(&answer, "\"unreachable\":[\"realms/a\"]"));
            assert_true(clock_monotonic_us() - started_us < 5 * INT64_C(1000000));
            answer_free(&answer);
        }
    }
    federation_close(&f);
}

/* More than the method says, or than a page takes, of a list that has no pages: nobody's, when somebody else has it. */
static void list_without_end_is_the_next_ones(void **state)
{
    struct federation f;
    char groups[4096];
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < 3; i++) {
        fill(&f, RUDE_ENDLESS, 1);
        struct answer any = federation_ask(&f, "GET", PATH, accepts[i], NULL);
        assert_int_equal(any.code, 200);
        assert_string_equal(answer_groups(&any, groups, sizeof(groups)), "b/one b/two");
        assert_true(answer_has(&any, "\"unreachable\":[\"realms/a\"]"));
        answer_free(&any);
    }
    fill(&f, RUDE_ENDLESS, 1);
    f.a->name_bytes = 500000;
    struct answer answer = federation_get(&f, PATH);
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "b/one b/two");
    answer_free(&answer);
    f.b->item_count = 0;
    answer = federation_get(&f, PATH);
    assert_int_equal(answer.code, 429);
    answer_free(&answer);
    federation_close(&f);
}

/* What there is, and who did not give the rest. */
static void list_that_nobody_else_has_is_given_as_far_as_it_came(void **state)
{
    struct federation f;
    char groups[4096];
    (void)state;
    federation_open(&f, NULL);
    fill(&f, RUDE_FAIL, 1);
    f.b->item_count = 0;
    struct answer answer = federation_get(&f, PATH);
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/one");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/a\"]"));
    answer_free(&answer);
    answer = federation_ask(&f, "GET", PATH, NDJSON, NULL);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/one");
    assert_true(answer_has(&answer, "realm a broke off"));
    answer_free(&answer);
    federation_close(&f);
}

/* What is out cannot be taken back; it looks no more whole than any stream that broke. */
static void stream_that_is_out_ends_with_its_realm(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    fill(&f, RUDE_FAIL, 2);
    f.a->name_bytes = 40000;
    struct answer answer = federation_ask(&f, "GET", PATH, NDJSON, NULL);
    assert_int_equal(answer.code, 200);
    assert_true(answer.whole);
    assert_non_null(
        strstr(answer.raw.ptr, "content-location: /api/v1/realms/a/groups/one/ancestors"));
    assert_false(answer_has(&answer, "\"realm\":\"b\""));
    assert_true(answer_has(&answer, "realm a broke off"));
    answer_free(&answer);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_that_its_first_realm_does_not_end_is_the_next_ones),
        cmocka_unit_test(list_without_end_is_the_next_ones),
        cmocka_unit_test(list_that_nobody_else_has_is_given_as_far_as_it_came),
        cmocka_unit_test(stream_that_is_out_ends_with_its_realm),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
