/* trace: what a request did and for how long, as spans that an OpenTelemetry collector gets.
 *
 *     struct span span;
 *     tracer_begin(tracer, traceparent, SPAN_SERVER, &span);       a call came
 *     span_begin(&span, SPAN_CLIENT, &child);                      it asks somebody else
 *     span_traceparent(&child, text);                              … who is told of the child
 *     span_end_call(&child, path, status, realm);
 *     span_end(&span, name, failed, attributes, count);
 *
 * A **span** is one piece of work; it lies where its owner wants, and takes no memory elsewhere. Whether it is recorded is
 * decided once, where the trace begins: whoever comes with a traceparent has decided it (its last bit), of others a part, by
 * the trace's id, is. A span that is not recorded has no tracer, and every verb below does nothing with it: without a tracer
 * all this costs a branch.
 *
 * A **tracer** keeps what ended in a queue of TRACE_QUEUE_MAX; a fiber of its own sends it on, TRACE_BATCH_MAX at a time, as
 * OTLP over HTTP in JSON. Nobody ever waits for it: what finds the queue full, and what the collector does not take, is
 * dropped and counted.
 *
 * What spans say follows https://opentelemetry.io/docs/specs/semconv/, and never holds who asked, what they asked for, or a
 * token: names of methods, routes, statements and realms, codes, and times.
 *
 * Sources: https://www.w3.org/TR/trace-context/ and https://opentelemetry.io/docs/specs/otlp/#otlphttp. Loop thread.
 */
#ifndef PEK_SHARED_TRACE_TRACE_H
#define PEK_SHARED_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/fiber/fiber.h"

#define TRACE_QUEUE_MAX 2048
#define TRACE_BATCH_MAX 256
#define TRACE_EVERY_MS 1000 /* how long a span waits for others, and the pause after a failure */
#define TRACE_SEND_MS 5000  /* what the collector may take for one batch */
#define TRACE_CLOSE_MS 1000 /* for what is left at the end */
#define TRACE_NAME_BYTES_MAX 127
#define TRACE_ATTRIBUTES_MAX 8
#define TRACE_TEXT_BYTES_MAX 320 /* of all attributes of a span */
#define TRACE_ENDPOINT_BYTES_MAX 255
#define TRACEPARENT_BYTES 55

struct tracer;

/* ---- the header -------------------------------------------------------------------------------- */

/* version-trace-parent-flags in lower-case hex. False when it is none; the outputs point into it. */
bool traceparent_read(struct slice traceparent, struct slice *ret_trace, struct slice *ret_parent,
                      bool *ret_sampled);

/* ---- spans ------------------------------------------------------------------------------------- */

/* The numbers are OTLP's. */
enum span_kind { SPAN_SERVER = 2, SPAN_CLIENT = 3 };

struct span {
    struct tracer *tracer; /* NULL: not recorded, and the rest says nothing */
    enum span_kind kind;
    char trace[33], id[17], parent[17]; /* hex; parent "": none */
    int64_t started_us;                 /* monotonic */
};

/* What a span says besides its name. A number where text.ptr is NULL. */
struct span_attribute {
    const char *key; /* static */
    struct slice text;
    int64_t number;
};

/* The first span of this process in a trace. `tracer` may be NULL, `traceparent` anything. */
void tracer_begin(struct tracer *tracer, struct slice traceparent, enum span_kind kind,
                  struct span *ret_span);
/* A part of `parent`, which may be NULL. */
void span_begin(const struct span *parent, enum span_kind kind, struct span *ret_span);
/* For whoever is asked within this span, which must be recorded. */
void span_traceparent(const struct span *span, char ret_text[TRACEPARENT_BYTES + 1]);

/* Each ends a span for good; again it does nothing. `name` and texts are copied, and cut where they are too long. */
void span_end(struct span *span, struct slice name, bool failed,
              const struct span_attribute *attributes, size_t count);
/* A gRPC call, at either end of it: `path` is "/package.Service/Method". */
void span_end_call(struct span *span, struct slice path, enum status status, struct slice realm);
/* A statement that began at `started_us` is over; its name, never its text. `parent` may be NULL. */
void span_add_statement(const struct span *parent, const char *name, int64_t started_us,
                        enum status status);

/* ---- tracer ------------------------------------------------------------------------------------ */

struct tracer_options {
    const char *endpoint;     /* "http://127.0.0.1:4318"; /v1/traces is put behind it */
    const char *sample_ratio; /* of traces that begin here: "0" to "1", as "0.01" */
    const char *service;      /* "pek-worker" */
    const char *version;
    const char *realm; /* "" for none */
};

/* Why an endpoint or a ratio, as an operator writes it, cannot be: INVALID_ARGUMENT with the field otlp_endpoint or
 * trace_sample_ratio. An endpoint of "" is fine: no tracing. */
PEK_MUST_CHECK enum status tracer_check(const char *endpoint, const char *sample_ratio,
                                        struct fault *fault);

/* Options are borrowed, but not the struct. As tracer_check. An endpoint of "" makes no tracer: NULL, and OK. */
PEK_MUST_CHECK enum status tracer_open(struct fibers *fibers, const struct tracer_options *options,
                                       struct tracer **ret_tracer, struct fault *fault);
/* In a fiber: sends what is left, within TRACE_CLOSE_MS; what ends afterwards is dropped. Takes NULL. */
void tracer_stop(struct tracer *tracer);
/* After tracer_stop, when no span of it is left. Run the loop once more afterwards. Takes NULL, returns NULL. */
struct tracer *tracer_free(struct tracer *tracer);

/* Since the start. Every span that ended is in one of the three in the end. */
struct tracer_statistics {
    uint64_t sent;
    uint64_t dropped; /* the queue was full */
    uint64_t lost;    /* the collector did not take them */
};
/* `tracer` may be NULL: zeros. */
void tracer_statistics(const struct tracer *tracer, struct tracer_statistics *ret_statistics);

#endif
