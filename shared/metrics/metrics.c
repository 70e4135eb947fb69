#include "shared/metrics/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

#include "shared/base/siphash.h"
#include "shared/base/utf8.h"
#include "shared/metrics/metrics_internal.h"

const double metric_buckets_seconds[13] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,  0.5,    1,     2.5,  5,     10};

/* ---- life cycle ------------------------------------------------------------------------------- */

enum status metrics_new(struct metrics **ret_metrics)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return STATUS_RESOURCE_EXHAUSTED;
    list_init(&metrics->collectors);
    *ret_metrics = metrics;
    return STATUS_OK;
}

static struct metric_series *series_free(struct metric_series *series)
{
    if (series) {
        free(series->key);
        free(series);
    }
    return NULL;
}

static struct metric *metric_free(struct metric *metric)
{
    if (!metric)
        return NULL;
    if (metric->other && !metric->other->shown)
        series_free(metric->other);
    for (struct metric_series *series = metric->first, *next; series; series = next) {
        next = series->next;
        series_free(series);
    }
    pthread_mutex_destroy(&metric->lock);
    free(metric->table);
    free(metric);
    return NULL;
}

static void metric_list_free(struct metric *metric)
{
    while (metric) {
        struct metric *next = metric->next;
        metric_free(metric);
        metric = next;
    }
}

struct metrics *metrics_free(struct metrics *metrics)
{
    if (metrics) {
        LIST_FOR_EACH (node, &metrics->collectors) {
            struct metrics_collector *collector = LIST_ENTRY(node, struct metrics_collector, node);
            list_remove(node);
            if (collector->done)
                collector->done(collector);
        }
        metric_list_free(metrics->first);
        free(metrics);
    }
    return NULL;
}

/* ---- the table -------------------------------------------------------------------------------- */

/* [a-zA-Z_:][a-zA-Z0-9_:]*, the colon only in names of metrics. */
static bool name_is_right(const char *name, bool colon)
{
    if (!name || name[0] == '\0' || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (const char *at = name; *at; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
        if (!letter && !(*at >= '0' && *at <= '9') && !(colon && *at == ':'))
            return false;
    }
    return true;
}

static size_t label_count(const struct metric_def *def)
{
    size_t count = 0;
    while (count <= METRICS_LABELS_MAX && def->labels[count])
        count++;
    return count;
}

static bool labels_are_right(const struct metric_def *def)
{
    size_t count = label_count(def);
    if (count > METRICS_LABELS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *label = def->labels[i];
        /* Names that begin with __, and le, are Prometheus' own. */
        if (!name_is_right(label, false) || strncmp(label, "__", 2) == 0 ||
            strcmp(label, "le") == 0)
            return false;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(label, def->labels[j]) == 0)
                return false;
        }
    }
    return count == 0 || (def->series_max > 0 && def->series_max <= METRICS_SERIES_MAX);
}

static bool buckets_are_right(const struct metric_def *def)
{
    if (def->kind != METRIC_HISTOGRAM)
        return def->bucket_count == 0;
    if (def->bucket_count == 0 || def->bucket_count > METRICS_BUCKETS_MAX)
        return false;
    for (size_t i = 0; i < def->bucket_count; i++) {
        if (!isfinite(def->buckets[i]) || (i > 0 && def->buckets[i] <= def->buckets[i - 1]))
            return false;
    }
    return true;
}

static bool name_is_taken(const struct metric *metric, const char *name)
{
    for (; metric; metric = metric->next) {
        if (strcmp(metric->def->name, name) == 0)
            return true;
    }
    return false;
}

