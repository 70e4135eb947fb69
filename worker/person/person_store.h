/* person_store: what a realm knows of people, and its SQL: a name to show, to order and to search by. The hub has the
 * rest, and tells each realm of the people whom it knows. */
#ifndef PEK_WORKER_PERSON_PERSON_STORE_H
#define PEK_WORKER_PERSON_PERSON_STORE_H

#include "shared/pg/pg.h"
#include "shared/text/name.h"

struct person {
    struct slice id;
    struct text_name name;
    int64_t avatar_version; /* 0: none */
    int64_t version;        /* counts the changes of the profile, from 1; 0: nobody told of them */
    bool is_deleted;        /* nobody's name any more, and not folded */
};

/* Who is not known yet is from now on, as they are given, and met by `actor`; of whom nothing is known: their id for a name,
 * and version 0. What is there is replaced by a newer version alone. The ids are distinct.
 * FAILED_PRECONDITION, reason TOO_MANY_UNNAMED, when there are more than PERSON_UNNAMED_MAX then whom this one met and nobody
 * has told of: people who are no accounts. */
#define PERSON_UNNAMED_MAX 1000
PEK_MUST_CHECK enum status person_store_meet(struct pg_transaction *transaction, const char *actor,
                                             const struct person *people, size_t count,
                                             struct arena *arena, struct fault *fault);

/* What the hub says of users, up to PERSON_PUT_MAX of them, is kept of those who have a policy or a membership here.
 * `ret_known` are their ids (column 0). An older version than what is there changes nothing. */
#define PERSON_PUT_MAX 100
PEK_MUST_CHECK enum status person_store_put(struct pg_transaction *transaction,
                                            const struct person *people, size_t count,
                                            struct arena *arena, struct pg_result **ret_known);
/* The hub tells of people up to `version`, 0 of nobody, and of others up to `before` before: that is counted where it is so. `ret_before` is the newest version
 * that was counted before; 1: none. */
PEK_MUST_CHECK enum status person_store_count_told(struct pg_transaction *transaction,
                                                   int64_t before, int64_t version,
                                                   struct arena *arena, int64_t *ret_before);
/* That refusal. */
enum status person_gone(struct slice id, const char *field, struct fault *fault);
/* FAILED_PRECONDITION, reason USER_DELETED, on `field` when one of them has deleted their account, as the hub told. */
PEK_MUST_CHECK enum status person_store_check_there(struct pg_transaction *transaction,
                                                    const struct slice *users, size_t count,
                                                    const char *field, struct arena *arena,
                                                    struct fault *fault);
/* Is what is there of the user of this version or a newer one? */
PEK_MUST_CHECK enum status person_store_has(struct pg *pg, struct cancel *cancel, struct slice user,
                                            int64_t version, struct arena *arena, bool *ret_has);
/* Whom nobody told of, behind `after`, up to PERSON_PUT_MAX; column 0. */
PEK_MUST_CHECK enum status person_store_unnamed(struct pg *pg, struct cancel *cancel,
                                                const char *after, struct pg_result **ret_users);
/* Has the user a membership here? */
PEK_MUST_CHECK enum status person_store_is_member(struct pg *pg, struct cancel *cancel,
                                                  struct slice user, bool *ret_is_member);

/* Does the realm know both: has each a policy or a membership here? Who does not share a realm with somebody does not
 * learn whether they are in it. */
PEK_MUST_CHECK enum status person_store_knows_both(struct pg *pg, struct cancel *cancel,
                                                   struct slice one, struct slice other,
                                                   bool *ret_knows);

/* ---- keys that follow the collator: for worker/realm/rekey ---- */

extern const struct pg_statement person_store_names_after, person_store_set_keys;

#endif
