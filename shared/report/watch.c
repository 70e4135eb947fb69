#include "shared/report/watch.h"

#define STATEMENTS_MAX 500 /* names: a program has them in its sources */
#define POOLS_MAX 10
#define DATABASES_MAX 2

/* Few: it is the count and the sum that most ask for. */
static const double statement_buckets[] = {0.001, 0.01, 0.1, 1};

#define POOL_LABELS .labels = {"database", "pool"}, .series_max = POOLS_MAX

static const struct metric_def defs[WATCH_METRICS] = {
    [WATCH_STATEMENTS] = {METRIC_HISTOGRAM, "pek_pg_statement_seconds",
                          "From a statement to its answer, with the wait for a connection.",
                          .labels = {"statement"}, .series_max = STATEMENTS_MAX,
                          .buckets = statement_buckets,
                          .bucket_count = sizeof(statement_buckets) / sizeof(double)},
    [WATCH_POOL_MAX] = {METRIC_GAUGE, "pek_pg_pool_connections_max",
                        "Connections that the program holds when all is well.", POOL_LABELS},
    [WATCH_POOL_UP] = {METRIC_GAUGE, "pek_pg_pool_connections", "Connections that are up.",
                       POOL_LABELS},
    [WATCH_POOL_IN_USE] = {METRIC_GAUGE, "pek_pg_pool_in_use",
                           "Connections that something is under way on.", POOL_LABELS},
    [WATCH_POOL_WAITING] = {METRIC_GAUGE, "pek_pg_pool_waiting",
                            "Statements and transactions that wait for a connection.", POOL_LABELS},
    [WATCH_WITHOUT_PRIMARY] = {METRIC_GAUGE, "pek_pg_without_primary",
                               "1 while reads come from a standby and changes are refused.",
                               .labels = {"database"}, .series_max = DATABASES_MAX},
    [WATCH_STANDBY_READS] = {METRIC_COUNTER_SET, "pek_pg_standby_reads_total",
                             "Reads that a standby answered.", .labels = {"database"},
                             .series_max = DATABASES_MAX},
    [WATCH_ERRORS] = {METRIC_COUNTER_SET, "pek_pg_errors_total",
                      "Errors of PostgreSQL or on the way.", .labels = {"database"},
                      .series_max = DATABASES_MAX},
    [WATCH_SPANS] = {METRIC_COUNTER_SET, "pek_trace_spans_total",
                     "Spans of traces: sent, dropped for a full queue, or lost at the collector.",
                     .labels = {"outcome"}, .series_max = 3},
};

enum status watch_init(struct watch *watch, struct metrics *metrics)
{
    return metrics_add(metrics, defs, WATCH_METRICS, watch->all);
}

void watch_statement(struct watch *watch, const struct pg_ended *ended)
{
    if (ended->cancel)
        span_add_statement(ended->cancel->span, ended->statement->name, ended->started_us,
                           ended->status);
    if (watch->all[WATCH_STATEMENTS])
        metric_observe(METRIC(watch->all[WATCH_STATEMENTS], ended->statement->name),
                       (double)ended->elapsed_us / 1e6);
}

void watch_collect_pg(struct watch *watch, const char *database, const struct pg_statistics *pg)
{
    for (size_t i = 0; i < PG_POOLS; i++) {
        const struct pg_pool_statistics *pool = &pg->pools[i];
        const char *name = pg_pool_name(i);
        if (pool->connections_max == 0)
            continue; /* no standby was named */
        metric_set(METRIC(watch->all[WATCH_POOL_MAX], database, name),
                   (double)pool->connections_max);
        metric_set(METRIC(watch->all[WATCH_POOL_UP], database, name), (double)pool->up);
        metric_set(METRIC(watch->all[WATCH_POOL_IN_USE], database, name), (double)pool->in_use);
        metric_set(METRIC(watch->all[WATCH_POOL_WAITING], database, name), (double)pool->waiting);
    }
    metric_set(METRIC(watch->all[WATCH_WITHOUT_PRIMARY], database), pg->without_primary);
    metric_set(METRIC(watch->all[WATCH_STANDBY_READS], database), (double)pg->standby_reads);
    metric_set(METRIC(watch->all[WATCH_ERRORS], database), (double)pg->errors);
}

void watch_collect_tracer(struct watch *watch, const struct tracer *tracer)
{
    struct tracer_statistics now;

    tracer_statistics(tracer, &now);
    metric_set(METRIC(watch->all[WATCH_SPANS], "sent"), (double)now.sent);
    metric_set(METRIC(watch->all[WATCH_SPANS], "dropped"), (double)now.dropped);
    metric_set(METRIC(watch->all[WATCH_SPANS], "lost"), (double)now.lost);
}
