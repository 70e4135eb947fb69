#include "tests/simulation/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "tests/simulation/reading.h"

#define READINGS_MAX 4
#define IDS 100 /* so many there are in all realms */
#define ISSUER "https://hub"
/* RELIABILITY: back within 5 s of healing. */
#define BACK_MS 5000
/* Until the watches of a realm that was removed have ended, and its slot is free. */
#define SWAP_MS 100
#define HUNG_US (3 * 3600 * INT64_C(1000000))

/* ---- saying -------------------------------------------------------------------------------------- */

PEK_PRINTF(3, 0)
static void say(const struct world *world, const char *what, const char *format, va_list args)
{
    printf("%9.3f %s", (double)clock_passed_us() / 1e6, what);
    vprintf(format, args);
    printf(" [seed %" PRIu64 "]\n", world->seed);
}

void world_log(struct world *world, const char *format, ...)
{
    va_list args;

    if (!world->verbose)
        return;
    va_start(args, format);
    say(world, "", format, args);
    va_end(args);
}

void world_blame(struct world *world, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!world->failed || world->verbose)
        say(world, "DOES NOT HOLD: ", format, args);
    va_end(args);
    world->failed = true;
}

/* ---- small things -------------------------------------------------------------------------------- */

struct task {
    struct world *world;
    void (*run)(void *arg);
    void *arg;
};

static void run_task(void *arg)
{
    struct task task = *(struct task *)arg;

    free(arg);
    task.run(task.arg);
    task.world->tasks--;
}

void world_go(struct world *world, void (*run)(void *arg), void *arg)
{
    struct task *task = malloc(sizeof(*task));

    if (!task)
        abort();
    *task = (struct task){world, run, arg};
    world->tasks++;
    if (fiber_go(world->fibers, run_task, task))
        abort();
}

void world_sleep_ms(struct world *world, int64_t least, int64_t most)
{
    fiber_sleep_ms(random_between(&world->random, least, most));
}

int item_compare(const struct item *a, const struct item *b)
{
    int order = strcmp(a->key, b->key);
    return order ? order : strcmp(a->id, b->id);
}

void realm_blame(struct realm *realm)
{
    realm->blamed_us = clock_monotonic_us();
}

bool realm_is_to_blame(const struct realm *realm, int64_t since_us)
{
    const struct instance *instance =
        registry_find(&realm->world->registry, slice_str(realm->name));

    return realm->weather != FAIR || realm->blamed_us >= since_us - BLAME_US ||
           realm->moved_us >= since_us - MOVED_US || !instance ||
           instance->mode != INSTANCE_ACTIVE || instance->breaker.state != BREAKER_CLOSED;
}

/* ---- what a seed is made of ----------------------------------------------------------------------- */

static int compare_items(const void *a, const void *b)
{
    return item_compare(a, b);
}

/* Few keys and few ids, so that realms have items at one position, and items of one key. */
static void make_items(struct realm *realm)
{
    struct random *random = &realm->world->random;
    size_t count = (size_t)random_between(random, 0, random_chance(random, 20) ? 60 : 12);
    bool taken[IDS] = {false};

    realm->items = calloc(count + 1, sizeof(*realm->items));
    if (!realm->items)
        abort();
    for (size_t i = 0; i < count; i++) {
        size_t id = random_next(random) % IDS;
        if (taken[id])
            continue;
        taken[id] = true;
        struct item *item = &realm->items[realm->item_count++];
        snprintf(item->id, sizeof(item->id), "%c%c", (char)('a' + id / 26), (char)('a' + id % 26));
        snprintf(item->key, sizeof(item->key), "%c", (char)('a' + random_between(random, 0, 7)));
    }
    qsort(realm->items, realm->item_count, sizeof(*realm->items), compare_items);
}

