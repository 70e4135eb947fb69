#include "hub/session/permission.h"

#include <stdlib.h>

#include "hub/session/credential.h"
#include "shared/base/clock.h"
#include "shared/base/siphash.h"

struct permission_entry {
    char user[JWT_SUB_BYTES_MAX + 1]; /* "" in one that is free */
    bool allowed;
    uint32_t user_changes;
    int64_t until_us;
};

struct permissions {
    size_t next; /* the one that is overwritten */
    struct permission_entry entries[PERMISSIONS_MAX];
};

/* Who falls together is forgotten together: it costs a question, and no answer is another's. */
static size_t bucket_of(struct slice user)
{
    static const uint64_t seed[2];
    return siphash(seed, user) % INSTANCE_USER_BUCKETS;
}

void permission_user_changed(struct instance *instance, struct slice user)
{
    instance->user_changes[bucket_of(user)]++;
}

static struct permission_entry *find(struct permissions *permissions, struct slice user)
{
    for (size_t i = 0; i < PERMISSIONS_MAX; i++)
        if (slice_equal_str(user, permissions->entries[i].user))
            return &permissions->entries[i];
    return NULL;
}

enum permission permission_get(struct session *session, const struct instance *instance,
                               struct slice user)
{
    const struct credential *credential = session_credential(session, instance);
    const struct permission_entry *entry =
        credential->permissions && user.len > 0 ? find(credential->permissions, user) : NULL;

    if (!entry || !instance->watched || clock_monotonic_us() >= entry->until_us ||
        entry->user_changes != instance->user_changes[bucket_of(user)])
        return PERMISSION_UNKNOWN;
    return entry->allowed ? PERMISSION_GRANTED : PERMISSION_DENIED;
}

struct permission_ticket permission_ask(struct session *session, const struct instance *instance,
                                        struct slice user)
{
    const struct credential *credential = credential_make(session, instance);

    return (struct permission_ticket){
        .drops = credential ? credential->drops : 0,
        .user_changes = instance->user_changes[bucket_of(user)],
        .taken = credential && instance->watched,
    };
}

void permission_put(struct session *session, const struct instance *instance, struct slice user,
                    const struct permission_ticket *ticket, bool allowed)
{
    struct credential *credential = credential_make(session, instance);

    if (!credential || !ticket->taken || !instance->watched || user.len == 0 ||
        user.len > JWT_SUB_BYTES_MAX || credential->drops != ticket->drops ||
        instance->user_changes[bucket_of(user)] != ticket->user_changes)
        return;
    if (!credential->permissions)
        credential->permissions = calloc(1, sizeof(*credential->permissions));
    struct permissions *permissions = credential->permissions;
    if (!permissions)
        return;
    struct permission_entry *entry = find(permissions, user);
    if (!entry) {
        entry = &permissions->entries[permissions->next];
        permissions->next = (permissions->next + 1) % PERMISSIONS_MAX;
    }
    *entry = (struct permission_entry){.allowed = allowed,
                                       .user_changes = ticket->user_changes,
                                       .until_us = deadline_after_ms(PERMISSION_AGE_MAX_MS)};
    memcpy(entry->user, user.ptr, user.len);
}
