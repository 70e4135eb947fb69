/* OTLP in its JSON form: ids in hex, 64-bit numbers as strings.
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding */
#include <inttypes.h>
#include <stdio.h>

#include "shared/json/json_writer.h"
#include "shared/trace/internal.h"

#define STATUS_CODE_ERROR 2

static void write_text(struct json_writer *json, const char *key, const char *text)
{
    json_object(json);
    json_key(json, "key"), json_str(json, key);
    json_key(json, "value"), json_object(json);
    json_key(json, "stringValue"), json_str(json, text);
    json_object_end(json);
    json_object_end(json);
}

static void write_number(struct json_writer *json, const char *key, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    json_object(json);
    json_key(json, "key"), json_str(json, key);
    json_key(json, "value"), json_object(json);
    json_key(json, "intValue"), json_str(json, text);
    json_object_end(json);
    json_object_end(json);
}

static void write_time(struct json_writer *json, const char *key, int64_t us)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64 "000", us);
    json_key(json, key), json_str(json, text);
}

static void write_span(struct json_writer *json, const struct record *record)
{
    json_object(json);
    json_key(json, "traceId"), json_str(json, record->trace);
    json_key(json, "spanId"), json_str(json, record->id);
    if (record->parent[0])
        json_key(json, "parentSpanId"), json_str(json, record->parent);
    json_key(json, "name"), json_str(json, record->name);
    json_key(json, "kind"), json_int(json, record->kind);
    write_time(json, "startTimeUnixNano", record->started_us);
    write_time(json, "endTimeUnixNano", record->ended_us);
    json_key(json, "attributes"), json_array(json);
    for (size_t i = 0; i < record->attribute_count; i++) {
        if (record->attributes[i].is_text)
            write_text(json, record->attributes[i].key, record->texts + record->attributes[i].at);
        else
            write_number(json, record->attributes[i].key, record->attributes[i].number);
    }
    json_array_end(json);
    if (record->failed) {
        json_key(json, "status"), json_object(json);
        json_key(json, "code"), json_int(json, STATUS_CODE_ERROR);
        json_object_end(json);
    }
    json_object_end(json);
}

static void write_resource(struct json_writer *json, const struct tracer_options *options)
{
    json_key(json, "resource"), json_object(json);
    json_key(json, "attributes"), json_array(json);
    write_text(json, "service.namespace", "pek");
    write_text(json, "service.name", options->service);
    write_text(json, "service.version", options->version);
    if (options->realm[0])
        write_text(json, "pek.realm", options->realm);
    json_array_end(json);
    json_object_end(json);
}

enum status otlp_write(const struct tracer_options *options, const struct record *ring, size_t at,
                       size_t count, struct buffer *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object(&json);
    json_key(&json, "resourceSpans"), json_array(&json);
    json_object(&json);
    write_resource(&json, options);
    json_key(&json, "scopeSpans"), json_array(&json);
    json_object(&json);
    json_key(&json, "scope"), json_object(&json);
    json_key(&json, "name"), json_str(&json, "pek");
    json_object_end(&json);
    json_key(&json, "spans"), json_array(&json);
    for (size_t i = 0; i < count; i++)
        write_span(&json, &ring[(at + i) % TRACE_QUEUE_MAX]);
    json_array_end(&json);
    json_object_end(&json);
    json_array_end(&json);
    json_object_end(&json);
    json_array_end(&json);
    json_object_end(&json);
    return json_writer_finish(&json);
}
