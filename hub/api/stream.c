#include "hub/api/call.h"
#include "hub/api/format.h"
#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"

#define TOKEN_ARENA_BYTES_MAX (64u * 1024)

/* A list in the making: the merge over the legs, and where it is. */
struct list_stream {
    struct api_call *call;
    struct format format;
    struct merge merge;
    /* Positions outlive their items: the head of each source and the one before it. */
    struct buffer positions[FANOUT_LEGS_MAX][2];
    uint64_t arrivals[FANOUT_LEGS_MAX]; /* of methods without sort key: the order they came in */
    size_t source_leg[FANOUT_LEGS_MAX]; /* leg of each merge source */
    struct page_question question;
    struct page_position last; /* of the item given last; realm empty before the first */
    bool resumes;              /* `last` came from a token */
    struct arena token_arena;
    size_t size_max; /* 0: everything */
};

/* ---- the question ------------------------------------------------------------------------------ */

static enum status ask_size(struct list_stream *stream, struct fault *fault)
{
    const struct transcode_method *method = stream->call->method;
    int32_t size = transcode_request_page_size(stream->call->request);

    if (size < 0 || size > API_PAGE_SIZE_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_size",
                         "pageSize is 1 to %d; 0 takes the default", API_PAGE_SIZE_MAX);
    if (size == 0 && stream->format.kind == FORMAT_PAGE && method->page_size)
        size = API_PAGE_SIZE_DEFAULT;
    stream->size_max = (size_t)size;
    return STATUS_OK;
}

static enum status hash_question(struct list_stream *stream)
{
    struct api_call *call = stream->call;
    unsigned char fingerprint[TRANSCODE_FINGERPRINT_BYTES];
    struct slice parts[3 + FANOUT_LEGS_MAX];
    size_t count = 0;

    enum status status = transcode_request_fingerprint(call->request, fingerprint);
    if (status)
        return status;
    parts[count++] = call->method->path;
    parts[count++] = slice_make(fingerprint, sizeof(fingerprint));
    parts[count++] = call->session ? call->session->user_id : slice_make("", 0);
    for (size_t i = 0; i < call->fanout.count; i++) {
        const struct leg *leg = &call->fanout.legs[i];
        /* A realm that could not say whether it knows the user does not belong to the set (yet). */
        if (leg->named || (call->session && session_is_member(call->session, leg->instance)))
            parts[count++] = leg->realm;
    }
    stream->question = page_question_of(parts, count);
    return STATUS_OK;
}

static enum status open_token(struct list_stream *stream, struct fault *fault)
{
    struct api_call *call = stream->call;
    struct slice token = transcode_request_page_token(call->request);

    if (stream->format.kind == FORMAT_EVENTS && token.len == 0)
        token = http_header(call->http, "last-event-id", 0);
    if (token.len == 0)
        return STATUS_OK;
    stream->resumes = true;
    const struct api_page_keys *keys = call->api->options.page_keys;
    enum status status = STATUS_INVALID_ARGUMENT;
    for (size_t i = 0; status && i < keys->count; i++)
        status = page_token_open(keys->keys[i], &stream->question, token, call->arena,
                                 &stream->last, fault);
    if (!status) /* what a newer key said of it */
        *fault = (struct fault){0};
    return status;
}

/* Each realm is asked for one item more than wanted, so that it is known whether a next page exists. */
static enum status set_requests(struct list_stream *stream)
{
    struct api_call *call = stream->call;
    struct transcode_request *request = call->request;
    bool same_over_realms = stream->merge.same_over_realms;

    enum status status = transcode_request_set_page_token(request, slice_make("", 0));
    if (!status && stream->size_max)
        status = transcode_request_set_page_size(request, (int32_t)stream->size_max + 1);
    for (size_t i = 0; !status && i < call->fanout.count; i++) {
        struct leg *leg = &call->fanout.legs[i];
        /* Realms that come after the last item's in a tie have not given their own yet. */
        bool inclusive = !same_over_realms && slice_compare(leg->realm, stream->last.realm) > 0;
        if (stream->resumes)
            status = transcode_request_set_after(request, stream->last.sort_key, stream->last.id,
                                                 inclusive);
        if (!status)
            status = transcode_request_bytes(request, &leg->request);
    }
    return status;
}

static struct slice seal_last(struct list_stream *stream)
{
    struct slice token = {"", 0};

    arena_reset(&stream->token_arena);
    if (!stream->call->method->sort_key || !stream->last.realm.len ||
        page_token_seal(stream->call->api->options.page_keys->keys[0], &stream->question,
                        &stream->last, &stream->token_arena, &token))
        return slice_make("", 0);
    return token;
}

/* ---- the merge --------------------------------------------------------------------------------- */

static bool spans_realms(const struct transcode_method *method)
{
    for (size_t i = 0; i < method->identity_count; i++) {
        if (method->identity[i] == method->item_realm)
            return false;
    }
    return method->identity_count > 0;
}

