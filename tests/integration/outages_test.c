/* Realms that are slow, refuse, or are not what they should be: what the hub does about it. */
#include "hub/federation/fanout.h"
#include "tests/integration/federation.h"

#define CROWD 20
#define SHORT_STRAGGLER "--straggler-ms=200ms"

/* ---- tokens ------------------------------------------------------------------------------------- */

static void token_is_asked_for_once_however_many_wait(void **state)
{
    struct federation f;
    struct exchange crowd[CROWD];
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->holds_tokens = true;
    for (size_t i = 0; i < CROWD; i++)
        crowd[i] = federation_send(&f, "GET", "/api/v1/realms/a/groups/one", NULL, NULL);
    FEDERATION_WAIT_FOR(&f, f.a->held.waiting > 0);
    /* All of them are inside when the first is answered: another request is served meanwhile. */
    struct answer other = federation_get(&f, "/api/v1/realms/b/groups/none");
    assert_int_equal(other.code, 404);
    answer_free(&other);
    assert_int_equal(f.a->calls, 0);
    rude_worker_release_tokens(f.a);
    for (size_t i = 0; i < CROWD; i++) {
        struct answer answer = federation_receive(&f, &crowd[i]);
        assert_int_equal(answer.code, 200);
        answer_free(&answer);
    }
    assert_int_equal(f.a->tokens, 1);
    assert_int_equal(f.a->calls, CROWD);
    assert_int_equal(f.a->strangers, 0);
    federation_close(&f);
}

/* Who waited for it hears of it, and is not made to wait again; who comes then finds the realm as it is then. */
static void token_that_was_lost_is_asked_for_again_at_once(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->holds_tokens = true;
    int64_t started_us = clock_monotonic_us();
    struct answer answer = federation_get(&f, "/api/v1/realms/a/groups/one");
    int64_t took_ms = (clock_monotonic_us() - started_us) / 1000;
    assert_int_equal(answer.code, 504);
    assert_in_range(took_ms, CREDENTIAL_TIMEOUT_MS - 100, CREDENTIAL_TIMEOUT_MS + 2000);
    answer_free(&answer);
    rude_worker_release_tokens(f.a);
    answer = federation_get(&f, "/api/v1/realms/a/groups/one");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    federation_close(&f);
}

/* Whoever watches a realm's policies first hears that any may have changed. A hub that opened before would throw its first
 * tokens away. */
static void hub_opens_when_it_has_heard_of_policies(void **state)
{
    struct federation f;
    (void)state;
    federation_begin(&f);
    rude_worker_add(f.a, "k1", "one");
    f.a->watch_late_ms = 500;
    federation_open_hub(&f, "", NULL);
    for (int i = 0; i < 2; i++) {
        struct answer answer = federation_get(&f, "/api/v1/realms/a/groups/one");
        assert_int_equal(answer.code, 200);
        answer_free(&answer);
        int64_t later_us = deadline_after_ms(2 * f.a->watch_late_ms);
        FEDERATION_WAIT_FOR(&f, clock_monotonic_us() >= later_us);
    }
    assert_int_equal(f.a->tokens, 1);
    federation_close(&f);
}

/* ---- the first that has it ---------------------------------------------------------------------- */

static void first_realm_that_has_it_wins_and_the_others_are_cancelled(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.b->fault = f.c->fault = RUDE_STALL;
    /* Both are asked, so that there is something to cancel. */
    f.a->holds_tokens = true;
    struct exchange exchange = federation_send(&f, "GET", "/api/v1/groups/one", NULL, NULL);
    FEDERATION_WAIT_FOR(&f, f.b->stalled == 1 && f.c->stalled == 1);
    rude_worker_release_tokens(f.a);
    struct answer answer = federation_receive(&f, &exchange);
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"realm\":\"a\""));
    answer_free(&answer);
    FEDERATION_WAIT_FOR(&f, f.b->cancelled == 1 && f.c->cancelled == 1);
    federation_close(&f);
}

