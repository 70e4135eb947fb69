/* policy_world: PolicyService as tests call it, in realm a of a world. */
#ifndef PEK_WORKER_TESTING_POLICY_WORLD_H
#define PEK_WORKER_TESTING_POLICY_WORLD_H

#include "pek/options.rpc.h"
#include "pek/policy/v1/policy.rpc.h"
#include "worker/testing/world.h"

/* A statement; bits of actions, 0 is no statement. */
struct given {
    const char *group; /* NULL: unrestricted */
    const char *user;  /* NULL: unrestricted */
    uint32_t actions;
};

/* policy_v1_METHOD_call in realm a as `user`; the fault goes to the world. */
#define POLICY_CALL(w, method, user, req, res) WORLD_RPC(w, policy_v1, method, user, req, res)

/* protobuf-c's strings are not const. */
char *policy_world_text(const char *text);
/* The message, in the world's arena. */
policy_v1_statement *policy_world_statement(struct world *w, struct given given);
/* Id of the policy of that name, by SQL. */
const char *policy_world_id(struct world *w, const char *name);
/* "actions@group/user …" of the policy's statements that people made, in the order of making; by SQL. */
const char *policy_world_statements(struct world *w, const char *id);

/* The answers' ids, "" after a refusal. */
enum status policy_world_child(struct world *w, const char *user, const char *parent,
                               const char *name, bool can_issue, struct given given,
                               const char **ret_id);
enum status policy_world_add(struct world *w, const char *user, const char *policy,
                             struct given given, const char **ret_statement);
enum status policy_world_set(struct world *w, const char *user, const char *policy,
                             const char *statement, uint32_t actions, bool cascade);
enum status policy_world_drop(struct world *w, const char *user, const char *policy,
                              const char *statement, bool cascade);
enum status policy_world_delete(struct world *w, const char *user, const char *policy,
                                bool cascade);
enum status policy_world_assign(struct world *w, const char *user, const char *policy,
                                const char *to);
enum status policy_world_revoke(struct world *w, const char *user, const char *policy,
                                const char *from);

/* GOD (alice) over Dean (dora, can issue, three rights on o@o) over Clerk (carl). */
struct policy_tree {
    const char *god, *dean, *clerk;
};
struct policy_tree policy_world_tree(struct world *w);

/* Ids or names of what a user sees, joined by a space. */
const char *policy_world_list(struct world *w, const char *user);
/* Statements beyond the policy above, policies that can issue under one that cannot, too deep ones, and
 * escalations that are missing or too many: "" when the realm's policies are what they must be. */
const char *policy_world_wrongs(struct world *w);

#endif
