#include "hub/session/found.h"

#include <stdlib.h>
#include <sys/random.h>

#include "shared/base/clock.h"
#include "shared/base/siphash.h"

struct found {
    uint64_t key[2];
    struct place {
        uint64_t hash;
        int64_t until_us; /* monotonic; 0: nothing */
        uint64_t generation;
    } places[FOUND_MAX];
};

struct found *found_new(void)
{
    struct found *found = calloc(1, sizeof(*found));
    if (found && getrandom(found->key, sizeof(found->key), 0) != (ssize_t)sizeof(found->key))
        return found_free(found);
    return found;
}

struct found *found_free(struct found *found)
{
    free(found);
    return NULL;
}

static uint64_t hash_of(const struct found *found, struct slice kind, struct slice id)
{
    const uint64_t key[2] = {found->key[0], found->key[1] ^ siphash(found->key, kind)};
    return siphash(key, id);
}

void found_put(struct found *found, struct slice kind, struct slice id, uint64_t generation)
{
    uint64_t hash = hash_of(found, kind, id);
    found->places[hash % FOUND_MAX] = (struct place){hash, deadline_after_ms(FOUND_MS), generation};
}

bool found_get(const struct found *found, struct slice kind, struct slice id,
               uint64_t *ret_generation)
{
    if (!found)
        return false;
    uint64_t hash = hash_of(found, kind, id);
    const struct place *place = &found->places[hash % FOUND_MAX];
    if (place->hash != hash || place->until_us < clock_monotonic_us())
        return false;
    *ret_generation = place->generation;
    return true;
}
