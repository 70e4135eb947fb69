#include "hub/api/any.h"
#include "hub/api/list_stream.h"
#include "shared/base/clock.h"

static bool keeps_waiting(const struct list_stream *stream, size_t source)
{
    return stream->merge.sources[source].state == MERGE_WAITING;
}

/* The legs that keep the merge waiting, a bit each. */
static uint64_t legs_waited_for(const struct list_stream *stream, bool *ret_others,
                                bool *ret_held_up)
{
    uint64_t waiting = 0;

    *ret_others = *ret_held_up = false;
    for (size_t i = 0; i < stream->merge.count; i++) {
        if (keeps_waiting(stream, i))
            waiting |= UINT64_C(1) << stream->sources[i].leg;
        else
            *ret_others |= leg_has_spoken(list_leg(stream, i));
        *ret_held_up |= stream->merge.sources[i].state == MERGE_READY;
    }
    if (stream->first)
        *ret_others = any_else_has_it(stream->call, stream->first);
    return waiting;
}

static void give_up(struct list_stream *stream, size_t source)
{
    leg_fail(list_leg(stream, source), STATUS_DEADLINE_EXCEEDED, "the realm did not go on in time");
}

enum status list_wait(struct list_stream *stream)
{
    struct fanout *fanout = &stream->call->fanout;
    int64_t until_us = fanout->deadline_us, comment_us = DEADLINE_NONE;
    bool others, held_up;

    if (stream->format.kind == FORMAT_EVENTS && stream->format.begun)
        comment_us =
            stream->format.flushed_us + stream->call->api->options.events_comment_ms * 1000;
    if (comment_us < until_us)
        until_us = comment_us;
    uint64_t waiting = legs_waited_for(stream, &others, &held_up);
    enum status status = others ? fanout_wait_for(fanout, waiting, held_up, until_us)
                                : fanout_wait(fanout, until_us);
    int64_t now_us = clock_monotonic_us();
    bool over = now_us >= fanout->deadline_us;
    if (status != STATUS_CANCELLED && now_us >= comment_us && !over)
        return format_comment(&stream->format);
    bool is_object = stream->format.kind == FORMAT_PAGE || stream->format.kind == FORMAT_DOCUMENT;
    if (status == STATUS_CANCELLED || (over && !is_object))
        return status ? status : STATUS_DEADLINE_EXCEEDED;
    if (over && stream->format.kind == FORMAT_DOCUMENT)
        format_take_ending_time(&stream->format);
    fanout_advance(fanout);
    for (size_t i = 0; i < stream->merge.count; i++) {
        struct leg *leg = list_leg(stream, i);
        if (keeps_waiting(stream, i) && !leg_answered(leg) &&
            (over || (others && leg->patience_us <= 0)))
            give_up(stream, i);
    }
    return STATUS_OK;
}
