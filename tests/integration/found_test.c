/* Where something was last: asked first, and never more than a guess. */
#include "tests/integration/federation.h"

#define SHORT_STRAGGLER "--straggler-ms=200ms"

static void assert_found_in(struct federation *f, const char *realm)
{
    char text[80];
    struct answer answer = federation_get(f, "/api/v1/groups/one");
    assert_int_equal(answer.code, 200);
    snprintf(text, sizeof(text), "content-location: /api/v1/realms/%s/groups/one\r\n", realm);
    assert_non_null(strstr(answer.raw.ptr, text));
    assert_null(strstr(answer.raw.ptr, "federation-incomplete"));
    answer_free(&answer);
}

static void assert_calls(const struct federation *f, size_t a, size_t b, size_t c)
{
    assert_int_equal(f->a->calls, a);
    assert_int_equal(f->b->calls, b);
    assert_int_equal(f->c->calls, c);
}

static void realm_that_had_it_is_asked_alone(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.c, "k1", "one");
    assert_found_in(&f, "c");
    assert_calls(&f, 1, 1, 1);
    assert_found_in(&f, "c");
    assert_calls(&f, 1, 1, 2);
    /* Another user's session has found nothing yet. */
    federation_log_in(&f, "bob");
    assert_found_in(&f, "c");
    assert_calls(&f, 2, 2, 3);
    federation_close(&f);
}

static void what_moved_is_found_where_it_is(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.c, "k1", "one");
    assert_found_in(&f, "c");
    rude_worker_reset(f.c);
    rude_worker_add(f.b, "k1", "one");
    assert_found_in(&f, "b");
    assert_calls(&f, 2, 2, 1);
    assert_found_in(&f, "b");
    assert_calls(&f, 2, 3, 1);
    rude_worker_reset(f.b);
    struct answer answer = federation_get(&f, "/api/v1/groups/one");
    assert_int_equal(answer.code, 404);
    answer_free(&answer);
    federation_close(&f);
}

/* Silent for the straggler's time, the others are asked beside it. */
static void realm_that_falls_silent_hides_nothing(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){SHORT_STRAGGLER, NULL});
    rude_worker_add(f.a, "k1", "one");
    assert_found_in(&f, "a");
    f.a->fault = RUDE_STALL;
    rude_worker_add(f.b, "k1", "one");
    struct answer answer = federation_get(&f, "/api/v1/groups/one");
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"realm\":\"b\""));
    assert_non_null(strstr(answer.raw.ptr, "federation-incomplete: a\r\n"));
    answer_free(&answer);
    /* That says nothing of where it is: the first in order has it again. */
    f.a->fault = RUDE_NOT;
    assert_found_in(&f, "a");
    federation_close(&f);
}

static void realm_before_that_could_not_be_asked_is_asked_again(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.c, "k1", "one");
    f.a->refusals = 1000;
    f.a->status = STATUS_INTERNAL;
    struct answer answer = federation_get(&f, "/api/v1/groups/one");
    assert_int_equal(answer.code, 200);
    assert_non_null(strstr(answer.raw.ptr, "federation-incomplete: a\r\n"));
    answer_free(&answer);
    rude_worker_reset(f.a);
    rude_worker_add(f.a, "k1", "one");
    assert_found_in(&f, "a");
    federation_close(&f);
}

/* c says that it has whatever it is asked for, and a is slow at that moment: nothing of it is left. */
static void realm_that_claims_everything_keeps_nothing_of_others(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){SHORT_STRAGGLER, NULL});
    rude_worker_add(f.a, "k1", "one");
    rude_worker_add(f.c, "k1", "one");
    f.a->holds_tokens = true;
    struct answer answer = federation_get(&f, "/api/v1/groups/one");
    assert_true(answer_has(&answer, "\"realm\":\"c\""));
    assert_non_null(strstr(answer.raw.ptr, "federation-incomplete: a\r\n"));
    answer_free(&answer);
    rude_worker_release_tokens(f.a);
    f.a->holds_tokens = false;
    assert_found_in(&f, "a");
    /* Nor of what is another's alone. */
    rude_worker_add(f.b, "k2", "two");
    answer = federation_get(&f, "/api/v1/groups/two");
    assert_true(answer_has(&answer, "\"realm\":\"b\""));
    answer_free(&answer);
    rude_worker_add(f.c, "k2", "two");
    answer = federation_get(&f, "/api/v1/groups/two");
    assert_true(answer_has(&answer, "\"realm\":\"b\""));
    answer_free(&answer);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(realm_that_had_it_is_asked_alone),
        cmocka_unit_test(what_moved_is_found_where_it_is),
        cmocka_unit_test(realm_that_falls_silent_hides_nothing),
        cmocka_unit_test(realm_before_that_could_not_be_asked_is_asked_again),
        cmocka_unit_test(realm_that_claims_everything_keeps_nothing_of_others),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
