/* membership_list: the two lists of MembershipService, and who sees whom in them. */
#ifndef PEK_WORKER_MEMBERSHIP_MEMBERSHIP_LIST_H
#define PEK_WORKER_MEMBERSHIP_MEMBERSHIP_LIST_H

#include "pek/membership/v1/membership.rpc.h"

/* The methods as the service's table has them. */
PEK_MUST_CHECK enum status
membership_list_members(struct rpc_ctx *ctx, const membership_v1_list_members_request *req,
                        struct membership_v1_list_members_stream *stream);
PEK_MUST_CHECK enum status
membership_list_of_user(struct rpc_ctx *ctx, const membership_v1_list_memberships_request *req,
                        struct membership_v1_list_memberships_stream *stream);

#endif
