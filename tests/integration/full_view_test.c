/* Full profiles over HTTP: a whole hub over one real realm, where alice has GOD and bob is known, and realms that do what
 * they are told. */
#include "tests/integration/worker.h"

static void one_open(struct one *one, const char *const *args)
{
    one_begin(one);
    pg_cluster_execute(
        federation_cluster,
        "INSERT INTO hub.user_realm (user_id, realm) VALUES ('alice', 'd'), ('bob', 'd');"
        "UPDATE hub.profile SET cell_phone = '+36201234567', room = '1103', visible = 1"
        " WHERE user_id = 'bob';"
        "INSERT INTO pek.policy (realm, name, unique_key) VALUES ('d', 'Known', 'known');"
        "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
        " SELECT 'd', id, 'bob', 'alice' FROM pek.policy WHERE name = 'Known'");
    one_serve(one, args);
}

/* The answer has it; and what the header says is in `ret_incomplete`. */
static bool get_has(struct one *one, const char *text, bool *ret_incomplete)
{
    struct answer answer = federation_get(&one->f, "/api/v1/users/bob/profile");
    assert_int_equal(answer.code, 200);
    bool has = answer_has(&answer, text);
    *ret_incomplete = strstr(answer.raw.ptr, "federation-incomplete:") != NULL;
    answer_free(&answer);
    return has;
}

static bool shows(struct one *one, const char *text)
{
    bool incomplete;
    return get_has(one, text, &incomplete) && !incomplete;
}

static void who_has_the_right_sees_what_is_visible_until_it_is_revoked(void **state)
{
    struct one one;
    (void)state;
    one_open(&one, NULL);
    FEDERATION_WAIT_FOR(&one.f, shows(&one, "\"view\":\"FULL\""));
    assert_true(shows(&one, "\"cellPhone\":\"+36201234567\",\"room\":\"\""));
    federation_log_in(&one.f, "bob");
    struct answer own = federation_get(&one.f, "/api/v1/users/alice/profile");
    assert_true(answer_has(&own, "\"view\":\"BASIC\""));
    answer_free(&own);
    federation_log_in(&one.f, "alice");
    FEDERATION_WAIT_FOR(&one.f, shows(&one, "\"view\":\"FULL\""));
    pg_cluster_execute(federation_cluster,
                       "DELETE FROM pek.policy_assignment AS a USING pek.policy AS p"
                       " WHERE p.id = a.policy_id AND p.name = 'GOD';"
                       "INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)"
                       " SELECT 'd', id, 'alice', 'bob' FROM pek.policy WHERE name = 'Known'");
    FEDERATION_WAIT_FOR(&one.f, shows(&one, "\"view\":\"BASIC\""));
    assert_false(shows(&one, "+3620"));
    one_close(&one);
}

/* A realm of both that stalls costs its time and grants nothing; d's yes needs nobody else's. */
static void realm_that_stalls_is_named_and_grants_nothing(void **state)
{
    static const char *const args[] = {"--straggler-ms=300ms", NULL};
    struct one one;
    bool incomplete;
    (void)state;
    one_open(&one, args);
    one.f.a->holds_tokens = true;
    pg_cluster_execute(federation_cluster, "INSERT INTO hub.user_realm (user_id, realm) VALUES"
                                           " ('alice', 'a'), ('bob', 'a')");
    FEDERATION_WAIT_FOR(&one.f, shows(&one, "\"view\":\"FULL\""));
    pg_cluster_execute(federation_cluster, "DELETE FROM hub.user_realm WHERE realm = 'd'");
    int64_t started_us = clock_monotonic_us();
    assert_true(get_has(&one, "\"view\":\"BASIC\"", &incomplete));
    assert_true(incomplete);
    assert_true(clock_monotonic_us() - started_us < INT64_C(5000000));
    assert_true(get_has(&one, "\"unreachable\":[\"realms/a\"]", &incomplete));
    rude_worker_release_tokens(one.f.a);
    one_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_the_right_sees_what_is_visible_until_it_is_revoked),
        cmocka_unit_test(realm_that_stalls_is_named_and_grants_nothing),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
