/* The queue of spans that ended, and the fiber that sends them on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/fetch/fetch.h"
#include "shared/trace/internal.h"

#define BATCH_BYTES_MAX (1024u * 1024)
#define ANSWER_BYTES_MAX (64u * 1024)
#define ARENA_BYTES_MAX (256u * 1024)
#define PATH "/v1/traces"

struct tracer {
    struct fibers *fibers;
    struct tracer_options options;
    double sample_ratio;
    char url[TRACE_ENDPOINT_BYTES_MAX + sizeof(PATH)];
    struct fetcher *fetcher;
    struct tracer_statistics statistics;
    /* A ring: `count` of them from `first` on. */
    struct record *ring;
    size_t first, count;
    /* The fiber: ends when `closing` is set and the queue empty, or when `giving_up` fires. */
    struct fiber_event wake, ended;
    struct cancel giving_up;
    bool running, closing;
    struct buffer body;
};

/* ---- what an operator may write ---------------------------------------------------------------- */

static bool is_endpoint(const char *endpoint)
{
    const char *host = strncmp(endpoint, "https://", 8) == 0  ? endpoint + 8
                       : strncmp(endpoint, "http://", 7) == 0 ? endpoint + 7
                                                              : "";
    /* A password would be shown wherever the configuration is; a query could not have /v1/traces behind it. */
    return host[0] && host[0] != '/' && host[0] != ':' && !strpbrk(host, "@?# \t") &&
           strlen(endpoint) <= TRACE_ENDPOINT_BYTES_MAX;
}

static bool read_ratio(const char *text, double *ret_ratio)
{
    size_t whole = strspn(text, "0123456789");
    size_t part = text[whole] == '.' ? 1 + strspn(text + whole + 1, "0123456789") : 0;
    double ratio = strtod(text, NULL);

    if (whole == 0 || part == 1 || text[whole + part] != '\0' || ratio > 1)
        return false;
    *ret_ratio = ratio;
    return true;
}

enum status tracer_check(const char *endpoint, const char *sample_ratio, struct fault *fault)
{
    double ratio;

    if (endpoint[0] && !is_endpoint(endpoint))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "otlp_endpoint",
                         "must be http://host:port or https://host:port, without a password and "
                         "of at most %d bytes; " PATH " is put behind it",
                         TRACE_ENDPOINT_BYTES_MAX);
    if (!read_ratio(sample_ratio, &ratio))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "trace_sample_ratio",
                         "must be a number from 0 to 1, as 0.01");
    return STATUS_OK;
}

/* ---- the queue --------------------------------------------------------------------------------- */

struct record *tracer_push(struct tracer *tracer)
{
    if (tracer->count == TRACE_QUEUE_MAX || !tracer->running) {
        tracer->statistics.dropped++;
        return NULL;
    }
    size_t at = (tracer->first + tracer->count++) % TRACE_QUEUE_MAX;
    if (tracer->count == 1 || tracer->count == TRACE_BATCH_MAX)
        fiber_event_signal(&tracer->wake);
    return &tracer->ring[at];
}

/* By the last 7 bytes of the trace's id, as all programs of a trace would decide it. */
bool tracer_samples(const struct tracer *tracer, const unsigned char id[16])
{
    uint64_t number = 0;

    for (size_t i = 9; i < 16; i++)
        number = number << 8 | id[i];
    return (double)number < tracer->sample_ratio * (double)(UINT64_C(1) << 56);
}

void tracer_statistics(const struct tracer *tracer, struct tracer_statistics *ret_statistics)
{
    *ret_statistics = tracer ? tracer->statistics : (struct tracer_statistics){0};
}

/* ---- sending ----------------------------------------------------------------------------------- */

static bool post(struct tracer *tracer, struct slice body)
{
    const struct fetch_request request = {
        .url = tracer->url,
        .json = body,
        .timeout_ms = TRACE_SEND_MS,
        .body_bytes_max = ANSWER_BYTES_MAX,
    };
    struct fetch_response response;
    struct fault fault;
    struct arena arena;

    arena_init(&arena, ARENA_BYTES_MAX);
    enum status status =
        fetch(tracer->fetcher, &request, &tracer->giving_up, &arena, &response, &fault);
    arena_done(&arena);
    return status == STATUS_OK && response.code >= 200 && response.code < 300;
}

