/* list_stream: a list in the making, and where it would go on. Internal to hub/api: stream.c makes it, list_wait.c waits. */
#ifndef PEK_HUB_API_LIST_STREAM_H
#define PEK_HUB_API_LIST_STREAM_H

#include "hub/api/format.h"
#include "hub/api/resume.h"
#include "hub/federation/merge.h"

#define NO_SOURCE SIZE_MAX

/* A list in the making: the merge over the legs, and where it is. */
struct list_stream {
    struct api_call *call;
    struct format format;
    struct merge merge;
    struct resume resume;
    struct source {
        size_t leg;
        /* Positions outlive their items: the head and the one before it. */
        struct buffer positions[2];
        /* Where its realm goes on: behind the last item that it gave, or as the token had it. */
        struct resume_place place;
        uint64_t arrivals; /* of methods without an order: that in which they came */
        uint64_t asked_to; /* so many items it was asked for in all, more than which it may have */
    } * sources;           /* as many as there are legs */
    size_t source_count;
    size_t share; /* each realm is asked for first; 0: for everything, or all that a page needs */
    struct leg *first; /* of ANY realm, while others might take its place; see any.h */
    size_t broke; /* the source that broke first of those that had given something, or NO_SOURCE */
    bool
        moved; /* it is farther on than where it began, so nobody has anything before `resume.last` but who broke */
    struct session_interest interest;
    struct arena token_arena;
    size_t size_max; /* 0: everything */
};

static inline struct leg *list_leg(const struct list_stream *stream, size_t source)
{
    return &stream->call->fanout.legs[stream->sources[source].leg];
}

/* Until a leg may go on. A realm that keeps others waiting does so at the cost of its patience, which its items
 * earn; without any left it is given up. */
PEK_MUST_CHECK enum status list_wait(struct list_stream *stream);
/* More items than a realm may give to one list. */
bool list_gives_too_much(const struct list_stream *stream, const struct leg *leg);
/* It broke in the middle: it has given something, or was to go on. Not who broke before, or left the federation. */
bool list_has_broken(const struct list_stream *stream, size_t source);
/* The list goes on behind the last item, and without the realms that have nothing of it; `same`: of these sources (a bit each) it is the
 * head, which was not taken yet. A page goes on without those that broke, a stream in them too, each where it did. Empty when it
 * cannot go on. */
struct slice list_seal_page(struct list_stream *stream);
struct slice list_seal_stream(struct list_stream *stream, uint64_t same);
/* Everything else was given: goes on in the realms that broke, each where it did, and in no other; where a token has no room for
 * that, in the first of them. Empty when it may not go on. */
struct slice list_seal_broken(struct list_stream *stream);

#endif
