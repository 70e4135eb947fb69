#include "tests/integration/worker.h"

#include "shared/crypto/es256.h"
#include "worker/realm/migrations.h"

const char *worker_standby;

int worker_setup(void **state)
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

void worker_clear(void)
{
    pg_cluster_execute(
        federation_cluster,
        "SET client_min_messages = warning; TRUNCATE pek.realm_state, pek.people_told, "
        "pek.realm_group, pek.policy, pek.idempotency,"
        " pek.audit_log RESTART IDENTITY CASCADE");
}

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
    struct worker *worker = arg;
    struct cancel cancel;
    char sql[128];
    cancel_init(&cancel, deadline_after_ms(FEDERATION_WAIT_MS));
    worker->ready = realm_wait_ready(worker->realm, &cancel) == STATUS_OK;
    snprintf(sql, sizeof(sql), "SET pek.realm = '%s'; SELECT pek.make_god('alice')", worker->name);
    pg_cluster_execute(federation_cluster, sql);
    policy_cache_forget_all(realm_rights(worker->realm));
    worker->granted = true;
}

static struct policy_cache_statistics rights_of(const struct worker *worker)
{
    struct realm_statistics statistics;
    realm_statistics(worker->realm, &statistics);
    return statistics.policy;
}

void worker_open(struct worker *worker, struct federation *f, const char *name)
{
    struct fault fault = {0};
    char sql[128];
    *worker = (struct worker){.name = name};
    load_key(&worker->keys);
    load_key(&worker->hub_keys);
    pg_cluster_conninfo_for(federation_cluster, "pek_app", NULL, worker->database,
                            sizeof(worker->database));
    const struct realm_options options = {
        .realm = name,
        .conninfo = worker->database,
        .standby_conninfo = worker_standby,
        .keys = &worker->keys,
        .hub_keys = &worker->hub_keys,
        .hub_issuer = "hub",
        .version = "test",
    };
    snprintf(sql, sizeof(sql), "INSERT INTO pek_realm VALUES ('%s') ON CONFLICT DO NOTHING", name);
    pg_cluster_execute(federation_cluster, sql);
    if (realm_open(f->fibers, &options, &worker->realm, &fault))
        fail_msg("%s", fault.text);
    const struct rpc_server_options listen = {.listen = "127.0.0.1:0"};
    assert_int_equal(
        rpc_server_new(f->runtime, realm_host(worker->realm), &listen, &worker->server, &fault),
        STATUS_OK);
    /* What the realm hears of alice's rights only later would take her token from the hub in mid-test. */
    FEDERATION_WAIT_FOR(f, rights_of(worker).listening);
    assert_int_equal(fiber_go(f->fibers, make_alice_god, worker), STATUS_OK);
    FEDERATION_WAIT_FOR(f, worker->granted && rights_of(worker).forgotten > 0);
    assert_true(worker->ready);
}

void worker_close(struct worker *worker)
{
    (void)!rpc_server_drain(worker->server, clock_monotonic_us());
    worker->server = rpc_server_free(worker->server);
    worker->realm = realm_close(worker->realm);
}

void worker_done(struct worker *worker)
{
    jwt_keys_done(&worker->keys);
    jwt_keys_done(&worker->hub_keys);
}

/* ---- a hub over one ------------------------------------------------------------------------------ */

static void one_stop(struct federation *f)
{
    struct one *one = f->arg;
    worker_close(&one->d);
}

void one_begin(struct one *one)
{
    federation_begin(&one->f);
    worker_clear();
    worker_open(&one->d, &one->f, "d");
    one->f.also_stop = one_stop;
    one->f.arg = one;
}

void one_serve(struct one *one, const char *const *args)
{
    char instances[64];
    snprintf(instances, sizeof(instances), "d=127.0.0.1:%d", rpc_server_port(one->d.server));
    federation_open_hub(&one->f, instances, args);
}

void one_close(struct one *one)
{
    federation_close(&one->f);
    worker_done(&one->d);
}
