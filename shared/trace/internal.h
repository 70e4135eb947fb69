/* internal: spans that ended, as the tracer keeps them. For the files of this folder only. */
#ifndef PEK_SHARED_TRACE_INTERNAL_H
#define PEK_SHARED_TRACE_INTERNAL_H

#include "shared/base/buffer.h"
#include "shared/trace/trace.h"

struct record {
    char trace[33], id[17], parent[17];
    enum span_kind kind;
    bool failed;
    int64_t started_us, ended_us; /* wall time */
    char name[TRACE_NAME_BYTES_MAX + 1];
    size_t attribute_count;
    struct {
        const char *key;
        bool is_text;
        size_t at; /* of the text, in `texts` */
        int64_t number;
    } attributes[TRACE_ATTRIBUTES_MAX];
    size_t text_len;
    char texts[TRACE_TEXT_BYTES_MAX + 1]; /* each NUL-terminated */
};

/* Room for one more in the queue of a tracer; NULL when it is full, which is counted. */
struct record *tracer_push(struct tracer *tracer);
/* Whether a trace that begins here, under this id, is recorded. */
bool tracer_samples(const struct tracer *tracer, const unsigned char id[16]);

/* Records `at` to `at + count - 1` of the ring, as ExportTraceServiceRequest in JSON. */
PEK_MUST_CHECK enum status otlp_write(const struct tracer_options *options,
                                      const struct record *ring, size_t at, size_t count,
                                      struct buffer *out);

#endif
