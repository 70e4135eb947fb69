#include "hub/api/any.h"
#include "hub/api/list_stream.h"
#include "shared/base/clock.h"

#define TOKEN_ARENA_BYTES_MAX (64u * 1024)
/* What an item earns its realm of the time that others may be kept waiting. */
#define PATIENCE_ITEM_US 5000

_Static_assert(PAGE_REALMS_MAX == FANOUT_LEGS_MAX && FANOUT_LEGS_MAX == MERGE_SOURCES_MAX,
               "a token names every realm of a list");

/* ---- the question ------------------------------------------------------------------------------ */

static enum status ask_size(struct list_stream *stream, struct fault *fault)
{
    const struct transcode_method *method = stream->call->method;
    int32_t size = transcode_request_page_size(stream->call->request);

    if (size < 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_size", "pageSize is negative");
    if (size > API_PAGE_SIZE_MAX)
        size = API_PAGE_SIZE_MAX;
    if (size == 0 && stream->format.kind == FORMAT_PAGE && method->page_size)
        size = API_PAGE_SIZE_DEFAULT;
    stream->size_max = (size_t)size;
    return STATUS_OK;
}

static struct slice given_token(const struct list_stream *stream)
{
    struct slice token = transcode_request_page_token(stream->call->request);

    return stream->format.kind == FORMAT_EVENTS && token.len == 0
               ? http_header(stream->call->http, "last-event-id", 0)
               : token;
}

/* A fault names what was given. */
static enum status open_token(struct list_stream *stream, struct fault *fault)
{
    struct slice token = given_token(stream);
    bool is_header = token.len > 0 && transcode_request_page_token(stream->call->request).len == 0;
    enum status status = resume_open(stream->call, token, &stream->resume, fault);

    if (status != STATUS_INVALID_ARGUMENT || !is_header)
        return status;
    bool is_old = strcmp(fault->reason, PAGE_TOKEN_VERSION) == 0;
    return fault_set_reason(fault, status, is_old ? PAGE_TOKEN_VERSION : NULL, "last-event-id",
                            is_old ? "Last-Event-ID is of another version of the hub"
                                   : "Last-Event-ID is not valid");
}

/* ---- the merge --------------------------------------------------------------------------------- */

/* One item may come from several realms. */
static bool spans_realms(const struct transcode_method *method)
{
    for (size_t i = 0; i < method->identity_count; i++) {
        if (method->identity[i] == method->item_realm)
            return false;
    }
    return method->realms == TRANSCODE_ALL && method->identity_count > 0;
}

/* One item more than the page has, so that it is known whether a next page exists. */
static size_t wanted(const struct list_stream *stream)
{
    return stream->size_max + 1 - stream->format.items;
}

static enum status begin_merge(struct list_stream *stream)
{
    struct api_call *call = stream->call;
    bool same_over_realms = spans_realms(call->method);
    struct slice *realms = arena_zalloc(call->arena, call->fanout.count + 1, sizeof(*realms));
    size_t count = 0;

    if (!realms)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < call->fanout.count; i++) {
        const struct leg *leg = &call->fanout.legs[i];
        if (leg->state == LEG_SKIPPED || (stream->first && stream->first != leg))
            continue;
        stream->sources[count].leg = i;
        stream->sources[count].asked_to = stream->share;
        stream->sources[count].place = (struct resume_place){0};
        realms[count++] = leg->realm;
    }
    enum status status = merge_init(&stream->merge, call->arena, realms, count, same_over_realms);
    for (size_t i = 0; !status && stream->resume.given && i < count; i++) {
        struct resume_place place =
            resume_place(call, &stream->resume, stream->sources[i].leg, same_over_realms);
        stream->sources[i].place = place;
        merge_resume(&stream->merge, i, place.sort_key, place.id, place.inclusive);
    }
    return status;
}

/* The position of a leg's head: by sort key, if there is one, and id; or in the order of arrival. */
static enum status set_head(struct list_stream *stream, size_t at, struct leg *leg)
{
    const struct transcode_method *method = stream->call->method;
    struct source *source = &stream->sources[at];
    struct buffer *buffer = &source->positions[leg->items % 2];
    struct slice id = {"", 0};

