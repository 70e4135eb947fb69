#include "shared/metrics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/clock.h"

static struct metrics *metrics;
static struct buffer out;

static int setup(void **state)
{
    (void)state;
    buffer_init(&out, (size_t)1 << 20);
    return metrics_new(&metrics) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    metrics = metrics_free(metrics);
    buffer_done(&out);
    return 0;
}

/* Adds a table of one row. */
static struct metric *add(const struct metric_def *def)
{
    struct metric *metric = NULL;
    assert_int_equal(metrics_add(metrics, def, 1, &metric), STATUS_OK);
    return metric;
}

static const char *written(void)
{
    buffer_reset(&out);
    metrics_write(metrics, &out);
    buffer_append_char(&out, '\0');
    assert_false(out.failed);
    return out.ptr;
}

static const struct metric_def calls_def = {METRIC_COUNTER, "calls_total", "Calls answered.",
                                            .labels = {"method", "status"}, .series_max = 2};
static const struct metric_def open_def = {METRIC_GAUGE, "open_streams", "Streams that are open."};

static void counters_count_by_label_values(void **state)
{
    (void)state;
    struct metric *calls = add(&calls_def);
    metric_add(METRIC(calls, "Get", "OK"), 1);
    metric_add(METRIC(calls, "List", "OK"), 2);
    metric_add(METRIC(calls, "Get", "OK"), 40);
    assert_string_equal(written(), "# HELP calls_total Calls answered.\n"
                                   "# TYPE calls_total counter\n"
                                   "calls_total{method=\"Get\",status=\"OK\"} 41\n"
                                   "calls_total{method=\"List\",status=\"OK\"} 2\n");
    assert_true(metric_value(METRIC(calls, "Get", "OK")) == 41);
}

static void label_values_do_not_run_together(void **state)
{
    (void)state;
    struct metric *calls = add(&calls_def);
    assert_ptr_not_equal(METRIC(calls, "ab", "c"), METRIC(calls, "a", "bc"));
    assert_ptr_equal(METRIC(calls, "ab", "c"), METRIC(calls, "ab", "c"));
}

static void a_metric_without_labels_is_there_from_the_start(void **state)
{
    (void)state;
    struct metric *open = add(&open_def);
    assert_non_null(strstr(written(), "\nopen_streams 0\n"));
    metric_set(METRIC(open), -1.5);
    assert_non_null(strstr(written(), "\nopen_streams -1.5\n"));
    metric_set(METRIC(open), INFINITY);
    assert_non_null(strstr(written(), "\nopen_streams +Inf\n"));
    metric_set(METRIC(open), NAN);
    assert_non_null(strstr(written(), "\nopen_streams NaN\n"));
}

static void series_beyond_the_limit_go_to_other(void **state)
{
    (void)state;
    struct metric *calls = add(&calls_def);
    metric_add(METRIC(calls, "a", "OK"), 1);
    metric_add(METRIC(calls, "b", "OK"), 1);
    assert_null(strstr(written(), "other"));
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%d", i);
        metric_add(METRIC(calls, name, "OK"), 1);
    }
    metric_add(METRIC(calls, "a", "OK"), 1);
    assert_non_null(strstr(written(), "calls_total{method=\"a\",status=\"OK\"} 2\n"
                                      "calls_total{method=\"b\",status=\"OK\"} 1\n"
                                      "calls_total{method=\"other\",status=\"other\"} 1000\n"));
    assert_null(strstr(out.ptr, "m1"));
}

