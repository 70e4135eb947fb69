/* The registry follows hub.instance: real PostgreSQL, real gRPC servers in this process. */
#include "hub/registry/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/registry/testing/plain_instance.h"
#include "hub/schema/testing/hub_cluster.h"
#include "shared/base/clock.h"
#include "shared/rpc/testing/certificates.h"
#include "tests/support/fiber_run.h"

#define SOON_US (20 * 1000000)
#define SERVERS_MAX 3

static struct pg_cluster *cluster;

/* A worker in this process: says that it is `realm`. */
struct worker {
    const char *realm;
    struct rpc_host *host;
    struct rpc_server *server;
    char target[64];
};

struct scene {
    struct fiber_run *run;
    struct registry registry;
    struct directory directory;
    struct jwt_keys keys;
    struct rpc_runtime *runtime; /* of the workers */
    struct worker workers[SERVERS_MAX];
    size_t worker_count;
    struct cancel cancel;
    char problem_realm[64];
    const char *local_realm; /* NULL: none is hosted */
    struct rpc_host *local_host;
    struct fault problem;
    enum instance_status seen[64]; /* every status of every instance, in order */
    size_t seen_count;
};

static struct worker *worker_start_with(struct scene *scene, const char *realm,
                                        const struct rpc_server_options *options)
{
    struct worker *worker = &scene->workers[scene->worker_count++];
    const struct rpc_host_options limits = {0};
    struct fault fault = {0};

    assert_true(scene->worker_count <= SERVERS_MAX);
    worker->realm = realm;
    assert_int_equal(rpc_host_new(scene->run->fibers, &limits, &worker->host), STATUS_OK);
    assert_int_equal(
        instance_v1_instance_service_add(worker->host, &plain_instance, &worker->realm, &fault),
        STATUS_OK);
    if (rpc_server_new(scene->runtime, worker->host, options, &worker->server, &fault))
        fail_msg("%s", fault.text);
    return worker;
}

static struct worker *worker_start(struct scene *scene, const char *realm, int port,
                                   const struct rpc_tls *tls)
{
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
    const struct rpc_server_options options = {.listen = listen, .tls = tls};
    struct worker *worker = worker_start_with(scene, realm, &options);
    snprintf(worker->target, sizeof(worker->target), "127.0.0.1:%d",
             rpc_server_port(worker->server));
    return worker;
}

/* `ms` for what runs: 0 is as good as killed. */
static void worker_stop(struct worker *worker, int64_t ms)
{
    if (!worker->server)
        return;
    (void)rpc_server_drain(worker->server, deadline_after_ms(ms));
    worker->server = rpc_server_free(worker->server);
    rpc_host_wait(worker->host);
    worker->host = rpc_host_free(worker->host);
}

/* ---- scenes ------------------------------------------------------------------------------------- */

static void on_problem(void *arg, const char *realm, const struct fault *fault)
{
    struct scene *scene = arg;
    snprintf(scene->problem_realm, sizeof(scene->problem_realm), "%s", realm);
    scene->problem = *fault;
}

/* What RegistryService writes, in a transaction of its own. */
struct writing {
    const struct instance_row *row; /* put, and changed if it is there */
    const char *drained;            /* or this realm */
    struct fault fault;
};

static enum status write_in(struct pg_transaction *transaction, void *arg)
{
    struct writing *writing = arg;
    return writing->row
               ? instance_store_put(transaction, writing->row, true, "test", &writing->fault)
               : instance_store_change(transaction, writing->drained, "DRAINING", "test",
                                       &writing->fault);
}

static enum status write_row(struct scene *scene, struct writing *writing)
{
    return pg_transact(scene->run->pg, &scene->cancel, false, write_in, writing);
}

static void on_status(void *arg, struct instance *instance)
{
    struct scene *scene = arg;
    if (scene->seen_count < sizeof(scene->seen) / sizeof(scene->seen[0]))
        scene->seen[scene->seen_count++] = instance->status;
}