    buffer_reset(buffer);
    if (method->identity_count > 0) {
        buffer_append_slice(buffer, transcode_item_sort_key(leg->item));
        id = transcode_item_identity(leg->item, method->identity_count - 1);
        buffer_append_slice(buffer, id);
    } else {
        uint64_t arrival = __builtin_bswap64(++source->arrivals);
        buffer_append(buffer, &arrival, sizeof(arrival));
    }
    if (buffer->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    size_t key_len = buffer->len - id.len;
    return merge_set_head(&stream->merge, at, slice_make(buffer->ptr, key_len),
                          slice_make(buffer->ptr + key_len, id.len));
}

static void earn(const struct list_stream *stream, struct leg *leg)
{
    int64_t patience_us = call_patience_us(stream->call);

    leg->patience_us += PATIENCE_ITEM_US;
    if (leg->patience_us > patience_us)
        leg->patience_us = patience_us;
    leg->waited_us -= PATIENCE_ITEM_US;
    if (leg->waited_us < 0)
        leg->waited_us = 0;
}

static void take_head(struct list_stream *stream, size_t at, struct leg *leg)
{
    uint32_t items_max = stream->call->method->items_max;

    if (items_max && leg->items > items_max) {
        leg_fail(leg, STATUS_DATA_LOSS, "the realm's list is longer than its method's may be");
        return;
    }
    if (list_gives_too_much(stream, leg)) {
        leg_fail(leg, STATUS_RESOURCE_EXHAUSTED, "the realm's list is longer than lists may be");
        return;
    }
    enum status status = set_head(stream, at, leg);
    if (status) {
        leg_note_row(leg);
        leg_fail(leg, STATUS_DATA_LOSS,
                 status == STATUS_DATA_LOSS ? "the realm's list is not in order"
                                            : "an item's sort key is too long");
        return;
    }
    earn(stream, leg);
}

/* It gave all that it was asked for, and the page needs more of it. */
static bool ask_on(struct list_stream *stream, size_t at, struct leg *leg)
{
    struct source *source = &stream->sources[at];
    const struct merge_source *last = &stream->merge.sources[at];

    if (leg->fault.status || leg->stopped || !source->asked_to || leg->items < source->asked_to)
        return false;
    source->asked_to = leg->items + wanted(stream);
    if (resume_ask_on(stream->call, leg, last->sort_key, last->id, wanted(stream)))
        leg_fail(leg, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    fanout_advance(&stream->call->fanout);
    /* Its answer may be there at once. */
    return leg->item || leg->state < LEG_DONE;
}

/* Brings the merge up to date with the source's leg. A realm that failed is left out of the rest. */
static void feed(struct list_stream *stream, size_t at)
{
    struct leg *leg = list_leg(stream, at);

    if (stream->merge.sources[at].state != MERGE_WAITING)
        return;
    if (leg->item)
        take_head(stream, at, leg);
    if (leg->item || leg->state < LEG_DONE || ask_on(stream, at, leg))
        return;
    if (stream->broke == NO_SOURCE && list_has_broken(stream, at))
        stream->broke = at;
    if (stream->merge.sources[at].state == MERGE_WAITING)
        merge_end(&stream->merge, at);
}

static void feed_all(struct list_stream *stream)
{
    fanout_advance(&stream->call->fanout);
    for (size_t i = 0; i < stream->merge.count; i++)
        feed(stream, i);
}

/* Of those whose heads were taken: what an item costs does not grow with how many others there are. */
static void feed_these(struct list_stream *stream, uint64_t sources)
{
    for (; sources; sources &= sources - 1) {
        size_t i = (size_t)__builtin_ctzll(sources);
        leg_advance(&stream->call->fanout, list_leg(stream, i));
        feed(stream, i);
    }
}

/* Whether whoever reads is logged in still: it costs nothing until something is heard of their session. */
static enum status check_reader(const struct list_stream *stream)
{
    const struct api_call *call = stream->call;
    struct fault fault;

    /* Asked since, it may have been as it was before: then asked_us is no time. */
    if (!call->session ||
        (call->session->confirmed_us != SESSION_NEVER_US && call->session->asked_us >= 0))
        return STATUS_OK;
    return session_check(call->session, http_cancel(call->http), call->arena, &fault);
}

/* Writes out what is ready, to whoever is logged in still. */
static enum status write_out(struct list_stream *stream)
{
    PEK_TRY(check_reader(stream));
    if (format_wants_cursor(&stream->format))
        format_add_cursor(&stream->format, list_seal_stream(stream, 0));
    return format_flush(&stream->format);
}

/* Not an item of before where this part began, as those are that a realm had still to give when it broke. */
static bool is_farther(const struct list_stream *stream, const struct page_position *position)
{
    const struct page_position *last = &stream->resume.last;

    if (stream->moved || !stream->resume.given)
        return true;
    int order = slice_compare(position->sort_key, last->sort_key);
    if (order == 0)
        order = slice_compare(position->id, last->id);
    return order > 0 || (order == 0 && slice_compare(position->realm, last->realm) > 0);
}

static void take(struct list_stream *stream, uint64_t sources)
{
    for (; sources; sources &= sources - 1) {
        size_t i = (size_t)__builtin_ctzll(sources);
        const struct merge_source *head = &stream->merge.sources[i];
        stream->sources[i].place = (struct resume_place){head->sort_key, head->id, false};
        merge_took(&stream->merge, i);
        leg_took(list_leg(stream, i));
    }
}

static enum status give(struct list_stream *stream, size_t source, uint64_t same)
{
    struct merge *merge = &stream->merge;
    struct leg *leg = list_leg(stream, source);
    const struct page_position before = stream->resume.last,
                               here = {merge->sources[source].sort_key, merge->sources[source].id,
                                       leg->realm};
    bool moved = stream->moved;
    uint64_t same_legs = 0;
    struct slice cursor = {"", 0};

    if (is_farther(stream, &here)) {
        stream->resume.last = here;
        stream->moved = true;
    }
    if (stream->format.kind == FORMAT_EVENTS)
        cursor = list_seal_stream(stream, same);
    for (uint64_t rest = merge->same_over_realms ? same : 0; rest; rest &= rest - 1)
        same_legs |= UINT64_C(1) << stream->sources[__builtin_ctzll(rest)].leg;
    size_t items = stream->format.items;
    enum status status = format_item(&stream->format, leg, same_legs, cursor);
    if (stream->format.items == items) { /* not given: a cursor must not be behind it */
        stream->resume.last = before;
        stream->moved = moved;
        return status;
    }
    take(stream, same);
    return format_is_due(&stream->format) ? write_out(stream) : STATUS_OK;
}

/* ---- the whole --------------------------------------------------------------------------------- */

/* Why nothing at all can be given; OK when an empty list is the answer. Every source has answered. */
static enum status refusal(const struct list_stream *stream, struct fault *fault)
{
    static const struct fault none;
    const struct fault *faults[FANOUT_LEGS_MAX + 1];
    struct fault not_asked;
    const struct merge *merge = &stream->merge;
    const struct transcode_method *method = stream->call->method;

    for (size_t i = 0; i < merge->count; i++) {
        const struct leg *leg = list_leg(stream, i);
        faults[i] = leg_has_broken(leg) ? &leg->fault : &none;
    }
    size_t count = merge->count;
    if (call_not_asked(stream->call, &not_asked))
        faults[count++] = &not_asked;
    const struct fault *refused = outcome_all_refusal(faults, count);
    if (count == 1 && faults[0]->status)
        refused = faults[0];
    /* No realm knows the caller, so none has what the list would be of; of the caller's own number that is all. */
    bool is_own = method->combined && !stream->call->subject.other;
    if (merge->count == 0 && !is_own && (method->needs_rights || method->realms != TRANSCODE_ALL))
        return fault_set(fault, STATUS_NOT_FOUND, NULL, "not found");
    if (!refused)
        return STATUS_OK;
    *fault = *refused;
    return fault->status;
}

static bool is_full(const struct list_stream *stream, size_t source)
{
    return (stream->size_max && stream->format.items == stream->size_max) ||
           !format_has_room(&stream->format, list_leg(stream, source));
}

/* The page has what it may have, and it is known that there is more: nobody is asked on for that. */
static bool has_more(const struct list_stream *stream)
{
    return stream->size_max && stream->format.items >= stream->size_max && stream->merge.ready > 0;
}

/* It is this realm's list from here on. */
static void settle(struct list_stream *stream)
{
    struct fanout *fanout = &stream->call->fanout;

    if (!stream->first)
        return;
    any_add_headers(stream->call, stream->first);
    for (size_t i = 0; i < fanout->count; i++) {
        if (&fanout->legs[i] != stream->first)
            leg_stop(&fanout->legs[i]);
    }
    stream->first = NULL;
}

/* Of a list that ends before its end for no fault of a realm's. */
static enum status say_why(const struct list_stream *stream, enum status status,
                           struct fault *fault)
{
    int64_t closing_us = stream->call->api->closing_us;

    if (status == STATUS_UNAUTHENTICATED)
        return fault_set(fault, status, NULL, "the session has ended");
    if (status == STATUS_DEADLINE_EXCEEDED && closing_us && clock_monotonic_us() >= closing_us)
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "this hub is being closed");
    return fault_set(fault, status, NULL, "%s",
                     stream->call->is_live && status == STATUS_DEADLINE_EXCEEDED
                         ? "the stream lasted as long as it may; go on behind its last event"
                         : "the list could not be given to its end");
}

/* To the end of the list, or of the page (`ret_more`). */
static enum status run_merge(struct list_stream *stream, struct fault *fault, bool *ret_more)
{
    enum status status = STATUS_OK;
    uint64_t taken = 0;
    bool begun = false;

