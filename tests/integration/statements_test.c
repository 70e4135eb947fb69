/* A list asks as much for many rows as for few: statements of every realm and of the hub, and calls of realms, are counted over
 * three real realms. */
#include "tests/integration/worker.h"

#include <stdlib.h>

#define REALMS 3
#define PEOPLE 30
#define GROUPS 25
#define TRIES 8
_Static_assert(REALMS *PEOPLE == 90, "is_told waits for so many");

struct three {
    struct federation f;
    struct worker workers[REALMS];
};

static void stop(struct federation *f)
{
    struct three *three = f->arg;
    for (size_t i = 0; i < REALMS; i++)
        worker_close(&three->workers[i]);
}

static void post(struct three *three, const char *path, const char *body)
{
    struct answer answer = federation_ask(&three->f, "POST", path, JSON_BODY, body);
    if (answer.code != 200)
        fail_msg("%s: %d %s", path, answer.code, answer.text);
    answer_free(&answer);
}

/* Everybody is a member of the first group of each realm, which alice leads as she does the others. */
static void make_groups(struct three *three, const char *realm)
{
    char path[128], body[64 + 16 * PEOPLE];
    int len = snprintf(body, sizeof(body), "{\"userIds\":[");
    for (int i = 1; i <= PEOPLE; i++)
        len += snprintf(body + len, sizeof(body) - (size_t)len, "%s\"u%d\"", i > 1 ? "," : "", i);
    snprintf(body + len, sizeof(body) - (size_t)len, "]}");
    for (int i = 1; i <= GROUPS; i++) {
        char group[96];
        snprintf(path, sizeof(path), "/api/v1/realms/%s/groups", realm);
        snprintf(group, sizeof(group), "{\"name\":\"Kör %d\",\"slug\":\"k%d\"}", i, i);
        post(three, path, group);
    }
    snprintf(path, sizeof(path), "/api/v1/realms/%s/groups/k1@k1/members:batchAdd", realm);
    post(three, path, body);
}

static bool is_told(void)
{
    char counts[32];
    pg_cluster_query(federation_cluster,
                     "SELECT (SELECT count(*) FROM hub.person_news) || ' ' || count(*)"
                     "  FROM hub.user_realm WHERE user_id LIKE 'u%'",
                     counts, sizeof(counts));
    return strcmp(counts, "0 90") == 0;
}

static void three_open(struct three *three)
{
    static const char *const names[REALMS] = {"d", "e", "g"};
    char instances[160];
    int len = 0;
    federation_begin(&three->f);
    worker_clear();
    pg_cluster_execute(
        federation_cluster,
        "TRUNCATE pek.person CASCADE;"
        "INSERT INTO hub.user_account (id, username, name)"
        " SELECT 'u' || n, 'user-' || n, 'Nagy ' || n FROM generate_series(1, 30) AS n");
    for (size_t i = 0; i < REALMS; i++) {
        worker_open(&three->workers[i], &three->f, names[i]);
        len += snprintf(instances + len, sizeof(instances) - (size_t)len, "%s%s=127.0.0.1:%d",
                        i ? "," : "", names[i], rpc_server_port(three->workers[i].server));
    }
    three->f.also_stop = stop;
    three->f.arg = three;
    for (size_t i = 0; i < FEDERATION_REALMS; i++)
        three->f.realms[i].unknown = true;
    federation_open_hub(&three->f, instances,
                        (const char *[]){"--writes-per-second=1000", "--writes-burst=1000", NULL});
    for (size_t i = 0; i < REALMS; i++)
        make_groups(three, names[i]);
    FEDERATION_WAIT_FOR(&three->f, is_told());
}

static void three_close(struct three *three)
{
    federation_close(&three->f);
    for (size_t i = 0; i < REALMS; i++)
        worker_done(&three->workers[i]);
}

/* ---- counting ---- */

struct count {
    uint64_t realm_statements, hub_statements, calls;
};

static uint64_t sum_of(const char *metrics, const char *name)
{
    uint64_t sum = 0;
    size_t len = strlen(name);
    for (const char *line = metrics; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0)
            sum += strtoull(line + strcspn(line, " "), NULL, 10);
    }
    return sum;
}

static struct count count_now(struct three *three)
{
    struct count count = {0};
    for (size_t i = 0; i < REALMS; i++) {
        struct pg_statistics statistics;
        pg_statistics(realm_pg(three->workers[i].realm), &statistics);
        count.realm_statements += statistics.reads + statistics.transactions;
    }
    struct answer metrics = federation_get(&three->f, "/metrics");
    assert_int_equal(metrics.code, 200);
    count.hub_statements = sum_of(metrics.text, "pek_hub_pg_reads_total ") +
                           sum_of(metrics.text, "pek_hub_pg_transactions_total ");
    count.calls = sum_of(metrics.text, "pek_hub_realm_calls_total{");
    answer_free(&metrics);
    return count;
}

static size_t items_in(const char *text, const char *member)
{
    size_t count = 0;
    for (const char *at = strstr(text, member); at; at = strstr(at + 1, member))
        count++;
    return count;
}

/* What the hub and the realms do besides is not the request's: the least of a few. */
static struct count cost_of(struct three *three, const char *path, int page_size,
                            const char *member)
{
    struct count least = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    char query[256];
    snprintf(query, sizeof(query), "%s%cpageSize=%d", path, strchr(path, '?') ? '&' : '?',
             page_size);
    for (int i = 0; i < TRIES; i++) {
        struct count before = count_now(three);
        struct answer answer = federation_get(&three->f, query);
        assert_int_equal(answer.code, 200);
        if ((int)items_in(answer.text, member) != page_size)
            fail_msg("%s: %zu items: %s", query, items_in(answer.text, member), answer.text);
        answer_free(&answer);
        struct count after = count_now(three);
#define LEAST(what)                                                                                \
    if (after.what - before.what < least.what)                                                     \
    least.what = after.what - before.what
        LEAST(realm_statements);
        LEAST(hub_statements);
        LEAST(calls);
    }
    return least;
}

static void list_asks_as_much_for_many_rows_as_for_few(void **state)
{
    static const struct {
        const char *path, *member;
        uint64_t calls;
    } lists[] = {
        {"/api/v1/groups/k1@k1/members", "\"statusTime\":", REALMS},
        {"/api/v1/users/me/memberships", "\"statusTime\":", REALMS},
        {"/api/v1/groups?q=k", "\"foundationTime\":", REALMS},
        {"/api/v1/users?q=na", "\"username\":", 0},
    };
    struct three three;
    (void)state;
    three_open(&three);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct count few = cost_of(&three, lists[i].path, 2, lists[i].member);
        struct count many = cost_of(&three, lists[i].path, GROUPS, lists[i].member);
        print_message("%s: %d statements of realms, %d of the hub, %d calls\n", lists[i].path,
                      (int)many.realm_statements, (int)many.hub_statements, (int)many.calls);
        assert_int_equal(many.realm_statements, few.realm_statements);
        assert_int_equal(many.hub_statements, few.hub_statements);
        assert_int_equal(many.calls, few.calls);
        assert_int_equal(many.calls, lists[i].calls);
        /* Rights, where they are not remembered; the page; what leads a search. */
        assert_in_range(many.realm_statements, lists[i].calls, 3 * lists[i].calls);
        assert_in_range(many.hub_statements, lists[i].calls ? 0 : 1, 2);
    }
    three_close(&three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_asks_as_much_for_many_rows_as_for_few),
    };
    return cmocka_run_group_tests(tests, worker_setup, federation_teardown);
}
