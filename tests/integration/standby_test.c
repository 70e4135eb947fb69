/* No primary: reads come from a standby, in the hub and in a realm; changes are refused so that nobody takes the realm for one that
 * is away. */
#include "tests/integration/worker.h"

#include "shared/service/change.h"

#define GROUPS "/api/v1/realms/d/groups"

static struct pg_cluster *standby;
static char conninfo[512], option[600];

static int setup(void **state)
{
    if (worker_setup(state))
        return -1;
    standby = pg_cluster_start();
    assert_non_null(standby);
    pg_cluster_follow(standby, federation_cluster);
    pg_cluster_execute(federation_cluster, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    pg_cluster_execute(federation_cluster, "SELECT pg_reload_conf()");
    pg_cluster_conninfo_for(standby, "pek_app", NULL, conninfo, sizeof(conninfo));
    snprintf(option, sizeof(option), "--database-standby=%s", conninfo);
    worker_standby = conninfo;
    return 0;
}

static int teardown(void **state)
{
    standby = pg_cluster_stop(standby);
    return federation_teardown(state);
}

static struct answer make_group(struct federation *f, const char *slug)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"slug\":\"%s\",\"name\":\"Alma %s\"}", slug, slug);
    return federation_ask(f, "POST", GROUPS, JSON_BODY, body);
}

static bool is_made(struct federation *f, const char *slug)
{
    struct answer answer = make_group(f, slug);
    bool made = answer.code == 200;
    answer_free(&answer);
    return made;
}

static void assert_read(struct federation *f, const char *path, const char *text)
{
    struct answer answer = federation_get(f, path);
    if (answer.code != 200 || !answer_has(&answer, text))
        fail_msg("%s: %d %s", path, answer.code, answer.text);
    answer_free(&answer);
}

static bool is_read(struct federation *f)
{
    struct answer answer = federation_get(f, GROUPS "/x@x");
    bool read = answer.code == 200;
    answer_free(&answer);
    return read;
}

static void assert_reads(struct federation *f)
{
    assert_read(f, GROUPS "/x@x", "Alma x");
    assert_read(f, GROUPS "?q=alma", "x@x");
    assert_read(f, "/api/v1/groups?pageSize=5", "\"unreachable\":[]");
    assert_read(f, "/api/v1/session", "alice");
    assert_read(f, "/readyz", "ready");
}

static bool metric_is(struct federation *f, const char *line)
{
    struct answer answer = federation_get(f, "/metrics");
    bool is = answer_has(&answer, line);
    answer_free(&answer);
    return is;
}

static void reads_go_on_and_changes_are_refused(void **state)
{
    struct one one;
    struct federation *f = &one.f;
    (void)state;
    one_begin(&one);
    one_serve(&one, (const char *[]){option, NULL});
    assert_true(is_made(f, "x"));
    assert_reads(f);
    pg_cluster_kill(federation_cluster);
    FEDERATION_WAIT_FOR(f, metric_is(f, "pek_pg_without_primary{database=\"hub\"} 1"));
    FEDERATION_WAIT_FOR(f, pg_is_without_primary(realm_pg(one.d.realm)));
    FEDERATION_WAIT_FOR(
        f, is_read(f)); /* the realm was not ready for a moment, and its hub heard of that */
    /* More than the breaker would bear, were they failures of the realm. */
    for (int i = 0; i < 20; i++) {
        struct answer answer = make_group(f, "y");
        assert_int_equal(answer.code, 503);
        assert_true(answer_has(&answer, "\"reason\":\"" CHANGE_NO_PRIMARY "\""));
        assert_non_null(memmem(answer.raw.ptr, answer.raw.len, "etry-", 5));
        answer_free(&answer);
        assert_reads(f);
    }
    pg_cluster_launch(federation_cluster);
    FEDERATION_WAIT_FOR(f, is_made(f, "z"));
    FEDERATION_WAIT_FOR(f, metric_is(f, "pek_pg_without_primary{database=\"hub\"} 0"));
    assert_reads(f);
    one_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_go_on_and_changes_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