    *ret_more = false;
    while (!status) {
        size_t source;
        uint64_t same;
        *ret_more = has_more(stream);
        if (*ret_more)
            return STATUS_OK;
        enum status reader = check_reader(stream); /* who may have held a write up until now */
        if (reader)
            return say_why(stream, reader, fault);
        feed_these(stream, taken);
        taken = 0;
        enum merge_step step = merge_next(&stream->merge, &source, &same);
        if (step == MERGE_WAIT) {
            feed_all(stream);
            step = merge_next(&stream->merge, &source, &same);
        }
        if (step != MERGE_WAIT && !begun) {
            begun = true;
            if (refusal(stream, fault))
                return fault->status;
        }
        if (step == MERGE_DONE)
            return STATUS_OK;
        *ret_more = step == MERGE_ITEM && is_full(stream, source);
        if (*ret_more)
            return STATUS_OK;
        if (step == MERGE_ITEM) {
            if (stream->first && format_would_flush(&stream->format, list_leg(stream, source)))
                settle(stream);
            status = give(stream, source, same);
            taken = same;
            continue;
        }
        if (!stream->first)
            status = write_out(stream);
        if (!status)
            status = list_wait(stream);
    }
    return say_why(stream, status, fault);
}

static enum status await_answers(struct list_stream *stream, struct fault *fault)
{
    struct api_call *call = stream->call;
    int64_t straggler_ms = call->api->options.straggler_ms;