static void make_realm(struct world *world, size_t index)
{
    struct random *random = &world->random;
    struct realm *realm = &world->realms[index];
    const uint64_t half = random_next(random), other_half = random_next(random);

    *realm = (struct realm){.world = world,
                            .index = index,
                            .knows = (uint32_t)(half | other_half),
                            .epoch_us = INT64_MIN / 2,
                            .blamed_us = INT64_MIN / 2,
                            .moved_us = INT64_MIN / 2};
    snprintf(realm->name, sizeof(realm->name), "%c%02zu%s", (char)('a' + index / 10), index,
             random_chance(random, 10) ? "-with-a-long-name" : "");
    snprintf(realm->target, sizeof(realm->target), "%s:1", realm->name);
    list_init(&realm->calls);
    make_items(realm);
    if (world->calm)
        return;
    static const unsigned percents[] = {0, 0, 0, 2, 10, 40};
    realm->faults_percent = percents[random_next(random) % 6];
    realm->slow_percent = percents[random_next(random) % 6];
}

static void make_users(struct world *world)
{
    struct random *random = &world->random;

    world->user_count = world->crowd ? USERS_MAX : (size_t)random_between(random, 1, 3);
    for (size_t i = 0; i < world->user_count; i++) {
        snprintf(world->users[i].id, sizeof(world->users[i].id), "user%zu", i);
        for (size_t j = 0; j < world->realm_count; j++)
            if (world->realms[j].knows >> i & 1 && random_chance(random, 50))
                world->users[i].stored |= UINT64_C(1) << j;
    }
}

static void add_realm(struct realm *realm)
{
    struct world *world = realm->world;
    struct fault fault = {0};
    const struct instance_spec spec = {.realm = realm->name, .target = realm->target, .ca_fd = -1};

    if (registry_add(&world->registry, &spec, &fault))
        world_blame(world, "%s cannot be added: %s", realm->name, fault.text);
}

static void policies_changed(void *arg, struct instance *instance, const char *const *users,
                             size_t count)
{
    session_policies_changed(&((struct world *)arg)->sessions, instance, users, count);
}

static void status_changed(void *arg, struct instance *instance)
{
    world_log(arg, "the registry has %s as %s, and its breaker is %d%s", instance->realm,
              instance_status_name(instance->status), (int)instance->breaker.state,
              instance->breaker.tripped ? ", tripped" : "");
}

/* ---- what happens --------------------------------------------------------------------------------- */

static void move_realm(struct realm *realm)
{
    struct world *world = realm->world;
    struct instance *instance = registry_find(&world->registry, slice_str(realm->name));

    realm->moved_us = clock_monotonic_us();
    if (!instance) {
        world_log(world, "%s is added", realm->name);
        add_realm(realm);
    } else if (instance->mode == INSTANCE_DRAINING) {
        world_log(world, "%s is undrained", realm->name);
        instance_undrain(instance);
    } else if (random_chance(&world->random, 40)) {
        world_log(world, "%s is drained", realm->name);
        instance_drain(instance);
    } else {
        bool again = random_chance(&world->random, 50);
        world_log(world, "%s is %s", realm->name, again ? "put elsewhere" : "removed");
        instance_remove(instance);
        if (again)
            add_realm(realm);
    }
}

static const char *any_id(struct world *world)
{
    const struct realm *realm = &world->realms[random_next(&world->random) % world->realm_count];
    /* Often one that was asked for before. */
    size_t ids = random_chance(&world->random, 50) ? 1 : realm->item_count;

    return realm->item_count ? realm->items[random_next(&world->random) % ids].id : "nowhere";
}

/* Of those that both have; "nowhere" when there is none. */
static const char *common_id(const struct realm *a, const struct realm *b)
{
    for (size_t i = 0; i < a->item_count; i++)
        for (size_t j = 0; j < b->item_count; j++)
            if (strcmp(a->items[i].id, b->items[j].id) == 0)
                return a->items[i].id;
    return "nowhere";
}

