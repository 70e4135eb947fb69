/* watch: metrics that hub and workers have alike: statements by name, the pools of a database, what became of spans.
 *
 * Loop thread.
 */
#ifndef PEK_SHARED_REPORT_WATCH_H
#define PEK_SHARED_REPORT_WATCH_H

#include "shared/metrics/metrics.h"
#include "shared/pg/pg.h"
#include "shared/trace/trace.h"

enum watch_metric {
    WATCH_STATEMENTS,
    WATCH_POOL_MAX,
    WATCH_POOL_UP,
    WATCH_POOL_IN_USE,
    WATCH_POOL_WAITING,
    WATCH_WITHOUT_PRIMARY,
    WATCH_STANDBY_READS,
    WATCH_ERRORS,
    WATCH_SPANS,
    WATCH_METRICS,
};

struct watch {
    struct metric *all[WATCH_METRICS]; /* NULL before watch_init */
};

/* Adds them to `metrics`. */
PEK_MUST_CHECK enum status watch_init(struct watch *watch, struct metrics *metrics);

/* A statement is over: a metric, and a part of the trace that it belongs to. Also before watch_init, if zeroed. */
void watch_statement(struct watch *watch, const struct pg_ended *ended);

/* From a collector. `database`: "hub", or "realm". */
void watch_collect_pg(struct watch *watch, const char *database, const struct pg_statistics *pg);
/* `tracer` may be NULL. */
void watch_collect_tracer(struct watch *watch, const struct tracer *tracer);

#endif