static struct metric_series *series_new(const struct metric *metric, struct slice key,
                                        uint64_t hash)
{
    size_t buckets = metric->def->kind == METRIC_HISTOGRAM ? metric->def->bucket_count + 1 : 0;
    struct metric_series *series =
        calloc(1, sizeof(*series) + buckets * sizeof(series->buckets[0]));
    if (!series)
        return NULL;
    series->key = malloc(key.len + 1);
    if (!series->key)
        return series_free(series);
    if (key.len > 0)
        memcpy(series->key, key.ptr, key.len);
    series->key_len = key.len;
    series->hash = hash;
    series->metric = metric;
    return series;
}

static void series_insert(struct metric *metric, struct metric_series *series)
{
    struct metric_series **bucket = &metric->table[series->hash & metric->table_mask];
    series->hash_next = *bucket;
    *bucket = series;
}

static void series_show(struct metric *metric, struct metric_series *series)
{
    if (series->shown)
        return;
    series->shown = true;
    if (metric->last)
        metric->last->next = series;
    else
        metric->first = series;
    metric->last = series;
}

static struct metric *metric_new(const struct metric_def *def)
{
    struct metric *metric = calloc(1, sizeof(*metric));
    if (!metric)
        return NULL;
    metric->def = def;
    metric->label_count = label_count(def);
    pthread_mutex_init(&metric->lock, NULL);
    size_t slots = 1;
    while (slots < def->series_max && metric->label_count > 0)
        slots *= 2;
    metric->table = calloc(slots, sizeof(struct metric_series *));
    metric->table_mask = slots - 1;
    if (!metric->table ||
        getrandom(metric->seed, sizeof(metric->seed), 0) != (ssize_t)sizeof(metric->seed))
        return metric_free(metric);

    char key[METRICS_LABELS_MAX * sizeof(METRICS_OTHER)];
    for (size_t i = 0; i < metric->label_count; i++)
        memcpy(key + i * sizeof(METRICS_OTHER), METRICS_OTHER, sizeof(METRICS_OTHER));
    struct slice bytes = slice_make(key, metric->label_count * sizeof(METRICS_OTHER));
    metric->other = series_new(metric, bytes, siphash(metric->seed, bytes));
    if (!metric->other)
        return metric_free(metric);
    series_insert(metric, metric->other);
    if (metric->label_count == 0)
        series_show(metric, metric->other);
    return metric;
}

enum status metrics_add(struct metrics *metrics, const struct metric_def *defs, size_t count,
                        struct metric **ret_metrics)
{
    struct metric *first = NULL, *last = NULL;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        const struct metric_def *def = &defs[i];
        if (!name_is_right(def->name, true) || !def->help || !labels_are_right(def) ||
            !buckets_are_right(def))
            status = STATUS_INVALID_ARGUMENT;
        else if (name_is_taken(metrics->first, def->name) || name_is_taken(first, def->name))
            status = STATUS_ALREADY_EXISTS;
        if (status != STATUS_OK)
            goto fail;
        struct metric *metric = metric_new(def);
        if (!metric) {
            status = STATUS_RESOURCE_EXHAUSTED;
            goto fail;
        }
        if (last)
            last->next = metric;
        else
            first = metric;
        last = metric;
    }
    size_t row = 0;
    for (struct metric *metric = first; metric; metric = metric->next)
        ret_metrics[row++] = metric;
    if (first) {
        if (metrics->last)
            metrics->last->next = first;
        else
            metrics->first = first;
        metrics->last = last;
    }
    return STATUS_OK;

fail:
    metric_list_free(first);
    return status;
}

void metrics_collector_add(struct metrics *metrics, struct metrics_collector *collector)
{
    list_append(&metrics->collectors, &collector->node);
}

/* ---- series ----------------------------------------------------------------------------------- */

