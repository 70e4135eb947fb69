#include "hub/api/format.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/json/json_writer.h"
#include "shared/text/csv.h"

#define ELAPSED_BYTES 32
/* Of an item's cursor and what stands around it: also the names of all realms that gave it. */
#define ITEM_FRAME_BYTES (PAGE_TOKEN_BYTES_MAX + FANOUT_LEGS_MAX * (REALM_BYTES_MAX + 3) + 1024)
/* What the end says of a realm: that it is unreachable, its outcome, and that a number lacks it. */
#define END_REALM_BYTES (3 * REALM_BYTES_MAX + 160)
#define END_BYTES(realms) (PAGE_TOKEN_BYTES_MAX + 1024 + (realms)*END_REALM_BYTES)
#define STREAM_BYTES_MAX                                                                           \
    (API_FLUSH_BYTES + API_ITEM_BYTES_MAX + ITEM_FRAME_BYTES + END_BYTES(REGISTRY_INSTANCES_MAX))
#define NOT_ASKED "NOT_ASKED" /* among the outcomes: there was no room; see hub/session/choice.h */

static const char *const media_types[] = {
    [FORMAT_PAGE] = "application/json",     [FORMAT_NDJSON] = "application/x-ndjson",
    [FORMAT_EVENTS] = "text/event-stream",  [FORMAT_CSV] = "text/csv; charset=utf-8",
    [FORMAT_DOCUMENT] = "application/json",
};

/* The first three are of every list. */
static const char *const accepted[] = {
    [FORMAT_PAGE] = "application/json",
    [FORMAT_NDJSON] = "application/x-ndjson",
    [FORMAT_EVENTS] = "text/event-stream",
    [FORMAT_CSV] = "text/csv",
};

enum format_kind format_of(const struct api_call *call)
{
    int kind = http_accept(call->http, accepted, call->method->is_csv ? 4 : 3);
    if (kind != FORMAT_PAGE && kind >= 0)
        return (enum format_kind)kind;
    return call->method->is_whole ? FORMAT_DOCUMENT : FORMAT_PAGE;
}

/* {"groups":[…], … }, whether it is written at its end or as it comes. */
static bool is_object(const struct format *format)
{
    return format->kind == FORMAT_PAGE || format->kind == FORMAT_DOCUMENT;
}

/* Half of it is none, and must not look like one. */
static bool is_whole(const struct format *format)
{
    return format->kind == FORMAT_CSV || format->kind == FORMAT_DOCUMENT;
}

void format_init(struct format *format, struct api_call *call, enum format_kind kind)
{
    *format = (struct format){.call = call, .kind = kind};
    buffer_init(&format->buffer, kind == FORMAT_PAGE ? API_PAGE_BYTES_MAX : STREAM_BYTES_MAX);
    format_restart(format);
}

void format_restart(struct format *format)
{
    assert(!format->begun);
    buffer_reset(&format->buffer);
    format->items = format->marked_items = 0;
    format->combine = (struct combine){0};
    if (is_object(format)) {
        struct slice collection = format->call->method->collection;
        buffer_append_char(&format->buffer, '{');
        json_escape(&format->buffer, collection.len ? collection : SLICE_LIT("results"));
        buffer_append_str(&format->buffer, ":[");
    } else if (format->kind == FORMAT_CSV) {
        if (transcode_request_byte_order_mark(format->call->request))
            buffer_append_str(&format->buffer, CSV_BYTE_ORDER_MARK);
        transcode_csv_header(format->call->method, &format->buffer);
    }
}

void format_done(struct format *format)
{
    buffer_done(&format->buffer);
}

/* Adds "realms":[…] to the object that ends the buffer. */
static void append_realms(struct format *format, uint64_t same)
{
    struct buffer *out = &format->buffer;

    if (out->failed || out->len == 0 || out->ptr[out->len - 1] != '}')
        return;
    out->len--;
    buffer_append_str(out, out->ptr[out->len - 1] == '{' ? "\"realms\":[" : ",\"realms\":[");
    for (uint64_t rest = same; rest; rest &= rest - 1) {
        if (rest != same)
            buffer_append_char(out, ',');
        json_escape(out, format->call->fanout.legs[__builtin_ctzll(rest)].realm);
    }
    buffer_append_str(out, "]}");
}

static size_t end_bytes_max(const struct format *format)
{
    return END_BYTES(format->call->fanout.count + format->call->rest_count);
}

bool format_has_room(const struct format *format, const struct leg *leg)
{
    return format->kind != FORMAT_PAGE || format->items == 0 ||
           format->buffer.len + leg->json.len + ITEM_FRAME_BYTES + end_bytes_max(format) <=
               API_PAGE_BYTES_MAX;
}