    if (call->method->realms == TRANSCODE_ALL)
        return fanout_await_all(&call->fanout, true, straggler_ms);
    if (call->method->realms != TRANSCODE_ANY || call->fanout.count <= 1)
        return STATUS_OK;
    enum status status = any_await(call, &stream->first, fault);
    if (status)
        any_add_headers(call, NULL);
    return status;
}

/* The list that `first` broke off is forgotten when another realm has it, and nothing is out. */
static bool begins_anew(struct list_stream *stream)
{
    struct leg *first = stream->first, *next;
    struct fault fault;

    if (!first || !leg_has_broken(first) || any_await(stream->call, &next, &fault))
        return false;
    first->given = 0;
    stream->first = next;
    stream->broke = NO_SOURCE;
    stream->resume.last = (struct page_position){0};
    stream->moved = false;
    format_restart(&stream->format);
    return true;
}

/* Of one realm after the other where any may have it; else once. */
static enum status give_list(struct list_stream *stream, struct fault *fault, bool *ret_more)
{
    enum status status;

    do {
        *fault = (struct fault){0};
        status = begin_merge(stream);
        if (!status)
            status = run_merge(stream, fault, ret_more);
        if (!status && *ret_more && stream->first && stream->call->method->identity_count == 0)
            leg_fail(stream->first, STATUS_RESOURCE_EXHAUSTED, "the list does not fit into a page");
    } while (begins_anew(stream));
    return status;
}

/* All legs but those that failed have said that they have no more; or the page is full. */
static enum status end(struct list_stream *stream, bool more, struct fault *fault)
{
    struct fanout *fanout = &stream->call->fanout;
    struct slice next = {"", 0};

