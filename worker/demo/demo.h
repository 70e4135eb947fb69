/* demo: what a development realm starts with: a dormitory's organisations and circles, some users' policies, and the
 * evaluations of some circles.
 *
 * Groups are made by the services themselves, through a local channel and as a user with all rights, so
 * that names, policies and the audit log are as they would be. Once: a realm that has the last group of its
 * kind is left alone.
 */
#ifndef PEK_WORKER_DEMO_DEMO_H
#define PEK_WORKER_DEMO_DEMO_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/settings.h"

/* The exit code. */
int command_demo(const struct settings *settings);

#define DEMO_COMMUNITY (1u << 0)
#define DEMO_RESORT (1u << 1)
#define DEMO_TASK_FORCE (1u << 2)
#define DEMO_TRANSITIVE (1u << 3)
#define DEMO_ARCHIVED (1u << 4)

struct demo_group {
    const char *parent; /* "" for an organisation; before its children */
    const char *slug;
    const char *name;
    const char *description;
    int purpose; /* pek.group.v1.Purpose */
    unsigned flags;
};

struct demo_assignment {
    const char *policy;
    const char *user;
};

struct demo_leader {
    const char *group_id; /* NULL: nobody but god leads an organisation */
    const char *user;
};

/* A group whose members are evaluated, who of the demo's known users is one of them besides its own people, and which
 * subgroup prepares points for it (NULL: none does). */
#define DEMO_KNOWN_MAX 2
struct demo_evaluated {
    const char *group_id;
    const char *known[DEMO_KNOWN_MAX];
    const char *subgroup_id;
};

struct demo_realm {
    const char *god; /* who makes the groups */
    const struct demo_group *groups;
    size_t group_count;
    const struct demo_assignment *assignments; /* besides the god's */
    size_t assignment_count;
    struct demo_leader leader;
    int every_nth_user; /* of user-001 … gets Member */
    const struct demo_evaluated *evaluated;
    size_t evaluated_count; /* DEMO_EVALUATED_MAX at most */
};
/* By enum demo_kind. The last group is none of those that are evaluated or prepare points. */
extern const struct demo_realm demo_realms[4];

#define DEMO_EVALUATED_MAX 8
#define DEMO_USERS 400
#define DEMO_MEMBER "Member"
/* VIEW_MEMBERS, VIEW_GROUP, VIEW_BASIC_PROFILE on the whole realm. */
#define DEMO_MEMBER_ACTIONS (1u << 0 | 1u << 2 | 1u << 8)

#endif
