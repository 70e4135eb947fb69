#include "hub/session/session_service.h"

#include "hub/session/choice.h"
#include "pek/hub/v1/session.rpc.h"
#include "pek/options.rpc.h"
#include "shared/base/clock.h"

static enum status authenticate(void *arg, struct rpc_ctx *ctx, struct principal *ret_principal)
{
    static const struct slice bearer = {"Bearer ", 7};
    struct slice value = rpc_metadata(ctx, "authorization", 0);
    struct session *session;

    if (!slice_starts_with(value, bearer))
        return rpc_fail(ctx, STATUS_UNAUTHENTICATED, "log in first");
    struct slice token = slice_make(value.ptr + bearer.len, value.len - bearer.len);
    enum status status =
        session_find(arg, rpc_cancel(ctx), token, rpc_arena(ctx), &session, rpc_fault(ctx));
    if (status)
        return status;
    rpc_attach(ctx, session);
    *ret_principal = (struct principal){
        .user = session->user_id,
        .realm = SLICE_LIT("hub"),
        .expires_s = session->expires_s,
    };
    return STATUS_OK;
}

static bool is_for_anybody(const struct rpc_method *method)
{
    return method->access_count == 1 && method->access[0].kind == RPC_ACCESS_AUTHENTICATED;
}

/* GOD without a target: administrators of the hub. Nothing else is known here, so anything else is refused. */
static bool asks_for_admin(const struct rpc_method *method)
{
    for (size_t i = 0; i < method->access_count; i++) {
        const struct rpc_access *rule = &method->access[i];
        if (rule->kind != RPC_ACCESS_TARGET || rule->action != PEK_ACTION_GOD || rule->field)
            return false;
    }
    return method->access_count > 0;
}

static enum status authorize(void *arg, struct rpc_ctx *ctx, const void *request)
{
    const struct session_cache *cache = arg;
    bool admin = false;

    (void)request;
    if (is_for_anybody(rpc_method(ctx)))
        return STATUS_OK;
    if (!asks_for_admin(rpc_method(ctx)))
        return rpc_fail(ctx, STATUS_PERMISSION_DENIED, "not allowed");
    enum status status = session_store_is_admin(cache->options.service.pg, rpc_cancel(ctx),
                                                rpc_principal(ctx)->user, &admin);
    if (status)
        return rpc_fail(ctx, status, "it cannot be looked up now whether this is allowed");
    return admin ? STATUS_OK
                 : rpc_fail(ctx, STATUS_PERMISSION_DENIED, "only administrators of the hub may");
}

static void finished(void *arg, struct rpc_ctx *ctx, const struct fault *outcome,
                     int64_t elapsed_us)
{
    (void)arg;
    (void)outcome;
    (void)elapsed_us;
    session_release(rpc_attached(ctx));
}

struct rpc_interceptor session_interceptor(struct session_cache *cache)
{
    return (struct rpc_interceptor){cache, authenticate, authorize, finished};
}

/* ---- GetSession -------------------------------------------------------------------------------- */

/* The realms of now that are asked, and the user's others; the registry may change while they are waited for. */
struct realms {
    struct instance **items; /* `count`, referenced; the first `asked` are asked */
    size_t asked, count;
};

static enum status realms_take(struct realms *realms, struct session *session, struct arena *arena)
{
    const struct choice_limits limits = {
        .realms = SESSION_REALMS_ASKED_MAX, .name_bytes = SIZE_MAX, .all = true};
    struct choice choice;

    *realms = (struct realms){0};
    PEK_TRY(session_choose(session, &limits, arena, &choice));
    realms->items =
        arena_alloc(arena, (choice.count + choice.rest_count + 1) * sizeof(struct instance *));
    if (!realms->items)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < choice.count; i++)
        realms->items[realms->count++] = instance_ref(choice.realms[i]);
    realms->asked = realms->count;
    for (size_t i = 0; i < choice.rest_count; i++)
        if (session_credential(session, choice.rest[i])->member)
            realms->items[realms->count++] = instance_ref(choice.rest[i]);
    return STATUS_OK;
}

static void realms_release(struct realms *realms)
{
    for (size_t i = 0; i < realms->count; i++)
        instance_unref(realms->items[i]);
}

/* Asks all at once and waits for those that have not answered yet; not for one that is away. */
static enum status await_credentials(struct rpc_ctx *ctx, struct session *session,
                                     const struct realms *realms)
{
    const struct cancel *cancel = rpc_cancel(ctx);
    const struct rpc_trace trace = rpc_trace(ctx);
    struct credential_waiter *waiters =
        arena_zalloc(rpc_arena(ctx), realms->asked + 1, sizeof(*waiters));
    struct fiber_event event = {0};
    int64_t until_us = deadline_after_ms(SESSION_REALMS_WAIT_MS);
    enum status status = STATUS_OK;
    bool waits = true;

    if (!waiters)
        return STATUS_RESOURCE_EXHAUSTED;
    if (cancel->deadline_us < until_us)
        until_us = cancel->deadline_us;
    while (waits && !status && !cancel->cancelled) {
        waits = false;
        for (size_t i = 0; i < realms->asked; i++) {
            if (!instance_is_away(realms->items[i]) &&
                credential_get(session, realms->items[i], &trace, &waiters[i], &event) ==
                    CREDENTIAL_FETCHING)
                waits = true;
        }
        if (waits)
            status = fiber_event_wait(&event, until_us);
    }
    for (size_t i = 0; i < realms->asked; i++)
        credential_withdraw(&waiters[i]);
    return STATUS_OK;
}

