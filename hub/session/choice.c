#include "hub/session/choice.h"

#define WORDS ((REGISTRY_INSTANCES_MAX + 63) / 64)

/* A bit for each instance of the registry, in the order of names. */
struct places {
    uint64_t words[WORDS];
};

static void places_add(struct places *places, size_t place)
{
    places->words[place / 64] |= UINT64_C(1) << place % 64;
}

static bool places_has(const struct places *places, size_t place)
{
    return places->words[place / 64] >> place % 64 & 1;
}

/* The first at `from` or behind it; SIZE_MAX: none. */
static size_t places_next(const struct places *places, size_t from)
{
    for (size_t word = from / 64; word < WORDS; word++) {
        uint64_t rest = places->words[word];
        if (word == from / 64)
            rest &= UINT64_MAX << from % 64;
        if (rest)
            return word * 64 + (size_t)__builtin_ctzll(rest);
    }
    return SIZE_MAX;
}

struct choosing {
    struct session *session;
    const struct registry *registry;
    const struct choice_limits *limits;
    struct places members, others; /* of those that there is a credential for */
    struct places chosen, rest;
    size_t count, name_bytes, rest_count;
};

static void sort_credentials(struct choosing *choosing)
{
    struct session *session = choosing->session;

    for (size_t i = 0; i < session->credential_count; i++) {
        const struct instance *instance = choosing->registry->slots[session->credentials[i]->slot];
        if (!instance || instance->mode == INSTANCE_REMOVED ||
            instance->generation != session->credentials[i]->generation)
            continue;
        places_add(session_credential(session, instance)->member ? &choosing->members
                                                                 : &choosing->others,
                   instance->place);
    }
}

/* False when there is no room. */
static bool take(struct choosing *choosing, size_t place)
{
    size_t name_bytes = strlen(choosing->registry->instances[place]->realm);

    if (choosing->count == choosing->limits->realms ||
        choosing->name_bytes + name_bytes > choosing->limits->name_bytes)
        return false;
    choosing->count++;
    choosing->name_bytes += name_bytes;
    places_add(&choosing->chosen, place);
    return true;
}

static void leave(struct choosing *choosing, size_t place)
{
    places_add(&choosing->rest, place);
    choosing->rest_count++;
}

/* From the first that has no room on they are the rest, also a shorter name: so a page token says them by one name. */
static void take_members(struct choosing *choosing)
{
    bool room = true;

    for (size_t at = places_next(&choosing->members, 0); at != SIZE_MAX;
         at = places_next(&choosing->members, at + 1)) {
        room = room && take(choosing, at);
        if (!room)
            leave(choosing, at);
    }
}

static bool is_asked(const struct choosing *choosing, size_t place)
{
    return session_credential(choosing->session, choosing->registry->instances[place])->asked;
}

/* Those that are to be asked anew. */
static void take_others(struct choosing *choosing)
{
    for (size_t at = places_next(&choosing->others, 0); at != SIZE_MAX;
         at = places_next(&choosing->others, at + 1)) {
        if (choosing->limits->all || !is_asked(choosing, at))
            (void)take(choosing, at);
    }
}

/* The first by name. One that has said that it does not know the user keeps its place, or all would be asked in the end. */
static void take_first(struct choosing *choosing)
{
    size_t room = choosing->limits->realms - choosing->count;

    if (choosing->rest_count > 0)
        room = 0;
    for (size_t at = 0; at < choosing->registry->count && room > 0; at++) {
        if (places_has(&choosing->members, at) || places_has(&choosing->chosen, at))
            continue;
        room--;
        if (!places_has(&choosing->others, at))
            (void)take(choosing, at);
    }
}

static void leave_all(struct choosing *choosing)
{
    for (size_t at = 0; at < choosing->registry->count; at++)
        if (!places_has(&choosing->chosen, at) && !places_has(&choosing->rest, at))
            leave(choosing, at);
}

static enum status list(const struct choosing *choosing, const struct places *places, size_t count,
                        struct arena *arena, struct instance ***ret_instances)
{
    struct instance **instances = arena_alloc(arena, (count + 1) * sizeof(struct instance *));

    if (!instances)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_instances = instances;
    for (size_t at = places_next(places, 0); at != SIZE_MAX; at = places_next(places, at + 1))
        *instances++ = choosing->registry->instances[at];
    return STATUS_OK;
}

enum status session_choose(struct session *session, const struct choice_limits *limits,
                           struct arena *arena, struct choice *ret_choice)
{
    struct choosing choosing = {
        .session = session,
        .registry = session->cache->options.registry,
        .limits = limits,
    };
    struct choice choice = {0};

    sort_credentials(&choosing);
    take_members(&choosing);
    take_others(&choosing);
    take_first(&choosing);
    if (limits->all)
        leave_all(&choosing);
    choice.count = choosing.count;
    choice.rest_count = choosing.rest_count;
    PEK_TRY(list(&choosing, &choosing.chosen, choice.count, arena, &choice.realms));
    PEK_TRY(list(&choosing, &choosing.rest, choice.rest_count, arena, &choice.rest));
    *ret_choice = choice;
    return STATUS_OK;
}

enum status session_members_from(struct session *session, struct slice first, struct arena *arena,
                                 struct slice **ret_names, size_t *ret_count)
{
    struct choosing choosing = {.session = session, .registry = session->cache->options.registry};
    size_t count = 0;

    sort_credentials(&choosing);
    struct slice *names = arena_zalloc(arena, session->credential_count + 1, sizeof(struct slice));
    for (size_t at = places_next(&choosing.members, 0); names && at != SIZE_MAX;
         at = places_next(&choosing.members, at + 1)) {
        struct slice realm = slice_str(choosing.registry->instances[at]->realm);
        if (slice_compare(realm, first) >= 0)
            names[count++] = arena_copy(arena, realm);
    }
    if (arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret_names = names;
    *ret_count = count;
    return STATUS_OK;
}
