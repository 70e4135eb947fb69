/* One user who asks for too much: they hear of it, and nobody else notices. By order and counts, not by time. */
#include "hub/registry/registry.h"
#include "tests/integration/federation.h"

#define CROWD 100
#define NEW_GROUP "{\"slug\":\"new\",\"name\":\"New\"}"
#define ONE "/api/v1/realms/a/groups/one"
#define LIST "/api/v1/realms/a/groups"

static struct exchange crowd[CROWD];

static void send_crowd(struct federation *f)
{
    for (size_t i = 0; i < CROWD; i++)
        crowd[i] = federation_send(f, "GET", LIST, NDJSON, NULL);
}

static size_t refused_of_crowd(void)
{
    size_t count = 0;
    for (size_t i = 0; i < CROWD; i++) {
        exchange_take(&crowd[i]);
        count += exchange_has(&crowd[i], "HTTP/1.1 429 ");
    }
    return count;
}

static void leave_crowd(void)
{
    for (size_t i = 0; i < CROWD; i++)
        exchange_close(&crowd[i]);
}

static void assert_code(struct federation *f, const char *path, int code)
{
    struct answer answer = federation_get(f, path);
    if (answer.code != code)
        fail_msg("%d %s", answer.code, answer.text);
    answer_free(&answer);
}

static bool answer_has_head(const struct answer *answer, const char *line)
{
    return memmem(answer->raw.ptr, answer->raw.len, line, strlen(line)) != NULL;
}

static void unread_streams_of_one_user_leave_places_to_the_others(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->fault = RUDE_STALL;
    send_crowd(&f);
    FEDERATION_WAIT_FOR(&f, refused_of_crowd() == CROWD - 64); /* requests_per_user_max */
    FEDERATION_WAIT_FOR(&f, f.a->stalled == INSTANCE_IN_FLIGHT_PER_USER_MAX);
    f.a->fault = RUDE_NOT;
    assert_code(&f, ONE, 429); /* the same person */
    federation_log_in(&f, "bob");
    assert_code(&f, ONE, 200);
    assert_code(&f, LIST, 200);
    /* None of the crowd got on meanwhile: the others had places of their own. */
    assert_int_equal(f.a->stalled, INSTANCE_IN_FLIGHT_PER_USER_MAX);
    assert_int_equal(f.a->calls, INSTANCE_IN_FLIGHT_PER_USER_MAX + 2);
    leave_crowd();
    FEDERATION_WAIT_FOR(&f, f.a->stalled == 0);
    federation_close(&f);
}

static void time_that_a_crowd_lost_does_not_close_the_realm(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){"--realm-timeout-ms=200ms", NULL});
    rude_worker_add(f.a, "k1", "one");
    f.a->fault = RUDE_STALL;
    for (size_t i = 0; i < 40; i++)
        crowd[i] = federation_send(&f, "GET", ONE, "", NULL);
    for (size_t i = 0; i < 40; i++) {
        struct answer answer = federation_receive(&f, &crowd[i]);
        assert_int_equal(answer.code, 504);
        answer_free(&answer);
    }
    f.a->fault = RUDE_NOT;
    assert_code(&f, ONE, 200);
    federation_log_in(&f, "bob");
    assert_code(&f, ONE, 200);
    federation_close(&f);
}

static void contention_in_a_realm_does_not_close_it(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    f.a->refusals = 20;
    f.a->status = STATUS_ABORTED;
    for (int i = 0; i < 20; i++)
        assert_code(&f, ONE, 409);
    assert_code(&f, ONE, 200);
    federation_close(&f);
}

static void writes_and_searches_of_a_user_are_limited_each_by_itself(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){"--writes-per-second=1", "--writes-burst=3",
                                         "--searches-per-second=1", "--searches-burst=2", NULL});
    rude_worker_add(f.a, "k1", "one");
    struct answer answer = {0};
    for (int i = 0; i < 4; i++) {
        answer_free(&answer);
        answer = federation_ask(&f, "POST", LIST, JSON_BODY, NEW_GROUP);
        assert_int_equal(answer.code, i < 3 ? 200 : 429);
        assert_true(answer_has_head(&answer, "ratelimit-policy: \"writes\";q=3;w=3\r\n"));
    }
    assert_int_equal(f.a->calls, 3); /* the realm has not heard of the fourth */
    assert_true(answer_has(&answer, "RATE_LIMITED"));
    assert_true(answer_has(&answer, "google.rpc.RetryInfo"));
    assert_true(answer_has_head(&answer, "ratelimit: \"writes\";r=0;t=3\r\n"));
    assert_true(answer_has_head(&answer, "retry-after: 1\r\n"));
    answer_free(&answer);
    assert_code(&f, LIST, 200);
    assert_code(&f, LIST, 200);
    assert_code(&f, LIST, 429);
    assert_code(&f, ONE, 200); /* neither */
    federation_log_in(&f, "bob");
    assert_code(&f, LIST, 200);
    answer = federation_ask(&f, "POST", LIST, JSON_BODY, NEW_GROUP);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unread_streams_of_one_user_leave_places_to_the_others),
        cmocka_unit_test(time_that_a_crowd_lost_does_not_close_the_realm),
        cmocka_unit_test(contention_in_a_realm_does_not_close_it),
        cmocka_unit_test(writes_and_searches_of_a_user_are_limited_each_by_itself),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