static enum status begin_merge(struct list_stream *stream)
{
    struct api_call *call = stream->call;
    struct slice realms[FANOUT_LEGS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < call->fanout.count; i++) {
        const struct leg *leg = &call->fanout.legs[i];
        bool lost = call->method->realms == TRANSCODE_ANY && call->fanout.count > 1 && !leg->item &&
                    (leg->stopped || leg->fault.status);
        if (leg->state == LEG_SKIPPED || lost)
            continue;
        stream->source_leg[count] = i;
        realms[count++] = leg->realm;
    }
    return merge_init(&stream->merge, realms, count, spans_realms(call->method));
}

/* The position of a leg's head: by sort key and id, or in the order of arrival. */
static enum status set_head(struct list_stream *stream, size_t source, struct leg *leg)
{
    const struct transcode_method *method = stream->call->method;
    struct buffer *buffer = &stream->positions[source][leg->items % 2];
    struct slice id = {"", 0};

    buffer_reset(buffer);
    if (method->sort_key) {
        struct slice key = transcode_item_sort_key(leg->item);
        buffer_append_slice(buffer, key);
        id = transcode_item_identity(leg->item, method->identity_count - 1);
        buffer_append_slice(buffer, id);
    } else {
        uint64_t arrival = __builtin_bswap64(++stream->arrivals[source]);
        buffer_append(buffer, &arrival, sizeof(arrival));
    }
    if (buffer->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    size_t key_len = buffer->len - id.len;
    return merge_set_head(&stream->merge, source, slice_make(buffer->ptr, key_len),
                          slice_make(buffer->ptr + key_len, id.len));
}

/* Brings the merge up to date with the legs. False when a realm failed after it had given items: what follows
 * its last item cannot be given without a gap. */
static bool feed(struct list_stream *stream, struct fault *fault)
{
    for (size_t i = 0; i < stream->merge.count; i++) {
        struct leg *leg = &stream->call->fanout.legs[stream->source_leg[i]];
        if (stream->merge.sources[i].state != MERGE_WAITING)
            continue;
        if (leg->item && set_head(stream, i, leg))
            leg_fail(leg, STATUS_DATA_LOSS, "the realm's list is not in order");
        if (leg->item || leg->state < LEG_DONE)
            continue;
        if (leg->fault.status && leg->given > 0) {
            *fault = leg->fault;
            return false;
        }
        if (stream->merge.sources[i].state == MERGE_WAITING)
            merge_end(&stream->merge, i);
    }
    return true;
}

static enum status give(struct list_stream *stream, size_t source, unsigned same)
{
    struct leg *legs = stream->call->fanout.legs;
    struct merge *merge = &stream->merge;
    struct leg *leg = &legs[stream->source_leg[source]];
    const struct page_position before = stream->last;
    unsigned same_legs = 0;
    struct slice cursor = {"", 0};

    stream->last = (struct page_position){merge->sources[source].sort_key,
                                          merge->sources[source].id, leg->realm};
    if (stream->format.kind == FORMAT_EVENTS)
        cursor = seal_last(stream);
    for (size_t i = 0; merge->same_over_realms && i < merge->count; i++) {
        if (same & 1u << i)
            same_legs |= 1u << stream->source_leg[i];
    }
    size_t items = stream->format.items;
    enum status status = format_item(&stream->format, leg, same_legs, cursor);
    if (stream->format.items == items) { /* not given: a cursor must not be behind it */
        stream->last = before;
        return status;
    }
    for (size_t i = 0; i < merge->count; i++) {
        if (!(same & 1u << i))
            continue;
        merge_took(merge, i);
        leg_took(&legs[stream->source_leg[i]]);
    }
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------- */

/* ANY: the first realm that has it gives the list, the others are not needed. */
static enum status choose_winner(struct api_call *call, struct fault *fault)
{
    struct fanout *fanout = &call->fanout;
    enum status status = STATUS_OK;

    for (;;) {
        size_t ended = 0;
        fanout_advance(fanout);
        for (size_t i = 0; i < fanout->count; i++) {
            struct leg *leg = &fanout->legs[i];
            bool ok = leg->item || (leg->state == LEG_DONE && !leg->fault.status);
            for (size_t j = 0; ok && j < fanout->count; j++) {
                if (j != i)
                    leg_stop(&fanout->legs[j]);
            }
            if (ok)
                return STATUS_OK;
            ended += leg->state >= LEG_DONE;
        }
        if (ended == fanout->count) {
            call_most_useful(call, fault);
            return fault->status;
        }
        status = fanout_wait(fanout, fanout->deadline_us);
        if (status)
            return fault_set(fault, status, NULL, "no realm answered in time");
    }
}

/* Why nothing at all can be given; OK when an empty list is the answer. Every source has answered. */
static enum status refusal(const struct list_stream *stream, struct fault *fault)
{
    struct fault faults[FANOUT_LEGS_MAX];
    const struct merge *merge = &stream->merge;

