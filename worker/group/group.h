/* group: the rules of groups and their trees, without SQL and without calls.
 *
 * Refusals fill the fault: INVALID_ARGUMENT names the request field, FAILED_PRECONDITION and ABORTED carry
 * one of the GROUP_REASON_…. All memory is the arena's. No state; any thread (a collator: one at a time).
 */
#ifndef PEK_WORKER_GROUP_GROUP_H
#define PEK_WORKER_GROUP_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "pek/group/v1/group.rpc.h"
#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/text/name.h"
#include "worker/domain/group_id.h"

/* Levels of a tree, the organisation being the first. */
#define GROUP_DEPTH_MAX 10

#define GROUP_REASON_ARCHIVED "GROUP_ARCHIVED"
#define GROUP_REASON_ACTIVE_SUBGROUPS "GROUP_HAS_ACTIVE_SUBGROUPS"
#define GROUP_REASON_ID_TAKEN "GROUP_ID_TAKEN"
#define GROUP_REASON_DEPTH "GROUP_TREE_TOO_DEEP"
#define GROUP_REASON_CYCLE "GROUP_UNDER_ITSELF"
#define GROUP_REASON_ORGANISATION "GROUP_OF_OTHER_ORGANISATION"

/* ---- names and texts ---- */

/* What a profile is made of, as bits; in the order of group_profile_fields. */
enum group_profile_field {
    GROUP_NAME = 1 << 0,
    GROUP_DESCRIPTION = 1 << 1,
    GROUP_WEBPAGE = 1 << 2,
    GROUP_MAIL = 1 << 3,
    GROUP_PURPOSE = 1 << 4,
};
#define GROUP_PROFILE_FIELDS 5
extern const char *const group_profile_fields[GROUP_PROFILE_FIELDS];

/* The flags that only the owner may set; in the order of group_flag_fields. */
enum group_flag_field {
    GROUP_IS_COMMUNITY = 1 << 0,
    GROUP_IS_RESORT = 1 << 1,
    GROUP_IS_TASK_FORCE = 1 << 2,
    GROUP_HAS_TRANSITIVE_MEMBERSHIP = 1 << 3,
    GROUP_USERS_CAN_APPLY = 1 << 4,
    GROUP_ARCHIVED_MEMBERS_VISIBLE = 1 << 5,
};
#define GROUP_FLAG_FIELDS 6
extern const char *const group_flag_fields[GROUP_FLAG_FIELDS];

/* Is it one of pek.group.v1.Purpose? */
PEK_MUST_CHECK enum status group_check_purpose(group_v1_purpose purpose, const char *field,
                                               struct fault *fault);
/* Those of `fields` are checked and brought to their stored form, in the message; the name apart. `prefix` ("group."
 * or "") goes before field names in a fault. An empty webpage or mail is none. */
PEK_MUST_CHECK enum status group_profile_make(unsigned fields, const char *prefix,
                                              struct arena *arena, group_v1_group *group,
                                              struct fault *fault);

/* ---- the tree ---- */

struct group_node {
    const char *id;
    bool is_archived;
};

/* May a tree of `height` levels (1 for a single group) hang under the last node of `path`, which goes from
 * the top level down to it? FAILED_PRECONDITION when one of the path is archived or the tree gets too deep. */
PEK_MUST_CHECK enum status group_check_under(const struct group_node *path, size_t path_count,
                                             size_t height, const char *field, struct fault *fault);
/* May a group be made with this id under the last node of `path`? ALREADY_EXISTS on `slug` when one of the path has the id. */
PEK_MUST_CHECK enum status group_check_new(const char *id, const struct group_node *path,
                                           size_t path_count, struct fault *fault);
/* May `moved` go under the last node of `path` (to the top level when the path is empty)? Not under itself
 * or what is below it, not into another organisation, and group_check_under holds. */
PEK_MUST_CHECK enum status group_check_move(const struct group_id *moved,
                                            const struct group_node *path, size_t path_count,
                                            size_t height, struct fault *fault);
/* Without `cascade` no active subgroup may be left below. */
PEK_MUST_CHECK enum status group_check_archive(int64_t active_subgroups, bool cascade,
                                               struct fault *fault);
PEK_MUST_CHECK enum status group_check_active(const group_v1_group *group, struct fault *fault);

#endif
