#include "hub/profile/profile_service.h"

#include "hub/profile/avatar.h"
#include "hub/profile/export_service.h"
#include "hub/profile/full_view.h"
#include "hub/profile/name_keys_store.h"
#include "hub/profile/profile_store.h"
#include "hub/profile/user_list.h"
#include "hub/session/session.h"
#include "shared/base/clock.h"
#include "shared/row/mask.h"
#include "shared/service/read.h"

/* The word for the caller; no username. */
#define ME "me"

static bool is_me(const char *who, const char *me)
{
    return strcmp(who, ME) == 0 || strcmp(who, me) == 0;
}

void profile_realms_begin(struct rpc_ctx *ctx, const char *path, struct fanout *fanout,
                          struct rpc_pair *pairs)
{
    const struct profile_service *service = rpc_data(ctx);
    int64_t until_us = deadline_after_ms(service->realms_wait_ms);
    *fanout = (struct fanout){0};
    fanout->transcode = service->transcode;
    fanout->method = transcode_find(service->transcode, slice_str(path));
    fanout->session = rpc_attached(ctx);
    fanout->budget = service->budget;
    fanout->trace = rpc_trace(ctx);
    fanout->pairs = pairs;
    fanout->pair_count = rpc_trace_pairs(&fanout->trace, pairs);
    fanout->item_bytes_max = PROFILE_REALMS_ANSWER_BYTES_MAX;
    fanout->deadline_us =
        until_us < rpc_cancel(ctx)->deadline_us ? until_us : rpc_cancel(ctx)->deadline_us;
    fanout->call_timeout_ms = service->realms_wait_ms;
    fanout_begin(fanout, rpc_cancel(ctx));
}

/* One text for who is not there and who may not be seen, whatever they are called. */
static enum status no_user(enum status status, struct fault *fault)
{
    return status == STATUS_NOT_FOUND ? fault_set(fault, status, "user", "there is no such user")
                                      : status;
}

static enum status named(const char *who, struct fault *fault)
{
    return who[0] ? STATUS_OK : fault_set(fault, STATUS_INVALID_ARGUMENT, "user", "say which user");
}

/* `res` is the basic view; it becomes the full one when a realm of both says so. */
static enum status widen(struct rpc_ctx *ctx, const char *me, hub_v1_profile *res)
{
    const struct service *service = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct pg_result *realms;
    struct full_view *view = arena_alloc(arena, sizeof(*view));
    if (!view)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(pg_read(service->pg, PG_POINT_READ, rpc_cancel(ctx), &profile_store_shared_realms,
                    PG_PARAMS(pg_str(res->id), pg_str(me)), &realms));
    enum status status = full_view_ask(ctx, res->id, realms, view);
    pg_result_free(realms);
    PEK_TRY(status);
    res->unreachable = view->unreachable;
    res->n_unreachable = view->unreachable_count;
    if (view->granted_count == 0)
        return STATUS_OK;
    status = read_row(ctx, &profile_store_full_row, &profile_store_full,
                      PG_PARAMS(pg_str(res->id), pg_str(me),
                                pg_text_array(arena, view->granted, view->granted_count)),
                      res);
    /* One of the two has left the realm meanwhile: what is there already holds. */
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* As anybody who may see the user sees them; more to who has the right; all of it when it is the caller. */
static enum status get_profile(struct rpc_ctx *ctx, const hub_v1_get_profile_request *req,
                               hub_v1_profile *res)
{
    struct slice user = rpc_principal(ctx)->user;
    const char *me = arena_strndup(rpc_arena(ctx), user.ptr, user.len);
    enum status status = STATUS_OK;
    if (!me)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(named(req->user, rpc_fault(ctx)));
    bool own = is_me(req->user, me);
    if (!own) {
        status = read_row(ctx, &profile_store_basic_row, &profile_store_basic,
                          PG_PARAMS(pg_str(req->user), pg_str(me)), res);
        own = status == STATUS_OK && strcmp(res->id, me) == 0;
    }
    if (own)
        status =
            read_row(ctx, &profile_store_own_row, &profile_store_own, PG_PARAMS(pg_str(me)), res);
    else if (status == STATUS_OK)
        status = widen(ctx, me, res);
    return no_user(status, rpc_fault(ctx));
}

enum status profile_lock_own(struct change *change, const char *who, const char *etag,
                             hub_v1_profile *ret_profile)
{
    PEK_TRY(named(who, change->fault));
    if (!is_me(who, change->actor)) {
        enum status status = change_row(change, &profile_store_basic_row, &profile_store_basic,
                                        PG_PARAMS(pg_str(who), pg_str(change->actor)), ret_profile);
        PEK_TRY(no_user(status, change->fault));
        if (strcmp(ret_profile->id, change->actor) != 0)
            return fault_set(change->fault, STATUS_PERMISSION_DENIED, NULL,
                             "only the user themself may do this");
    }
    return change_lock(change, &profile_store_own_row, &profile_store_lock, "user", change->actor,
                       etag, ret_profile);
}

static enum status audit(struct change *change, const char *action)
{
    struct slice ids = slice_str(change->actor);
    return change_audit(change, &profile_store_audit, action, &ids, 1);
}

/* At once, so that who changed their name finds it. */
static enum status make_name_keys(struct change *change)
{
    const struct profile_service *profiles = rpc_data(change->ctx);
    return name_keys_store_make(change->transaction, profiles->collator, change->actor,
                                change->arena, change->fault);
}

CHANGE_METHOD(update_profile, hub_v1_update_profile_request, hub_v1_profile)
{
    unsigned fields;
    if (!req->profile)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "profile", "profile is required");
    hub_v1_profile profile = *req->profile;
    PEK_TRY(profile_lock_own(change, req->user, profile.etag, res));
    PEK_TRY(mask_take(req->update_mask, &req->profile->base, profile_fields, PROFILE_FIELDS,
                      &fields, change->fault));
    PEK_TRY(profile_make(fields, change->arena, &profile, change->fault));
    if (strcmp(res->username, profile.username) == 0)
        fields &= ~(unsigned)PROFILE_USERNAME;
    if (fields == 0)
        return STATUS_OK;
    PEK_TRY(profile_check_names(fields, &profile, res, change->arena, change->fault));
    PEK_TRY(profile_store_set(change, fields, &profile, res));
    PEK_TRY(make_name_keys(change));
    return audit(change, "user.update");
}

