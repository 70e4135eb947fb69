/* user_merge: two accounts of one person become one in this realm.
 *
 * All of it is pek.merge_user, in the database (worker/realm/migrations): one transaction in which whatever the realm has of
 * the one account is the other's. What they acted on stays theirs in the audit log, by the id that acted.
 */
#ifndef PEK_WORKER_PERSON_USER_MERGE_H
#define PEK_WORKER_PERSON_USER_MERGE_H

#include "shared/pg/pg.h"

struct user_merge {
    const char *from_user, *into_user; /* distinct */
    bool dry_run;                      /* nothing stays changed */
};

/* What was moved; user_merge.h's words are pek.instance.v1.MergeUserResponse's. */
struct user_merge_moved {
    int64_t memberships, combined, posts, policies, leads, statements;
};

/* Idempotent: again, it answers as the first time. Into an account that was merged is into the one that it became.
 * FAILED_PRECONDITION, with a fault, when from_user was merged into another account before, or is what into_user became. */
PEK_MUST_CHECK enum status user_merge_run(struct pg *pg, struct cancel *cancel,
                                          const struct user_merge *merge,
                                          struct user_merge_moved *ret_moved, struct fault *fault);

/* Why a statement failed: it makes something of an account that was merged. */
#define USER_MERGED "USER_MERGED"
bool user_merge_is_reason(const struct pg_transaction *transaction);

#endif
