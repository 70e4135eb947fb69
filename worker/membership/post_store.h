/* post_store: the SQL of types of posts and of who has which. Row security limits every statement to the realm of the
 * connection. Statuses are pg's.
 */
#ifndef PEK_WORKER_MEMBERSHIP_POST_STORE_H
#define PEK_WORKER_MEMBERSHIP_POST_STORE_H

#include "pek/membership/v1/post.row.h"
#include "shared/service/change.h"
#include "shared/service/read.h"
#include "worker/membership/membership_store.h"
#include "worker/membership/post.h"

/* The own types of the group `group_id`, in the order of (sort_key, id); for read_list. */
PEK_MUST_CHECK enum status post_store_types(const struct read_batch *batch, const void *group_id,
                                            struct pg_result **ret_rows);

/* ---- within a change, of a group that membership_store_lock_group holds ---- */

/* A new own type. ALREADY_EXISTS for the name and FAILED_PRECONDITION beyond POST_TYPES_MAX, each with a fault. */
PEK_MUST_CHECK enum status post_store_make_type(struct change *change, const char *group_id,
                                                const struct text_name *name, uint32_t actions,
                                                membership_v1_post_type *ret_type);

/* A type, locked: of two changes of what it is given to, one waits for the other. */
struct post_type {
    const char *id;
    const char *name; /* "" of a kind that every group has */
    membership_v1_post_kind kind;
    uint32_t actions;
    bool carries; /* its policy is made */
};
/* NOT_FOUND, with a fault on `field`, for a type that is not the group's. */
PEK_MUST_CHECK enum status post_store_own_type(struct change *change, const char *group_id,
                                               const char *id, const char *field,
                                               struct post_type *ret_type);
/* Made when there is none. */
PEK_MUST_CHECK enum status post_store_kind_type(struct change *change, const char *group_id,
                                                membership_v1_post_kind kind,
                                                struct post_type *ret_type);
/* The policy with the type's actions on the group, under the policy of its leader, by which the leader administers it. */
PEK_MUST_CHECK enum status post_store_make_policy(struct change *change, const char *group_id,
                                                  const struct post_type *type);
/* A member who has such a post now, or NULL. */
PEK_MUST_CHECK enum status post_store_holder(struct change *change, const char *group_id,
                                             const struct post_type *type, const char **ret_user);
/* One of the people who are members now and have a post that only the leader takes, or NULL; that they have led the group ends with
 * nothing. */
PEK_MUST_CHECK enum status post_store_leaders(struct change *change,
                                              const struct membership_people *people,
                                              const char **ret_user);
/* They have POST_RIGHTS_MAX posts with rights that the caller gave them, or more. */
PEK_MUST_CHECK enum status post_store_is_full(struct change *change,
                                              const struct membership_people *person,
                                              bool *ret_is_full);
/* The type, the posts of those who are members no more, and its policy. */
PEK_MUST_CHECK enum status post_store_delete_type(struct change *change, const char *group_id,
                                                  const struct post_type *type);

/* `ret_changed` false: they have it, or have it not, already. */
PEK_MUST_CHECK enum status post_store_give(struct change *change,
                                           const struct membership_people *person,
                                           const struct post_type *type, bool *ret_changed);
PEK_MUST_CHECK enum status post_store_take(struct change *change,
                                           const struct membership_people *person,
                                           const struct post_type *type, bool *ret_changed);

/* Those of post_store_types and post_store_is_full, for a test that reads their plans. */
extern const struct pg_statement post_store_list, post_store_rights;

extern const struct pg_statement post_store_audit; /* of own types; for change_audit */

#endif
