/* Slots, references and modes, on realms in this process: no network, no database. */
#include "hub/registry/registry.h"
#include "hub/registry/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "tests/support/fiber_run.h"

#define SOON_US (10 * 1000000)

struct scene {
    struct fiber_run *run;
    struct registry registry;
    struct jwt_keys keys;
    struct rpc_host *host;
    size_t freed;
    size_t events; /* of policies */
};

/* What the realm does; of the test. */
static const char *version = "1";
static bool floods;
static bool serves_instances = true;

static enum status issue_token(struct rpc_ctx *ctx, const instance_v1_issue_token_request *req,
                               instance_v1_issue_token_response *res)
{
    (void)req, (void)res;
    return rpc_fail(ctx, STATUS_PERMISSION_DENIED, "nobody");
}

static enum status get_info(struct rpc_ctx *ctx, const instance_v1_get_info_request *req,
                            instance_v1_info *res)
{
    struct arena *arena = rpc_arena(ctx);
    (void)req;
    res->realm = arena_printf(arena, "a");
    res->version = arena_printf(arena, "%s", version);
    res->services = arena_zalloc(arena, 3, sizeof(char *));
    res->services[res->n_services++] = arena_printf(arena, "%0300d", 0);
    if (serves_instances)
        res->services[res->n_services++] = arena_printf(arena, "pek.instance.v1.InstanceService");
    return STATUS_OK;
}

static enum status watch_policies(struct rpc_ctx *ctx,
                                  const instance_v1_watch_policies_request *req,
                                  struct instance_v1_watch_policies_stream *stream)
{
    struct fiber_event never = {0};
    char *users[] = {(char *)(uintptr_t) "alice"};
    instance_v1_policy_event event = INSTANCE_V1_POLICY_EVENT_INIT;
    enum status status = STATUS_OK;
    (void)req;
    event.users = users;
    event.n_users = 1;
    while (floods && !status)
        status = instance_v1_watch_policies_send(stream, &event);
    return fiber_event_wait_cancel(&never, rpc_cancel(ctx));
}

static void on_policies(void *arg, struct instance *instance, const char *const *users,
                        size_t count)
{
    struct scene *scene = arg;
    (void)instance, (void)users, (void)count;
    scene->events++;
}

static void on_freed(void *arg)
{
    struct scene *scene = arg;
    scene->freed++;
}

static void (*current)(struct scene *scene);

static enum status list_unnamed_people(struct rpc_ctx *ctx,
                                       const instance_v1_list_unnamed_people_request *req,
                                       instance_v1_list_unnamed_people_response *res)
{
    (void)req, (void)res;
    return rpc_fail(ctx, STATUS_UNAVAILABLE, "nobody is listed here");
}

static enum status put_people(struct rpc_ctx *ctx, const instance_v1_put_people_request *req,
                              instance_v1_put_people_response *res)
{
    (void)req, (void)res;
    return rpc_fail(ctx, STATUS_UNAVAILABLE, "nobody is told of here");
}

static enum status merge_user(struct rpc_ctx *ctx, const instance_v1_merge_user_request *req,
                              instance_v1_merge_user_response *res)
{
    (void)req, (void)res;
    return rpc_fail(ctx, STATUS_UNAVAILABLE, "nobody is merged here");
}

static void run_scene(struct fiber_run *run)
{
    static const struct instance_v1_instance_service ops = {.issue_token = issue_token,
                                                            .get_info = get_info,
                                                            .watch_policies = watch_policies,
                                                            .put_people = put_people,
                                                            .list_unnamed_people =
                                                                list_unnamed_people,
                                                            .merge_user = merge_user};
    struct scene *scene = calloc(1, sizeof(*scene));
    struct es256_key *key;
    struct fault fault;

    scene->run = run;
    jwt_keys_init(&scene->keys);
    assert_int_equal(es256_key_generate(&key), STATUS_OK);
    assert_int_equal(jwt_keys_set_signer(&scene->keys, key), STATUS_OK);
    es256_key_free(key);
    const struct rpc_host_options host = {0};
    assert_int_equal(rpc_host_new(run->fibers, &host, &scene->host), STATUS_OK);
    assert_int_equal(instance_v1_instance_service_add(scene->host, &ops, NULL, &fault), STATUS_OK);
    const struct registry_options options = {
        .keys = &scene->keys, .issuer = "hub", .arg = scene, .on_policies = on_policies};
    version = "1";
    floods = false;
    registry_init(&scene->registry, run->fibers, &options);
    scene->registry.on_freed = on_freed;
    scene->registry.arg = scene;
    current(scene);
    registry_stop(&scene->registry);
    registry_done(&scene->registry);
    rpc_host_wait(scene->host);
    rpc_host_free(scene->host);
    jwt_keys_done(&scene->keys);
    free(scene);
}

