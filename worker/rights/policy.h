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

/* Bit n - 1 is pek.Action n: the eleven that statements give, and GOD. GOD is a right of its own, which one
 * statement of the realm has, that of the policy POLICY_REALM_GOD: no union of the others makes it, and no
 * statement that people write has it. */
#define POLICY_ACTIONS_ALL 0x7FFu
#define POLICY_ACTION_GOD 12u
#define POLICY_STATEMENTS_MAX 2000   /* of one user, kept in memory; README.md says what of more */
#define POLICY_SCOPE_GROUPS_MAX 1000 /* sent as parameters of a list; on more, SQL looks itself */
#define POLICY_HINTS_MAX 16          /* of one call; more are not looked at */
#define POLICY_NAME_BYTES_MAX 800
#define POLICY_USER_BYTES_MAX 64

#define POLICY_REALM_GOD "GOD" /* the name of the policy that every other one is under */

/* What managers of a parent get on a new child: VIEW_MEMBERS, VIEW_GROUP, MOVE_GROUP_OWNER. */
#define POLICY_ACTIONS_ESCALATION (1u << 0 | 1u << 2 | 1u << 4)
/* Whoever has this on a group counts as its manager: MOVE_GROUP_OWNER. */
#define POLICY_ACTIONS_MANAGE (1u << 4)

/* The bit that pek.Action `action` asks for; 0 for a number outside the enum. */
uint32_t policy_action_bit(uint32_t action);

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
/* All that one user may do, ordered by group (unrestricted first, then by bytes). */
struct policy_rights {
    const struct policy_statement *statements;
    size_t count;
};
/* True when some matching statement has the bit. 0 is never granted. */
bool policy_rights_allow(const struct policy_rights *rights, uint32_t bit,
                         const struct policy_target *target);

/* Where a user has a right: everywhere, on some groups, or on so many that the list asks the tables itself. */
struct policy_scope {
    bool all;
    const struct slice *groups; /* distinct, ordered by bytes */
    size_t group_count;
    /* When not empty: on all groups where the policies of `user` have `bit`, and the above says nothing. */
    struct slice user;
    uint32_t bit;
};
/* `ret_scope` has no user; RESOURCE_EXHAUSTED when the arena is full. */
PEK_MUST_CHECK enum status policy_rights_scope(const struct policy_rights *rights, uint32_t bit,
                                               struct arena *arena, struct policy_scope *ret_scope);

/* A number from 1 in its one spelling: digits, the first of them no zero. */
bool policy_is_id(const char *id);
/* The form that the hub gives ids of its users: 1 to 64 of a-z, 0-9, '.', '_', '-', a letter or digit first. */
bool policy_is_user(const char *user);
/* A group's id as it is stored, in lower case; NULL when the arena is full. */
const char *policy_group_id(const char *id, struct arena *arena);

#endif
