/* What the two files of the admin store share: columns, parameters, statements that run in and out of a change. */
#ifndef PEK_WORKER_POLICY_POLICY_ADMIN_SQL_H
#define PEK_WORKER_POLICY_POLICY_ADMIN_SQL_H

#include "worker/policy/policy_admin_store.h"
#include "worker/policy/policy_store.h"

/* Two arguments of pg_read and pg_execute: the parameters and their number. */
#define PARAMS(...)                                                                                \
    (const struct pg_param[]){__VA_ARGS__},                                                        \
        sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param)

/* In the order of the enums of policy_admin_store.h. */
#define POLICY_COLUMNS                                                                             \
    "p.id, p.name, p.can_issue, p.parent_id, "                                                     \
    "(extract(epoch FROM p.create_time) * 1000000)::bigint, p.version "
#define STATEMENT_COLUMNS "s.id, s.group_id, s.user_id, s.resource, s.actions "
#define ASSIGNMENT_COLUMNS                                                                         \
    "a.user_id, a.policy_id, (extract(epoch FROM a.assign_time) * 1000000)::bigint, "              \
    "a.assigned_by "

extern const struct pg_statement policy_admin_get_sql;
extern const struct pg_statement policy_admin_rows_sql;

#endif
