/* A real realm whose answers get lost between its COMMIT and the hub: what a client that asks again gets. */
#include "shared/crypto/es256.h"
#include "shared/jwt/jwt.h"
#include "tests/chaos/cutter.h"
#include "tests/integration/federation.h"
#include "worker/realm/migrations.h"
#include "worker/realm/realm.h"

#define CREATE "{\"slug\":\"simonyi\",\"name\":\"Simonyi\"}"
#define GROUPS_PATH "/api/v1/realms/d/groups"
#define WITH_KEY JSON_BODY "Idempotency-Key: once\r\n"

/* Realm d: realm_open's, behind a gRPC port, behind a cutter. */
struct worker {
    struct federation f;
    struct jwt_keys keys, hub_keys;
    struct realm *realm;
    struct rpc_server *server;
    struct cutter cutter;
    char database[512];
    bool ready, granted;
};

static void load_key(struct jwt_keys *keys)
{
    struct es256_key *key;
    struct fault fault = {0};
    assert_int_equal(es256_key_load_private(federation_key_path, &key, &fault), STATUS_OK);
    jwt_keys_init(keys);
    assert_int_equal(jwt_keys_set_signer(keys, key), STATUS_OK);
    es256_key_free(key);
}

static void make_alice_god(void *arg)
{
    struct worker *w = arg;
    struct cancel cancel;
    cancel_init(&cancel, deadline_after_ms(FEDERATION_WAIT_MS));
    w->ready = realm_wait_ready(w->realm, &cancel) == STATUS_OK;
    pg_cluster_execute(federation_cluster, "SET pek.realm = 'd'; SELECT pek.make_god('alice')");
    policy_cache_forget_all(realm_rights(w->realm));
    w->granted = true;
}

static struct policy_cache_statistics rights_of(const struct worker *w)
{
    struct realm_statistics statistics;
    realm_statistics(w->realm, &statistics);
    return statistics.policy;
}

/* In a fiber, when the hub has stopped. */
static void stop_worker(struct federation *f)
{
    struct worker *w = f->arg;
    (void)!rpc_server_drain(w->server, clock_monotonic_us());
    w->server = rpc_server_free(w->server);
    w->realm = realm_close(w->realm);
    cutter_close(&w->cutter);
}

static void worker_open(struct worker *w)
{
    char instance[64];
    struct fault fault = {0};
    *w = (struct worker){.server = NULL};
    federation_begin(&w->f);
    pg_cluster_execute(federation_cluster,
                       "SET client_min_messages = warning; TRUNCATE pek.realm_state, "
                       "pek.realm_group, pek.policy, pek.idempotency,"
                       " pek.audit_log RESTART IDENTITY CASCADE");
    load_key(&w->keys);
    load_key(&w->hub_keys);
    pg_cluster_conninfo_for(federation_cluster, "pek_app", NULL, w->database, sizeof(w->database));
    const struct realm_options options = {
        .realm = "d",
        .conninfo = w->database,
        .keys = &w->keys,
        .hub_keys = &w->hub_keys,
        .hub_issuer = "hub",
        .version = "test",
    };
    if (realm_open(w->f.fibers, &options, &w->realm, &fault))
        fail_msg("%s", fault.text);
    const struct rpc_server_options listen = {.listen = "127.0.0.1:0"};
    assert_int_equal(
        rpc_server_new(w->f.runtime, realm_host(w->realm), &listen, &w->server, &fault), STATUS_OK);
    assert_int_equal(cutter_open(&w->cutter, &w->f.loop, rpc_server_port(w->server)), STATUS_OK);
    /* What the realm hears of alice's rights only later would take her token from the hub in mid-test. */
    FEDERATION_WAIT_FOR(&w->f, rights_of(w).listening);
    assert_int_equal(fiber_go(w->f.fibers, make_alice_god, w), STATUS_OK);
    FEDERATION_WAIT_FOR(&w->f, w->granted && rights_of(w).forgotten > 0);
    assert_true(w->ready);
    w->f.also_stop = stop_worker;
    w->f.arg = w;
    snprintf(instance, sizeof(instance), "d=127.0.0.1:%d", w->cutter.port);
    federation_open_hub(&w->f, instance, NULL);
}

