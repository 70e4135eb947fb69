#include "hub/profile/full_view.h"

#include "hub/session/permission.h"
#include "pek/options.rpc.h"
#include "pek/policy/v1/policy.rpc.h"

#define CHECK_PATH "/pek.policy.v1.PolicyService/CheckPolicy"

/* The question to one realm. */
struct question {
    struct instance *instance; /* the leg's */
    struct permission_ticket ticket;
    bool heard;
};

struct asking {
    struct rpc_ctx *ctx;
    struct slice user;
    struct full_view *view;
    struct fanout fanout;
    struct question *questions; /* by leg */
};

static enum status add_unreachable(struct asking *asking, struct slice realm)
{
    struct full_view *view = asking->view;
    char *name = arena_printf(rpc_arena(asking->ctx), "realms/%.*s", SLICE_ARG(realm));
    if (!name)
        return STATUS_RESOURCE_EXHAUSTED;
    view->unreachable[view->unreachable_count++] = name;
    return STATUS_OK;
}

static void add_granted(struct asking *asking, const struct instance *instance)
{
    struct full_view *view = asking->view;
    view->granted[view->granted_count++] =
        arena_copy(rpc_arena(asking->ctx), slice_str(instance->realm));
}

/* ---- the question ---- */

static enum status make_request(struct asking *asking, struct slice *ret_request)
{
    policy_v1_check_policy_request request = POLICY_V1_CHECK_POLICY_REQUEST_INIT;
    struct arena *arena = rpc_arena(asking->ctx);
    request.action = PEK_ACTION_VIEW_FULL_PROFILE;
    request.target_user_id = arena_strndup(arena, asking->user.ptr, asking->user.len);
    size_t len = protobuf_c_message_get_packed_size(&request.base);
    uint8_t *bytes = request.target_user_id ? arena_alloc(arena, len) : NULL;
    if (!bytes)
        return STATUS_RESOURCE_EXHAUSTED;
    protobuf_c_message_pack(&request.base, bytes);
    *ret_request = slice_make(bytes, len);
    return STATUS_OK;
}

/* Whom memory does not answer for is asked. */
static enum status add_realm(struct asking *asking, struct slice realm, struct slice request)
{
    struct session *session = rpc_attached(asking->ctx);
    struct instance *instance = registry_find(session->cache->options.registry, realm);
    if (!instance)
        return add_unreachable(asking, realm);
    switch (permission_get(session, instance, asking->user)) {
    case PERMISSION_GRANTED: add_granted(asking, instance); return STATUS_OK;
    case PERMISSION_DENIED: return STATUS_OK;
    case PERMISSION_UNKNOWN: break;
    }
    if (asking->fanout.count == asking->fanout.room)
        return add_unreachable(asking, realm);
    asking->questions[asking->fanout.count] =
        (struct question){instance, permission_ask(session, instance, asking->user), false};
    return fanout_add(&asking->fanout, instance, false, request);
}

/* ---- the answers ---- */

/* A realm that says nothing that can be read has granted nothing. */
static bool is_allowed(struct asking *asking, const struct leg *leg)
{
    ProtobufCMessage *message;
    struct fault ignored;
    if (rpc_decode(&pek__policy__v1__check_policy_response__descriptor,
                   transcode_item_bytes(leg->item), rpc_arena(asking->ctx), &message,
                   &ignored) != STATUS_OK)
        return false;
    return ((const policy_v1_check_policy_response *)(const void *)message)->allowed;
}

/* True while somebody has not answered and nobody has said yes. */
static bool hear(struct asking *asking)
{
    struct session *session = rpc_attached(asking->ctx);
    bool waits = false;
    for (size_t i = 0; i < asking->fanout.count; i++) {
        const struct leg *leg = &asking->fanout.legs[i];
        struct question *question = &asking->questions[i];
        if (leg->item && !question->heard) {
            bool allowed = is_allowed(asking, leg);
            question->heard = true;
            permission_put(session, question->instance, asking->user, &question->ticket, allowed);
            if (allowed)
                add_granted(asking, question->instance);
        }
        waits |= !leg_answered(leg);
    }
    return waits && asking->view->granted_count == 0;
}

static enum status name_unreachable(struct asking *asking)
{
    for (size_t i = 0; i < asking->fanout.count; i++) {
        struct leg *leg = &asking->fanout.legs[i];
        if (!leg_answered(leg))
            leg_fail(leg, STATUS_DEADLINE_EXCEEDED, "the realm did not answer in time");
        if (leg->state == LEG_DONE && outcome_unreachable(outcome_of(leg->fault.status)))
            PEK_TRY(add_unreachable(asking, leg->realm));
    }
    return STATUS_OK;
}

static enum status ask(struct asking *asking)
{
    struct fanout *fanout = &asking->fanout;
    enum status status = STATUS_OK;
    fanout_advance(fanout);
    while (status == STATUS_OK && hear(asking)) {
        status = fanout_wait(fanout, fanout->deadline_us);
        fanout_advance(fanout);
    }
    (void)hear(asking); /* what came with the end of the time */
    if (status == STATUS_CANCELLED)
        return status;
    if (asking->view->granted_count > 0) {
        asking->view->unreachable_count = 0;
        return STATUS_OK;
    }
    return name_unreachable(asking);
}

/* For as many as there are. */
static enum status make_room(struct asking *asking, size_t count)
{
    struct arena *arena = rpc_arena(asking->ctx);
    size_t legs = count < FANOUT_LEGS_MAX ? count : FANOUT_LEGS_MAX;
    asking->view->granted = arena_zalloc(arena, count + 1, sizeof(*asking->view->granted));
    asking->view->unreachable = arena_zalloc(arena, count + 1, sizeof(*asking->view->unreachable));
    asking->questions = arena_zalloc(arena, legs + 1, sizeof(*asking->questions));
    PEK_TRY(fanout_make_room(&asking->fanout, arena, legs));
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status full_view_ask(struct rpc_ctx *ctx, const char *user, const struct pg_result *realms,
                          struct full_view *ret_view)
{
    struct rpc_pair pairs[RPC_TRACE_PAIRS_MAX];
    struct asking *asking = arena_alloc(rpc_arena(ctx), sizeof(*asking));
    struct slice request;
    if (!asking)
        return STATUS_RESOURCE_EXHAUSTED;
    asking->ctx = ctx;
    asking->user = slice_str(user);
    asking->view = ret_view;
    *ret_view = (struct full_view){0};
    PEK_TRY(make_request(asking, &request));
    profile_realms_begin(ctx, CHECK_PATH, &asking->fanout, pairs);
    enum status status = make_room(asking, pg_rows(realms));
    for (size_t i = 0; status == STATUS_OK && i < pg_rows(realms); i++)
        status = add_realm(asking, arena_copy(rpc_arena(ctx), pg_get_slice(realms, i, 0)), request);
    if (status == STATUS_OK)
        status = ask(asking);
    for (size_t i = 0; i < asking->fanout.count; i++)
        leg_stop(&asking->fanout.legs[i]); /* what is not needed any more is no failure */
    const struct profile_service *service = rpc_data(ctx);
    if (service->on_asked)
        service->on_asked(service->arg, &asking->fanout);
    fanout_done(&asking->fanout);
    return status;
}