/* The same question gets the same realm, whoever is faster. */
static void first_realm_in_order_answers_however_slow_it_is(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    rude_worker_add(f.c, "k1", "one");
    f.a->holds_tokens = true;
    struct exchange exchange = federation_send(&f, "GET", "/api/v1/groups/one", NULL, NULL);
    FEDERATION_WAIT_FOR(&f, f.c->calls == 1 && f.b->calls == 1);
    for (int64_t until_us = deadline_after_ms(100); clock_monotonic_us() < until_us;)
        uv_run(&f.loop, UV_RUN_ONCE);
    rude_worker_release_tokens(f.a);
    struct answer answer = federation_receive(&f, &exchange);
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"realm\":\"a\""));
    assert_non_null(strstr(answer.raw.ptr, "content-location: /api/v1/realms/a/groups/one\r\n"));
    assert_null(strstr(answer.raw.ptr, "federation-incomplete"));
    answer_free(&answer);
    /* Named, it is where it is. */
    answer = federation_get(&f, "/api/v1/realms/c/groups/one");
    assert_null(strstr(answer.raw.ptr, "content-location"));
    answer_free(&answer);
    federation_close(&f);
}

static void answer_says_whom_it_could_not_ask(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){SHORT_STRAGGLER, NULL});
    rude_worker_add(f.c, "k1", "one");
    f.a->refusals = 1000;
    f.a->status = STATUS_INTERNAL;
    f.b->fault = RUDE_STALL;
    int64_t started_us = clock_monotonic_us();
    struct answer answer = federation_get(&f, "/api/v1/groups/one");
    int64_t took_ms = (clock_monotonic_us() - started_us) / 1000;
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"realm\":\"c\""));
    assert_non_null(strstr(answer.raw.ptr, "federation-incomplete: a, b\r\n"));
    assert_true(took_ms >= 200 && took_ms < 4000); /* a realm has 5 s by itself */
    answer_free(&answer);
    /* What comes behind the answer in order would not have changed it. */
    rude_worker_reset(f.a);
    rude_worker_add(f.a, "k1", "one");
    answer = federation_get(&f, "/api/v1/groups/one");
    assert_true(answer_has(&answer, "\"realm\":\"a\""));
    assert_null(strstr(answer.raw.ptr, "federation-incomplete"));
    answer_free(&answer);
    federation_close(&f);
}

static void browser_that_leaves_cancels_the_realms(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    f.a->fault = f.b->fault = f.c->fault = RUDE_STALL;
    struct exchange exchange = federation_send(&f, "GET", "/api/v1/groups", NDJSON, NULL);
    FEDERATION_WAIT_FOR(&f, f.a->stalled + f.b->stalled + f.c->stalled == 3);
    exchange_close(&exchange);
    FEDERATION_WAIT_FOR(&f, f.a->cancelled + f.b->cancelled + f.c->cancelled == 3);
    federation_close(&f);
}

/* ---- slow --------------------------------------------------------------------------------------- */

static void list_waits_for_a_straggler_only_so_long(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){SHORT_STRAGGLER, NULL});
    rude_worker_add(f.a, "k1", "one");
    rude_worker_add(f.b, "k2", "two");
    f.b->fault = RUDE_STALL;
    int64_t started_us = clock_monotonic_us();
    struct answer answer = federation_get(&f, "/api/v1/groups");
    int64_t took_ms = (clock_monotonic_us() - started_us) / 1000;
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    assert_true(answer_has(&answer, "\"id\":\"one\""));
    assert_true(took_ms >= 200 && took_ms < 4000); /* a realm has 5 s by itself */
    answer_free(&answer);
    FEDERATION_WAIT_FOR(&f, f.b->cancelled == 1);
    federation_close(&f);
}

