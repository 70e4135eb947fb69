/* What the two files of the group store share: the columns of a group and how a row becomes one. */
#ifndef PEK_WORKER_GROUP_GROUP_ROWS_H
#define PEK_WORKER_GROUP_GROUP_ROWS_H

#include "shared/pg/pg.h"
#include "worker/group/group.h"

/* The columns of struct group, in the order of group_rows.c. */
#define GROUP_COLUMNS                                                                              \
    "g.id, g.parent_id, g.name, g.description, g.webpage, g.mail, g.purpose, "                     \
    "(extract(epoch FROM g.foundation_time) * 1000000)::bigint, "                                  \
    "(extract(epoch FROM g.create_time) * 1000000)::bigint, "                                      \
    "(extract(epoch FROM g.update_time) * 1000000)::bigint, "                                      \
    "g.version, g.sort_key, g.is_community, g.is_resort, g.is_task_force, "                        \
    "g.has_transitive_membership, g.is_archived, g.users_can_apply, g.archived_members_visible "

/* Two arguments of pg_read and pg_execute: the parameters and their number. */
#define PG_PARAMS(...)                                                                             \
    (const struct pg_param[]){__VA_ARGS__},                                                        \
        sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param)

/* Strings live as long as the result, the sort key as long as the arena. */
void group_from_row(const struct pg_result *result, size_t row, struct arena *arena,
                    struct group *ret_group);
/* The only row, copied into the arena; frees the result. NOT_FOUND when there is no row. */
PEK_MUST_CHECK enum status group_take(struct pg_result *result, struct arena *arena,
                                      struct group *ret_group);

#endif