static void worker_close(struct worker *w)
{
    federation_close(&w->f);
    jwt_keys_done(&w->keys);
    jwt_keys_done(&w->hub_keys);
}

static bool counted(const char *sql, const char *expected)
{
    char value[64];
    pg_cluster_query(federation_cluster, sql, value, sizeof(value));
    return strcmp(value, expected) == 0;
}

/* Commits a change whose answer never arrives; what the browser gets is its code. */
static int create_and_lose_the_answer(struct worker *w)
{
    struct answer answer = federation_get(&w->f, GROUPS_PATH); /* token and connection are there */
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    w->cutter.loses_answers = true;
    struct exchange exchange = federation_send(&w->f, "POST", GROUPS_PATH, WITH_KEY, CREATE);
    /* The row is there before the realm, on this loop, has said so. */
    FEDERATION_WAIT_FOR(&w->f, w->cutter.lost_bytes > 0 &&
                                   counted("SELECT count(*) FROM pek.realm_group", "1"));
    cutter_cut(&w->cutter);
    w->cutter.loses_answers = false;
    answer = federation_receive(&w->f, &exchange);
    int code = answer.code;
    answer_free(&answer);
    return code;
}

/* As a client does: while the realm is not reachable, again. */
static struct answer ask_until_reached(struct worker *w, const char *headers, const char *body)
{
    struct answer answer = {.code = 503};
    for (int64_t until_us = deadline_after_ms(FEDERATION_WAIT_MS); answer.code == 503;) {
        assert_true(clock_monotonic_us() < until_us);
        answer = federation_ask(&w->f, "POST", GROUPS_PATH, headers, body);
        if (answer.code == 503)
            answer_free(&answer);
    }
    return answer;
}

static void lost_answer_is_unknown_and_the_same_key_brings_it_back(void **state)
{
    static struct worker w;
    (void)state;
    worker_open(&w);
    assert_int_equal(create_and_lose_the_answer(&w), 503);
    assert_true(w.cutter.lost_bytes > 0);
    struct answer answer = ask_until_reached(&w, WITH_KEY, CREATE);
    assert_int_equal(answer.code, 200);
    assert_true(answer_has(&answer, "\"id\":\"simonyi@simonyi\""));
    answer_free(&answer);
    assert_true(counted("SELECT count(*) FROM pek.realm_group", "1"));
    assert_true(counted("SELECT count(*) FROM pek.idempotency", "1"));
    assert_true(counted("SELECT count(*) FROM pek.audit_log WHERE action = 'group.create'", "1"));
    worker_close(&w);
}

static void without_the_key_it_is_found_to_be_there_already(void **state)
{
    static struct worker w;
    (void)state;
    worker_open(&w);
    assert_int_equal(create_and_lose_the_answer(&w), 503);
    struct answer answer = ask_until_reached(&w, JSON_BODY, CREATE);
    assert_int_equal(answer.code, 409);
    answer_free(&answer);
    assert_true(counted("SELECT count(*) FROM pek.realm_group", "1"));
    worker_close(&w);
}

static int setup(void **state)
{
    char owner[512];
    size_t applied;
    struct fault fault = {0};
    if (federation_setup(state))
        return -1;
    pg_cluster_conninfo_for(federation_cluster, NULL, NULL, owner, sizeof(owner));
    if (realm_migrate(owner, &applied, &fault))
        fail_msg("%s", fault.text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_answer_is_unknown_and_the_same_key_brings_it_back),
        cmocka_unit_test(without_the_key_it_is_found_to_be_there_already),
    };
    return cmocka_run_group_tests(tests, setup, federation_teardown);
}