static void a_client_that_says_other_shares_its_series(void **state)
{
    (void)state;
    struct metric *calls = add(&calls_def);
    for (int i = 0; i < 2; i++)
        metric_add(METRIC(calls, METRICS_OTHER, METRICS_OTHER), 1);
    const char *first = strstr(written(), "calls_total{method=\"other\",status=\"other\"} 2\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "calls_total{"));
}

static void histograms_are_cumulative(void **state)
{
    (void)state;
    static const double bounds[] = {0.1, 1, 10};
    static const struct metric_def def = {METRIC_HISTOGRAM,    "wait_seconds",  "Time waited.",
                                          .labels = {"realm"}, .series_max = 3, .buckets = bounds,
                                          .bucket_count = 3};
    struct metric_series *hub = METRIC(add(&def), "hub");
    metric_observe(hub, 0.0625);
    metric_observe(hub, 0.1); /* a bound belongs to its bucket */
    metric_observe(hub, 5);
    metric_observe(hub, 100);
    assert_string_equal(written(), "# HELP wait_seconds Time waited.\n"
                                   "# TYPE wait_seconds histogram\n"
                                   "wait_seconds_bucket{realm=\"hub\",le=\"0.1\"} 2\n"
                                   "wait_seconds_bucket{realm=\"hub\",le=\"1\"} 2\n"
                                   "wait_seconds_bucket{realm=\"hub\",le=\"10\"} 3\n"
                                   "wait_seconds_bucket{realm=\"hub\",le=\"+Inf\"} 4\n"
                                   "wait_seconds_sum{realm=\"hub\"} 105.1625\n"
                                   "wait_seconds_count{realm=\"hub\"} 4\n");
    assert_true(metric_value(hub) == 4);
}

static void a_histogram_without_labels_has_le_alone(void **state)
{
    (void)state;
    static const struct metric_def def = {METRIC_HISTOGRAM, "turn_seconds", "Loop turns.",
                                          METRIC_BUCKETS_SECONDS};
    metric_observe(METRIC(add(&def)), 0.002);
    assert_non_null(strstr(written(), "\nturn_seconds_bucket{le=\"0.001\"} 0\n"
                                      "turn_seconds_bucket{le=\"0.0025\"} 1\n"));
    assert_non_null(strstr(out.ptr, "\nturn_seconds_bucket{le=\"+Inf\"} 1\nturn_seconds_sum 0.002\n"
                                    "turn_seconds_count 1\n"));
}

static void help_and_label_values_are_escaped(void **state)
{
    (void)state;
    static const struct metric_def def = {METRIC_COUNTER, "x_total", "a \\ b\n\"c\"",
                                          .labels = {"text"}, .series_max = 10};
    struct metric *metric = add(&def);
    metric_add(METRIC(metric, "q\"b\\n\nz"), 1);
    metric_add(METRIC(metric, "bad\xFF"), 2);
    metric_add(METRIC(metric, ""), 3);
    assert_string_equal(written(), "# HELP x_total a \\\\ b\\n\"c\"\n"
                                   "# TYPE x_total counter\n"
                                   "x_total{text=\"q\\\"b\\\\n\\nz\"} 1\n"
                                   "x_total{text=\"bad\xEF\xBF\xBD\"} 2\n"
                                   "x_total{text=\"\"} 3\n");
}

static void long_label_values_are_cut_at_a_character(void **state)
{
    (void)state;
    static const struct metric_def def = {METRIC_COUNTER, "x_total", "x", .labels = {"text"},
                                          .series_max = 10};
    struct metric *metric = add(&def);
    char value[METRICS_LABEL_VALUE_BYTES_MAX * 2 + 1];
    memset(value, 'a', sizeof(value));
    memcpy(value + METRICS_LABEL_VALUE_BYTES_MAX - 1, "é", 2);
    value[sizeof(value) - 1] = '\0';
    metric_add(METRIC(metric, value), 1);
    char want[METRICS_LABEL_VALUE_BYTES_MAX + 32];
    snprintf(want, sizeof(want), "x_total{text=\"%.*s\"} 1\n", METRICS_LABEL_VALUE_BYTES_MAX - 1,
             value);
    assert_non_null(strstr(written(), want));
}

static void a_wrong_row_is_refused(void **state)
{
    (void)state;
    static const double falling[] = {2, 1}, endless[] = {1, INFINITY};
    static const struct metric_def wrong[] = {
        {METRIC_COUNTER, NULL, "x"},
        {METRIC_COUNTER, "", "x"},
        {METRIC_COUNTER, "1x", "x"},
        {METRIC_COUNTER, "a-b", "x"},
        {METRIC_COUNTER, "a", NULL},
        {METRIC_COUNTER, "a", "x", .labels = {"l"}},
        {METRIC_COUNTER, "a", "x", .labels = {"l"}, .series_max = METRICS_SERIES_MAX + 1},
        {METRIC_COUNTER, "a", "x", .labels = {"a:b"}, .series_max = 1},
        {METRIC_COUNTER, "a", "x", .labels = {"__name__"}, .series_max = 1},
        {METRIC_COUNTER, "a", "x", .labels = {"l", "l"}, .series_max = 1},
        {METRIC_COUNTER, "a", "x", .labels = {"a", "b", "c", "d", "e"}, .series_max = 1},
        {METRIC_HISTOGRAM, "a", "x", METRIC_BUCKETS_SECONDS, .labels = {"le"}, .series_max = 1},
        {METRIC_HISTOGRAM, "a", "x"},
        {METRIC_HISTOGRAM, "a", "x", .buckets = falling, .bucket_count = 2},
        {METRIC_HISTOGRAM, "a", "x", .buckets = endless, .bucket_count = 2},
        {METRIC_GAUGE, "a", "x", METRIC_BUCKETS_SECONDS},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct metric *metric = NULL;
        if (metrics_add(metrics, &wrong[i], 1, &metric) != STATUS_INVALID_ARGUMENT)
            fail_msg("row %zu taken", i);
        assert_null(metric);
    }
}

static void a_table_with_a_taken_name_is_not_added_at_all(void **state)
{
    (void)state;
    struct metric *both[2] = {NULL, NULL};
    add(&calls_def);
    const struct metric_def taken[] = {open_def, calls_def}, twice[] = {open_def, open_def};
    assert_int_equal(metrics_add(metrics, taken, 2, both), STATUS_ALREADY_EXISTS);
    assert_int_equal(metrics_add(metrics, twice, 2, both), STATUS_ALREADY_EXISTS);
    assert_null(both[0]);
    assert_null(strstr(written(), "open_streams"));
    add(&open_def);
}

static void tables_are_written_in_the_order_they_were_added(void **state)
{
    (void)state;
    add(&open_def);
    metric_add(METRIC(add(&calls_def), "a", "b"), 1);
    const char *text = written();
    assert_true(strstr(text, "open_streams") < strstr(text, "calls_total"));
}

struct sampler {
    struct metrics_collector collector;
    struct metric *metric;
    int samples;
};

static void sample(struct metrics_collector *collector)
{
    struct sampler *sampler = LIST_ENTRY(collector, struct sampler, collector);
    metric_set(METRIC(sampler->metric), ++sampler->samples);
}

static void collectors_are_asked_at_each_write(void **state)
{
    (void)state;
    static const struct metric_def def = {METRIC_COUNTER_SET, "samples_total", "Samples."};
    static struct sampler sampler; /* lives as long as the metrics */
    sampler = (struct sampler){.collector = {.collect = sample}, .metric = add(&def)};
    metrics_collector_add(metrics, &sampler.collector);
    written();
    assert_non_null(strstr(written(), "# TYPE samples_total counter\nsamples_total 2\n"));
    assert_int_equal(sampler.samples, 2);
}

#define THREADS 4
#define UPDATES 5000

static void *update(void *metric)
{
    for (int i = 0; i < UPDATES; i++) {
        const char *name = i % 2 == 0 ? "a" : "b";
        metric_observe(METRIC(metric, name), 1);
    }
    return NULL;
}

static void no_update_of_any_thread_is_lost(void **state)
{
    (void)state;
    static const struct metric_def def = {
        METRIC_HISTOGRAM, "x", "x", METRIC_BUCKETS_SECONDS, .labels = {"l"}, .series_max = 5};
    struct metric *metric = add(&def);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, update, metric), 0);
    written();
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(metric_value(METRIC(metric, "a")) * 2 == THREADS * UPDATES);
    assert_non_null(strstr(written(), "x_sum{l=\"b\"} 10000\n"));
}

