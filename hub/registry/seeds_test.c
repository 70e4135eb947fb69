/* What a configuration says of the registry, beside what others said, and what the log of a hub has of it. */
#include "hub/registry/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub/schema/testing/hub_cluster.h"
#include "shared/base/clock.h"
#include "tests/support/fiber_run.h"

#define SOON_US (20 * 1000000)

static struct pg_cluster *cluster;

struct scene {
    struct fiber_run *run;
    struct registry registry;
    struct directory directory;
    struct jwt_keys keys;
    struct fault problem;
    char followed[512];
};

static void sql(const char *text)
{
    pg_cluster_execute(cluster, text);
}

static void on_problem(void *arg, const char *realm, const struct fault *fault)
{
    struct scene *scene = arg;
    (void)realm;
    scene->problem = *fault;
}

/* As the log has it. */
static void on_follow(void *arg, const struct instance_row *row)
{
    struct scene *scene = arg;
    size_t len = strlen(scene->followed);
    snprintf(scene->followed + len, sizeof(scene->followed) - len, "%s %s %s; ", row->realm,
             row->removed ? "removed" : row->target,
             strncmp(row->by, "configuration of", 16) == 0 ? "configuration" : row->by);
}

static void follow(struct scene *scene, const char *const *seeds, size_t seed_count)
{
    const struct directory_options options = {
        .pg = scene->run->pg,
        .registry = &scene->registry,
        .local_realm = "",
        .seeds = seeds,
        .seed_count = seed_count,
        .listen = "127.0.0.1:8080",
        .arg = scene,
        .on_problem = on_problem,
        .on_follow = on_follow,
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
    const struct registry_options options = {.keys = &scene->keys, .issuer = "hub"};
    struct rpc_runtime *runtime = scene->registry.runtime;
    registry_init(&scene->registry, scene->run->fibers, &options);
    scene->registry.runtime = runtime;
}

static void (*current)(struct scene *scene);

static void run_scene(struct fiber_run *run)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    struct es256_key *key;
    assert_non_null(scene);
    scene->run = run;
    jwt_keys_init(&scene->keys);
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(&scene->keys, key), STATUS_OK);
    es256_key_free(key);
    begin(scene);
    current(scene);
    unfollow(scene);
    registry_close_runtime(&scene->registry);
    jwt_keys_done(&scene->keys);
    free(scene);
}

static void in_scene(void **state)
{
    current = (void (*)(struct scene *))(uintptr_t)*state;
    sql("TRUNCATE hub.instance");
    fiber_run_pg(cluster, &(struct pg_options){0}, run_scene);
}

static void seeds_come_and_follow_and_leave_alone_what_is_not_theirs(struct scene *scene)
{
    static const char *const one[] = {"a=127.0.0.1:1", "b=127.0.0.1:2"};
    static const char *const two[] = {"a=127.0.0.1:3"};
    char rows[256];
    const char *all =
        "SELECT string_agg(realm || ' ' || target || ' ' || status, ', ' ORDER BY realm)"
        " FROM hub.instance";
    follow(scene, one, 2);
    assert_int_equal(scene->registry.count, 2);
    assert_string_equal(scene->followed,
                        "a 127.0.0.1:1 configuration; b 127.0.0.1:2 configuration; ");
    /* Another hub, whose list is another: what it does not name is not its to take away. */
    unfollow(scene);
    begin(scene);
    follow(scene, two, 1);
    pg_cluster_query(cluster, all, rows, sizeof(rows));
    assert_string_equal(rows, "a 127.0.0.1:3 ACTIVE, b 127.0.0.1:2 ACTIVE");
    assert_int_equal(scene->registry.count, 2);
    assert_int_equal(scene->problem.status, STATUS_OK);
    sql("UPDATE hub.instance SET status = 'DRAINING', seeded = false, updated_by = 'test' WHERE "
        "realm"
        " = 'a'");
    unfollow(scene);
    begin(scene);
    follow(scene, one, 2);
    pg_cluster_query(cluster, all, rows, sizeof(rows));
    assert_string_equal(rows, "a 127.0.0.1:3 DRAINING, b 127.0.0.1:2 ACTIVE");
    assert_string_equal(scene->problem.field, "instances");
    assert_string_equal(scene->problem.text,
                        "'a=127.0.0.1:1' is not used: the registry has it at 127.0.0.1:3, by test");
    /* Nothing of b was new: its row is not locked, which would be a write. */
    pg_cluster_query(cluster, "SELECT xmax FROM hub.instance WHERE realm = 'b'", rows,
                     sizeof(rows));
    assert_string_equal(rows, "0");
}

static bool has_followed(const struct scene *scene, const char *what)
{
    int64_t until_us = clock_monotonic_us() + SOON_US;
    while (!strstr(scene->followed, what) && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    return strstr(scene->followed, what) != NULL;
}

static void every_hub_tells_what_changed_and_by_whom(struct scene *scene)
{
    static const char *const hosted[] = {"hub=127.0.0.1:1"};
    sql("INSERT INTO hub.instance (realm, name, local) VALUES ('hub', 'hub', true)");
    follow(scene, hosted, 1);
    assert_non_null(strstr(scene->problem.text, "the registry has it hosted in the hubs"));
    sql("INSERT INTO hub.instance (realm, name, target) VALUES ('a', 'A', '127.0.0.1:1')");
    assert_true(has_followed(scene, "a 127.0.0.1:1 "));
    sql("UPDATE hub.instance SET target = '127.0.0.1:2', updated_by = 'eve' WHERE realm = 'a'");
    assert_true(has_followed(scene, "a 127.0.0.1:2 eve; "));
    scene->followed[0] = '\0';
    sql("UPDATE hub.instance SET status = 'DRAINING', updated_by = 'dan' WHERE realm = 'a'");
    assert_true(has_followed(scene, "a 127.0.0.1:2 dan; "));
    sql("UPDATE hub.instance SET status = 'REMOVED', updated_by = 'mallory' WHERE realm = 'a'");
    assert_true(has_followed(scene, "a removed mallory; "));
    assert_string_equal(scene->followed, "a 127.0.0.1:2 dan; a removed mallory; ");
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
        SCENE(seeds_come_and_follow_and_leave_alone_what_is_not_theirs),
        SCENE(every_hub_tells_what_changed_and_by_whom),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