CHANGE_METHOD(delete_user, hub_v1_delete_user_request, hub_v1_delete_user_response)
{
    hub_v1_profile profile;
    (void)res;
    PEK_TRY(profile_lock_own(change, req->user, "", &profile));
    PEK_TRY(profile_store_delete_user(change));
    return audit(change, "user.delete");
}

/* Whatever they are called. False also of nobody, whom the change itself refuses. */
static bool is_caller(struct rpc_ctx *ctx, const char *who, const char *me)
{
    hub_v1_profile profile;
    return is_me(who, me) || (who[0] &&
                              read_row(ctx, &profile_store_basic_row, &profile_store_basic,
                                       PG_PARAMS(pg_str(who), pg_str(me)), &profile) == STATUS_OK &&
                              strcmp(profile.id, me) == 0);
}

/* Who administers a realm or leads a group is told to give that up first, so that none is left without. It is a reminder: the account is
 * the user's and the hub's, so neither a realm that lies nor one that is away keeps it. */
static enum status delete_user_checked(struct rpc_ctx *ctx, const hub_v1_delete_user_request *req,
                                       hub_v1_delete_user_response *res)
{
    struct slice user = rpc_principal(ctx)->user;
    const char *me = arena_strndup(rpc_arena(ctx), user.ptr, user.len);
    if (!me)
        return STATUS_RESOURCE_EXHAUSTED;
    if (req->abandon_realms || !is_caller(ctx, req->user, me))
        return delete_user(ctx, req, res);
    const struct rpc_trace trace = rpc_trace(ctx);
    const char *realm = session_find_god(rpc_attached(ctx), &trace,
                                         deadline_after_ms(PROFILE_REALMS_WAIT_MS), rpc_arena(ctx));
    if (realm)
        return fault_set_reason(rpc_fault(ctx), STATUS_FAILED_PRECONDITION, "REALM_ADMINISTRATOR",
                                "abandon_realms",
                                "realm %s says that you administer it, or lead a group there: give "
                                "that up first, or delete yourself with abandonRealms",
                                realm);
    return delete_user(ctx, req, res);
}

/* ---- the service ---- */

enum status profile_service_add(struct rpc_host *host, struct profile_service *service,
                                struct fault *fault)
{
    static const struct hub_v1_profile_service methods = {
        .list_users = user_list,
        .get_profile = get_profile,
        .update_profile = update_profile,
        .get_avatar = avatar_get,
        .put_avatar = avatar_put,
        .delete_avatar = avatar_delete,
        .delete_user = delete_user_checked,
    };
    PEK_TRY(hub_v1_profile_service_add(host, &methods, service, fault));
    return export_service_add_hub(host, &service->service, fault);
}