/* False when the collector did not take them: they are gone. What is written is off the queue before it is sent, so that there is
 * room for others meanwhile. */
static bool send_batch(struct tracer *tracer)
{
    size_t count = tracer->count < TRACE_BATCH_MAX ? tracer->count : TRACE_BATCH_MAX;

    buffer_reset(&tracer->body);
    bool sent = otlp_write(&tracer->options, tracer->ring, tracer->first, count, &tracer->body) ==
                STATUS_OK;
    tracer->first = (tracer->first + count) % TRACE_QUEUE_MAX;
    tracer->count -= count;
    sent = sent && post(tracer, buffer_slice(&tracer->body));
    if (sent)
        tracer->statistics.sent += count;
    else
        tracer->statistics.lost += count;
    return sent;
}

/* Until there is a batch, or a second is over; or it is time to end. */
static void gather(struct tracer *tracer)
{
    int64_t until_us = deadline_after_ms(TRACE_EVERY_MS);

    while (tracer->count < TRACE_BATCH_MAX && !tracer->closing &&
           fiber_event_wait(&tracer->wake, until_us) == STATUS_OK)
        ;
}

static void pause_after_failure(struct tracer *tracer)
{
    int64_t until_us = deadline_after_ms(TRACE_EVERY_MS);

    while (!tracer->closing && fiber_event_wait(&tracer->wake, until_us) == STATUS_OK)
        ;
}

static void run(void *arg)
{
    struct tracer *tracer = arg;

    while (!tracer->closing || (tracer->count > 0 && !tracer->giving_up.cancelled)) {
        if (tracer->count == 0)
            (void)!fiber_event_wait(&tracer->wake, DEADLINE_NONE);
        else if (gather(tracer), !send_batch(tracer))
            pause_after_failure(tracer);
    }
    tracer->running = false;
    fiber_event_signal(&tracer->ended);
}

/* ---- life cycle -------------------------------------------------------------------------------- */

struct tracer *tracer_free(struct tracer *tracer)
{
    if (!tracer)
        return NULL;
    fetcher_free(tracer->fetcher);
    buffer_done(&tracer->body);
    free(tracer->ring);
    free(tracer);
    return NULL;
}

enum status tracer_open(struct fibers *fibers, const struct tracer_options *options,
                        struct tracer **ret_tracer, struct fault *fault)
{
    PEK_TRY(tracer_check(options->endpoint, options->sample_ratio, fault));
    if (!options->endpoint[0]) {
        *ret_tracer = NULL;
        return STATUS_OK;
    }
    size_t len = strlen(options->endpoint);
    while (len > 0 && options->endpoint[len - 1] == '/')
        len--;
    struct tracer *tracer = calloc(1, sizeof(*tracer));
    if (!tracer)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    tracer->fibers = fibers;
    tracer->options = *options;
    (void)read_ratio(options->sample_ratio, &tracer->sample_ratio);
    (void)snprintf(tracer->url, sizeof(tracer->url), "%.*s" PATH, (int)len, options->endpoint);
    buffer_init(&tracer->body, BATCH_BYTES_MAX);
    cancel_init(&tracer->giving_up, DEADLINE_NONE);
    tracer->ring = calloc(TRACE_QUEUE_MAX, sizeof(*tracer->ring));
    enum status status = tracer->ring
                             ? fetcher_new(fibers, "", &tracer->fetcher, fault)
                             : fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    if (status == STATUS_OK) {
        status = fiber_go(fibers, run, tracer);
        tracer->running = status == STATUS_OK;
    }
    if (status != STATUS_OK) {
        tracer_free(tracer);
        return status;
    }
    *ret_tracer = tracer;
    return STATUS_OK;
}

void tracer_stop(struct tracer *tracer)
{
    if (!tracer)
        return;
    int64_t until_us = deadline_after_ms(TRACE_CLOSE_MS);
    tracer->closing = true;
    fiber_event_signal(&tracer->wake);
    while (tracer->running && fiber_event_wait(&tracer->ended, until_us) == STATUS_OK)
        ;
    cancel_fire(&tracer->giving_up);
    while (tracer->running)
        (void)!fiber_event_wait(&tracer->ended, DEADLINE_NONE);
    tracer->statistics.dropped += tracer->count;
    tracer->count = 0;
}
