#include "hub/profile/details_seen.h"

#include "hub/profile/profile_store.h"
#include "pek/policy/v1/policy.rpc.h"

#define SCOPE_PATH "/pek.policy.v1.PolicyService/GetProfileScope"

bool details_are_asked(const struct search *search)
{
    for (size_t i = 0; i < search->pattern_count; i++)
        for (size_t at = 0; at < search->patterns[i].len; at++)
            if (strchr("0123456789@", search->patterns[i].ptr[at]))
                return true;
    return false;
}

/* What one realm says; NULL of one that says nothing, or what cannot be read. */
static const policy_v1_profile_scope *scope_of(struct rpc_ctx *ctx, const struct leg *leg)
{
    ProtobufCMessage *message;
    struct fault ignored;
    if (!leg->item ||
        rpc_decode(&pek__policy__v1__profile_scope__descriptor, transcode_item_bytes(leg->item),
                   rpc_arena(ctx), &message, &ignored) != STATUS_OK)
        return NULL;
    const policy_v1_profile_scope *scope = (const policy_v1_profile_scope *)(const void *)message;
    return scope->n_user_ids <= DETAILS_SEEN_MAX ? scope : NULL;
}

static enum status take(struct rpc_ctx *ctx, const struct fanout *fanout, struct details_seen *seen)
{
    struct arena *arena = rpc_arena(ctx);
    const policy_v1_profile_scope *scopes[FANOUT_LEGS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < fanout->count; i++) {
        scopes[i] = scope_of(ctx, &fanout->legs[i]);
        count += scopes[i] && !scopes[i]->all ? scopes[i]->n_user_ids : 0;
    }
    seen->all = arena_zalloc(arena, fanout->count + 1, sizeof(*seen->all));
    seen->realms = arena_zalloc(arena, count + 1, sizeof(*seen->realms));
    seen->users = arena_zalloc(arena, count + 1, sizeof(*seen->users));
    if (!seen->all || !seen->realms || !seen->users)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < fanout->count; i++) {
        struct slice realm = arena_copy(arena, fanout->legs[i].realm);
        if (scopes[i] && scopes[i]->all)
            seen->all[seen->all_count++] = realm;
        for (size_t n = 0; scopes[i] && !scopes[i]->all && n < scopes[i]->n_user_ids; n++) {
            seen->realms[seen->count] = realm;
            seen->users[seen->count++] = slice_str(scopes[i]->user_ids[n]);
        }
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status add_realms(struct rpc_ctx *ctx, struct fanout *fanout)
{
    const struct profile_service *service = rpc_data(ctx);
    const struct session *session = rpc_attached(ctx);
    struct slice me = rpc_principal(ctx)->user;
    struct pg_result *rows;
    enum status status;
    PEK_TRY(pg_read(service->service.pg, PG_POINT_READ, rpc_cancel(ctx),
                    &profile_store_shared_realms, PG_PARAMS(pg_text(me), pg_text(me)), &rows));
    size_t count = pg_rows(rows) < FANOUT_LEGS_MAX ? pg_rows(rows) : FANOUT_LEGS_MAX;
    status = fanout_make_room(fanout, rpc_arena(ctx), count);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        struct instance *instance =
            registry_find(session->cache->options.registry, pg_get_slice(rows, i, 0));
        if (instance)
            status = fanout_add(fanout, instance, false, slice_make("", 0));
    }
    pg_result_free(rows);
    return status;
}

static bool waits(const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++)
        if (!leg_answered(&fanout->legs[i]))
            return true;
    return false;
}

static enum status ask(struct rpc_ctx *ctx, struct fanout *fanout, struct details_seen *seen)
{
    enum status status = STATUS_OK;
    PEK_TRY(add_realms(ctx, fanout));
    fanout_advance(fanout);
    while (status == STATUS_OK && waits(fanout)) {
        status = fanout_wait(fanout, fanout->deadline_us);
        fanout_advance(fanout);
    }
    if (status == STATUS_CANCELLED)
        return status;
    return take(ctx, fanout, seen);
}

enum status details_seen_ask(struct rpc_ctx *ctx, struct details_seen *ret_seen)
{
    const struct profile_service *service = rpc_data(ctx);
    struct rpc_pair pairs[RPC_TRACE_PAIRS_MAX];
    struct details_seen seen = {0};
    struct fanout *fanout = arena_alloc(rpc_arena(ctx), sizeof(*fanout));
    if (!fanout)
        return STATUS_RESOURCE_EXHAUSTED;
    profile_realms_begin(ctx, SCOPE_PATH, fanout, pairs);
    enum status status = ask(ctx, fanout, &seen);
    for (size_t i = 0; i < fanout->count; i++)
        leg_stop(&fanout->legs[i]);
    if (service->on_asked)
        service->on_asked(service->arg, fanout);
    fanout_done(fanout);
    if (status == STATUS_OK)
        *ret_seen = seen;
    return status;
}