bool format_would_flush(const struct format *format, const struct leg *leg)
{
    return format->kind != FORMAT_PAGE &&
           format->buffer.len + leg->json.len + ITEM_FRAME_BYTES >= API_FLUSH_BYTES;
}

static void append_json(struct format *format, struct leg *leg, uint64_t same, struct slice cursor)
{
    struct buffer *out = &format->buffer;

    if (format->kind == FORMAT_NDJSON)
        buffer_append_str(out, "{\"result\":");
    else if (format->kind == FORMAT_EVENTS && cursor.len)
        buffer_printf(out, "id: %.*s\ndata: ", SLICE_ARG(cursor));
    else if (format->kind == FORMAT_EVENTS)
        buffer_append_str(out, "data: ");
    else if (format->items > 0)
        buffer_append_char(out, ',');
    buffer_append_slice(out, buffer_slice(&leg->json));
    if (same)
        append_realms(format, same);
    if (format->kind == FORMAT_NDJSON)
        buffer_append_str(out, "}\n");
    else if (format->kind == FORMAT_EVENTS)
        buffer_append_str(out, "\n\n");
}

enum status format_item(struct format *format, struct leg *leg, uint64_t same, struct slice cursor)
{
    struct buffer *out = &format->buffer;
    size_t before = out->len;

    if (format->kind == FORMAT_CSV)
        out->failed |= transcode_item_csv(leg->item, out) != STATUS_OK;
    else
        append_json(format, leg, same, cursor);
    if (out->failed) { /* half an item is none; those before it stay */
        out->len = before;
        out->failed = false;
        return STATUS_RESOURCE_EXHAUSTED;
    }
    format->items++;
    combine_add(&format->combine, transcode_item_combined(leg->item));
    return STATUS_OK;
}

bool format_is_due(const struct format *format)
{
    return format->kind != FORMAT_PAGE && format->buffer.len >= API_FLUSH_BYTES;
}

bool format_wants_cursor(const struct format *format)
{
    return format->kind == FORMAT_NDJSON && format->items > format->marked_items;
}

void format_add_cursor(struct format *format, struct slice cursor)
{
    struct buffer *out = &format->buffer;

    format->marked_items = format->items;
    if (cursor.len == 0)
        return;
    out->len -= strlen("}\n");
    buffer_printf(out, ",\"cursor\":\"%.*s\"}\n", SLICE_ARG(cursor));
}

enum status format_flush(struct format *format)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), slice_str(media_types[format->kind])},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
        {SLICE_LIT("x-accel-buffering"), SLICE_LIT("no")},
        {SLICE_LIT("vary"), SLICE_LIT("accept")},
        {SLICE_LIT("content-disposition"), SLICE_LIT("attachment")},
    };
    enum status status = STATUS_OK;

    /* Nothing is out while it may yet be refused. */
    bool is_empty = format->items == 0 && !format->ending && is_whole(format);
    if (format->kind == FORMAT_PAGE || format->buffer.len == 0 || is_empty)
        return STATUS_OK;
    if (!format->begun)
        status =
            http_stream_begin(format->call->http, 200, headers, format->kind == FORMAT_CSV ? 5 : 4);
    if (!status && !format->begun && format->kind == FORMAT_EVENTS)
        status = http_stream_write(format->call->http, SLICE_LIT(API_EVENTS_RETRY));
    format->begun = true;
    if (!status)
        status = http_stream_write(format->call->http, buffer_slice(&format->buffer));
    format->flushed_us = clock_monotonic_us();
    if (!status)
        buffer_reset(&format->buffer);
    return status;
}

enum status format_begin(struct format *format)
{
    buffer_append_str(&format->buffer, ":\n\n");
    return format->buffer.failed ? STATUS_RESOURCE_EXHAUSTED : format_flush(format);
}

enum status format_comment(struct format *format)
{
    format->flushed_us = clock_monotonic_us();
    return http_stream_write(format->call->http, SLICE_LIT(":\n\n"));
}

/* Milliseconds with one decimal, as JSON. */
static struct slice elapsed_ms(const struct leg *leg, char text[ELAPSED_BYTES])
{
    int64_t tenths = leg_elapsed_us(leg) / 100;
    int len = snprintf(text, ELAPSED_BYTES, "%" PRId64 ".%d", tenths / 10, (int)(tenths % 10));
    return slice_make(text, (size_t)len);
}

static void write_realm(struct json_writer *json, struct slice realm)
{
    char name[sizeof("realms/") + REALM_BYTES_MAX];
    snprintf(name, sizeof(name), "realms/%.*s", SLICE_ARG(realm));
    json_str(json, name);
}

