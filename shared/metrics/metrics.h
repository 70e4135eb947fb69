/* metrics: counters, gauges and histograms, in the text format of Prometheus.
 *
 *     enum { RPC_CALLS, RPC_SECONDS, RPC_METRICS };
 *     static const struct metric_def defs[RPC_METRICS] = {
 *         [RPC_CALLS] = {METRIC_COUNTER, "pek_rpc_calls_total", "Calls answered.",
 *                        .labels = {"method", "status"}, .series_max = 500},
 *         [RPC_SECONDS] = {METRIC_HISTOGRAM, "pek_rpc_seconds", "Time to the answer.",
 *                          .labels = {"method"}, .series_max = 100, METRIC_BUCKETS_SECONDS},
 *     };
 *     struct metric *rpc[RPC_METRICS];
 *     status = metrics_add(metrics, defs, RPC_METRICS, rpc);
 *     …
 *     metric_add(METRIC(rpc[RPC_CALLS], path, status_name(status)), 1);
 *     metric_observe(METRIC(rpc[RPC_SECONDS], path), elapsed_us / 1e6);
 *
 * A **metric** has a name and label names; each combination of label values is a **series**. The number of
 * series of a metric is bounded by its series_max: further combinations are all counted in one series whose
 * label values are METRICS_OTHER, so that a client cannot grow memory by inventing values.
 *
 * Threads: metrics_add while there is one thread. Finding a series takes a lock for a hash lookup (keep the
 * pointer where it matters: it is valid as long as the metrics); updates are atomic and take no lock;
 * metrics_write may run beside updates and sees each number whole.
 *
 * Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
 */
#ifndef PEK_SHARED_METRICS_METRICS_H
#define PEK_SHARED_METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/list.h"
#include "shared/base/status.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_OTHER "other"
#define METRICS_LABELS_MAX 4
#define METRICS_LABEL_VALUE_BYTES_MAX 128 /* longer values are cut */
#define METRICS_BUCKETS_MAX 24
#define METRICS_SERIES_MAX 10000 /* of one metric: the highest series_max */

struct metrics;
struct metric;
struct metric_series;

enum metric_kind {
    METRIC_COUNTER,
    METRIC_COUNTER_SET, /* counted elsewhere; a collector sets what it has come to */
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
};

/* One row of a module's table; static storage. */
struct metric_def {
    enum metric_kind kind;
    const char *name; /* "pek_rpc_calls_total"; counters end in _total, units last */
    const char *help;
    const char *labels[METRICS_LABELS_MAX + 1]; /* up to the first NULL; none: one series */
    size_t series_max;                          /* required with labels */
    const double *buckets; /* upper bounds, rising, without +Inf; histograms only */
    size_t bucket_count;
};

/* 1 ms to 10 s, for the time of a request. */
extern const double metric_buckets_seconds[13];
#define METRIC_BUCKETS_SECONDS .buckets = metric_buckets_seconds, .bucket_count = 13

/* ---- life cycle ------------------------------------------------------------------------------- */

PEK_MUST_CHECK enum status metrics_new(struct metrics **ret_metrics);
/* Every metric and series of it goes too. Takes NULL, returns NULL. */
struct metrics *metrics_free(struct metrics *metrics);

/* Fills ret_metrics[0 … count - 1] in the order of the table. INVALID_ARGUMENT for a wrong row (name,
 * label, limit, buckets), ALREADY_EXISTS for a name that is taken; then nothing of the table is added. */
PEK_MUST_CHECK enum status metrics_add(struct metrics *metrics, const struct metric_def *defs,
                                       size_t count, struct metric **ret_metrics);

/* Called at the start of every metrics_write, to set what is cheaper to look up than to keep. The node is
 * the caller's and stays until metrics_free, which calls `done`. Added on the thread that calls metrics_write. */
struct metrics_collector {
    struct list node;
    void (*collect)(struct metrics_collector *collector);
    void (*done)(struct metrics_collector *collector); /* NULL for none */
};
void metrics_collector_add(struct metrics *metrics, struct metrics_collector *collector);

/* Appends everything: metrics in the order they were added, series in the order they appeared. */
void metrics_write(struct metrics *metrics, struct buffer *out);

/* ---- updates ---------------------------------------------------------------------------------- */

/* The series with these label values, one for each label name, NULL-terminated. Made on first use; the
 * "other" series at series_max or when memory is short; never NULL. Values are copied; bytes that are not
 * UTF-8 become U+FFFD. */
struct metric_series *metric_series(struct metric *metric, const char *const *values);
/* Forgets every series of a metric with labels: for a collector, which then sets those that are still there. Pointers to its
 * series are good no longer, so it is for metrics of which nobody keeps one. */
void metric_forget(struct metric *metric);
/* METRIC(metric, value…) */
#define METRIC(metric, ...)                                                                        \
    metric_series((metric), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Counter. */
void metric_add(struct metric_series *series, uint64_t count);
/* Gauge, or METRIC_COUNTER_SET. */
void metric_set(struct metric_series *series, double value);
/* Histogram: a value goes into the first bucket whose bound is not below it. */
void metric_observe(struct metric_series *series, double value);

/* What was counted, set, or (histogram) how many were observed: for tests and health checks. */
double metric_value(const struct metric_series *series);

/* ---- the process ------------------------------------------------------------------------------ */

/* Adds pek_build_info, whose labels say which program and version this is, and process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes,
 * process_open_fds, process_max_fds, process_threads and process_start_time_seconds, looked up when they
 * are written. Once for each `metrics`. */
PEK_MUST_CHECK enum status metrics_add_process(struct metrics *metrics, const char *program,
                                               const char *version);

#endif
