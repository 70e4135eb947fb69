/* policy: who may do what, as pure rules.
 *
 * A policy is a set of statements; a user has the union of the statements of the policies assigned to
 * them. There is no deny. A statement's restriction on a group or a user is met only by a target that has
 * that group or user: a statement restricted to one user opens no group, and one restricted to a group
 * nothing of the whole realm.
 */
#ifndef PEK_WORKER_RIGHTS_POLICY_H
#define PEK_WORKER_RIGHTS_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/status.h"

/* Bit n - 1 is pek.Action n. */
#define POLICY_ACTIONS_ALL 0x7FFu
#define POLICY_ACTION_GOD 12u
#define POLICY_STATEMENTS_MAX 20000 /* of one user, kept in memory; README.md says what of more */
#define POLICY_HINTS_MAX 16         /* of one call; more are not looked at */
#define POLICY_NAME_BYTES_MAX 800
#define POLICY_USER_BYTES_MAX 64

#define POLICY_REALM_GOD "GOD" /* the name of the policy that every other one is under */

/* What managers of a parent get on a new child: VIEW_MEMBERS, VIEW_GROUP, MOVE_GROUP_OWNER. */
#define POLICY_ACTIONS_ESCALATION (1u << 0 | 1u << 2 | 1u << 4)
/* Whoever has this on a group counts as its manager: MOVE_GROUP_OWNER. */
#define POLICY_ACTIONS_MANAGE (1u << 4)

/* The bits that pek.Action `action` asks for: all of them for GOD, 0 for a number outside the enum. */
uint32_t policy_action_bits(uint32_t action);

struct policy_statement {
    const char *group; /* NULL: not restricted */
    const char *user;  /* NULL: not restricted */
    uint32_t actions;
};

/* What something is done to; both NULL is the realm itself. */
struct policy_target {
    const char *group;
    const char *user;
};

bool policy_statement_matches(const struct policy_statement *statement,
                              const struct policy_target *target);
/* The subset rule of delegation: `child` allows nothing that `parent` does not. */
bool policy_statement_within(const struct policy_statement *child,
                             const struct policy_statement *parent);
/* Every child statement lies within one single parent statement. */
bool policy_statements_within(const struct policy_statement *children, size_t child_count,
                              const struct policy_statement *parents, size_t parent_count);

/* All that one user may do, ordered by group (unrestricted first, then by bytes). */
struct policy_rights {
    const struct policy_statement *statements;
    size_t count;
};
/* True when every bit of `bits` is granted by some matching statement. `bits` 0 is never granted. */
bool policy_rights_allow(const struct policy_rights *rights, uint32_t bits,
                         const struct policy_target *target);

/* Where a user has a right: everywhere, or on some groups. */
struct policy_scope {
    bool all;
    const struct slice *groups; /* distinct, ordered by bytes */
    size_t group_count;
};
PEK_MUST_CHECK enum status policy_rights_scope(const struct policy_rights *rights, uint32_t bits,
                                               struct arena *arena, struct policy_scope *ret_scope);

/* Digits of a number from 1. */
bool policy_is_id(const char *id);
/* The form that the hub gives ids of its users: 1 to 64 of a-z, 0-9, '.', '_', '-', a letter or digit first. */
bool policy_is_user(const char *user);
/* A group's id as it is stored, in lower case; NULL when the arena is full. */
const char *policy_group_id(const char *id, struct arena *arena);

#endif