static void follow(struct scene *scene, const char *const *seeds, size_t seed_count,
                   const struct rpc_tls *tls)
{
    const struct directory_options options = {
        .pg = scene->run->pg,
        .registry = &scene->registry,
        .local_realm = scene->local_realm ? scene->local_realm : "",
        .local_host = scene->local_host,
        .seeds = seeds,
        .seed_count = seed_count,
        .listen = "127.0.0.1:8080",
        .tls = tls,
        .arg = scene,
        .on_problem = on_problem,
    };
    struct fault fault;
    int64_t until_us = clock_monotonic_us() + SOON_US;
    assert_int_equal(directory_open(&scene->directory, &options, &fault), STATUS_OK);
    while (!scene->registry.loaded && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_true(scene->registry.loaded);
}

/* What a hub has in memory goes; the table stays. */
static void unfollow(struct scene *scene)
{
    directory_stop(&scene->directory);
    registry_stop(&scene->registry);
    registry_done(&scene->registry);
}

static void begin(struct scene *scene)
{
    const struct registry_options options = {
        .keys = &scene->keys, .issuer = "hub", .arg = scene, .on_status = on_status};
    struct rpc_runtime *runtime = scene->registry.runtime;
    registry_init(&scene->registry, scene->run->fibers, &options);
    scene->registry.runtime = runtime;
}

static void (*current)(struct scene *scene);

static void run_scene(struct fiber_run *run)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    struct es256_key *key;

    scene->run = run;
    cancel_init(&scene->cancel, deadline_after_ms(60000));
    jwt_keys_init(&scene->keys);
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(&scene->keys, key), STATUS_OK);
    es256_key_free(key);
    assert_int_equal(rpc_runtime_new(run->fibers, &scene->runtime), STATUS_OK);
    begin(scene);
    current(scene);
    unfollow(scene);
    for (size_t i = 0; i < scene->worker_count; i++)
        worker_stop(&scene->workers[i], 0);
    registry_close_runtime(&scene->registry);
    rpc_runtime_free(scene->runtime);
    jwt_keys_done(&scene->keys);
    free(scene);
}

static void in_scene(void **state)
{
    current = (void (*)(struct scene *))(uintptr_t)*state;
    pg_cluster_execute(cluster, "TRUNCATE hub.instance");
    fiber_run_pg(cluster, &(struct pg_options){0}, run_scene);
}

PEK_PRINTF(1, 2) static void sql(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pg_cluster_execute(cluster, text);
}

static struct instance *await(struct scene *scene, const char *realm, enum instance_status status,
                              int64_t within_ms)
{
    int64_t until_us = clock_monotonic_us() + within_ms * 1000;
    struct instance *instance = NULL;
    do {
        instance = registry_find(&scene->registry, slice_str(realm));
        if (instance && instance->status == status)
            return instance;
        fiber_sleep_ms(1);
    } while (clock_monotonic_us() < until_us);
    fail_msg("%s is %s, not %s", realm,
             instance ? instance_status_name(instance->status) : "not there",
             instance_status_name(status));
    return NULL;
}

