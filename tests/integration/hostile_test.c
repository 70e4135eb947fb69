/* One user, or one realm, that means harm: nobody else notices. */
#include "tests/integration/federation.h"

#define ENOUGH_TO_OPEN_A_BREAKER 10
#define NEW_GROUP "{\"slug\":\"new\",\"name\":\"New\"}"
#define LONG_KEY_BYTES 9000

static void assert_open(struct federation *f)
{
    struct answer answer = federation_get(f, "/api/v1/realms/a/groups/one");
    if (answer.code != 200)
        fail_msg("%d %s", answer.code, answer.text);
    answer_free(&answer);
}

static void user_cannot_close_a_realm_with_headers_that_do_not_fit(void **state)
{
    struct federation f;
    static char headers[LONG_KEY_BYTES + 128];
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    int at = snprintf(headers, sizeof(headers), JSON_BODY "Idempotency-Key: ");
    memset(headers + at, 'k', LONG_KEY_BYTES);
    snprintf(headers + at + LONG_KEY_BYTES, 3, "\r\n");
    for (int i = 0; i < ENOUGH_TO_OPEN_A_BREAKER; i++) {
        struct answer answer =
            federation_ask(&f, "POST", "/api/v1/realms/a/groups", headers, NEW_GROUP);
        assert_int_equal(answer.code, 400);
        assert_true(answer_has(&answer, "idempotency-key"));
        answer_free(&answer);
    }
    assert_int_equal(f.a->calls, 0);
    assert_open(&f);
    federation_close(&f);
}

static void user_who_is_over_a_limit_does_not_close_the_realm(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->refusals = ENOUGH_TO_OPEN_A_BREAKER;
    f.a->status = STATUS_RESOURCE_EXHAUSTED;
    for (int i = 0; i < ENOUGH_TO_OPEN_A_BREAKER; i++) {
        struct answer answer = federation_get(&f, "/api/v1/realms/a/groups/one");
        assert_int_equal(answer.code, 429);
        answer_free(&answer);
    }
    assert_open(&f);
    federation_close(&f);
}

static void trace_context_that_is_none_is_replaced(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    struct answer answer = federation_ask(
        &f, "GET", "/api/v1/realms/a/groups/one",
        "Traceparent: 00-\xc3\xa1zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-zzzzzzzzzzzzzzzz-01\r\n", NULL);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    federation_close(&f);
}

/* Its clock, say, is five minutes behind. */
static void realm_whose_tokens_have_expired_is_asked_once_a_request(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->token_lifetime_s = -1;
    struct answer answer = federation_get(&f, "/api/v1/realms/a/groups/one");
    assert_int_equal(answer.code, 502);
    assert_true(answer_has(&answer, "clock"));
    answer_free(&answer);
    assert_int_equal(f.a->tokens, 1);
    federation_close(&f);
}

static void token_lives_no_longer_than_tokens_do_whatever_the_realm_says(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->token_lifetime_s = INT64_MAX;
    assert_open(&f);
    assert_open(&f);
    assert_int_equal(f.a->tokens, 1);
    federation_close(&f);
}

static void realm_that_calls_a_good_question_bad_spoils_no_list(void **state)
{
    struct federation f;
    char groups[256];
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    rude_worker_add(f.b, "k2", "two");
    f.b->refusals = 1;
    f.b->status = STATUS_INVALID_ARGUMENT;
    struct answer answer = federation_get(&f, "/api/v1/groups");
    assert_int_equal(answer.code, 200);
    assert_string_equal(answer_groups(&answer, groups, sizeof(groups)), "a/one");
    assert_true(answer_has(&answer, "\"unreachable\":[\"realms/b\"]"));
    answer_free(&answer);
    /* Of that realm alone it is the answer; and when all say so. */
    f.b->refusals = 1;
    answer = federation_get(&f, "/api/v1/realms/b/groups");
    assert_int_equal(answer.code, 400);
    answer_free(&answer);
    for (size_t i = 0; i < FEDERATION_REALMS; i++) {
        f.realms[i].refusals = 1;
        f.realms[i].status = STATUS_INVALID_ARGUMENT;
    }
    answer = federation_get(&f, "/api/v1/groups");
    assert_int_equal(answer.code, 400);
    answer_free(&answer);
    federation_close(&f);
}

static void realm_that_refuses_the_hub_logs_nobody_out(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->refusals = 2; /* the hub gets another token after the first */
    f.a->status = STATUS_UNAUTHENTICATED;
    struct answer answer = federation_get(&f, "/api/v1/realms/a/groups/one");
    assert_int_equal(answer.code, 503);
    assert_true(answer_has(&answer, "REALM_REFUSED_HUB"));
    answer_free(&answer);
    assert_int_equal(f.a->tokens, 2);
    assert_open(&f);
    federation_close(&f);
}