/* The next word of a row of words; empty at its end. */
static struct slice take_word(struct slice *rest)
{
    const char *space = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;
    struct slice word = slice_make(rest->ptr, space ? (size_t)(space - rest->ptr) : rest->len);

    *rest =
        slice_make(rest->ptr + word.len + (space != NULL), rest->len - word.len - (space != NULL));
    return word;
}

static bool has_word(struct slice words, struct slice word)
{
    while (words.len > 0)
        if (slice_equal(take_word(&words), word))
            return true;
    return false;
}

/* A realm that knows nothing of what was asked has no part in the number; one that was not heard, or refuses to say, has. */
static bool is_missing(const struct api_call *call, const struct leg *leg)
{
    const struct subject *subject = &call->subject;
    enum outcome outcome = leg_outcome(leg);
    bool has_none = outcome == OUTCOME_NOT_FOUND && leg_has_nothing(leg);

    return leg->state != LEG_SKIPPED && outcome != OUTCOME_OK && !has_none &&
           (!subject->other || !subject->known || has_word(subject->realms, leg->realm));
}

/* Whether a realm that was not asked, as the caller is not in it, may have a part in it. It is not named: whom it knows is its own. */
static bool lacks_others(const struct api_call *call)
{
    struct slice rest = call->subject.realms;

    if (!call->subject.other || transcode_request_realm(call->request).len > 0)
        return false;
    if (!call->subject.known)
        return true;
    while (rest.len > 0) {
        struct slice realm = take_word(&rest);
        bool asked = false;
        for (size_t i = 0; i < call->fanout.count; i++)
            asked |= slice_equal(call->fanout.legs[i].realm, realm);
        if (!asked)
            return true;
    }
    return false;
}

/* "score":50,"complete":false,"missing":[…] */
static void write_combined(struct format *format, struct json_writer *json)
{
    const struct transcode_method *method = format->call->method;
    const struct fanout *fanout = &format->call->fanout;
    bool complete = !lacks_others(format->call) && format->call->rest_count == 0;

    json_key_slice(json, method->combined_name);
    json_uint(json, combine_value(&format->combine, method->combined_max));
    for (size_t i = 0; i < fanout->count; i++)
        complete &= !is_missing(format->call, &fanout->legs[i]);
    json_key(json, "complete");
    json_bool(json, complete);
    json_key(json, "missing");
    json_array(json);
    for (size_t i = 0; i < fanout->count; i++)
        if (is_missing(format->call, &fanout->legs[i]))
            write_realm(json, fanout->legs[i].realm);
    for (size_t i = 0; i < format->call->rest_count; i++)
        write_realm(json, format->call->rest[i]);
    json_array_end(json);
}

static void write_outcome(struct json_writer *json, struct slice realm, const char *outcome,
                          uint64_t items, struct slice elapsed)
{
    json_object(json);
    json_key(json, "realm"), json_slice(json, realm);
    json_key(json, "outcome"), json_str(json, outcome);
    json_key(json, "items"), json_uint(json, items);
    json_key(json, "elapsedMs"), json_raw(json, elapsed);
    json_object_end(json);
}

/* "unreachable":[…],"federation":{"instances":[…]} of an object that is open. Of a list of the hub's own, no realm was
 * asked. */
static void write_federation(struct format *format, struct json_writer *json)
{
    const struct fanout *fanout = &format->call->fanout;
    size_t realms = format->call->method->realms == TRANSCODE_HUB ? 0 : fanout->count;

    json_key(json, "unreachable");
    json_array(json);
    for (size_t i = 0; i < realms; i++) {
        if (leg_is_unreachable(&fanout->legs[i]))
            write_realm(json, fanout->legs[i].realm);
    }
    for (size_t i = 0; i < format->call->rest_count; i++)
        write_realm(json, format->call->rest[i]);
    json_array_end(json);
    json_key(json, "federation");
    json_object(json);
    json_key(json, "instances");
    json_array(json);
    for (size_t i = 0; i < realms; i++) {
        const struct leg *leg = &fanout->legs[i];
        char text[ELAPSED_BYTES];
        if (leg->state != LEG_SKIPPED)
            write_outcome(json, leg->realm, outcome_name(leg_outcome(leg)), leg->given,
                          elapsed_ms(leg, text));
    }
    for (size_t i = 0; i < format->call->rest_count; i++)
        write_outcome(json, format->call->rest[i], NOT_ASKED, 0, SLICE_LIT("0"));
    json_array_end(json);
    json_object_end(json);
}