/* Appends a label value as it is kept: valid UTF-8, cut, with a NUL behind it. */
static size_t key_append(char *key, const char *value)
{
    struct slice rest = slice_str(value);
    size_t len = 0;
    while (rest.len > 0) {
        unsigned taken = utf8_char_len(rest);
        struct slice unit = taken > 0 ? slice_make(rest.ptr, taken) : SLICE_LIT(UTF8_REPLACEMENT);
        if (len + unit.len > METRICS_LABEL_VALUE_BYTES_MAX)
            break;
        memcpy(key + len, unit.ptr, unit.len);
        len += unit.len;
        taken = taken > 0 ? taken : 1;
        rest = slice_make(rest.ptr + taken, rest.len - taken);
    }
    key[len] = '\0';
    return len + 1;
}

static struct metric_series *series_find(const struct metric *metric, struct slice key,
                                         uint64_t hash)
{
    struct metric_series *series = metric->table[hash & metric->table_mask];
    while (series &&
           !(series->hash == hash && slice_equal(slice_make(series->key, series->key_len), key)))
        series = series->hash_next;
    return series;
}

struct metric_series *metric_series(struct metric *metric, const char *const *values)
{
    char bytes[METRICS_LABELS_MAX * (METRICS_LABEL_VALUE_BYTES_MAX + 1)];
    size_t len = 0;
    for (size_t i = 0; i < metric->label_count; i++) {
        assert(values[i]); /* as many values as labels */
        len += key_append(bytes + len, values[i]);
    }
    assert(!values[metric->label_count]);
    if (metric->label_count == 0)
        return metric->other;

    struct slice key = slice_make(bytes, len);
    uint64_t hash = siphash(metric->seed, key);
    pthread_mutex_lock(&metric->lock);
    struct metric_series *series = series_find(metric, key, hash);
    if (!series && metric->series_count < metric->def->series_max) {
        series = series_new(metric, key, hash);
        if (series) {
            series_insert(metric, series);
            metric->series_count++;
        }
    }
    if (!series)
        series = metric->other;
    series_show(metric, series);
    pthread_mutex_unlock(&metric->lock);
    return series;
}

void metric_forget(struct metric *metric)
{
    assert(metric->label_count > 0);
    pthread_mutex_lock(&metric->lock);
    for (struct metric_series *series = metric->first, *next; series; series = next) {
        next = series->next;
        if (series != metric->other)
            series_free(series);
    }
    memset(metric->table, 0, (metric->table_mask + 1) * sizeof(metric->table[0]));
    metric->first = metric->last = NULL;
    metric->series_count = 0;
    metric->other->next = metric->other->hash_next = NULL;
    metric->other->shown = false;
    series_insert(metric, metric->other);
    pthread_mutex_unlock(&metric->lock);
}

/* ---- updates ---------------------------------------------------------------------------------- */

static void add_double(_Atomic double *to, double difference)
{
    double before = atomic_load_explicit(to, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(to, &before, before + difference,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void metric_add(struct metric_series *series, uint64_t count)
{
    assert(series->metric->def->kind == METRIC_COUNTER);
    atomic_fetch_add_explicit(&series->count, count, memory_order_relaxed);
}

void metric_set(struct metric_series *series, double value)
{
    assert(series->metric->def->kind == METRIC_GAUGE ||
           series->metric->def->kind == METRIC_COUNTER_SET);
    atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void metric_observe(struct metric_series *series, double value)
{
    const struct metric_def *def = series->metric->def;
    assert(def->kind == METRIC_HISTOGRAM);
    size_t bucket = 0;
    while (bucket < def->bucket_count && !(value <= def->buckets[bucket]))
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    add_double(&series->value, value);
}

double metric_value(const struct metric_series *series)
{
    const struct metric_def *def = series->metric->def;
    uint64_t count = 0;
    switch (def->kind) {
    case METRIC_COUNTER: return (double)atomic_load_explicit(&series->count, memory_order_relaxed);
    case METRIC_COUNTER_SET:
    case METRIC_GAUGE: return atomic_load_explicit(&series->value, memory_order_relaxed);
    case METRIC_HISTOGRAM:
        for (size_t i = 0; i <= def->bucket_count; i++)
            count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        return (double)count;
    }
    return 0;
}
