/* policy_check: CheckPolicy, the guard's question, answered with its reasons. A handler of PolicyService. */
#ifndef PEK_WORKER_POLICY_POLICY_CHECK_H
#define PEK_WORKER_POLICY_POLICY_CHECK_H

#include "pek/policy/v1/policy.rpc.h"
#include "shared/rpc/rpc.h"

PEK_MUST_CHECK enum status policy_check(struct rpc_ctx *ctx,
                                        const policy_v1_check_policy_request *req,
                                        policy_v1_check_policy_response *res);

#endif
