/* One instance whose target leads to two replicas: it is there as long as one of them is. Real gRPC servers in this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "hub/registry/registry.h"
#include "hub/registry/testing/plain_instance.h"
#include "hub/registry/watch.h"
#include "shared/base/clock.h"
#include "tests/support/fiber_run.h"

#define SOON_MS 20000
/* Heartbeats enough for each replica to be asked more than once. */
#define A_WHILE_MS (5 * HEARTBEAT_EVERY_MS)

struct replica {
    const char *realm; /* first: plain_instance's data begins with it */
    bool refuses;
};

struct scene {
    struct fiber_run *run;
    struct registry registry;
    struct rpc_runtime *runtime; /* of the replicas */
    struct replica replicas[2];
    struct rpc_host *hosts[2];
    struct rpc_server *servers[2];
    struct instance *instance;
    size_t changes; /* of its status */
    size_t told;    /* of its replicas */
    char problem[INSTANCE_PROBLEM_BYTES_MAX + 1];
};

static void on_replica(void *arg, struct instance *instance, const char *problem)
{
    struct scene *scene = arg;
    assert_string_equal(problem, instance_problem(instance));
    snprintf(scene->problem, sizeof(scene->problem), "%s", problem);
    scene->told++;
}

static void on_status(void *arg, struct instance *instance)
{
    struct scene *scene = arg;
    (void)instance;
    scene->changes++;
}

static enum status issue_token(struct rpc_ctx *ctx, const instance_v1_issue_token_request *req,
                               instance_v1_issue_token_response *res)
{
    const struct replica *replica = rpc_data(ctx);
    (void)req, (void)res;
    return replica->refuses ? rpc_fail(ctx, STATUS_UNAUTHENTICATED, "the token's key is not known")
                            : STATUS_OK;
}

static struct instance_v1_instance_service service;

static void start(struct scene *scene, size_t i, int port)
{
    const struct rpc_host_options limits = {0};
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
    const struct rpc_server_options options = {.listen = listen};
    assert_int_equal(rpc_host_new(scene->run->fibers, &limits, &scene->hosts[i]), STATUS_OK);
    assert_int_equal(
        instance_v1_instance_service_add(scene->hosts[i], &service, &scene->replicas[i], NULL),
        STATUS_OK);
    assert_int_equal(
        rpc_server_new(scene->runtime, scene->hosts[i], &options, &scene->servers[i], NULL),
        STATUS_OK);
}

static void stop(struct scene *scene, size_t i)
{
    if (!scene->servers[i])
        return;
    (void)rpc_server_drain(scene->servers[i], deadline_after_ms(0));
    scene->servers[i] = rpc_server_free(scene->servers[i]);
    rpc_host_wait(scene->hosts[i]);
    scene->hosts[i] = rpc_host_free(scene->hosts[i]);
}

