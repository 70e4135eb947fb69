#include "hub/pekctl/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"

#define ARENA_BYTES_MAX ((size_t)1 << 20)

struct asking {
    struct live *items;
    size_t count, left;
    const struct rpc_tls *tls;
    uv_loop_t loop;
    struct fibers *fibers;
    struct rpc_runtime *runtime;
    int64_t deadline_us;
    struct fiber_event done;
};

struct one {
    struct asking *asking;
    struct live *live;
};

static enum status call_worker(struct one *one, struct arena *arena, struct fault *fault)
{
    struct live *live = one->live;
    struct rpc_tls tls;
    struct rpc_channel *channel;
    instance_v1_get_info_request request = INSTANCE_V1_GET_INFO_REQUEST_INIT;
    instance_v1_info *info;
    struct cancel cancel;

    if (one->asking->tls) {
        tls = *one->asking->tls;
        tls.server_name = live->tls_name ? live->tls_name : live->realm;
    }
    enum status status = rpc_channel_new(one->asking->runtime, live->target,
                                         one->asking->tls ? &tls : NULL, &channel, fault);
    if (status)
        return status;
    cancel_init(&cancel, one->asking->deadline_us);
    status = instance_v1_get_info_call(channel, &request, NULL, 0, &cancel, arena, &info, fault);
    if (!status) {
        bool right = strcmp(info->realm, live->realm) == 0;
        snprintf(live->state, sizeof(live->state), "%s", right ? "SERVING" : "WRONG_REALM");
        snprintf(live->version, sizeof(live->version), "%s", info->version);
        if (!right)
            snprintf(live->problem, sizeof(live->problem), "it says that it is %.64s", info->realm);
    }
    rpc_channel_free(channel);
    return status;
}

static void ask_one(void *arg)
{
    struct one *one = arg;
    struct asking *asking = one->asking;
    struct live *live = one->live;
    struct arena arena;
    struct fault fault = {0};
    int64_t began_us = clock_monotonic_us();

    arena_init(&arena, ARENA_BYTES_MAX);
    enum status status = call_worker(one, &arena, &fault);
    if (status) {
        snprintf(live->state, sizeof(live->state), "UNREACHABLE");
        snprintf(live->problem, sizeof(live->problem), "%s%s%.120s", status_name(status),
                 fault.text[0] ? ": " : "", fault.text);
    }
    live->elapsed_ms = (int)((clock_monotonic_us() - began_us) / 1000);
    arena_done(&arena);
    if (--asking->left == 0)
        fiber_event_signal(&asking->done);
}

static void ask_all(void *arg)
{
    struct asking *asking = arg;
    struct one *ones = calloc(asking->count, sizeof(*ones));

    if (ones && !rpc_runtime_new(asking->fibers, &asking->runtime)) {
        asking->left = asking->count;
        for (size_t i = 0; i < asking->count; i++) {
            ones[i] = (struct one){asking, &asking->items[i]};
            if (fiber_go(asking->fibers, ask_one, &ones[i]))
                asking->left--;
        }
        while (asking->left > 0)
            (void)!fiber_event_wait(&asking->done, DEADLINE_NONE);
        rpc_runtime_free(asking->runtime);
    }
    free(ones);
    uv_stop(&asking->loop);
}

enum status live_ask(struct live *items, size_t count, const struct rpc_tls *tls)
{
    struct asking asking = {.items = items, .count = count, .tls = tls};

    if (count == 0)
        return STATUS_OK;
    asking.deadline_us = deadline_after_ms(LIVE_TIMEOUT_MS);
    if (uv_loop_init(&asking.loop))
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = fibers_new(&asking.loop, NULL, &asking.fibers);
    if (!status)
        status = fiber_go(asking.fibers, ask_all, &asking);
    if (!status)
        while (fibers_count(asking.fibers) > 0)
            uv_run(&asking.loop, UV_RUN_DEFAULT);
    if (asking.fibers)
        fibers_free(asking.fibers);
    /* The first returns at once: the loop was stopped. */
    uv_run(&asking.loop, UV_RUN_DEFAULT);
    uv_run(&asking.loop, UV_RUN_DEFAULT);
    uv_loop_close(&asking.loop);
    return status;
}
