/* The handlers of PolicyService that change something, and the check; policy_service.c lists them. */
#ifndef PEK_WORKER_RIGHTS_POLICY_HANDLERS_H
#define PEK_WORKER_RIGHTS_POLICY_HANDLERS_H

#include "pek/policy/v1/policy.rpc.h"
#include "worker/domain/domain.h"
#include "worker/policy/policy_admin_store.h"

enum status policy_handle_create_child(struct rpc_ctx *ctx,
                                       const policy_v1_create_child_request *req,
                                       policy_v1_policy *res);
enum status policy_handle_delete(struct rpc_ctx *ctx, const policy_v1_delete_policy_request *req,
                                 Google__Protobuf__Empty *res);
enum status policy_handle_create_statement(struct rpc_ctx *ctx,
                                           const policy_v1_create_statement_request *req,
                                           policy_v1_statement *res);
enum status policy_handle_update_statement(struct rpc_ctx *ctx,
                                           const policy_v1_update_statement_request *req,
                                           policy_v1_statement *res);
enum status policy_handle_delete_statement(struct rpc_ctx *ctx,
                                           const policy_v1_delete_statement_request *req,
                                           Google__Protobuf__Empty *res);
enum status policy_handle_assign(struct rpc_ctx *ctx, const policy_v1_assign_policy_request *req,
                                 policy_v1_assignment *res);
enum status policy_handle_revoke(struct rpc_ctx *ctx, const policy_v1_revoke_policy_request *req,
                                 Google__Protobuf__Empty *res);
enum status policy_handle_check(struct rpc_ctx *ctx, const policy_v1_check_policy_request *req,
                                policy_v1_check_policy_response *res);

/* ---- what the changes have in common (policy_change.c) ---- */

/* Takes the lock of the realm's policies, and looks under it whether the guard's answer still holds. */
PEK_MUST_CHECK enum status policy_change_begin(struct change *change, const char *policy_id,
                                               enum standing_right right);

/* The lock alone: for what anybody may do to themselves. */
PEK_MUST_CHECK enum status policy_change_begin_own(struct change *change);

/* A policy that a change is about: there, of the version that the caller knows, and not the realm's own GOD.
 * `ret_parent_id` is "" for a root; in the arena. */
PEK_MUST_CHECK enum status policy_change_find(struct change *change, const char *policy_id,
                                              const char *etag, const char **ret_parent_id);

/* Each statement lies within one of the parent, "" for none, and its group is there. */
PEK_MUST_CHECK enum status policy_change_check_written(struct change *change, const char *parent_id,
                                                       const struct policy_written *written);

/* After the statements of a policy changed, from `was` (NULL: it is new) to `now` (none: it is gone): what follows
 * from them is derived again; what the actor has made is within the limits; and policies below that exceed it now
 * are shrunk when `cascade`, else the change is refused. */
PEK_MUST_CHECK enum status policy_change_settle(struct change *change, const char *policy_id,
                                                const struct policy_statement *was,
                                                const struct policy_statement *now,
                                                size_t now_count, bool cascade);

/* Whoever holds the policy or one below it is forgotten after the commit. */
PEK_MUST_CHECK enum status policy_change_names_holders(struct change *change,
                                                       const char *policy_id);
PEK_MUST_CHECK enum status policy_change_names_user(struct change *change, const char *user);

/* "7 (Name), 8 (Other) and more" of rows (id, name); frees them. */
const char *policy_change_list(struct change *change, struct pg_result *policies);

#endif