/* One that fails, or does not know the caller, has given nothing that could be shown without the others. */
static void realm_that_fails_at_once_hurries_nobody(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){SHORT_STRAGGLER, NULL});
    rude_worker_add(f.b, "k2", "two");
    f.a->refusals = 1000;
    f.a->status = STATUS_INTERNAL;
    f.b->late_ms = 800;
    f.c->unknown = true;
    for (int i = 0; i < 2; i++) {
        struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", i ? NDJSON : NULL, NULL);
        assert_int_equal(answer.code, 200);
        assert_true(answer_has(&answer, "\"unreachable\":[\"realms/a\"]"));
        assert_true(answer_has(&answer, "\"id\":\"two\""));
        answer_free(&answer);
    }
    /* One that answers does, and be it that it has nothing. */
    rude_worker_reset(f.a);
    struct answer answer = federation_get(&f, "/api/v1/groups");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    answer_free(&answer);
    federation_close(&f);
}

static void realm_that_says_nothing_is_a_timeout(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){"--realm-timeout-ms=200ms", NULL});
    rude_worker_add(f.a, "k1", "one");
    f.a->fault = RUDE_STALL;
    struct answer answer = federation_get(&f, "/api/v1/realms/a/groups/one");
    assert_int_equal(answer.code, 504);
    answer_free(&answer);
    /* All of them: there is no list to give. */
    f.b->fault = f.c->fault = RUDE_STALL;
    answer = federation_get(&f, "/api/v1/groups");
    assert_int_equal(answer.code, 504);
    answer_free(&answer);
    federation_close(&f);
}

/* ---- refusing ----------------------------------------------------------------------------------- */

static void safe_call_is_tried_again_and_a_change_is_not(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->refusals = 2;
    struct answer answer = federation_get(&f, "/api/v1/realms/a/groups/one");
    assert_int_equal(answer.code, 200);
    assert_int_equal(f.a->calls, 3);
    answer_free(&answer);
    f.a->refusals = 1;
    answer = federation_ask(&f, "POST", "/api/v1/realms/a/groups", JSON_BODY,
                            "{\"slug\":\"new\",\"name\":\"New\"}");
    assert_int_equal(answer.code, 503);
    assert_int_equal(f.a->calls, 4);
    answer_free(&answer);
    answer = federation_ask(&f, "POST", "/api/v1/realms/a/groups", JSON_BODY,
                            "{\"slug\":\"new\",\"name\":\"New\"}");
    assert_int_equal(answer.code, 200);
    assert_int_equal(f.a->calls, 5);
    answer_free(&answer);
    federation_close(&f);
}

/* A realm that fails now and then is helped out at first, and not for ever: so many at once, then one in ten calls. */
static void retries_are_a_tenth_of_the_calls(void **state)
{
    struct federation f;
    size_t asked = 0, helped = 0, refused = 0;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    for (int round = 0; round < 3 * RETRY_BUDGET_BURST; round++) {
        /* One failure, then good ones: the breaker has no reason to open. */
        f.a->refusals = 1;
        for (int i = 0; i < 3; i++) {
            size_t calls = f.a->calls;
            struct answer answer = federation_get(&f, "/api/v1/realms/a/groups/one");
            asked++;
            helped += answer.code == 200 && f.a->calls == calls + 2;
            refused += answer.code == 503;
            answer_free(&answer);
        }
    }
    assert_int_equal(helped + refused, 3 * RETRY_BUDGET_BURST);
    assert_true(helped >= RETRY_BUDGET_BURST && helped <= RETRY_BUDGET_BURST + asked / 10 + 1);
    federation_close(&f);
}

