/* What metrics.c keeps and metrics_text.c writes out. */
#ifndef PEK_SHARED_METRICS_METRICS_INTERNAL_H
#define PEK_SHARED_METRICS_METRICS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "shared/metrics/metrics.h"

struct metric_series {
    struct metric_series *next;      /* in order of appearance */
    struct metric_series *hash_next; /* in the same bucket of the table */
    const struct metric *metric;
    uint64_t hash;
    char *key; /* the label values, each NUL-terminated */
    size_t key_len;
    bool shown; /* the "other" series is there from the start, and shown from its first use */

    _Atomic uint64_t count;     /* counter */
    _Atomic double value;       /* gauge, counter that is set; histogram: the sum */
    _Atomic uint64_t buckets[]; /* histogram: how many fell in each, +Inf last */
};

struct metric {
    struct metric *next;
    const struct metric_def *def;
    size_t label_count;
    uint64_t seed[2];
    pthread_mutex_t lock; /* guards what follows; not the numbers */
    struct metric_series **table;
    size_t table_mask;
    struct metric_series *first, *last; /* shown */
    struct metric_series *other;        /* without labels: the only one */
    size_t series_count;                /* without `other` */
};

struct metrics {
    struct metric *first, *last;
    struct list collectors;
};

#endif
