#include <stdio.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/number.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"
#include "shared/trace/internal.h"

#define TRACE_ID_CHARS 32
#define SPAN_ID_CHARS 16
static const char hex[] = "0123456789abcdef";

/* ---- the header -------------------------------------------------------------------------------- */

/* Lower-case hex, and not all zeros. */
static bool is_id(const char *text, size_t len)
{
    return strspn(text, "0") < len && strspn(text, hex) >= len;
}

bool traceparent_read(struct slice traceparent, struct slice *ret_trace, struct slice *ret_parent,
                      bool *ret_sampled)
{
    char text[TRACEPARENT_BYTES + 1] = "";

    if (traceparent.len != TRACEPARENT_BYTES)
        return false;
    memcpy(text, traceparent.ptr, TRACEPARENT_BYTES);
    const char *version = text, *id = text + 3, *parent = text + 36, *flags = text + 53;
    if (text[2] != '-' || text[35] != '-' || text[52] != '-' || strspn(version, hex) != 2 ||
        memcmp(version, "ff", 2) == 0 || !is_id(id, TRACE_ID_CHARS) ||
        !is_id(parent, SPAN_ID_CHARS) || strspn(flags, hex) != 2)
        return false;
    *ret_trace = slice_make(traceparent.ptr + 3, TRACE_ID_CHARS);
    *ret_parent = slice_make(traceparent.ptr + 36, SPAN_ID_CHARS);
    *ret_sampled = number_hex_digit(flags[1]) & 1;
    return true;
}

/* ---- beginning --------------------------------------------------------------------------------- */

static void make_id(struct span *span)
{
    unsigned char random[8];

    crypto_random_id(random, sizeof(random));
    hex_encode(slice_make(random, sizeof(random)), span->id);
}

void span_begin(const struct span *parent, enum span_kind kind, struct span *ret_span)
{
    if (!parent || !parent->tracer) {
        ret_span->tracer = NULL;
        return;
    }
    *ret_span =
        (struct span){.tracer = parent->tracer, .kind = kind, .started_us = clock_monotonic_us()};
    memcpy(ret_span->trace, parent->trace, sizeof(ret_span->trace));
    memcpy(ret_span->parent, parent->id, sizeof(ret_span->parent));
    make_id(ret_span);
}

void tracer_begin(struct tracer *tracer, struct slice traceparent, enum span_kind kind,
                  struct span *ret_span)
{
    struct slice trace, parent;
    bool sampled;

    ret_span->tracer = NULL;
    if (!tracer)
        return;
    struct span span = {.tracer = tracer, .kind = kind, .started_us = clock_monotonic_us()};
    if (traceparent_read(traceparent, &trace, &parent, &sampled)) {
        if (!sampled)
            return;
        memcpy(span.trace, trace.ptr, trace.len);
        memcpy(span.parent, parent.ptr, parent.len);
    } else {
        unsigned char random[16];
        crypto_random_id(random, sizeof(random));
        if (!tracer_samples(tracer, random))
            return;
        hex_encode(slice_make(random, sizeof(random)), span.trace);
    }
    make_id(&span);
    *ret_span = span;
}

void span_traceparent(const struct span *span, char ret_text[TRACEPARENT_BYTES + 1])
{
    (void)snprintf(ret_text, TRACEPARENT_BYTES + 1, "00-%s-%s-01", span->trace, span->id);
}

/* ---- ending ------------------------------------------------------------------------------------ */

static void add_attribute(struct record *record, const struct span_attribute *attribute)
{
    size_t at = record->text_len, len = attribute->text.len;

    if (record->attribute_count == TRACE_ATTRIBUTES_MAX)
        return;
    if (attribute->text.ptr) {
        if (at >= TRACE_TEXT_BYTES_MAX)
            return;
        len = len < TRACE_TEXT_BYTES_MAX - at ? len : TRACE_TEXT_BYTES_MAX - at;
        memcpy(record->texts + at, attribute->text.ptr, len);
        record->texts[at + len] = '\0';
        record->text_len = at + len + 1;
    }
    record->attributes[record->attribute_count].key = attribute->key;
    record->attributes[record->attribute_count].is_text = attribute->text.ptr != NULL;
    record->attributes[record->attribute_count].at = at;
    record->attributes[record->attribute_count++].number = attribute->number;
}

void span_end(struct span *span, struct slice name, bool failed,
              const struct span_attribute *attributes, size_t count)
{
    struct record *record = span->tracer ? tracer_push(span->tracer) : NULL;

    if (record) {
        record->ended_us = clock_wall_us();
        record->started_us = record->ended_us - (clock_monotonic_us() - span->started_us);
        memcpy(record->trace, span->trace, sizeof(record->trace));
        memcpy(record->id, span->id, sizeof(record->id));
        memcpy(record->parent, span->parent, sizeof(record->parent));
        record->kind = span->kind;
        record->failed = failed;
        (void)snprintf(record->name, sizeof(record->name), "%.*s", SLICE_ARG(name));
        record->attribute_count = record->text_len = 0;
        for (size_t i = 0; i < count; i++)
            add_attribute(record, &attributes[i]);
    }
    span->tracer = NULL;
}

/* What a server answers of a request that was wrong, or not allowed, is no failure of the server. */
static bool is_failure(enum span_kind kind, enum status status)
{
    switch (status) {
    case STATUS_OK: return false;
    case STATUS_UNKNOWN:
    case STATUS_DEADLINE_EXCEEDED:
    case STATUS_UNIMPLEMENTED:
    case STATUS_INTERNAL:
    case STATUS_UNAVAILABLE:
    case STATUS_DATA_LOSS: return true;
    default: return kind == SPAN_CLIENT;
    }
}

void span_end_call(struct span *span, struct slice path, enum status status, struct slice realm)
{
    if (!span->tracer)
        return;
    struct slice name = path.len > 0 ? slice_make(path.ptr + 1, path.len - 1) : path;
    const char *slash = name.len > 0 ? memchr(name.ptr, '/', name.len) : NULL;
    size_t service = slash ? (size_t)(slash - name.ptr) : name.len;
    bool failed = is_failure(span->kind, status);
    const struct span_attribute attributes[] = {
        {"rpc.system", SLICE_LIT("grpc"), 0},
        {"rpc.service", slice_make(name.ptr, service), 0},
        {"rpc.method", slash ? slice_make(slash + 1, name.len - service - 1) : name, 0},
        {"rpc.grpc.status_code", {0}, status},
        {"pek.realm", realm.ptr ? realm : slice_make("", 0), 0},
        {"error.type", slice_str(status_name(status)), 0},
    };
    size_t count = sizeof(attributes) / sizeof(attributes[0]);
    span_end(span, name, failed, attributes, failed ? count : count - 1);
}

void span_add_statement(const struct span *parent, const char *name, int64_t started_us,
                        enum status status)
{
    struct span span;

    span_begin(parent, SPAN_CLIENT, &span);
    if (!span.tracer)
        return;
    span.started_us = started_us;
    const struct span_attribute attributes[] = {
        {"db.system.name", SLICE_LIT("postgresql"), 0},
        {"db.query.summary", slice_str(name), 0},
        {"error.type", slice_str(status_name(status)), 0},
    };
    span_end(&span, slice_str(name), status != STATUS_OK, attributes, status ? 3 : 2);
}
