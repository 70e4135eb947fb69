#include "hub/api/list_stream.h"

/* For all realms of the list, of which there are none yet. */
static enum status begin_token(struct list_stream *stream, struct page_realms *ret_realms)
{
    arena_reset(&stream->token_arena);
    *ret_realms = (struct page_realms){
        .realms =
            arena_zalloc(&stream->token_arena, stream->merge.count + 1, sizeof(struct page_realm)),
        .not_asked = stream->call->rest_count ? stream->call->rest[0] : slice_make("", 0),
    };
    return ret_realms->realms ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

struct slice list_seal_last(struct list_stream *stream, uint64_t same)
{
    struct page_realms realms;

    if (begin_token(stream, &realms))
        return slice_make("", 0);
    for (size_t i = 0; i < stream->merge.count; i++) {
        const struct leg *leg = list_leg(stream, i);
        if (!leg_has_nothing(leg))
            realms.realms[realms.count++] =
                resume_realm(stream->call, &stream->resume, stream->sources[i].leg,
                             leg_has_broken(leg), same & UINT64_C(1) << i);
    }
    return resume_seal(stream->call, &stream->resume, &stream->resume.last, &realms,
                       &stream->token_arena);
}

bool list_gives_too_much(const struct list_stream *stream, const struct leg *leg)
{
    return leg->given_before + leg->items > stream->call->api->options.realm_items_max;
}

/* Behind the last item that it gave, or where it was to go on. One that had to begin has no such place. */
static bool has_place(const struct list_stream *stream, size_t at)
{
    const struct merge_source *source = &stream->merge.sources[at];

    return !resume_is_out(stream->call, &stream->resume, stream->sources[at].leg) &&
           !source->inclusive && (source->sort_key.len > 0 || source->id.len > 0) &&
           !list_gives_too_much(stream, list_leg(stream, at));
}

static struct page_realm broken_realm(const struct list_stream *stream, size_t at, bool apart)
{
    const struct merge_source *source = &stream->merge.sources[at];
    bool out = at != stream->broke && !(apart && has_place(stream, at));
    struct page_realm realm =
        resume_realm(stream->call, &stream->resume, stream->sources[at].leg, out, false);

    realm.apart = apart && !out; /* also the one that broke: others may go on from before it */
    realm.sort_key = realm.apart ? source->sort_key : slice_make("", 0);
    realm.id = realm.apart ? source->id : slice_make("", 0);
    return realm;
}

static struct slice seal_broken(struct list_stream *stream, bool apart)
{
    const struct merge_source *source = &stream->merge.sources[stream->broke];
    const struct page_position position = {source->sort_key, source->id, source->realm};
    struct page_realms realms;

    if (begin_token(stream, &realms))
        return slice_make("", 0);
    realms.not_asked = slice_make("", 0);
    for (size_t i = 0; i < stream->merge.count; i++) {
        if (leg_has_broken(list_leg(stream, i)))
            realms.realms[realms.count++] = broken_realm(stream, i, apart);
    }
    return resume_seal(stream->call, &stream->resume, &position, &realms, &stream->token_arena);
}

struct slice list_seal_broken(struct list_stream *stream)
{
    if (list_gives_too_much(stream, list_leg(stream, stream->broke)))
        return slice_make("", 0);
    bool others = false;
    for (size_t i = 0; i < stream->merge.count; i++)
        others |= i != stream->broke && leg_has_broken(list_leg(stream, i)) && has_place(stream, i);
    struct slice token = seal_broken(stream, others);
    return token.len > 0 || !others ? token : seal_broken(stream, false);
}
