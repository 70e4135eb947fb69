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

bool list_gives_too_much(const struct list_stream *stream, const struct leg *leg)
{
    return leg->given_before + leg->items > stream->call->api->options.realm_items_max;
}

bool list_has_broken(const struct list_stream *stream, size_t source)
{
    const struct leg *leg = list_leg(stream, source);
    bool is_in = stream->resume.given && leg->channel;

    return (leg->given > 0 || is_in) && leg_has_broken(leg) && !leg_has_nothing(leg);
}

/* What a token is to say. */
struct seal {
    uint64_t same; /* of these sources it is the head that is being given */
    bool
        at_began; /* its position is where this part began, and who gave something since is apart */
    bool keeps;   /* who broke goes on where it did */
    bool only_first; /* of those */
};

static bool gives(const struct seal *seal, size_t source)
{
    return seal->same & UINT64_C(1) << source;
}

/* Who broke, and a token can say where. */
static bool goes_on(const struct list_stream *stream, const struct seal *seal, size_t source)
{
    return seal->keeps && list_has_broken(stream, source) &&
           !list_gives_too_much(stream, list_leg(stream, source)) &&
           (!seal->only_first || source == stream->broke);
}

/* Its place stands beside its name, since it does not follow from the token's position. */
static bool is_apart(const struct list_stream *stream, const struct seal *seal, size_t source)
{
    const struct leg *leg = list_leg(stream, source);
    bool gave = leg->given > 0 || gives(seal, source);
    bool was = resume_is_apart(stream->call, &stream->resume, stream->sources[source].leg);

    return seal->at_began ? was || gave : leg_has_broken(leg) || (was && !gave);
}

static struct page_realm realm_of(const struct list_stream *stream, const struct seal *seal,
                                  size_t source)
{
    const struct merge_source *head = &stream->merge.sources[source];
    const struct resume_place *place = &stream->sources[source].place;
    bool given = gives(seal, source);
    struct page_realm realm = resume_realm(stream->call, stream->sources[source].leg, given);

    realm.out = leg_has_broken(list_leg(stream, source)) && !goes_on(stream, seal, source);
    realm.apart = !realm.out && is_apart(stream, seal, source);
    if (realm.apart) {
        realm.sort_key = given ? head->sort_key : place->sort_key;
        realm.id = given ? head->id : place->id;
    }
    return realm;
}

/* Whose place is one that only the position where this part began can say: it may have an item at it. */
static bool needs_began(const struct list_stream *stream, const struct seal *seal)
{
    for (size_t i = 0; i < stream->merge.count; i++)
        if (goes_on(stream, seal, i) && stream->sources[i].place.inclusive)
            return true;
    return false;
}

static struct slice seal_all(struct list_stream *stream, struct seal seal)
{
    struct page_realms realms;

    if (begin_token(stream, &realms))
        return slice_make("", 0);
    seal.at_began = !stream->moved || needs_began(stream, &seal);
    for (size_t i = 0; i < stream->merge.count; i++)
        if (!leg_has_nothing(list_leg(stream, i)))
            realms.realms[realms.count++] = realm_of(stream, &seal, i);
    return resume_seal(stream->call, &stream->resume,
                       seal.at_began ? &stream->resume.began : &stream->resume.last, &realms,
                       &stream->token_arena);
}

struct slice list_seal_page(struct list_stream *stream)
{
    return seal_all(stream, (struct seal){0});
}

struct slice list_seal_stream(struct list_stream *stream, uint64_t same)
{
    struct slice token = seal_all(stream, (struct seal){.same = same, .keeps = true});

    /* Many places may not fit. */
    return token.len > 0 ? token : seal_all(stream, (struct seal){.same = same});
}

static struct slice seal_broken(struct list_stream *stream, struct seal seal)
{
    const struct resume_place *place = &stream->sources[stream->broke].place;
    struct page_position position = {place->sort_key, place->id,
                                     list_leg(stream, stream->broke)->realm};
    struct page_realms realms;

    if (begin_token(stream, &realms))
        return slice_make("", 0);
    seal.at_began = needs_began(stream, &seal);
    if (seal.at_began)
        position = stream->resume.began;
    realms.not_asked = slice_make("", 0);
    for (size_t i = 0; i < stream->merge.count; i++) {
        if (!leg_has_broken(list_leg(stream, i)) || leg_has_nothing(list_leg(stream, i)))
            continue;
        struct page_realm realm = realm_of(stream, &seal, i);
        /* Alone, its place is the position. */
        realm.apart &= seal.at_began || !seal.only_first;
        realms.realms[realms.count++] = realm;
    }
    return resume_seal(stream->call, &stream->resume, &position, &realms, &stream->token_arena);
}

struct slice list_seal_broken(struct list_stream *stream)
{
    const struct seal all = {.keeps = true}, first = {.keeps = true, .only_first = true};
    bool others = false;

    if (list_gives_too_much(stream, list_leg(stream, stream->broke)))
        return slice_make("", 0);
    for (size_t i = 0; i < stream->merge.count; i++)
        others |= i != stream->broke && goes_on(stream, &all, i);
    struct slice token = seal_broken(stream, others ? all : first);
    return token.len > 0 || !others ? token : seal_broken(stream, first);
}
