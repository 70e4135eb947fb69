#include "hub/pekctl/live.h"

#include <stdio.h>
#include <uv.h>

#include "hub/registry/directory.h"
#include "shared/base/clock.h"

struct asking {
    struct live *items;
    size_t count;
    const struct rpc_tls *tls;
    uv_loop_t loop;
    struct fibers *fibers;
    struct registry registry;
    int64_t began_us;
    struct fiber_event news;
};

static void on_status(void *arg, struct instance *instance)
{
    struct asking *asking = arg;
    (void)instance;
    fiber_event_signal(&asking->news);
}

static void on_info(void *arg, struct instance *instance)
{
    on_status(arg, instance);
}

/* Of one that answers, only when it has said who it is, because it may be REFUSED for that. */
static bool is_known(const struct instance *instance)
{
    return instance->status == INSTANCE_UNREACHABLE || instance->status == INSTANCE_REFUSED ||
           (instance->status != INSTANCE_UNKNOWN && instance->service_count > 0);
}

/* True when all are known. */
static bool look(struct asking *asking)
{
    bool all = true;

    for (size_t i = 0; i < asking->count; i++) {
        struct live *live = &asking->items[i];
        const struct instance *instance =
            registry_find(&asking->registry, slice_str(live->row.realm));
        if (!instance || live->elapsed_ms >= 0)
            continue;
        live->state = instance_status_name(instance->status);
        if (!is_known(instance)) {
            all = false;
            continue;
        }
        snprintf(live->version, sizeof(live->version), "%s", instance->version);
        snprintf(live->problem, sizeof(live->problem), "%s", instance->problem);
        live->elapsed_ms = (int)((clock_monotonic_us() - asking->began_us) / 1000);
    }
    return all;
}

static void ask_all(void *arg)
{
    struct asking *asking = arg;
    const struct registry_options options = {.arg = asking, .on_status = on_status};
    int64_t until_us =
        deadline_after_ms(LIVE_TIMEOUT_MS + LIVE_TIMEOUT_EACH_MS * (int64_t)asking->count);

    asking->began_us = clock_monotonic_us();
    registry_init(&asking->registry, asking->fibers, &options);
    asking->registry.on_info = on_info;
    asking->registry.arg = asking;
    for (size_t i = 0; i < asking->count; i++) {
        struct live *live = &asking->items[i];
        struct fault fault = {0};
        live->state = instance_status_name(INSTANCE_UNKNOWN);
        live->elapsed_ms = -1;
        if (!directory_add(&asking->registry, asking->tls, &live->row, &fault))
            continue;
        live->state = instance_status_name(INSTANCE_REFUSED);
        snprintf(live->problem, sizeof(live->problem), "%.*s", INSTANCE_PROBLEM_BYTES_MAX,
                 fault.text);
    }
    while (!look(asking) && !fiber_event_wait(&asking->news, until_us)) {
    }
    registry_stop(&asking->registry);
    registry_done(&asking->registry);
    uv_stop(&asking->loop);
}

enum status live_ask(struct live *items, size_t count, const struct rpc_tls *tls)
{
    struct asking asking = {.items = items, .count = count, .tls = tls};

    if (uv_loop_init(&asking.loop))
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = fibers_new(&asking.loop, NULL, &asking.fibers);
    if (!status)
        status = fiber_go(asking.fibers, ask_all, &asking);
    if (!status)
        while (fibers_count(asking.fibers) > 0)
            uv_run(&asking.loop, UV_RUN_DEFAULT);
    registry_close_runtime(&asking.registry);
    if (asking.fibers)
        fibers_free(asking.fibers);
    /* The first returns at once: the loop was stopped. */
    uv_run(&asking.loop, UV_RUN_DEFAULT);
    uv_run(&asking.loop, UV_RUN_DEFAULT);
    uv_loop_close(&asking.loop);
    return status;
}