/* They come back in the other order, each to what the hub had for the other. Somebody asks before and behind for what both have. */
static void swap_realms(struct realm *a, struct realm *b)
{
    struct realm *const realms[] = {a, b};
    struct user *user = &a->world->users[0];

    reading_get(a->world, user, common_id(a, b));
    world_log(a->world, "%s and %s leave and come back", a->name, b->name);
    for (size_t i = 0; i < 2; i++) {
        struct instance *instance = registry_find(&a->world->registry, slice_str(realms[i]->name));
        realms[i]->moved_us = clock_monotonic_us();
        if (instance)
            instance_remove(instance);
    }
    fiber_sleep_ms(SWAP_MS);
    for (size_t i = 2; i-- > 0;) {
        realms[i]->moved_us = clock_monotonic_us();
        if (!registry_find(&a->world->registry, slice_str(realms[i]->name)))
            add_realm(realms[i]);
    }
    fiber_sleep_ms(2 * MOVED_US / 1000);
    reading_get(a->world, user, common_id(a, b));
}

/* Weather, the registry and keys of realms, for as long as there are clients. */
static void happen(void *arg)
{
    struct world *world = arg;
    struct random *random = &world->random;

    while (!world->healed) {
        world_sleep_ms(world, 50, 3000);
        struct realm *realm =
            &world->realms[random_between(random, 0, (int64_t)world->realm_count - 1)];
        if (world->healed)
            return;
        if (random_chance(random, 5)) {
            world_log(world, "the network is gone");
            for (size_t i = 0; i < world->realm_count; i++)
                realm_set_weather(&world->realms[i], DOWN);
        } else if (random_chance(random, 60)) {
            enum weather weather = random_chance(random, 50) ? DOWN : FROZEN;
            realm_set_weather(realm, realm->weather == FAIR ? weather : FAIR);
        } else if (random_chance(random, 20)) {
            swap_realms(realm, &world->realms[random_next(random) % world->realm_count]);
        } else if (random_chance(random, 60)) {
            move_realm(realm);
        }
        realm = &world->realms[random_next(random) % world->realm_count];
        if (clock_monotonic_us() - realm->epoch_us > BLAME_US) {
            /* A key that is gone: each of its tokens is refused once, and nobody sees it. */
            world_log(world, "%s knows its tokens no more", realm->name);
            realm->epoch++;
            realm->epoch_us = clock_monotonic_us();
        }
    }
}

static void heal(struct world *world)
{
    world_log(world, "all is well from now on");
    world->healed = true;
    for (size_t i = 0; i < world->realm_count; i++) {
        struct realm *realm = &world->realms[i];
        if (realm->weather != FAIR)
            realm_set_weather(realm, FAIR);
        realm_drop_calls(realm);
        struct instance *instance = registry_find(&world->registry, slice_str(realm->name));
        if (!instance || instance->mode != INSTANCE_ACTIVE)
            realm->moved_us = clock_monotonic_us();
        if (!instance)
            add_realm(realm);
        else
            instance_undrain(instance);
    }
}

/* ---- clients -------------------------------------------------------------------------------------- */

struct client {
    struct world *world;
    struct user *user;
    struct reading readings[READINGS_MAX];
    size_t count;
    bool ended;
};

static void read_lists(void *arg)
{
    struct client *client = arg;
    struct world *world = client->world;
    struct random *random = &world->random;

    client->count = (size_t)random_between(random, 1, READINGS_MAX);
    for (size_t i = 0; i < client->count && !world->failed; i++) {
        world_sleep_ms(world, 0, world->calm ? 0 : 2000);
        reading_init(&client->readings[i], world, client->user);
        reading_finish(&client->readings[i], 3);
        for (int64_t gets = random_between(random, 0, 6) - 2; gets > 0; gets--) {
            world_sleep_ms(world, 0, world->calm ? 0 : 1500);
            reading_get(world, client->user, any_id(world));
        }
        if (random_chance(random, 20))
            reading_change(world, client->user);
    }
    client->ended = true;
}

