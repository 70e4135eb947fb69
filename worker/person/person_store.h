/* person_store: what a realm knows of people, and its SQL: a name to show, to order and to search by. The hub has the
 * rest, and tells each realm of the people whom it knows. */
#ifndef PEK_WORKER_PERSON_PERSON_STORE_H
#define PEK_WORKER_PERSON_PERSON_STORE_H

#include "shared/pg/pg.h"
#include "shared/text/name.h"

/* Who is not known yet is, by their id; who is stays as they are. The ids are distinct. */
PEK_MUST_CHECK enum status person_store_meet(struct pg_transaction *transaction,
                                             struct text_collator *collator,
                                             const struct slice *ids, size_t count,
                                             struct arena *arena, struct fault *fault);

/* What the hub says of a user. */
struct person {
    const char *id;
    struct text_name name;
    int64_t avatar_version; /* 0: none */
    int64_t version;        /* counts the changes of the profile, from 1 */
};
/* An older version than what is known changes nothing. */
PEK_MUST_CHECK enum status person_store_put(struct pg_transaction *transaction,
                                            const struct person *person, struct arena *arena);

/* ---- keys that follow the collator: for worker/realm/rekey ---- */

extern const struct pg_statement person_store_names_after, person_store_set_keys;

#endif
