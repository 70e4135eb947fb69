#include "hub/profile/avatar.h"

#include <string.h>

#include "hub/profile/avatar_store.h"
#include "hub/profile/profile_service.h"
#include "hub/profile/profile_store.h"
#include "shared/service/read.h"

/* One text for who has none, who may not be seen and who is not there. */
enum status avatar_get(struct rpc_ctx *ctx, const hub_v1_get_avatar_request *req,
                       hub_v1_avatar *res)
{
    struct slice user = rpc_principal(ctx)->user;
    const char *me = arena_strndup(rpc_arena(ctx), user.ptr, user.len);
    if (!me)
        return STATUS_RESOURCE_EXHAUSTED;
    struct slice has = rpc_metadata(ctx, RPC_IF_NONE_MATCH, 0);
    const char *who = strcmp(req->user, "me") == 0 ? me : req->user;
    enum status status =
        read_row(ctx, &avatar_store_picture_row, &avatar_store_get,
                 PG_PARAMS(pg_str(who), pg_str(me), has.len ? pg_text(has) : PG_NULL), res);
    return status == STATUS_NOT_FOUND
               ? fault_set(rpc_fault(ctx), status, "user", "there is no such avatar")
               : status;
}

/* What is wrong with an image is what its field's fault says, with a reason. */
static enum status clean(struct change *change, const Pek__Media *media, struct image *ret_image)
{
    struct fault *fault = change->fault, problem = {0};
    if (!media || media->data.len == 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "media", "the image is missing");
    if (strcmp(media->content_type, "image/png") != 0 &&
        strcmp(media->content_type, "image/jpeg") != 0)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, AVATAR_REASON_TYPE, "media",
                                "send image/png or image/jpeg");
    if (media->data.len > AVATAR_BYTES_MAX)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, AVATAR_REASON_TOO_LARGE, "media",
                                "an avatar has at most %d bytes", AVATAR_BYTES_MAX);
    enum status status = image_clean(slice_make(media->data.data, media->data.len),
                                     media->content_type, change->arena, ret_image, &problem);
    return status == STATUS_OK ? status
                               : fault_set_reason(fault, status, AVATAR_REASON_CONTENT,
                                                  problem.field, "%s", problem.text);
}

static enum status audit(struct change *change, const char *action)
{
    struct slice ids = slice_str(change->actor);
    return change_audit(change, &profile_store_audit, action, &ids, 1);
}

CHANGE_METHOD(put, hub_v1_put_avatar_request, hub_v1_avatar)
{
    hub_v1_profile profile;
    struct image image;
    PEK_TRY(profile_lock_own(change, req->user, "", &profile));
    PEK_TRY(clean(change, req->media, &image));
    PEK_TRY(avatar_store_put(change, req->media->content_type, &image, res));
    return audit(change, "user.put_avatar");
}

CHANGE_METHOD(delete_avatar, hub_v1_delete_avatar_request, hub_v1_delete_avatar_response)
{
    hub_v1_profile profile;
    bool was_there;
    (void)res;
    PEK_TRY(profile_lock_own(change, req->user, "", &profile));
    PEK_TRY(avatar_store_delete(change, &was_there));
    return was_there ? audit(change, "user.delete_avatar") : STATUS_OK;
}

enum status avatar_put(struct rpc_ctx *ctx, const hub_v1_put_avatar_request *req,
                       hub_v1_avatar *res)
{
    return put(ctx, req, res);
}

enum status avatar_delete(struct rpc_ctx *ctx, const hub_v1_delete_avatar_request *req,
                          hub_v1_delete_avatar_response *res)
{
    return delete_avatar(ctx, req, res);
}
