/* Replaces hub/session/session_store.c and announce.c: the hub's database, which has every user and nobody's end. */
#include "hub/session/session_store.h"

#include <stdio.h>

#include "hub/session/session.h"
#include "shared/base/clock.h"
#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"
#include "tests/simulation/world.h"

static struct world *world_of(struct pg *pg)
{
    return (struct world *)(void *)pg;
}

static enum status answer(struct world *world, struct cancel *cancel)
{
    struct fiber_event never = {0};
    struct cancel waits;

    if (!world->calm && random_chance(&world->random, 30)) {
        cancel_init(&waits, deadline_after_ms(random_between(&world->random, 0, 3)));
        (void)!fiber_event_wait_cancel(&never, &waits);
    }
    if (cancel_status(cancel))
        return cancel_status(cancel);
    if (world->healed || !random_chance(&world->random, world->faults_percent))
        return STATUS_OK;
    world->store_failed_us = clock_monotonic_us();
    return STATUS_UNAVAILABLE;
}

/* Each user has one session. */
static struct user *user_of(struct world *world, struct slice id)
{
    for (size_t i = 0; i < world->user_count; i++)
        if (slice_equal_str(id, world->users[i].session))
            return &world->users[i];
    return NULL;
}

enum status session_store_load(struct pg *pg, struct cancel *cancel, struct slice id,
                               int64_t idle_s, struct arena *arena, struct session_row *ret_row)
{
    struct world *world = world_of(pg);
    struct user *user = user_of(world, id);

    (void)idle_s;
    PEK_TRY(answer(world, cancel));
    if (!user)
        return STATUS_NOT_FOUND;
    *ret_row = (struct session_row){
        .user_id = slice_str(user->id),
        .username = slice_str(user->id),
        .name = slice_str(user->id),
        .expires_s = clock_wall_s() + SESSION_LIFETIME_S,
        .last_seen_s = clock_wall_s(),
        .realms = arena_zalloc(arena, world->realm_count + 1, sizeof(struct slice)),
    };
    if (!ret_row->realms)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < world->realm_count; i++)
        if (user->stored >> i & 1)
            ret_row->realms[ret_row->realm_count++] = slice_str(world->realms[i].name);
    return STATUS_OK;
}

enum status session_store_insert(struct pg *pg, struct cancel *cancel, struct slice id,
                                 struct slice user, struct slice user_agent, int64_t lifetime_s,
                                 int64_t running_max)
{
    struct world *world = world_of(pg);

    (void)cancel;
    (void)user_agent;
    (void)lifetime_s;
    (void)running_max;
    for (size_t i = 0; i < world->user_count; i++)
        if (slice_equal_str(user, world->users[i].id))
            snprintf(world->users[i].session, sizeof(world->users[i].session), "%.*s",
                     SLICE_ARG(id));
    return STATUS_OK;
}

enum status session_store_note_realm(struct pg *pg, struct cancel *cancel, struct slice user,
                                     const char *realm, bool member)
{
    struct world *world = world_of(pg);

    PEK_TRY(answer(world, cancel));
    for (size_t i = 0; i < world->user_count; i++) {
        for (size_t j = 0; j < world->realm_count; j++) {
            uint64_t bit = UINT64_C(1) << j;
            if (slice_equal_str(user, world->users[i].id) &&
                strcmp(world->realms[j].name, realm) == 0)
                world->users[i].stored = (world->users[i].stored & ~bit) | (member ? bit : 0);
        }
    }
    return STATUS_OK;
}

/* ---- what nobody asks for here -------------------------------------------------------------------- */

const struct row_type session_store_summary;

enum status session_store_touch(struct pg *pg, struct cancel *cancel, struct slice id)
{
    (void)id;
    return answer(world_of(pg), cancel);
}

enum status session_store_revoke(struct pg *pg, struct cancel *cancel, struct slice id)
{
    (void)id;
    return answer(world_of(pg), cancel);
}

enum status session_store_is_admin(struct pg *pg, struct cancel *cancel, struct slice user,
                                   bool *ret_admin)
{
    (void)user;
    *ret_admin = false;
    return answer(world_of(pg), cancel);
}

enum status session_store_revoke_handle(struct pg *pg, struct cancel *cancel, struct slice user,
                                        struct slice handle)
{
    (void)user;
    (void)handle;
    return answer(world_of(pg), cancel);
}

enum status session_store_revoke_all(struct pg *pg, struct cancel *cancel, struct slice user,
                                     struct slice except, struct arena *arena,
                                     struct slice **ret_handles, size_t *ret_count)
{
    (void)user;
    (void)except;
    (void)arena;
    *ret_handles = NULL;
    *ret_count = 0;
    return answer(world_of(pg), cancel);
}

enum status session_store_list(const struct read_batch *batch, const void *arg,
                               struct pg_result **ret_rows)
{
    (void)batch;
    (void)arg;
    (void)ret_rows;
    return STATUS_UNIMPLEMENTED;
}

enum status session_store_purge(struct pg *pg, struct cancel *cancel, int64_t rows_max,
                                size_t *ret_count)
{
    (void)rows_max;
    *ret_count = 0;
    return answer(world_of(pg), cancel);
}

/* Where shared/service has statements of its own. */
enum status __wrap_change_forget_keys(const struct service *service, struct cancel *cancel);
enum status __wrap_change_forget_keys(const struct service *service, struct cancel *cancel)
{
    return answer(world_of(service->pg), cancel);
}

/* ---- the names of hub/session/announce.h: all is heard at once --------------------------------------- */

struct session_handle session_handle_of(struct slice id)
{
    struct sha256 digest = sha256(id);
    struct session_handle handle;

    hex_encode(slice_make(digest.bytes, SESSION_HANDLE_CHARS / 2), handle.text);
    return handle;
}

enum status announcer_open(struct announcer *announcer, struct pg *pg,
                           const struct redis_options *redis, const char *issuer, int64_t mark_s,
                           const struct announce_events *events, struct fault *fault)
{
    (void)pg;
    (void)redis;
    (void)issuer;
    (void)fault;
    *announcer = (struct announcer){.events = *events, .mark_s = mark_s, .listening = true};
    return STATUS_OK;
}

void announcer_close(struct announcer *announcer)
{
    (void)announcer;
}

void announce_session_ended(struct announcer *announcer, struct slice handle)
{
    (void)announcer;
    (void)handle;
}

bool announcer_knows_ended(struct announcer *announcer, struct slice handle)
{
    (void)announcer;
    (void)handle;
    return false;
}
