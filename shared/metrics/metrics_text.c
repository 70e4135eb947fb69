#include <inttypes.h>
#include <math.h>

#include "shared/base/number.h"
#include "shared/metrics/metrics_internal.h"

static void write_escaped(struct buffer *out, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\\')
            buffer_append_str(out, "\\\\");
        else if (*text == '\n')
            buffer_append_str(out, "\\n");
        else if (*text == '"' && quotes)
            buffer_append_str(out, "\\\"");
        else
            buffer_append_char(out, *text);
    }
}

static void write_double(struct buffer *out, double value)
{
    if (isnan(value)) {
        buffer_append_str(out, "NaN");
    } else if (isinf(value)) {
        buffer_append_str(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        char text[NUMBER_TEXT_BYTES];
        buffer_append(out, text, number_print(value, text));
    }
}

/* name_suffix{label="value",…,le="bound"} and a blank; `bound` NULL without le. */
static void write_name(struct buffer *out, const struct metric_series *series, const char *suffix,
                       const double *bound)
{
    const struct metric *metric = series->metric;
    const char *value = series->key;
    char separator = '{';
    buffer_append_str(out, metric->def->name);
    buffer_append_str(out, suffix);
    for (size_t i = 0; i < metric->label_count; i++, value += strlen(value) + 1, separator = ',') {
        buffer_append_char(out, separator);
        buffer_append_str(out, metric->def->labels[i]);
        buffer_append_str(out, "=\"");
        write_escaped(out, value, true);
        buffer_append_char(out, '"');
    }
    if (bound) {
        buffer_append_char(out, separator);
        buffer_append_str(out, "le=\"");
        write_double(out, *bound);
        buffer_append_char(out, '"');
        separator = ',';
    }
    buffer_append_str(out, separator == ',' ? "} " : " ");
}

static void write_histogram(struct buffer *out, const struct metric_series *series)
{
    const struct metric_def *def = series->metric->def;
    uint64_t count = 0;
    for (size_t i = 0; i <= def->bucket_count; i++) {
        double bound = i < def->bucket_count ? def->buckets[i] : (double)INFINITY;
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        write_name(out, series, "_bucket", &bound);
        buffer_printf(out, "%" PRIu64 "\n", count);
    }
    write_name(out, series, "_sum", NULL);
    write_double(out, atomic_load_explicit(&series->value, memory_order_relaxed));
    buffer_append_char(out, '\n');
    /* From the buckets just written, so that the two agree whatever was observed meanwhile. */
    write_name(out, series, "_count", NULL);
    buffer_printf(out, "%" PRIu64 "\n", count);
}

static void write_series(struct buffer *out, const struct metric_series *series)
{
    switch (series->metric->def->kind) {
    case METRIC_HISTOGRAM: write_histogram(out, series); return;
    case METRIC_COUNTER:
        write_name(out, series, "", NULL);
        buffer_printf(out, "%" PRIu64 "\n",
                      atomic_load_explicit(&series->count, memory_order_relaxed));
        return;
    case METRIC_GAUGE:
    case METRIC_COUNTER_SET:
        write_name(out, series, "", NULL);
        write_double(out, atomic_load_explicit(&series->value, memory_order_relaxed));
        buffer_append_char(out, '\n');
        return;
    }
}

static const char *kind_name(enum metric_kind kind)
{
    switch (kind) {
    case METRIC_COUNTER:
    case METRIC_COUNTER_SET: return "counter";
    case METRIC_GAUGE: return "gauge";
    case METRIC_HISTOGRAM: return "histogram";
    }
    return "untyped";
}

void metrics_write(struct metrics *metrics, struct buffer *out)
{
    LIST_FOR_EACH (node, &metrics->collectors) {
        struct metrics_collector *collector = LIST_ENTRY(node, struct metrics_collector, node);
        collector->collect(collector);
    }
    for (struct metric *metric = metrics->first; metric; metric = metric->next) {
        buffer_printf(out, "# HELP %s ", metric->def->name);
        write_escaped(out, metric->def->help, false);
        buffer_printf(out, "\n# TYPE %s %s\n", metric->def->name, kind_name(metric->def->kind));
        pthread_mutex_lock(&metric->lock);
        for (const struct metric_series *series = metric->first; series; series = series->next)
            write_series(out, series);
        pthread_mutex_unlock(&metric->lock);
    }
}