    for (size_t i = 0; i < merge->count; i++) {
        const struct leg *leg = &stream->call->fanout.legs[stream->source_leg[i]];
        faults[i] = leg->state == LEG_DONE ? leg->fault : (struct fault){0};
    }
    const struct fault *refused = outcome_all_refusal(faults, merge->count);
    if (merge->count == 1 && faults[0].status)
        refused = &faults[0];
    if (!refused)
        return STATUS_OK;
    *fault = *refused;
    return fault->status;
}

static enum status run_merge(struct list_stream *stream, struct fault *fault, bool *ret_more)
{
    struct fanout *fanout = &stream->call->fanout;
    enum status status = STATUS_OK;
    bool begun = false;

    *ret_more = false;
    while (!status) {
        size_t source;
        unsigned same;
        fanout_advance(fanout);
        if (!feed(stream, fault)) {
            /* A page ends here and says so; a stream ends with an error and a cursor. */
            *ret_more = true;
            return stream->format.kind == FORMAT_PAGE ? STATUS_OK : fault->status;
        }
        enum merge_step step = merge_next(&stream->merge, &source, &same);
        if (step != MERGE_WAIT && !begun) {
            begun = true;
            if (refusal(stream, fault))
                return fault->status;
        }
        if (step == MERGE_DONE)
            return STATUS_OK;
        if (step == MERGE_ITEM && stream->size_max && stream->format.items == stream->size_max) {
            *ret_more = true;
            return STATUS_OK;
        }
        if (step == MERGE_ITEM) {
            status = give(stream, source, same);
            continue;
        }
        status = format_flush(&stream->format);
        if (!status)
            status = fanout_wait(fanout, fanout->deadline_us);
    }
    return fault_set(fault, status, NULL, "the list could not be given to its end");
}

static enum status run(struct list_stream *stream, struct fault *fault)
{
    struct api_call *call = stream->call;
    struct fanout *fanout = &call->fanout;
    int64_t straggler_ms = call->api->options.straggler_ms;
    bool any = call->method->realms == TRANSCODE_ANY && fanout->count > 1;
    bool more = false;

    enum status status = ask_size(stream, fault);
    if (status)
        return status;
    if (stream->size_max == 0 && stream->format.kind != FORMAT_PAGE) {
        int64_t timeout_ms = call->api->options.export_timeout_ms;
        fanout->deadline_us = http_started_us(call->http) + timeout_ms * 1000;
        fanout->call_timeout_ms = timeout_ms;
    }
    fanout->hold = true;
    status = fanout_await_all(fanout, false, straggler_ms);
    fanout->hold = false;
    if (!status)
        status = hash_question(stream);
    if (!status)
        status = open_token(stream, fault);
    if (!status)
        status = set_requests(stream);
    if (!status && any)
        status = choose_winner(call, fault);
    if (!status && call->method->realms == TRANSCODE_ALL)
        status = fanout_await_all(fanout, true, straggler_ms);
    if (!status)
        status = begin_merge(stream);
    if (!status)
        status = run_merge(stream, fault, &more);
    if (!status && !any && fanout->count == 0 && call->method->realms != TRANSCODE_ALL)
        status = fault_set(fault, STATUS_NOT_FOUND, NULL, "not found");
    if (!status) {
        for (size_t i = 0; i < fanout->count; i++)
            leg_stop(&fanout->legs[i]);
        status = format_end(&stream->format, more ? seal_last(stream) : slice_make("", 0));
    }
    return status;
}

enum status call_stream(struct api_call *call, struct fault *fault)
{
    struct list_stream *stream = arena_zalloc(call->arena, 1, sizeof(*stream));

    if (!stream) {
        (void)fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        api_reply_fault(call->http, fault, 0);
        return fault->status;
    }
    stream->call = call;
    stream->merge.same_over_realms = spans_realms(call->method);
    arena_init(&stream->token_arena, TOKEN_ARENA_BYTES_MAX);
    for (size_t i = 0; i < FANOUT_LEGS_MAX; i++) {
        buffer_init(&stream->positions[i][0], PAGE_POSITION_BYTES_MAX);
        buffer_init(&stream->positions[i][1], PAGE_POSITION_BYTES_MAX);
    }
    format_init(&stream->format, call, format_of(call->http));
    enum status status = run(stream, fault);
    if (status) {
        if (!fault->status)
            (void)fault_set(fault, status, NULL, "the list could not be made");
        format_fail(&stream->format, fault, seal_last(stream));
    }
    format_done(&stream->format);
    for (size_t i = 0; i < FANOUT_LEGS_MAX; i++) {
        buffer_done(&stream->positions[i][0]);
        buffer_done(&stream->positions[i][1]);
    }
    arena_done(&stream->token_arena);
    return status;
}
