/* The hub and its own database: what it must not go on with, and what /readyz and the answers say meanwhile. */
#include "tests/integration/federation.h"

static bool readyz_has(struct federation *f, int code, const char *text)
{
    struct answer answer = federation_get(f, "/readyz");
    bool fits = answer.code == code && answer_has(&answer, text);
    answer_free(&answer);
    return fits;
}

#define WAIT_FOR_READYZ(f, code, text) FEDERATION_WAIT_FOR(f, readyz_has(f, code, text))

/* A migration of a running system: the statements of every connection are stale at once. */
static void changed_table_is_not_noticed(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    WAIT_FOR_READYZ(&f, 200, "ready");
    pg_cluster_execute(federation_cluster,
                       "ALTER TABLE hub.user_account ALTER id TYPE varchar(64)");
    for (int i = 0; i < 8; i++) {
        federation_log_in(&f, i % 2 ? "alice" : "bob");
        struct answer answer = federation_get(&f, "/api/v1/groups");
        assert_int_equal(answer.code, 200);
        answer_free(&answer);
    }
    assert_true(readyz_has(&f, 200, "ready"));
    pg_cluster_execute(federation_cluster, "ALTER TABLE hub.user_account ALTER id TYPE text");
    federation_close(&f);
}

static void missing_grant_shows_in_readiness(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    WAIT_FOR_READYZ(&f, 200, "ready");
    pg_cluster_execute(federation_cluster, "REVOKE SELECT ON hub.session FROM pek_app");
    WAIT_FOR_READYZ(&f, 503, "INTERNAL");
    pg_cluster_execute(federation_cluster, "GRANT SELECT ON hub.session TO pek_app");
    WAIT_FOR_READYZ(&f, 200, "ready");
    federation_close(&f);
}

static void role_that_became_mighty_stops_the_hub(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    pg_cluster_execute(federation_cluster, "ALTER ROLE pek_app BYPASSRLS");
    pg_cluster_execute(federation_cluster,
                       "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                       " WHERE usename = 'pek_app'");
    federation_wait_for_stop(&f); /* of itself */
    pg_cluster_execute(federation_cluster, "ALTER ROLE pek_app NOBYPASSRLS");
    assert_false(federation_close_stopped(&f)); /* so that the process ends with 1 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_table_is_not_noticed),
        cmocka_unit_test(missing_grant_shows_in_readiness),
        cmocka_unit_test(role_that_became_mighty_stops_the_hub),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
