#include "tests/support/fiber_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "shared/base/clock.h"

#define ARENA_BYTES_MAX (4 * 1024 * 1024)
#define PATIENCE_MS 30000

static void must(enum status status, const char *what)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "fiber_run: %s: %s\n", what, status_name(status));
    exit(1);
}

static void first_fiber(void *arg)
{
    struct fiber_run *run = arg;
    if (run->pg) {
        struct cancel cancel;
        cancel_init(&cancel, deadline_after_ms(PATIENCE_MS));
        enum status status = pg_wait_ready(run->pg, &cancel);
        if (status != STATUS_OK)
            fprintf(stderr, "fiber_run: %s\n", pg_last_error(run->pg));
        must(status, "pg_wait_ready");
    }
    run->body(run);
    /* The sockets of pg would keep the loop asleep. */
    uv_stop(&run->loop);
}

static void run_all(struct fiber_run *run, const struct pg_options *options)
{
    must(uv_loop_init(&run->loop) == 0 ? STATUS_OK : STATUS_UNAVAILABLE, "uv_loop_init");
    must(fibers_new(&run->loop, NULL, &run->fibers), "fibers_new");
    arena_init(&run->arena, ARENA_BYTES_MAX);
    if (options)
        must(pg_new(run->fibers, options, &run->pg, NULL), "pg_new");
    must(fiber_go(run->fibers, first_fiber, run), "fiber_go");
    while (fibers_count(run->fibers) > 0)
        uv_run(&run->loop, UV_RUN_DEFAULT);
    pg_free(run->pg);
    fibers_free(run->fibers);
    /* The first returns at once when the body ended, and stopped the loop, before that ever ran. */
    uv_run(&run->loop, UV_RUN_DEFAULT);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&run->loop) == 0 ? STATUS_OK : STATUS_INTERNAL, "uv_loop_close");
    arena_done(&run->arena);
}

void fiber_run(void (*body)(struct fiber_run *run))
{
    struct fiber_run run = {.body = body};
    run_all(&run, NULL);
}

void fiber_run_pg(struct pg_cluster *cluster, const struct pg_options *options,
                  void (*body)(struct fiber_run *run))
{
    struct fiber_run run = {.body = body, .cluster = cluster};
    struct pg_options filled = *options;
    if (!filled.conninfo)
        filled.conninfo = pg_cluster_conninfo(cluster);
    run_all(&run, &filled);
}

struct parallel {
    struct fiber_run *run;
    void (*part)(struct fiber_run *run, size_t index);
    size_t begun;
    size_t left;
    struct fiber_event done;
};

static void parallel_fiber(void *arg)
{
    struct parallel *parallel = arg;
    parallel->part(parallel->run, parallel->begun++);
    if (--parallel->left == 0)
        fiber_event_signal(&parallel->done);
}

void fiber_run_parallel(struct fiber_run *run, size_t count,
                        void (*part)(struct fiber_run *run, size_t index))
{
    struct parallel parallel = {.run = run, .part = part, .left = count};
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        must(fiber_go(run->fibers, parallel_fiber, &parallel), "fiber_go");
    must(fiber_event_wait(&parallel.done, DEADLINE_NONE), "fiber_event_wait");
}

bool fiber_run_until(struct fiber_run *run, bool (*condition)(struct fiber_run *run))
{
    int64_t deadline_us = deadline_after_ms(10000);
    while (!condition(run)) {
        if (clock_monotonic_us() >= deadline_us)
            return false;
        fiber_sleep_ms(5);
    }
    return true;
}