/* ---- two replicas of realm d, of which one refuses ---------------------------------------------------- */

#define CROWD 20
#define ONE_OF_D "/api/v1/realms/d/groups/one"

static struct rude_worker replicas[2];

static void stop_replicas(struct federation *f)
{
    (void)f;
    rude_worker_stop(&replicas[0]);
    rude_worker_stop(&replicas[1]);
}

static void close_replicas(struct federation *f)
{
    (void)f;
    rude_worker_close(&replicas[0]);
    rude_worker_close(&replicas[1]);
}

static void open_replicas(struct federation *f)
{
    char instances[96];
    federation_begin(f);
    for (size_t i = 0; i < 2; i++) {
        rude_worker_reset(&replicas[i]);
        replicas[i].realm = "d";
        assert_int_equal(rude_worker_open(&replicas[i], f->fibers, f->runtime), STATUS_OK);
        rude_worker_add(&replicas[i], "k1", "one");
    }
    snprintf(instances, sizeof(instances), "d=ipv4:127.0.0.1:%d,127.0.0.1:%d", replicas[0].port,
             replicas[1].port);
    f->also_stop = stop_replicas;
    f->also_close = close_replicas;
    federation_open_hub(f, instances, NULL);
    int64_t until_us = deadline_after_ms(FEDERATION_WAIT_MS);
    while (replicas[0].calls < 3 || replicas[1].calls < 3) {
        struct answer answer = federation_get(f, ONE_OF_D);
        assert_true(clock_monotonic_us() < until_us);
        answer_free(&answer);
    }
}

static void refuse(struct rude_worker *replica)
{
    replica->refuses_hub = true;
    replica->refusals = SIZE_MAX;
    replica->status = STATUS_UNAUTHENTICATED;
}

static void ask_all_at_once(struct federation *f)
{
    struct exchange crowd[CROWD];
    for (size_t i = 0; i < CROWD; i++)
        crowd[i] = federation_send(f, "GET", ONE_OF_D, NULL, NULL);
    for (size_t i = 0; i < CROWD; i++) {
        struct answer answer = federation_receive(f, &crowd[i]);
        assert_int_equal(answer.code, 200);
        answer_free(&answer);
    }
}

static bool operator_is_told(struct federation *f, const char *problem)
{
    struct answer answer = federation_get(f, "/api/v1/instances");
    bool told = answer_has(&answer, problem);
    answer_free(&answer);
    return told;
}

static void replica_that_refuses_the_hub_costs_no_request(void **state)
{
    struct federation f;
    struct answer answer;
    char problem[128];
    (void)state;
    open_replicas(&f);
    refuse(&replicas[1]);
    rude_worker_end_watches(&replicas[0]); /* so that new tokens are asked for */
    rude_worker_end_watches(&replicas[1]);
    pg_cluster_execute(federation_cluster, "UPDATE hub.user_account SET is_admin = true");
    /* Of a call or of a watch, whichever was refused first. */
    snprintf(problem, sizeof(problem),
             "127.0.0.1:%d does not accept this hub's tokens: ", replicas[1].port);
    int64_t told_us = deadline_after_ms(FEDERATION_WAIT_MS);
    for (size_t round = 0; round < 3 || !operator_is_told(&f, problem); round++) {
        assert_true(clock_monotonic_us() < told_us);
        ask_all_at_once(&f);
    }
    /* When all do, it is for the operator. */
    refuse(&replicas[0]);
    rude_worker_end_watches(&replicas[0]);
    for (int64_t until_us = deadline_after_ms(FEDERATION_WAIT_MS);
         (answer = federation_get(&f, ONE_OF_D)).code == 200;) {
        assert_true(clock_monotonic_us() < until_us);
        answer_free(&answer);
    }
    assert_int_equal(answer.code, 503);
    assert_true(answer_has(&answer, "REALM_REFUSED_HUB"));
    answer_free(&answer);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_cannot_close_a_realm_with_headers_that_do_not_fit),
        cmocka_unit_test(user_who_is_over_a_limit_does_not_close_the_realm),
        cmocka_unit_test(trace_context_that_is_none_is_replaced),
        cmocka_unit_test(realm_whose_tokens_have_expired_is_asked_once_a_request),
        cmocka_unit_test(token_lives_no_longer_than_tokens_do_whatever_the_realm_says),
        cmocka_unit_test(realm_that_calls_a_good_question_bad_spoils_no_list),
        cmocka_unit_test(realm_that_refuses_the_hub_logs_nobody_out),
        cmocka_unit_test(replica_that_refuses_the_hub_costs_no_request),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