/* Where nothing is wrong any more, every token leads to the end, and a new list has every realm. */
static void read_rest(struct client *client)
{
    struct world *world = client->world;
    struct reading whole;

    for (size_t i = 0; i < client->count && !world->failed; i++) {
        reading_finish(&client->readings[i], 2);
        if (!client->readings[i].ended)
            world_blame(world, "a page token leads nowhere");
    }
    if (world->failed)
        return;
    reading_init(&whole, world, client->user);
    reading_finish(&whole, 0);
    if (whole.named || whole.denied || !whole.ended)
        world_blame(world, "all is well, and a list names realms");
}

static bool log_in(struct world *world, struct user *user)
{
    struct arena arena;
    struct cancel cancel;
    struct fault fault = {0};
    struct slice token;

    arena_init(&arena, 65536);
    cancel_init(&cancel, DEADLINE_NONE);
    bool ok = !session_open(&world->sessions, &cancel, slice_str(user->id), SLICE_LIT(""), &arena,
                            &token, &fault);
    user->cookie = ok ? strndup(token.ptr, token.len) : NULL;
    arena_done(&arena);
    return ok;
}

/* ---- the end: nothing is left --------------------------------------------------------------------- */

static void judge_instances(struct world *world)
{
    for (size_t i = 0; i < world->registry.count; i++) {
        struct instance *instance = world->registry.instances[i];
        if (instance->calls.held || instance->calls.waiting || !list_empty(&instance->followers))
            world_blame(world, "%s has %zu calls in flight and %zu in its line, for nobody",
                        instance->realm, instance->calls.held, instance->calls.waiting);
    }
    for (size_t i = 0; i < REGISTRY_INSTANCES_MAX; i++)
        if (world->registry.slots[i] && world->registry.slots[i]->mode == INSTANCE_REMOVED)
            world_blame(world, "%s was removed, and is still held",
                        world->registry.slots[i]->realm);
    if (world->sessions.background != 1)
        world_blame(world, "%u fibers work on sessions for nobody", world->sessions.background - 1);
}

static void stop(struct world *world)
{
    session_cache_stop(&world->sessions);
    registry_stop(&world->registry);
    world->stopping = true;
    fiber_event_signal(&world->pump);
    while (!world->pump_ended || world->tasks > 1)
        fiber_sleep_ms(1);
}

static void run_clients(struct world *world)
{
    size_t count = (size_t)random_between(&world->random, 1, 4);
    struct client *clients = calloc(count, sizeof(*clients));

    if (!clients)
        abort();
    for (size_t i = 0; i < count; i++) {
        clients[i].world = world;
        clients[i].user = &world->users[i % world->user_count];
        world_go(world, read_lists, &clients[i]);
    }
    if (!world->calm)
        world_go(world, happen, world);
    for (size_t i = 0; i < count; i++)
        while (!clients[i].ended)
            fiber_sleep_ms(20);
    heal(world);
    fiber_sleep_ms(BACK_MS);
    for (size_t i = 0; i < count && !world->failed; i++)
        read_rest(&clients[i]);
    free(clients);
}

static void run(void *arg)
{
    struct world *world = arg;

    for (size_t i = 0; i < world->user_count; i++)
        if (!log_in(world, &world->users[i]))
            world_blame(world, "nobody can log in");
    /* The hub is there before anybody asks it: it has heard its realms. */
    fiber_sleep_ms(50);
    if (world->crowd)
        crowd_run(world);
    else
        run_clients(world);
    /* What goes on in the background has a time, too. */
    fiber_sleep_ms(CREDENTIAL_TIMEOUT_MS + 1000);
    if (!world->failed)
        judge_instances(world);
    stop(world);
}

/* ---- the whole ------------------------------------------------------------------------------------ */