static void await_gone(struct scene *scene, const char *realm, int64_t within_ms)
{
    int64_t until_us = clock_monotonic_us() + within_ms * 1000;
    while (registry_find(&scene->registry, slice_str(realm)) && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_null(registry_find(&scene->registry, slice_str(realm)));
}

#define ADD "INSERT INTO hub.instance (realm, name, target) VALUES ('%s', 'A worker', '%s')"
#define SET_STATUS "UPDATE hub.instance SET status = '%s' WHERE realm = '%s'"
#define SOON_MS (SOON_US / 1000)

/* ---- tests -------------------------------------------------------------------------------------- */

static void worker_added_in_sql_serves_and_drains_and_goes_without_restart(struct scene *scene)
{
    struct worker *worker = worker_start(scene, "a", 0, NULL);
    follow(scene, NULL, 0, NULL);
    assert_int_equal(scene->registry.count, 0);
    int64_t begun_us = clock_monotonic_us();
    sql(ADD, "a", worker->target);
    while (scene->registry.count == 0)
        fiber_sleep_ms(1);
    assert_true(clock_monotonic_us() - begun_us < 1000000);
    const struct instance *instance = await(scene, "a", INSTANCE_SERVING, SOON_MS);
    assert_string_equal(instance->name, "A worker");
    sql(SET_STATUS, "DRAINING", "a");
    await(scene, "a", INSTANCE_IS_DRAINING, 1000);
    sql(SET_STATUS, "ACTIVE", "a");
    await(scene, "a", INSTANCE_SERVING, SOON_MS);
    sql(SET_STATUS, "REMOVED", "a");
    await_gone(scene, "a", 1000);
}

static void host(struct scene *scene, const char *realm)
{
    scene->local_realm = realm;
    scene->local_host = worker_start(scene, realm, 0, NULL)->host;
}

static void await_problem(struct scene *scene, const char *text)
{
    int64_t until_us = clock_monotonic_us() + SOON_US;
    while (!strstr(scene->problem.text, text) && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    if (!strstr(scene->problem.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, scene->problem.text);
}

static void realm_in_the_hub_follows_the_table_like_all_others(struct scene *scene)
{
    host(scene, "home");
    follow(scene, NULL, 0, NULL);
    await(scene, "home", INSTANCE_SERVING, SOON_MS);
    sql(SET_STATUS, "DRAINING", "home");
    await(scene, "home", INSTANCE_IS_DRAINING, SOON_MS);
    sql(SET_STATUS, "REMOVED", "home");
    await_gone(scene, "home", SOON_MS);
    /* A hub that begins brings it back, and those that run follow. */
    unfollow(scene);
    begin(scene);
    follow(scene, NULL, 0, NULL);
    await(scene, "home", INSTANCE_SERVING, SOON_MS);
}

/* Hubs that host different realms would each be alone with theirs. */
static void mistyped_realm_in_the_hub_is_told_and_leaves_no_trace(struct scene *scene)
{
    char rows[64];
    sql("INSERT INTO hub.instance (realm, name, local) VALUES ('home', 'home', true)");
    host(scene, "hmoe");
    follow(scene, NULL, 0, NULL);
    assert_int_equal(scene->registry.count, 0);
    assert_string_equal(scene->problem.field, "local_realm");
    assert_string_equal(scene->problem.text,
                        "realm hmoe is not served: that of the hubs is home; correct local_realm, "
                        "or pekctl instance remove home");
    pg_cluster_query(cluster, "SELECT string_agg(realm, ' ') FROM hub.instance", rows,
                     sizeof(rows));
    assert_string_equal(rows, "home");
    /* As it is told: no restart. */
    sql(SET_STATUS, "REMOVED", "home");
    await(scene, "hmoe", INSTANCE_SERVING, SOON_MS);
}

static void realm_of_a_worker_is_not_taken_by_a_hub(struct scene *scene)
{
    const struct worker *worker = worker_start(scene, "a", 0, NULL);
    sql(ADD, "a", worker->target);
    host(scene, "a");
    follow(scene, NULL, 0, NULL);
    assert_string_equal(await(scene, "a", INSTANCE_SERVING, SOON_MS)->target, worker->target);
    await_problem(scene, "realm a is not served here: a worker has it");
    sql(SET_STATUS, "REMOVED", "a");
    int64_t until_us = clock_monotonic_us() + SOON_US;
    const struct instance *instance = NULL;
    while ((!instance || instance->target) && clock_monotonic_us() < until_us) {
        fiber_sleep_ms(1);
        instance = registry_find(&scene->registry, SLICE_LIT("a"));
    }
    assert_true(instance && !instance->target);
}

static void
what_a_worker_says_of_itself_is_noted_and_does_not_wake_the_hubs_for_ever(struct scene *scene)
{
    struct worker *worker = worker_start(scene, "a", 0, NULL);
    char said[64] = "";
    int64_t until_us = clock_monotonic_us() + SOON_US;
    follow(scene, NULL, 0, NULL);
    sql(ADD, "a", worker->target);
    while (strcmp(said, "7 pek.instance.v1.InstanceService 1") != 0 &&
           clock_monotonic_us() < until_us) {
        fiber_sleep_ms(5);
        pg_cluster_query(cluster,
                         "SELECT worker_version || ' ' || array_to_string(capabilities, ',') || ' '"
                         " || version FROM hub.instance",
                         said, sizeof(said));
    }
    assert_string_equal(said, "7 pek.instance.v1.InstanceService 1");
}

static void
another_address_is_another_instance_and_the_old_one_ends_with_its_last_call(struct scene *scene)
{
    struct worker *one = worker_start(scene, "a", 0, NULL);
    struct worker *two = worker_start(scene, "a", 0, NULL);
    struct instance_ticket ticket = {0};
    struct fiber_event event = {0};
    follow(scene, NULL, 0, NULL);
    sql(ADD, "a", one->target);
    struct instance *old = instance_ref(await(scene, "a", INSTANCE_SERVING, SOON_MS));
    assert_int_equal(instance_enter(old, slice_make("", 0), &ticket, &event), ADMITTED);
    sql("UPDATE hub.instance SET target = '%s' WHERE realm = '%s'", two->target, "a");
    int64_t until_us = clock_monotonic_us() + SOON_US;
    while (old->mode != INSTANCE_REMOVED && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    const struct instance *new = await(scene, "a", INSTANCE_SERVING, SOON_MS);
    assert_ptr_not_equal(new, old);
    assert_string_equal(new->target, two->target);
    size_t slot = old->slot;
    instance_leave(old, &ticket, BREAKER_ANSWERED);
    instance_unref(old);
    while (scene->registry.slots[slot] && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_null(scene->registry.slots[slot]);
}

static void realm_that_found_no_slot_is_added_when_one_is_free(struct scene *scene)
{
    struct instance_ticket ticket = {0};
    struct fiber_event event = {0};
    pg_cluster_execute(cluster, "INSERT INTO hub.instance (realm, name, target, status)"
                                " SELECT 'r' || n, 'r', '127.0.0.1:1', CASE n WHEN 3 THEN 'ACTIVE'"
                                " ELSE 'DRAINING' END FROM generate_series(1, 1000) n");
    follow(scene, NULL, 0, NULL);
    assert_int_equal(scene->registry.count, REGISTRY_INSTANCES_MAX);
    struct instance *leaving = instance_ref(registry_find(&scene->registry, SLICE_LIT("r3")));
    breaker_heal(&leaving->breaker);
    assert_int_equal(instance_enter(leaving, slice_make("", 0), &ticket, &event), ADMITTED);
    pg_cluster_execute(cluster, "DELETE FROM hub.instance WHERE realm = 'r3'");
    sql(ADD, "late", "127.0.0.1:1");
    int64_t until_us = clock_monotonic_us() + SOON_US;
    while (strcmp(scene->problem_realm, "late") != 0 && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_string_equal(scene->problem.reason, "TOO_MANY_REALMS");
    instance_leave(leaving, &ticket, BREAKER_SILENT);
    instance_unref(leaving);
    while (!registry_find(&scene->registry, SLICE_LIT("late")) && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_non_null(registry_find(&scene->registry, SLICE_LIT("late")));
}

static void one_realm_too_many_is_refused_by_the_table_with_a_clear_error(struct scene *scene)
{
    const struct instance_row row = {.realm = "one-more", .target = "127.0.0.1:1"};
    const struct instance_row again = {.realm = "r1", .target = "h:1"};
    struct writing writing = {.row = &row}, coming_back = {.row = &again};
    pg_cluster_execute(cluster, "INSERT INTO hub.instance (realm, name, target) SELECT 'r' || n,"
                                " 'r', '127.0.0.1:1' FROM generate_series(1, 1000) n");
    assert_int_equal(write_row(scene, &writing), STATUS_FAILED_PRECONDITION);
    assert_string_equal(writing.fault.reason, "TOO_MANY_REALMS");
    sql(SET_STATUS, "REMOVED", "r1");
    assert_int_equal(write_row(scene, &writing), STATUS_OK);
    /* Coming back counts as well. */
    assert_int_equal(write_row(scene, &coming_back), STATUS_FAILED_PRECONDITION);
}

static void row_that_points_at_the_hub_itself_is_not_used(struct scene *scene)
{
    follow(scene, NULL, 0, NULL);
    sql(ADD, "loop", "localhost:8080");
    int64_t until_us = clock_monotonic_us() + SOON_US;
    while (strcmp(scene->problem_realm, "loop") != 0 && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_string_equal(scene->problem.field, "target");
    assert_null(registry_find(&scene->registry, SLICE_LIT("loop")));
}

static void worker_of_another_realm_and_a_server_that_is_no_worker_are_refused(struct scene *scene)
{
    struct worker *worker = worker_start(scene, "b", 0, NULL);
    follow(scene, NULL, 0, NULL);
    sql(ADD, "a", worker->target);
    const struct instance *instance = await(scene, "a", INSTANCE_REFUSED, SOON_MS);
    assert_non_null(strstr(instance->problem, "realm b"));

    /* A hub, or anything else that speaks gRPC, has no InstanceService: a server with health alone. */
    struct rpc_host *empty;
    struct rpc_server *server;
    struct fault fault;
    char target[64];
    const struct rpc_host_options limits = {0};
    const struct rpc_server_options options = {.listen = "127.0.0.1:0"};
    assert_int_equal(rpc_host_new(scene->run->fibers, &limits, &empty), STATUS_OK);
    assert_int_equal(rpc_server_new(scene->runtime, empty, &options, &server, &fault), STATUS_OK);
    snprintf(target, sizeof(target), "127.0.0.1:%d", rpc_server_port(server));
    sql(ADD, "c", target);
    instance = await(scene, "c", INSTANCE_REFUSED, SOON_MS);
    assert_non_null(strstr(instance->problem, "not a worker"));
    sql(SET_STATUS, "REMOVED", "c");
    await_gone(scene, "c", SOON_MS);
    (void)rpc_server_drain(server, deadline_after_ms(0));
    rpc_server_free(server);
    rpc_host_free(empty);
}

static void killed_worker_is_unreachable_within_5_s_and_serves_again_when_back(struct scene *scene)
{
    struct worker *worker = worker_start(scene, "a", 0, NULL);
    int port = rpc_server_port(worker->server);
    follow(scene, NULL, 0, NULL);
    sql(ADD, "a", worker->target);
    await(scene, "a", INSTANCE_SERVING, SOON_MS);
    worker_stop(worker, 0);
    const struct instance *instance = await(scene, "a", INSTANCE_UNREACHABLE, 5000);
    assert_true(instance_is_away(instance));
    assert_true(instance->problem[0]);
    worker_start(scene, "a", port, NULL);
    await(scene, "a", INSTANCE_SERVING, 5000);
    assert_false(instance_is_away(instance));
    assert_string_equal(instance->problem, "");
}

static void draining_worker_is_not_serving_before_it_is_unreachable(struct scene *scene)
{
    struct worker *worker = worker_start(scene, "a", 0, NULL);
    follow(scene, NULL, 0, NULL);
    sql(ADD, "a", worker->target);
    await(scene, "a", INSTANCE_SERVING, SOON_MS);
    scene->seen_count = 0;
    worker_stop(worker, 500);
    await(scene, "a", INSTANCE_UNREACHABLE, 5000);
    assert_int_equal(scene->seen[0], INSTANCE_NOT_SERVING);
}

static void certificate_must_name_the_realm_and_be_of_the_rows_own_ca(struct scene *scene)
{
    struct certificates ours, theirs;
    struct certificate_paths hub, right, wrong, foreign;
    certificates_open(&ours);
    certificates_open(&theirs);
    certificates_issue(&ours, "hub", "pek-hub", &hub);
    certificates_issue(&ours, "a", "a", &right);
    certificates_issue(&ours, "other", "other", &wrong);
    certificates_issue(&theirs, "c", "c", &foreign);
    const struct rpc_tls client = {ours.ca_path, hub.certificate, hub.key, NULL};
    const struct rpc_tls servers[] = {{ours.ca_path, right.certificate, right.key, NULL},
                                      {ours.ca_path, wrong.certificate, wrong.key, NULL},
                                      {ours.ca_path, foreign.certificate, foreign.key, NULL}};
    struct worker *a = worker_start(scene, "a", 0, &servers[0]);
    struct worker *b = worker_start(scene, "b", 0, &servers[1]);
    struct worker *c = worker_start(scene, "c", 0, &servers[2]);
    follow(scene, NULL, 0, &client);
    sql(ADD, "a", a->target);
    sql(ADD, "b", b->target);
    sql(ADD, "c", c->target);
    await(scene, "a", INSTANCE_SERVING, SOON_MS);
    const struct instance *instance = await(scene, "b", INSTANCE_UNREACHABLE, SOON_MS);
    assert_non_null(strstr(instance->problem, "does not name the realm"));
    instance = await(scene, "c", INSTANCE_UNREACHABLE, SOON_MS);
    assert_true(instance->problem[0]);

    /* What the row says of certificate name and CA counts. */
    char pem[8192];
    FILE *file = fopen(theirs.ca_path, "r");
    size_t len = fread(pem, 1, sizeof(pem) - 1, file);
    pem[len] = 0;
    fclose(file);
    const struct instance_row rows[] = {
        {.realm = "b", .target = b->target, .tls_name = "other"},
        {.realm = "c", .target = c->target, .ca_pem = pem},
    };
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(write_row(scene, &(struct writing){.row = &rows[i]}), STATUS_OK);
    await(scene, "b", INSTANCE_SERVING, SOON_MS);
    await(scene, "c", INSTANCE_SERVING, SOON_MS);
    certificates_close(&ours);
    certificates_close(&theirs);
}

/* On the machine of the hub, which speaks TLS to all others. */
static void worker_on_a_socket_is_known_by_its_user(struct scene *scene)
{
    struct certificates ours;
    struct certificate_paths hub;
    char folder[] = "/tmp/pek-socket.XXXXXX", path[64], listen[80], target[96];
    const uint32_t own = getuid();
    certificates_open(&ours);
    certificates_issue(&ours, "hub", "pek-hub", &hub);
    const struct rpc_tls client = {ours.ca_path, hub.certificate, hub.key, NULL};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a", folder);
    snprintf(listen, sizeof(listen), "unix:%s", path);
    const struct rpc_server_options options = {.listen = listen, .peer_uid = &own};
    struct worker *worker = worker_start_with(scene, "a", &options);
    follow(scene, NULL, 0, &client);
    snprintf(target, sizeof(target), "peer:%u:%s", own, path);
    sql(ADD, "a", target);
    assert_string_equal(await(scene, "a", INSTANCE_SERVING, SOON_MS)->target, target);
    /* The socket is that of another user than the row says. */
    sql("UPDATE hub.instance SET target = 'peer:%u:%s' WHERE realm = 'a'", own + 1, path);
    assert_string_equal(await(scene, "a", INSTANCE_UNREACHABLE, SOON_MS)->problem,
                        "its socket is another user's than its target says");
    sql("UPDATE hub.instance SET target = '%s' WHERE realm = 'a'", target);
    await(scene, "a", INSTANCE_SERVING, SOON_MS);
    /* It has no certificate that could be asked for. */
    sql("UPDATE hub.instance SET tls_name = 'a' WHERE realm = 'a'");
    await_problem(scene, "has no TLS");
    worker_stop(worker, 0);
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
    certificates_close(&ours);
}

static int setup(void **state)
{
    (void)state;
    cluster = hub_cluster_start();
    return cluster ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

#define SCENE(body)                                                                                \
    {                                                                                              \
#body, in_scene, NULL, NULL, (void *)(uintptr_t)(body)                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(worker_added_in_sql_serves_and_drains_and_goes_without_restart),
        SCENE(realm_in_the_hub_follows_the_table_like_all_others),
        SCENE(mistyped_realm_in_the_hub_is_told_and_leaves_no_trace),
        SCENE(realm_of_a_worker_is_not_taken_by_a_hub),
        SCENE(what_a_worker_says_of_itself_is_noted_and_does_not_wake_the_hubs_for_ever),
        SCENE(another_address_is_another_instance_and_the_old_one_ends_with_its_last_call),
        SCENE(realm_that_found_no_slot_is_added_when_one_is_free),
        SCENE(one_realm_too_many_is_refused_by_the_table_with_a_clear_error),
        SCENE(row_that_points_at_the_hub_itself_is_not_used),
        SCENE(worker_of_another_realm_and_a_server_that_is_no_worker_are_refused),
        SCENE(killed_worker_is_unreachable_within_5_s_and_serves_again_when_back),
        SCENE(draining_worker_is_not_serving_before_it_is_unreachable),
        SCENE(worker_on_a_socket_is_known_by_its_user),
        SCENE(certificate_must_name_the_realm_and_be_of_the_rows_own_ca),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