static void await(const struct scene *scene, enum instance_status status)
{
    int64_t until_us = deadline_after_ms(SOON_MS);
    while (scene->instance->status != status && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_string_equal(instance_status_name(scene->instance->status),
                        instance_status_name(status));
}

/* Until there is a tunnel to each. */
static void await_servers(const struct scene *scene)
{
    int64_t until_us = deadline_after_ms(SOON_MS);
    while (rpc_channel_servers(scene->instance->channel) < 2 && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_int_equal(rpc_channel_servers(scene->instance->channel), 2);
}

static void (*current)(struct scene *scene);

static void run_scene(struct fiber_run *run)
{
    struct scene scene = {.run = run, .replicas = {{.realm = "a"}, {.realm = "a"}}};
    const struct registry_options options = {
        .arg = &scene, .on_status = on_status, .on_replica = on_replica};
    char target[128];
    service = plain_instance;
    service.issue_token = issue_token;
    registry_init(&scene.registry, run->fibers, &options);
    assert_int_equal(rpc_runtime_new(run->fibers, &scene.runtime), STATUS_OK);
    start(&scene, 0, 0);
    start(&scene, 1, 0);
    snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d,127.0.0.1:%d",
             rpc_server_port(scene.servers[0]), rpc_server_port(scene.servers[1]));
    const struct instance_spec spec = {.realm = "a", .target = target, .ca_fd = -1};
    assert_int_equal(registry_add(&scene.registry, &spec, NULL), STATUS_OK);
    scene.instance = registry_find(&scene.registry, SLICE_LIT("a"));
    await(&scene, INSTANCE_SERVING);
    await_servers(&scene);
    current(&scene);
    registry_stop(&scene.registry);
    registry_done(&scene.registry);
    stop(&scene, 0);
    stop(&scene, 1);
    rpc_runtime_free(scene.runtime);
    registry_close_runtime(&scene.registry);
}

static void in_scene(void **state)
{
    current = (void (*)(struct scene *))(uintptr_t)*state;
    fiber_run(run_scene);
}

static void serves_as_long_as_one_does(struct scene *scene)
{
    size_t changes = scene->changes;
    for (size_t i = 0; i < 2; i++) {
        rpc_server_set_serving(scene->servers[i], false);
        fiber_sleep_ms(A_WHILE_MS);
        rpc_server_set_serving(scene->servers[i], true);
    }
    assert_int_equal(scene->changes, changes);
    rpc_server_set_serving(scene->servers[0], false);
    rpc_server_set_serving(scene->servers[1], false);
    await(scene, INSTANCE_NOT_SERVING);
    rpc_server_set_serving(scene->servers[1], true);
    await(scene, INSTANCE_SERVING);
}

static void is_never_away_while_one_after_the_other_is_restarted(struct scene *scene)
{
    size_t changes = scene->changes;
    for (size_t i = 0; i < 2; i++) {
        int port = rpc_server_port(scene->servers[i]);
        stop(scene, i);
        fiber_sleep_ms(A_WHILE_MS);
        assert_false(instance_is_away(scene->instance));
        start(scene, i, port);
        await_servers(scene);
    }
    assert_int_equal(scene->changes, changes);
    assert_int_equal(scene->instance->breaker.opened, 0);
    stop(scene, 0);
    stop(scene, 1);
    await(scene, INSTANCE_UNREACHABLE);
}

static void names_the_one_that_is_not_there(struct scene *scene)
{
    int port = rpc_server_port(scene->servers[1]);
    char problem[64];
    snprintf(problem, sizeof(problem), "there is no connection to 127.0.0.1:%d", port);
    stop(scene, 1);
    fiber_sleep_ms(A_WHILE_MS);
    /* As one that is restarted. */
    assert_string_equal(instance_problem(scene->instance), "");
    scene->instance->away_us -= INSTANCE_REPLICA_AWAY_MS * INT64_C(1000);
    fiber_sleep_ms(A_WHILE_MS);
    assert_int_equal(scene->instance->status, INSTANCE_SERVING);
    assert_string_equal(instance_problem(scene->instance), problem);
    assert_int_equal(scene->told, 1);
    start(scene, 1, port);
    for (int64_t until_us = deadline_after_ms(SOON_MS);
         instance_problem(scene->instance)[0] && clock_monotonic_us() < until_us;)
        fiber_sleep_ms(10);
    assert_string_equal(instance_problem(scene->instance), "");
}

static void names_the_one_that_refuses_the_hub(struct scene *scene)
{
    const instance_v1_issue_token_request request = INSTANCE_V1_ISSUE_TOKEN_REQUEST_INIT;
    char problem[128];
    snprintf(problem, sizeof(problem),
             "127.0.0.1:%d does not accept this hub's tokens: the token's key is not known",
             rpc_server_port(scene->servers[1]));
    scene->replicas[1].refuses = true;
    for (int i = 0; i < 10; i++) {
        instance_v1_issue_token_response *response;
        struct cancel cancel;
        struct arena arena;
        arena_init(&arena, 4096);
        cancel_init(&cancel, deadline_after_ms(1000));
        (void)!instance_v1_issue_token_call(scene->instance->channel, &request, NULL, 0, &cancel,
                                            &arena, &response, NULL);
        arena_done(&arena);
    }
    assert_int_equal(scene->told, 1);
    assert_string_equal(scene->problem, problem);
    fiber_sleep_ms(A_WHILE_MS); /* heartbeats, which are answered well */
    assert_int_equal(scene->instance->status, INSTANCE_SERVING);
    assert_string_equal(instance_problem(scene->instance), problem);
}

#define SCENE(body)                                                                                \
    {                                                                                              \
#body, in_scene, NULL, NULL, (void *)(uintptr_t)(body)                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(serves_as_long_as_one_does),
        SCENE(names_the_one_that_is_not_there),
        SCENE(names_the_one_that_refuses_the_hub),
        SCENE(is_never_away_while_one_after_the_other_is_restarted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
