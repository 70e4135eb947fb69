/* post: the kinds of posts, and what a type of the group's own may be, as pure rules.
 *
 * A right comes from a policy and from nothing else: a type with actions carries a policy with them, on its group. Whoever
 * gives such a post gives rights, which is the leader's. Source of the rules: the posts of the predecessor, without its gaps
 * (posts of people who were members no more, of another group's type, of another group's member).
 */
#ifndef PEK_WORKER_MEMBERSHIP_POST_H
#define PEK_WORKER_MEMBERSHIP_POST_H

#include "pek/membership/v1/membership.rpc.h"
#include "pek/membership/v1/post.rpc.h"
#include "shared/base/fault.h"
#include "shared/text/name.h"

#define POST_TYPES_MAX 50 /* own ones of a group */
#define POST_NAME_CHARS_MAX 30
#define POST_FLAIRS_MAX 10 /* of a member */
#define POST_FLAIR_CHARS_MAX 30

/* Posts with rights that one person gave another: each is a policy that every check of theirs looks at. */
#define POST_RIGHTS_MAX 100

#define POST_REASON_USER_FULL "USER_FULL"
#define POST_REASON_TAKEN "POST_TAKEN"
#define POST_REASON_HELD "POST_HELD"
#define POST_REASON_NOT_HELD "POST_NOT_HELD"
#define POST_REASON_IN_USE "POST_TYPE_IN_USE"
#define POST_REASON_FULL "TOO_MANY_POST_TYPES"
#define POST_REASON_LEADER "LEADER_ONLY"

/* What a kind, but OWN, brings. */
struct post_kind {
    const char *policy_name; /* of its policy: "NAME of GROUP"; NULL when it has none */
    uint32_t actions;
    bool one; /* one member of a group has it at a time */
};
extern const struct post_kind post_kinds[];

/* Exactly one of a kind, not OWN, and an id that can be one. */
PEK_MUST_CHECK enum status post_check_choice(membership_v1_post_kind kind, const char *type_id,
                                             struct fault *fault);
/* The name of an own type, and its actions as bits: those that a group can give without giving itself away.
 * INVALID_ARGUMENT. */
PEK_MUST_CHECK enum status post_make_type(const membership_v1_create_post_type_request *written,
                                          struct text_collator *collator, struct arena *arena,
                                          struct text_name *ret_name, uint32_t *ret_actions,
                                          struct fault *fault);
/* Words about a member as they are stored: `count` of them, in the arena. INVALID_ARGUMENT on flairs for too many, for one
 * that is empty, too long or no line of text, and for two alike. */
PEK_MUST_CHECK enum status post_make_flairs(char *const *flairs, size_t count, struct arena *arena,
                                            const struct slice **ret_flairs, struct fault *fault);

#endif