    if (!more && stream->broke != NO_SOURCE) {
        /* A stream that misses what came behind its realm's last item does not look whole. */
        const struct leg *leg = list_leg(stream, stream->broke);
        stream->format.leads_on = true; /* others have answered, and be it that they have no more */
        if (stream->format.kind != FORMAT_PAGE && stream->format.kind != FORMAT_DOCUMENT)
            return fault_set_reason(fault, leg->fault.status, leg->fault.reason, NULL,
                                    "realm %.*s broke off: %s", SLICE_ARG(leg->realm),
                                    leg->fault.text);
        /* Of one realm alone: nobody else is kept from going on. */
        if (stream->merge.count == 1)
            next = list_seal_broken(stream);
    }
    if (more)
        next = list_seal_page(stream);
    if (more && next.len == 0)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL,
                         "the list does not fit into one page; ask for application/x-ndjson");
    for (size_t i = 0; i < fanout->count; i++)
        leg_stop(&fanout->legs[i]);
    return format_end(&stream->format, next);
}

static enum status make_sources(struct list_stream *stream)
{
    size_t count = stream->call->fanout.count;

    stream->sources = arena_zalloc(stream->call->arena, count + 1, sizeof(*stream->sources));
    if (!stream->sources)
        return STATUS_RESOURCE_EXHAUSTED;
    for (; stream->source_count < count; stream->source_count++) {
        struct source *source = &stream->sources[stream->source_count];
        buffer_init(&source->positions[0], PAGE_POSITION_BYTES_MAX);
        buffer_init(&source->positions[1], PAGE_POSITION_BYTES_MAX);
    }
    return STATUS_OK;
}

static enum status run(struct list_stream *stream, struct fault *fault)
{
    struct api_call *call = stream->call;
    struct fanout *fanout = &call->fanout;
    bool more = false;

    enum status status = ask_size(stream, fault);
    if (!status)
        status = open_token(stream, fault);
    if (!status)
        status = resume_add_legs(call, &stream->resume, fault);
    if (!status)
        status = make_sources(stream);
    if (status)
        return status;
    fanout->hold = true;
    status = fanout_await_all(fanout, false, call->api->options.straggler_ms);
    fanout->hold = false;
    stream->share =
        stream->size_max ? resume_share(call, wanted(stream), spans_realms(call->method)) : 0;
    size_t size = stream->share ? stream->share : stream->size_max ? wanted(stream) : 0;
    if (!status)
        status = resume_set_requests(call, &stream->resume, size, spans_realms(call->method));
    if (!status)
        status = await_answers(stream, fault);
    /* Who waits for what is to come is told that they do. */
    if (!status && call->is_live)
        status = format_begin(&stream->format);
    if (!status)
        status = give_list(stream, fault, &more);
    settle(stream);
    return status ? status : end(stream, more, fault);
}

/* It hears of the session's end and of the hub's. */
static void begin_following(struct list_stream *stream)
{
    struct api_call *call = stream->call;

    list_append(&call->api->streams, &call->in_streams);
    if (call->session)
        session_follow(call->session, &stream->interest, &call->fanout.event);
}

static void end_following(struct list_stream *stream)
{
    struct api_call *call = stream->call;

    list_remove(&call->in_streams);
    if (call->session)
        session_unfollow(&stream->interest);
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
    stream->broke = NO_SOURCE;
    arena_init(&stream->token_arena, TOKEN_ARENA_BYTES_MAX);
    format_init(&stream->format, call, format_of(call));
    begin_following(stream);
    enum status status = run(stream, fault);
    if (status) {
        bool rest_is_given = merge_is_done(&stream->merge) && stream->broke != NO_SOURCE;
        if (!fault->status)
            (void)fault_set(fault, status, NULL, "the list could not be made");
        /* After any other answer than 200 a browser's EventSource would not come back for the rest. */
        if (rest_is_given && stream->format.kind == FORMAT_EVENTS &&
            outcome_unreachable(outcome_of(fault->status)))
            stream->format.leads_on = true;
        format_fail(&stream->format, fault,
                    rest_is_given ? list_seal_broken(stream) : list_seal_stream(stream, 0));
    }
    end_following(stream);
    format_done(&stream->format);
    for (size_t i = 0; i < stream->source_count; i++) {
        buffer_done(&stream->sources[i].positions[0]);
        buffer_done(&stream->sources[i].positions[1]);
    }
    arena_done(&stream->token_arena);
    /* One that goes on ends this way; nothing has failed. */
    if (call->is_live && status == STATUS_DEADLINE_EXCEEDED) {
        *fault = (struct fault){0};
        return STATUS_OK;
    }
    return status;
}