static Google__Protobuf__Timestamp *timestamp(struct arena *arena, int64_t seconds)
{
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));

    if (!time)
        return NULL;
    google__protobuf__timestamp__init(time);
    time->seconds = seconds;
    return time;
}

static char *text(struct arena *arena, struct slice value)
{
    return arena_strndup(arena, value.ptr, value.len);
}

static hub_v1_session_realm *describe_realm(struct arena *arena, const struct instance *instance,
                                            const struct credential *credential, bool asked)
{
    hub_v1_session_realm *realm = arena_alloc(arena, sizeof(*realm));

    if (!realm)
        return NULL;
    hub_v1_session_realm_init(realm);
    realm->realm = arena_strndup(arena, instance->realm, strlen(instance->realm));
    realm->known = credential->member;
    if (credential->state != CREDENTIAL_READY) {
        struct slice error = !asked                       ? SLICE_LIT("NOT_ASKED")
                             : instance_is_away(instance) ? SLICE_LIT("UNAVAILABLE")
                             : credential->state == CREDENTIAL_FAILED
                                 ? slice_str(status_name(credential->fault.status))
                                 : SLICE_LIT("DEADLINE_EXCEEDED");
        realm->error = text(arena, error);
        return realm;
    }
    realm->token_expire_time = timestamp(arena, credential->expires_s);
    realm->policies = arena_zalloc(arena, credential->policy_count + 1, sizeof(char *));
    for (size_t i = 0; realm->policies && i < credential->policy_count; i++)
        realm->policies[realm->n_policies++] = text(arena, credential->policies[i]);
    return realm;
}

static enum status describe(struct arena *arena, struct session *session,
                            const struct realms *realms, hub_v1_session *res)
{
    res->expire_time = timestamp(arena, session->expires_s);
    res->user = arena_alloc(arena, sizeof(*res->user));
    res->realms = arena_zalloc(arena, realms->count + 1, sizeof(void *));
    if (!res->user || !res->realms)
        return STATUS_RESOURCE_EXHAUSTED;
    hub_v1_session_user_init(res->user);
    res->user->id = text(arena, session->user_id);
    res->user->username = text(arena, session->username);
    res->user->name = text(arena, session->name);
    res->user->avatar_version = session->avatar_version;
    for (size_t i = 0; i < realms->count; i++) {
        res->realms[i] =
            describe_realm(arena, realms->items[i], session_credential(session, realms->items[i]),
                           i < realms->asked);
        res->n_realms++;
    }
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

static enum status get_session(struct rpc_ctx *ctx, const hub_v1_get_session_request *req,
                               hub_v1_session *res)
{
    struct arena *arena = rpc_arena(ctx);
    struct session_cache *cache = rpc_data(ctx);
    struct session *session = rpc_attached(ctx);
    struct realms realms;
    bool admin = false;

    (void)req;
    PEK_TRY(realms_take(&realms, session, arena));
    enum status status = await_credentials(ctx, session, &realms);
    if (!status)
        status = describe(arena, session, &realms, res);
    realms_release(&realms);
    if (!status)
        res->administrator = session_store_is_admin(cache->options.service.pg, rpc_cancel(ctx),
                                                    session->user_id, &admin) == STATUS_OK &&
                             admin;
    return status;
}

/* ---- one's own sessions ------------------------------------------------------------------------ */

static enum status list_sessions(struct rpc_ctx *ctx, const hub_v1_list_sessions_request *req,
                                 struct hub_v1_list_sessions_stream *stream)
{
    const struct session *session = rpc_attached(ctx);
    const struct session_question question = {
        .user = session->user_id,
        .current = slice_str(session->handle.text),
        .idle_s = SESSION_IDLE_S,
    };
    const struct read_list list = {
        .type = &session_store_summary,
        .request = req,
        READ_PAGE(req),
        .next = session_store_list,
        .arg = &question,
    };
    (void)stream;
    return read_list(ctx, &list);
}

static enum status revoke_session(struct rpc_ctx *ctx, const hub_v1_revoke_session_request *req,
                                  hub_v1_revoke_session_response *res)
{
    const struct session *session = rpc_attached(ctx);

    (void)res;
    if (req->id[0] == '\0')
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "id", "say which session");
    return session_revoke(rpc_data(ctx), rpc_cancel(ctx), session->user_id, slice_str(req->id),
                          rpc_fault(ctx));
}

static enum status revoke_all_sessions(struct rpc_ctx *ctx,
                                       const hub_v1_revoke_all_sessions_request *req,
                                       hub_v1_revoke_all_sessions_response *res)
{
    const struct session *session = rpc_attached(ctx);
    struct slice spared = req->keep_current ? slice_str(session->handle.text) : slice_make("", 0);
    size_t count = 0;

    enum status status = session_revoke_all(rpc_data(ctx), rpc_cancel(ctx), session->user_id,
                                            spared, rpc_arena(ctx), &count, rpc_fault(ctx));
    res->revoked = (int32_t)count;
    return status;
}

enum status session_service_add(struct rpc_host *host, struct session_cache *cache,
                                struct fault *fault)
{
    static const struct hub_v1_session_service service = {
        .get_session = get_session,
        .list_sessions = list_sessions,
        .revoke_session = revoke_session,
        .revoke_all_sessions = revoke_all_sessions,
    };

    return hub_v1_session_service_add(host, &service, cache, fault);
}