static void write_end(struct format *format, struct slice next, struct buffer *out)
{
    struct json_writer json;

    json_writer_init(&json, out);
    json_object(&json);
    json_key(&json, "nextPageToken");
    json_slice(&json, next.len ? next : slice_make("", 0));
    if (format->call->method->combined)
        write_combined(format, &json);
    write_federation(format, &json);
    json_object_end(&json);
    if (json_writer_finish(&json))
        out->failed = true;
}

/* The members of the object behind its list. */
static enum status end_object(struct format *format, struct slice next)
{
    struct buffer *out = &format->buffer;
    struct buffer end;

    buffer_init(&end, end_bytes_max(format));
    write_end(format, next, &end);
    buffer_append_str(out, "],");
    if (!end.failed) /* the members of the object, without its opening brace */
        buffer_append(out, end.ptr + 1, end.len - 1);
    bool failed = end.failed || out->failed;
    buffer_done(&end);
    return failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status end_page(struct format *format, struct slice next)
{
    const struct http_header_pair headers[] = {
        {SLICE_LIT("content-type"), SLICE_LIT("application/json")},
        {SLICE_LIT("cache-control"), SLICE_LIT("no-store")},
        {SLICE_LIT("vary"), SLICE_LIT("accept")},
    };
    PEK_TRY(end_object(format, next));
    call_add_server_timing(format->call);
    http_reply(format->call->http, 200, headers, 3, buffer_slice(&format->buffer));
    return STATUS_OK;
}

void format_take_ending_time(struct format *format)
{
    struct cancel *cancel = http_cancel(format->call->http);
    int64_t end_us = deadline_after_ms(API_ENDING_MS);

    if (cancel->deadline_us < end_us)
        cancel->deadline_us = end_us;
}

/* A browser asks again behind its last event when a stream has ended: until it hears that there is no more. */
static bool nothing_follows(const struct format *format)
{
    const struct fanout *fanout = &format->call->fanout;

    if (format->kind != FORMAT_EVENTS || format->begun || format->items > 0 ||
        !http_header(format->call->http, "last-event-id", 0).len)
        return false;
    for (size_t i = 0; i < fanout->count; i++) {
        if (leg_is_unreachable(&fanout->legs[i]))
            return false;
    }
    return true;
}

enum status format_end(struct format *format, struct slice next)
{
    struct buffer *out = &format->buffer;

    if (format->kind == FORMAT_PAGE)
        return end_page(format, next);
    if (nothing_follows(format)) {
        http_reply(format->call->http, 204, NULL, 0, slice_make("", 0));
        return STATUS_OK;
    }
    format->ending = true;
    if (format->kind == FORMAT_DOCUMENT) {
        PEK_TRY(end_object(format, next));
    } else if (format->kind != FORMAT_CSV) {
        buffer_append_str(out, format->kind == FORMAT_NDJSON ? "{\"end\":" : "event: end\ndata: ");
        write_end(format, next, out);
        buffer_append_str(out, format->kind == FORMAT_NDJSON ? "}\n" : "\n\n");
    }
    if (out->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    format_take_ending_time(format);
    enum status status = format_flush(format);
    if (!status)
        http_stream_end(format->call->http);
    return status;
}

void format_fail(struct format *format, const struct fault *fault, struct slice cursor)
{
    struct buffer error;
    bool has_nothing = format->items == 0 && !format->leads_on;

    if (!format->begun && (is_object(format) || is_whole(format) || has_nothing)) {
        call_add_server_timing(format->call);
        api_reply_fault(format->call->http, fault, 0);
        return;
    }
    if (is_whole(format)) {
        http_stream_abort(format->call->http);
        return;
    }
    /* Items that were given and did not leave yet go out before it: the cursor is behind them. */
    /* {"error":{…}} becomes {"error":{…},"cursor":"…"}. */
    buffer_init(&error, 8192);
    transcode_error_json(fault, api_http_code(fault), false, &error);
    if (cursor.len && !error.failed && error.len > 0) {
        error.len--;
        buffer_printf(&error, ",\"cursor\":\"%.*s\"}", SLICE_ARG(cursor));
    }
    /* A browser comes back with the id of what it saw last: this one. */
    if (format->kind == FORMAT_EVENTS && cursor.len)
        buffer_printf(&format->buffer, "id: %.*s\n", SLICE_ARG(cursor));
    buffer_printf(&format->buffer,
                  format->kind == FORMAT_NDJSON ? "%.*s\n" : "event: error\ndata: %.*s\n\n",
                  SLICE_ARG(buffer_slice(&error)));
    buffer_done(&error);
    format_take_ending_time(format);
    if (format_flush(format))
        http_stream_abort(format->call->http);
    else
        http_stream_end(format->call->http);
}