static void turn(struct world *world)
{
    while (world->tasks > 0) {
        uv_run(&world->loop, UV_RUN_NOWAIT);
        int left_ms = uv_backend_timeout(&world->loop);
        if (world->tasks > 0 && (left_ms < 0 || clock_passed_us() > HUNG_US)) {
            world_blame(world, "%zu fibers wait for what never happens", world->tasks);
            abort(); /* their stacks cannot be unwound */
        }
        if (left_ms > 0)
            clock_pass_us(left_ms * INT64_C(1000));
    }
}

static void open_hub(struct world *world, struct transcode *transcode, struct jwt_keys *keys)
{
    const struct registry_options realms = {.keys = keys,
                                            .issuer = ISSUER,
                                            .arg = world,
                                            .on_policies = policies_changed,
                                            .on_status = status_changed};
    const struct session_options sessions = {
        .service = {.pg = (struct pg *)(void *)world},
        .registry = &world->registry,
        .keys = keys,
        .issuer = ISSUER,
    };
    const struct api_options api = {
        .transcode = transcode,
        .registry = &world->registry,
        .sessions = &world->sessions,
        .page_keys = &world->page_keys,
        .public_origin = "",
        .request_timeout_ms = 10000,
        .export_timeout_ms = 60000,
        .live_timeout_ms = 3600000,
        .realm_timeout_ms = 5000,
        .straggler_ms = 1500,
        .events_comment_ms = 15000,
        .realm_items_max = 1000000,
    };
    struct fault fault = {0};

    world->page_keys = (struct api_page_keys){{SLICE_LIT("the key of page tokens, 32 bytes")}, 1};
    if (uv_loop_init(&world->loop) || fibers_new(&world->loop, NULL, &world->fibers))
        abort();
    registry_init(&world->registry, world->fibers, &realms);
    world->registry.runtime = (struct rpc_runtime *)(void *)world;
    world->registry.loaded = true;
    if (session_cache_init(&world->sessions, world->fibers, &sessions, &fault) ||
        api_init(&world->api, &api))
        abort();
    for (size_t i = 0; i < world->realm_count; i++)
        add_realm(&world->realms[i]);
    if (fiber_go(world->fibers, channel_pump, world))
        abort();
}

static void close_hub(struct world *world)
{
    api_done(&world->api);
    session_cache_done(&world->sessions);
    registry_done(&world->registry);
    if (world->calls_open || world->channels_open || fibers_count(world->fibers))
        world_blame(world, "%zu calls, %zu channels and %zu fibers are left", world->calls_open,
                    world->channels_open, fibers_count(world->fibers));
    fibers_free(world->fibers);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&world->loop))
        world_blame(world, "the loop has handles left");
    for (size_t i = 0; i < world->realm_count; i++)
        free(world->realms[i].items);
    for (size_t i = 0; i < world->user_count; i++)
        free(world->users[i].cookie);
}

void world_run(uint64_t seed, bool verbose, struct transcode *transcode, struct jwt_keys *keys,
               struct counts *counts)
{
    struct world *world = calloc(1, sizeof(*world));

    if (!world)
        abort();
    clock_begin(seed);
    world->seed = seed;
    world->verbose = verbose;
    world->random.state = seed;
    world->store_failed_us = INT64_MIN / 2;
    world->crowd = random_chance(&world->random, 1);
    world->calm = world->crowd || random_chance(&world->random, 10);
    list_init(&world->requests);
    breaker_model_begin(world);
    world->realm_count = (size_t)random_between(&world->random, 1,
                                                random_chance(&world->random, 10) ? REALMS_MAX : 6);
    for (size_t i = 0; i < world->realm_count; i++)
        make_realm(world, i);
    make_users(world);
    world->faults_percent = !world->calm && random_chance(&world->random, 20) ? 20 : 0;
    open_hub(world, transcode, keys);
    world_go(world, run, world);
    turn(world);
    close_hub(world);
    counts->seeds++;
    counts->failures += world->failed;
    counts->calls += world->calls_made;
    counts->answers += world->answers;
    counts->items += world->items_given;
    counts->passed_s += (double)clock_passed_us() / 1e6;
    free(world);
}