static void in_scene(void **state)
{
    current = (void (*)(struct scene *))(uintptr_t)*state;
    fiber_run(run_scene);
}

static struct instance *add(struct scene *scene, const char *realm)
{
    struct fault fault = {0};
    enum status status = registry_add_local(&scene->registry, realm, scene->host, &fault);
    if (status)
        fail_msg("%s: %s", realm, fault.text);
    return registry_find(&scene->registry, slice_str(realm));
}

static void await(struct scene *scene, const struct instance *instance, enum instance_status status)
{
    int64_t until_us = clock_monotonic_us() + SOON_US;
    (void)scene;
    while (instance->status != status && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_string_equal(instance_status_name(instance->status), instance_status_name(status));
}

static void await_freed(struct scene *scene, size_t count)
{
    int64_t until_us = clock_monotonic_us() + SOON_US;
    while (scene->freed < count && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_int_equal(scene->freed, count);
}

/* Places of nobody in particular; the last that came is the first to leave. */
static struct instance_ticket tickets[INSTANCE_IN_FLIGHT_MAX + 1];
static size_t ticket_count;

static enum admission enter(struct instance *instance)
{
    struct fiber_event event = {0};
    struct instance_ticket *ticket = &tickets[ticket_count];
    enum admission admission = instance_enter(instance, slice_make("", 0), ticket, &event);
    if (admission == ADMITTED)
        ticket_count++;
    else
        instance_withdraw(instance, ticket);
    return admission;
}

static void leave(struct instance *instance, bool told)
{
    instance_leave(instance, &tickets[--ticket_count], told ? BREAKER_ANSWERED : BREAKER_SILENT);
}

static void registry_refuses_names_that_are_no_realm_and_a_realm_twice(struct scene *scene)
{
    static const char *const bad[] = {"", "-a", "A", "a b", "á", "a/b"};
    struct fault fault;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(registry_add_local(&scene->registry, bad[i], scene->host, &fault),
                         STATUS_INVALID_ARGUMENT);
        assert_string_equal(fault.field, "realm");
    }
    add(scene, "a");
    assert_int_equal(registry_add_local(&scene->registry, "a", scene->host, &fault),
                     STATUS_ALREADY_EXISTS);
}

static void registry_refuses_one_too_many_and_says_why(struct scene *scene)
{
    struct fault fault;
    for (int i = 0; i < REGISTRY_INSTANCES_MAX; i++) {
        char realm[16];
        snprintf(realm, sizeof(realm), "r%d", i);
        add(scene, realm);
    }
    assert_int_equal(registry_add_local(&scene->registry, "one-more", scene->host, &fault),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(fault.reason, "TOO_MANY_REALMS");
    assert_non_null(strstr(fault.text, "1000"));
}

static void
removed_instance_stays_until_its_last_call_ended_and_its_slot_is_not_given_away(struct scene *scene)
{
    struct instance *first = instance_ref(add(scene, "a"));
    size_t slot = first->slot;
    uint64_t generation = first->generation;
    assert_int_equal(enter(first), ADMITTED);

    instance_remove(first);
    assert_null(registry_find(&scene->registry, SLICE_LIT("a")));
    assert_int_equal(enter(first), ADMISSION_REFUSED);
    struct instance *second = add(scene, "a"); /* the same realm again, beside the leaving one */
    assert_int_not_equal(second->slot, slot);
    assert_int_not_equal(second->generation, generation);
    assert_int_equal(first->fibers, 1); /* its watch goes on while a call runs */

    leave(first, true);
    instance_unref(first);
    await_freed(scene, 1);
    struct instance *third = add(scene, "b");
    assert_int_equal(third->slot, slot);
    assert_true(third->generation > generation);
}

static void draining_instance_refuses_new_calls_finishes_running_ones_and_then_is_not_watched(
    struct scene *scene)
{
    struct instance *instance = add(scene, "a");
    struct fault fault;
    await(scene, instance, INSTANCE_SERVING);
    assert_int_equal(enter(instance), ADMITTED);

    instance_drain(instance);
    assert_int_equal(instance->status, INSTANCE_IS_DRAINING);
    assert_int_equal(enter(instance), ADMISSION_REFUSED);
    assert_int_equal(instance_check(instance, &fault), STATUS_UNAVAILABLE);
    assert_string_equal(fault.reason, "REALM_DRAINING");
    fiber_sleep_ms(0);
    assert_int_equal(instance->fibers, 1);
    leave(instance, true);
    int64_t until_us = clock_monotonic_us() + SOON_US;
    while (instance->fibers > 0 && clock_monotonic_us() < until_us)
        fiber_sleep_ms(1);
    assert_int_equal(instance->fibers, 0);
    assert_ptr_equal(registry_find(&scene->registry, SLICE_LIT("a")), instance);

    instance_undrain(instance);
    await(scene, instance, INSTANCE_SERVING);
    assert_int_equal(enter(instance), ADMITTED);
    leave(instance, true);
}

static void undrained_at_once_is_watched_again(struct scene *scene)
{
    struct instance *instance = add(scene, "a");
    await(scene, instance, INSTANCE_SERVING);
    instance_drain(instance);
    instance_undrain(instance);
    await(scene, instance, INSTANCE_SERVING);
    assert_int_equal(instance->fibers, 1);
}

static void who_waits_for_a_place_is_refused_when_the_instance_drains(struct scene *scene)
{
    struct instance *instance = add(scene, "a");
    struct instance_ticket ticket = {0};
    struct fiber_event event = {0};
    for (int i = 0; i < INSTANCE_IN_FLIGHT_MAX; i++)
        assert_int_equal(enter(instance), ADMITTED);
    assert_int_equal(instance_enter(instance, slice_make("", 0), &ticket, &event), ADMISSION_WAITS);
    instance_drain(instance);
    assert_true(event.signalled);
    assert_int_equal(instance_enter(instance, slice_make("", 0), &ticket, &event),
                     ADMISSION_REFUSED);
    assert_int_equal(instance->calls.waiting, 0);
    for (int i = 0; i < INSTANCE_IN_FLIGHT_MAX; i++)
        leave(instance, true);
    assert_int_equal(instance->calls.held, 0);
}

static void who_was_granted_a_place_gives_it_back_when_the_instance_was_removed(struct scene *scene)
{
    struct instance *instance = instance_ref(add(scene, "a"));
    struct instance_ticket ticket = {0};
    struct fiber_event event = {0};
    for (int i = 0; i < INSTANCE_IN_FLIGHT_MAX; i++)
        assert_int_equal(enter(instance), ADMITTED);
    assert_int_equal(instance_enter(instance, slice_make("", 0), &ticket, &event), ADMISSION_WAITS);
    leave(instance, true);
    assert_int_equal(ticket.place.state, FAIR_IN);
    instance_remove(instance);
    assert_int_equal(instance_enter(instance, slice_make("", 0), &ticket, &event),
                     ADMISSION_REFUSED);
    for (int i = 1; i < INSTANCE_IN_FLIGHT_MAX; i++)
        leave(instance, true);
    assert_int_equal(instance->calls.held, 0);
    instance_unref(instance);
    await_freed(scene, 1);
}

/* One user's unread streams leave places to all others, and what of theirs takes long is no sign of the realm. */
static void user_has_a_share_of_the_places_and_others_find_theirs(struct scene *scene)
{
    enum { MINE = INSTANCE_IN_FLIGHT_PER_USER_MAX, LINE = INSTANCE_WAITING_PER_USER_MAX };
    static struct instance_ticket mine[MINE + LINE + 1], other;
    struct instance *instance = add(scene, "a");
    struct fiber_event event = {0};
    const struct slice crowd = SLICE_LIT("crowd");
    for (int i = 0; i < MINE + LINE; i++)
        assert_int_equal(instance_enter(instance, crowd, &mine[i], &event),
                         i < MINE ? ADMITTED : ADMISSION_WAITS);
    assert_int_equal(instance_enter(instance, crowd, &mine[MINE + LINE], &event),
                     ADMISSION_CROWDED);
    assert_int_equal(instance_enter(instance, SLICE_LIT("other"), &other, &event), ADMITTED);
    assert_true(instance_ticket_is_crowd(&mine[0]));
    assert_false(instance_ticket_is_crowd(&other));
    instance_leave(instance, &other, BREAKER_ANSWERED);
    for (int i = MINE; i < MINE + LINE; i++)
        instance_withdraw(instance, &mine[i]);
    for (int i = 0; i < MINE; i++)
        instance_leave(instance, &mine[i], BREAKER_SILENT);
    assert_int_equal(instance->calls.held, 0);
}

static void instance_that_says_it_is_another_realm_is_refused_with_the_reason(struct scene *scene)
{
    struct instance *instance = add(scene, "b"); /* the host says that it is `a` */
    struct fault fault;
    await(scene, instance, INSTANCE_REFUSED);
    assert_non_null(strstr(instance->problem, "realm a"));
    assert_int_equal(enter(instance), ADMISSION_REFUSED);
    assert_int_equal(instance_check(instance, &fault), STATUS_UNAVAILABLE);
    assert_string_equal(fault.reason, "REALM_REFUSED");
}

static void instance_that_lists_no_instance_service_is_not_called_another_realm(struct scene *scene)
{
    serves_instances = false;
    struct instance *instance = add(scene, "a");
    await(scene, instance, INSTANCE_REFUSED);
    serves_instances = true;
    assert_non_null(strstr(instance->problem, "pek.instance.v1.InstanceService"));
    assert_null(strstr(instance->problem, "realm a"));
}

/* The order of all hubs, whenever each of them heard of what. */
static void instances_are_kept_by_realm(struct scene *scene)
{
    static const char *const sorted[] = {"a", "b", "c", "d"};
    add(scene, "c");
    add(scene, "a");
    add(scene, "d");
    add(scene, "b");
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(scene->registry.instances[i]->realm, sorted[i]);
    instance_remove(scene->registry.instances[1]);
    assert_string_equal(scene->registry.instances[1]->realm, "c");
    add(scene, "b");
    assert_string_equal(scene->registry.instances[1]->realm, "b");
}

/* Cut by bytes, it would be no text any more, and nor would the list of all instances. */
static void what_a_worker_says_of_itself_is_cut_between_characters(struct scene *scene)
{
    static const char said[] = "v"
                               "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                               "\xf0\x9f\x8e\x93\xf0\x9f\x8e\x93\xf0\x9f\x8e\x93\xf0\x9f\x8e\x93";
    version = said;
    struct instance *instance = add(scene, "a");
    await(scene, instance, INSTANCE_SERVING);
    assert_int_equal(strlen(instance->version), 29);
    assert_memory_equal(instance->version, said, 29);
    /* A service of such a name is none. */
    assert_int_equal(instance->service_count, 1);
    instance_set_name(instance, "K\xc5\x91"
                                "\x1b[31m");
    assert_string_equal(instance->name, "K\xc5\x91");
}

static void flood_of_events_is_taken_at_a_bounded_rate(struct scene *scene)
{
    floods = true;
    await(scene, add(scene, "a"), INSTANCE_SERVING);
    int64_t begin_us = clock_monotonic_us(), took_us;
    fiber_sleep_ms(500);
    took_us = clock_monotonic_us() - begin_us;
    assert_true(scene->events > WATCH_MESSAGES_MAX); /* it was one */
    size_t windows = (size_t)(took_us / (WATCH_MESSAGES_MS * 1000)) + 2;
    assert_true(scene->events <= windows * (WATCH_MESSAGES_MAX + 1));
    floods = false;
}

#define SCENE(body)                                                                                \
    {                                                                                              \
#body, in_scene, NULL, NULL, (void *)(uintptr_t)(body)                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(registry_refuses_names_that_are_no_realm_and_a_realm_twice),
        SCENE(registry_refuses_one_too_many_and_says_why),
        SCENE(removed_instance_stays_until_its_last_call_ended_and_its_slot_is_not_given_away),
        SCENE(draining_instance_refuses_new_calls_finishes_running_ones_and_then_is_not_watched),
        SCENE(undrained_at_once_is_watched_again),
        SCENE(who_waits_for_a_place_is_refused_when_the_instance_drains),
        SCENE(who_was_granted_a_place_gives_it_back_when_the_instance_was_removed),
        SCENE(instances_are_kept_by_realm),
        SCENE(what_a_worker_says_of_itself_is_cut_between_characters),
        SCENE(flood_of_events_is_taken_at_a_bounded_rate),
        SCENE(user_has_a_share_of_the_places_and_others_find_theirs),
        SCENE(instance_that_says_it_is_another_realm_is_refused_with_the_reason),
        SCENE(instance_that_lists_no_instance_service_is_not_called_another_realm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
