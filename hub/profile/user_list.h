/* user_list: ProfileService.ListUsers, people search. */
#ifndef PEK_HUB_PROFILE_USER_LIST_H
#define PEK_HUB_PROFILE_USER_LIST_H

#include "pek/hub/v1/profile.rpc.h"

PEK_MUST_CHECK enum status user_list(struct rpc_ctx *ctx, const hub_v1_list_users_request *req,
                                     struct hub_v1_list_users_stream *stream);

#endif
