/* avatar: ProfileService.GetAvatar, PutAvatar and DeleteAvatar. */
#ifndef PEK_HUB_PROFILE_AVATAR_H
#define PEK_HUB_PROFILE_AVATAR_H

#include "pek/hub/v1/profile.rpc.h"

#define AVATAR_BYTES_MAX (512 * 1024)

/* Reasons: hub/api answers them with 413, 415 and 422. */
#define AVATAR_REASON_TOO_LARGE "REQUEST_TOO_LARGE"
#define AVATAR_REASON_TYPE "CONTENT_TYPE"
#define AVATAR_REASON_CONTENT "CONTENT_INVALID"

PEK_MUST_CHECK enum status avatar_get(struct rpc_ctx *ctx, const hub_v1_get_avatar_request *req,
                                      hub_v1_avatar *res);
PEK_MUST_CHECK enum status avatar_put(struct rpc_ctx *ctx, const hub_v1_put_avatar_request *req,
                                      hub_v1_avatar *res);
PEK_MUST_CHECK enum status avatar_delete(struct rpc_ctx *ctx,
                                         const hub_v1_delete_avatar_request *req,
                                         hub_v1_delete_avatar_response *res);

#endif
