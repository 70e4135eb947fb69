#include "hub/profile/profile_service.h"

#include "hub/profile/profile_store.h"
#include "pek/hub/v1/profile.row.h"
#include "shared/row/mask.h"

/* The word for the caller; no username. */
#define ME "me"

static struct pg *database(struct rpc_ctx *ctx)
{
    const struct session_cache *cache = rpc_data(ctx);
    return cache->options.pg;
}

/* One text for who is not there and who may not be seen. */
static enum status no_user(struct fault *fault)
{
    return fault_set(fault, STATUS_NOT_FOUND, "user", "there is no such user");
}

static enum status caller(struct rpc_ctx *ctx, const char **ret_id)
{
    struct slice user = rpc_principal(ctx)->user;
    *ret_id = arena_strndup(rpc_arena(ctx), user.ptr, user.len);
    return *ret_id ? STATUS_OK : STATUS_RESOURCE_EXHAUSTED;
}

static enum status cannot_read(struct rpc_ctx *ctx, enum status status)
{
    if (status == STATUS_NOT_FOUND)
        return no_user(rpc_fault(ctx));
    return rpc_fault(ctx)->status ? status : rpc_fail(ctx, status, "profiles cannot be read now");
}

/* As anybody who may see the user sees them; `view` is OWN when it is the caller, who sees everything. */
static enum status find(struct rpc_ctx *ctx, const char *me, const char *who, hub_v1_profile *res)
{
    struct pg *pg = database(ctx);
    struct cancel *cancel = rpc_cancel(ctx);
    struct arena *arena = rpc_arena(ctx);
    struct fault *fault = rpc_fault(ctx);
    enum status status = STATUS_OK;
    if (who[0] == '\0')
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "user", "say which user");
    bool own = strcmp(who, ME) == 0 || strcmp(who, me) == 0;
    if (!own) {
        status = profile_store_basic(pg, cancel, me, who, arena, res, fault);
        own = status == STATUS_OK && strcmp(res->id, me) == 0;
    }
    if (own)
        status = profile_store_own(pg, cancel, me, arena, res, fault);
    return status ? cannot_read(ctx, status) : STATUS_OK;
}

static enum status get_profile(struct rpc_ctx *ctx, const hub_v1_get_profile_request *req,
                               hub_v1_profile *res)
{
    const char *me;
    PEK_TRY(caller(ctx, &me));
    return find(ctx, me, req->user, res);
}

/* ---- update ---- */

struct update {
    const char *id, *etag;
    unsigned fields;
    const hub_v1_profile *profile;
    struct arena *arena;
    hub_v1_profile *res;
    struct fault *fault;
    bool refused; /* by a rule of ours: no repetition can mend it */
};

static enum status update_in(struct pg_transaction *transaction, struct update *update)
{
    hub_v1_profile *res = update->res;
    struct fault *fault = update->fault;
    unsigned fields = update->fields;
    enum status status = profile_store_lock(transaction, update->id, update->arena, res, fault);
    if (status == STATUS_NOT_FOUND)
        return no_user(fault);
    PEK_TRY(status);
    PEK_TRY(row_check_etag(&hub_v1_profile_row, res, update->id, update->etag, fault));
    if (strcmp(res->username, update->profile->username) == 0)
        fields &= ~(unsigned)PROFILE_USERNAME;
    if (fields == 0)
        return STATUS_OK;
    PEK_TRY(profile_check_names(fields, update->profile, res, fault));
    return profile_store_set(transaction, update->id, fields, update->profile, update->arena, res,
                             fault);
}

static enum status run_update(struct pg_transaction *transaction, void *arg)
{
    struct update *update = arg;
    *update->fault = (struct fault){0};
    enum status status = update_in(transaction, update);
    update->refused = status == STATUS_ABORTED && update->fault->status == STATUS_ABORTED;
    return update->refused ? STATUS_FAILED_PRECONDITION : status;
}

/* The user that a change names is the caller; of another who may be seen PERMISSION_DENIED, else NOT_FOUND. */
static enum status check_own(struct rpc_ctx *ctx, const char *user, const char **ret_me,
                             hub_v1_profile *ret_profile)
{
    PEK_TRY(caller(ctx, ret_me));
    PEK_TRY(find(ctx, *ret_me, user, ret_profile));
    if (ret_profile->view == HUB_V1_PROFILE_VIEW_OWN)
        return STATUS_OK;
    return rpc_fail(ctx, STATUS_PERMISSION_DENIED, "only the user themself may do this");
}

static enum status update_profile(struct rpc_ctx *ctx, const hub_v1_update_profile_request *req,
                                  hub_v1_profile *res)
{
    struct fault *fault = rpc_fault(ctx);
    const char *me;
    unsigned fields;
    PEK_TRY(check_own(ctx, req->user, &me, res));
    if (!req->profile)
        return rpc_fail_field(ctx, STATUS_INVALID_ARGUMENT, "profile", "profile is required");
    hub_v1_profile profile = *req->profile;
    PEK_TRY(
        mask_take(req->update_mask, &profile.base, profile_fields, PROFILE_FIELDS, &fields, fault));
    PEK_TRY(profile_make(fields, rpc_arena(ctx), &profile, fault));
    struct update update = {
        .id = me,
        .etag = profile.etag,
        .fields = fields,
        .profile = &profile,
        .arena = rpc_arena(ctx),
        .res = res,
        .fault = fault,
    };
    enum status status = pg_transact(database(ctx), rpc_cancel(ctx), false, run_update, &update);
    if (update.refused)
        return STATUS_ABORTED;
    if (status && !fault->status)
        return rpc_fail(ctx, status, "profiles cannot be changed now");
    return status;
}

static enum status delete_user(struct rpc_ctx *ctx, const hub_v1_delete_user_request *req,
                               hub_v1_delete_user_response *res)
{
    hub_v1_profile profile;
    const char *me;
    (void)res;
    PEK_TRY(check_own(ctx, req->user, &me, &profile));
    enum status status = profile_store_delete_user(database(ctx), rpc_cancel(ctx), me);
    return status ? rpc_fail(ctx, status, "users cannot be deleted now") : STATUS_OK;
}

/* ---- the service ---- */

enum status profile_service_add(struct rpc_host *host, struct session_cache *cache,
                                struct fault *fault)
{
    static const struct hub_v1_profile_service service = {
        .get_profile = get_profile,
        .update_profile = update_profile,
        .delete_user = delete_user,
    };
    return hub_v1_profile_service_add(host, &service, cache, fault);
}
