/* policy_message: rows of policies as messages, and statements as people write them. */
#ifndef PEK_WORKER_POLICY_POLICY_MESSAGE_H
#define PEK_WORKER_POLICY_POLICY_MESSAGE_H

#include "pek/options.rpc.h"
#include "pek/policy/v1/policy.rpc.h"
#include "worker/policy/policy_admin_store.h"

/* A row of the columns that the enums of policy_admin_store.h name; all is copied into the arena.
 * RESOURCE_EXHAUSTED when it is full. */
PEK_MUST_CHECK enum status policy_to_message(const struct pg_result *policies, size_t row,
                                             const char *realm, struct arena *arena,
                                             policy_v1_policy *ret_policy);
PEK_MUST_CHECK enum status policy_statement_to_message(const struct pg_result *statements,
                                                       size_t row, struct arena *arena,
                                                       policy_v1_statement *ret_statement);
PEK_MUST_CHECK enum status policy_assignment_to_message(const struct pg_result *assignments,
                                                        size_t row, struct arena *arena,
                                                        policy_v1_assignment *ret_assignment);
/* The first POLICY_ADMIN_TOLD_STATEMENTS_MAX of the rows, into the policy. */
PEK_MUST_CHECK enum status policy_statements_to_message(const struct pg_result *statements,
                                                        struct arena *arena,
                                                        policy_v1_policy *policy);

/* delegation_make_statement on what somebody wrote. */
PEK_MUST_CHECK enum status policy_statement_from_message(const policy_v1_statement *statement,
                                                         struct arena *arena,
                                                         struct policy_statement *ret_statement,
                                                         const char **ret_resource,
                                                         struct fault *fault);

/* "v7" of the version 7. */
const char *policy_etag(int64_t version, struct arena *arena);

#endif
