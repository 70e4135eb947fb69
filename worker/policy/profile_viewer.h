/* profile_viewer: who may see the caller's full profile, ListProfileViewers: CheckPolicy asked backwards, for all people at
 * once. A handler of PolicyService.
 *
 * One statement a batch, which begins at what could give the right: the statements on the whole realm, on the caller, and on
 * the groups that they are in. What it costs follows from those who hold such policies, who are the answer.
 */
#ifndef PEK_WORKER_POLICY_PROFILE_VIEWER_H
#define PEK_WORKER_POLICY_PROFILE_VIEWER_H

#include "pek/policy/v1/policy.rpc.h"
#include "shared/pg/pg.h"
#include "shared/rpc/rpc.h"

/* The statement, for a test of what it reads: $1 key, $2 id, $3 inclusive, $4 limit, $5 the caller. */
extern const struct pg_statement profile_viewer_statement;

PEK_MUST_CHECK enum status
profile_viewer_list(struct rpc_ctx *ctx, const policy_v1_list_profile_viewers_request *req,
                    struct policy_v1_list_profile_viewers_stream *stream);

#endif