/* What is asked of a realm that is down ends at once, and it is found again without anybody's help. */
static void breaker_opens_after_five_of_ten_and_one_probe_closes_it(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    rude_worker_add(f.b, "k2", "two");
    f.b->refusals = 1000;
    /* A change is not tried again: each is one call, and one failure. */
    for (int i = 0; i < 5; i++) {
        struct answer answer = federation_ask(&f, "POST", "/api/v1/realms/b/groups", JSON_BODY,
                                              "{\"slug\":\"new\",\"name\":\"New\"}");
        assert_int_equal(answer.code, 503);
        answer_free(&answer);
    }
    assert_int_equal(f.b->calls, 5);
    struct answer answer = federation_get(&f, "/api/v1/realms/b/groups/two");
    assert_int_equal(answer.code, 503);
    answer_free(&answer);
    assert_int_equal(f.b->calls, 5); /* it was not even asked */
    answer = federation_get(&f, "/api/v1/groups");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    assert_true(answer_has(&answer, "\"id\":\"one\""));
    answer_free(&answer);
    f.b->refusals = 0;
    int code = 503;
    for (int64_t until_us = deadline_after_ms(5000); code == 503;) {
        assert_true(clock_monotonic_us() < until_us); /* back within 5 s of healing */
        answer = federation_get(&f, "/api/v1/realms/b/groups/two");
        code = answer.code;
        answer_free(&answer);
    }
    assert_int_equal(code, 200);
    assert_int_equal(f.b->calls, 6); /* the probe was the answer */
    federation_close(&f);
}

static void all_realms_refusing_is_no_empty_list(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        f.realms[i].refusals = 1000;
    struct answer answer = federation_get(&f, "/api/v1/groups");
    assert_int_equal(answer.code, 503);
    answer_free(&answer);
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        f.realms[i].status = STATUS_PERMISSION_DENIED;
    FEDERATION_WAIT_FOR(&f, (answer = federation_get(&f, "/api/v1/groups"), answer_free(&answer),
                             answer.code != 503));
    assert_int_equal(answer.code, 403);
    federation_close(&f);
}

/* ---- another realm's worker at the address ------------------------------------------------------ */

static void worker_that_says_it_is_another_realm_is_given_nothing(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    rude_worker_add(f.b, "k2", "two");
    f.b->claims = "c";
    /* It comes back under the other name: its watch ends, and it is asked again who it is. */
    rude_worker_end_watches(f.b);
    struct answer answer;
    FEDERATION_WAIT_FOR(&f, (answer = federation_get(&f, "/api/v1/realms/b/groups/two"),
                             answer_free(&answer), answer.code == 503));
    size_t calls = f.b->calls, tokens = f.b->tokens;
    answer = federation_get(&f, "/api/v1/groups");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    assert_true(answer_has(&answer, "\"id\":\"one\""));
    answer_free(&answer);
    assert_int_equal(f.b->calls, calls);
    assert_int_equal(f.b->tokens, tokens);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_is_asked_for_once_however_many_wait),
        cmocka_unit_test(token_that_was_lost_is_asked_for_again_at_once),
        cmocka_unit_test(hub_opens_when_it_has_heard_of_policies),
        cmocka_unit_test(first_realm_that_has_it_wins_and_the_others_are_cancelled),
        cmocka_unit_test(first_realm_in_order_answers_however_slow_it_is),
        cmocka_unit_test(answer_says_whom_it_could_not_ask),
        cmocka_unit_test(browser_that_leaves_cancels_the_realms),
        cmocka_unit_test(list_waits_for_a_straggler_only_so_long),
        cmocka_unit_test(realm_that_fails_at_once_hurries_nobody),
        cmocka_unit_test(realm_that_says_nothing_is_a_timeout),
        cmocka_unit_test(safe_call_is_tried_again_and_a_change_is_not),
        cmocka_unit_test(retries_are_a_tenth_of_the_calls),
        cmocka_unit_test(breaker_opens_after_five_of_ten_and_one_probe_closes_it),
        cmocka_unit_test(all_realms_refusing_is_no_empty_list),
        cmocka_unit_test(worker_that_says_it_is_another_realm_is_given_nothing),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
