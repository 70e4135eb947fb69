#include "hub/registry/testing/plain_instance.h"

static enum status get_info(struct rpc_ctx *ctx, const instance_v1_get_info_request *req,
                            instance_v1_info *res)
{
    const char *const *realm = rpc_data(ctx);
    struct arena *arena = rpc_arena(ctx);
    (void)req;
    res->realm = arena_printf(arena, "%s", *realm);
    res->version = arena_printf(arena, "7");
    res->services = arena_zalloc(arena, 2, sizeof(char *));
    res->services[res->n_services++] = arena_printf(arena, "pek.instance.v1.InstanceService");
    return STATUS_OK;
}

static enum status issue_token(struct rpc_ctx *ctx, const instance_v1_issue_token_request *req,
                               instance_v1_issue_token_response *res)
{
    (void)req, (void)res;
    return rpc_fail(ctx, STATUS_PERMISSION_DENIED, "nobody");
}

static enum status watch_policies(struct rpc_ctx *ctx,
                                  const instance_v1_watch_policies_request *req,
                                  struct instance_v1_watch_policies_stream *stream)
{
    struct fiber_event never = {0};
    (void)req, (void)stream;
    return fiber_event_wait_cancel(&never, rpc_cancel(ctx));
}

static enum status list_unnamed_people(struct rpc_ctx *ctx,
                                       const instance_v1_list_unnamed_people_request *req,
                                       instance_v1_list_unnamed_people_response *res)
{
    (void)req, (void)res;
    return rpc_fail(ctx, STATUS_UNAVAILABLE, "nobody is listed here");
}

static enum status put_people(struct rpc_ctx *ctx, const instance_v1_put_people_request *req,
                              instance_v1_put_people_response *res)
{
    (void)req, (void)res;
    return rpc_fail(ctx, STATUS_UNAVAILABLE, "nobody is told of here");
}

static enum status merge_user(struct rpc_ctx *ctx, const instance_v1_merge_user_request *req,
                              instance_v1_merge_user_response *res)
{
    (void)req, (void)res;
    return rpc_fail(ctx, STATUS_UNAVAILABLE, "nobody is merged here");
}

const struct instance_v1_instance_service plain_instance = {
    .issue_token = issue_token,
    .get_info = get_info,
    .watch_policies = watch_policies,
    .put_people = put_people,
    .list_unnamed_people = list_unnamed_people,
    .merge_user = merge_user,
};
