/* profile_scope: whose full profile the caller may see, GetProfileScope: CheckPolicy for all people at once, the other way than
 * profile_viewer.h. A handler of PolicyService. One statement, from the caller's policies on; it costs what the answer has, PROFILE_SCOPE_MAX users at
 * most. */
#ifndef PEK_WORKER_POLICY_PROFILE_SCOPE_H
#define PEK_WORKER_POLICY_PROFILE_SCOPE_H

#include "pek/policy/v1/policy.rpc.h"
#include "shared/pg/pg.h"
#include "shared/rpc/rpc.h"

#define PROFILE_SCOPE_MAX 5000

/* The statement, for a test of what it reads: $1 the caller. */
extern const struct pg_statement profile_scope_statement;

PEK_MUST_CHECK enum status profile_scope_get(struct rpc_ctx *ctx,
                                             const policy_v1_get_profile_scope_request *req,
                                             policy_v1_profile_scope *res);

#endif
