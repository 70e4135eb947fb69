/* observe: what a worker says of itself: a log line for calls that went wrong, metrics for all, on a port of their own.
 *
 * Loop thread.
 */
#ifndef PEK_WORKER_OBSERVE_H
#define PEK_WORKER_OBSERVE_H

#include <uv.h>

#include "shared/metrics/metrics.h"
#include "shared/metrics/metrics_port.h"
#include "shared/report/watch.h"
#include "worker/realm/realm.h"
#include "worker/settings.h"

struct observe {
    const struct settings *settings;
    const struct realm *realm;
    struct rpc_host *host;
    struct metrics *metrics;
    struct metrics_port *port; /* NULL without metrics_listen */
    struct metrics_collector collector;
    struct metric *all[32];
    struct watch watch;
    const struct tracer *tracer; /* NULL for none */
};

/* Everything outlives `observe`. What it opened in part observe_close takes down. */
PEK_MUST_CHECK enum status observe_open(struct observe *observe, uv_loop_t *loop,
                                        const struct settings *settings, struct realm *realm,
                                        const struct tracer *tracer, struct fault *fault);
void observe_close(struct observe *observe);

/* After each call. */
void observe_call(struct observe *observe, struct rpc_ctx *ctx, const struct fault *outcome,
                  int64_t elapsed_us);
/* One line with the counters, for those who read logs only. */
void observe_log_statistics(const struct observe *observe);

#endif