static double number_of(const char *name)
{
    char line[128];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(written(), line);
    if (!at)
        fail_msg("no %s", name);
    return strtod(at + strlen(line), NULL);
}

static void process_metrics_are_those_of_this_process(void **state)
{
    (void)state;
    assert_int_equal(metrics_add_process(metrics, "test", "1"), STATUS_OK);
    assert_int_equal(metrics_add_process(metrics, "test", "1"), STATUS_ALREADY_EXISTS);
    assert_true(number_of("process_cpu_seconds_total") > 0);
    assert_true(number_of("process_resident_memory_bytes") > 100000);
    assert_true(number_of("process_virtual_memory_bytes") >=
                number_of("process_resident_memory_bytes"));
    assert_true(number_of("process_threads") >= 1);
    assert_true(number_of("process_max_fds") >= 3);
    double fds = number_of("process_open_fds");
    int more[2];
    assert_int_equal(pipe(more), 0);
    assert_true(number_of("process_open_fds") == fds + 2);
    close(more[0]);
    close(more[1]);
    double age = (double)clock_wall_s() - number_of("process_start_time_seconds");
    assert_true(age > -2 && age < 600);
}

/* Whoever counts its changes counts restarts. */
static void the_start_of_the_process_stays_the_same(void **state)
{
    (void)state;
    assert_int_equal(metrics_add_process(metrics, "test", "1"), STATUS_OK);
    double started = number_of("process_start_time_seconds");
    for (int i = 0; i < 100; i++)
        assert_true(number_of("process_start_time_seconds") == started);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(counters_count_by_label_values),
        TEST(label_values_do_not_run_together),
        TEST(a_metric_without_labels_is_there_from_the_start),
        TEST(series_beyond_the_limit_go_to_other),
        TEST(a_client_that_says_other_shares_its_series),
        TEST(histograms_are_cumulative),
        TEST(a_histogram_without_labels_has_le_alone),
        TEST(help_and_label_values_are_escaped),
        TEST(long_label_values_are_cut_at_a_character),
        TEST(a_wrong_row_is_refused),
        TEST(a_table_with_a_taken_name_is_not_added_at_all),
        TEST(tables_are_written_in_the_order_they_were_added),
        TEST(collectors_are_asked_at_each_write),
        TEST(no_update_of_any_thread_is_lost),
        TEST(process_metrics_are_those_of_this_process),
        TEST(the_start_of_the_process_stays_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
