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

struct scene {
    struct fiber_run *run;
    struct registry registry;
    struct rpc_runtime *runtime; /* of the replicas */
    const char *realm;
    struct rpc_host *hosts[2];
    struct rpc_server *servers[2];
    struct instance *instance;
    size_t changes; /* of its status */
};

static void on_status(void *arg, struct instance *instance)
{
    struct scene *scene = arg;
    (void)instance;
    scene->changes++;
}

static void start(struct scene *scene, size_t i, int port)
{
    const struct rpc_host_options limits = {0};
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", port);
    const struct rpc_server_options options = {.listen = listen};
    assert_int_equal(rpc_host_new(scene->run->fibers, &limits, &scene->hosts[i]), STATUS_OK);
    assert_int_equal(
        instance_v1_instance_service_add(scene->hosts[i], &plain_instance, &scene->realm, NULL),
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
    while (rpc_host_open_calls(scene->hosts[i]) > 0)
        fiber_sleep_ms(1);
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

static void (*current)(struct scene *scene);

static void run_scene(struct fiber_run *run)
{
    struct scene scene = {.run = run, .realm = "a"};
    const struct registry_options options = {.arg = &scene, .on_status = on_status};
    char target[128];
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
    fiber_sleep_ms(1500); /* both have tunnels */
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
        fiber_sleep_ms(3000); /* until it is connected to */
    }
    assert_int_equal(scene->changes, changes);
    assert_int_equal(scene->instance->breaker.opened, 0);
    stop(scene, 0);
    stop(scene, 1);
    await(scene, INSTANCE_UNREACHABLE);
}

#define SCENE(body)                                                                                \
    {                                                                                              \
#body, in_scene, NULL, NULL, (void *)(uintptr_t)(body)                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(serves_as_long_as_one_does),
        SCENE(is_never_away_while_one_after_the_other_is_restarted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
