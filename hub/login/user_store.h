/* user_store: the SQL of logging in: which states came back, who is known, who is new. In fibers.
 *
 * Statuses besides those named: what shared/pg says of a database that is away or refuses.
 */
#ifndef PEK_HUB_LOGIN_USER_STORE_H
#define PEK_HUB_LOGIN_USER_STORE_H

#include "shared/base/arena.h"
#include "shared/base/slice.h"
#include "shared/pg/pg.h"

#define USER_ID_CHARS 26          /* 130 random bits in base32 */
#define USER_SPENT_PURGED_MAX 100 /* expired rows that go with each new one */

/* Notes that this state (or whatever may happen once) came. ALREADY_EXISTS when it came before. The row is kept for
 * `keep_s`, which outlasts what it stands for. */
PEK_MUST_CHECK enum status user_store_spend(struct pg *pg, struct cancel *cancel,
                                            struct slice state, int64_t keep_s);

struct user_row {
    struct slice id; /* in the arena */
    bool disabled;
};
/* By the provider's subject; of an account that was merged, whose it became. NOT_FOUND. */
PEK_MUST_CHECK enum status user_store_find(struct pg *pg, struct cancel *cancel,
                                           struct slice subject, struct arena *arena,
                                           struct user_row *ret_user);
/* The provider's name, for who has not written their own. */
PEK_MUST_CHECK enum status user_store_set_name(struct pg *pg, struct cancel *cancel,
                                               struct slice id, struct slice name);

/* The first of the candidates that nobody has; "" when all are taken. */
PEK_MUST_CHECK enum status user_store_free_username(struct pg *pg, struct cancel *cancel,
                                                    const struct slice *candidates, size_t count,
                                                    struct arena *arena,
                                                    struct slice *ret_username);

/* A new user with a new id. ALREADY_EXISTS when the username is taken, FAILED_PRECONDITION when the subject is
 * registered already. */
PEK_MUST_CHECK enum status user_store_create(struct pg *pg, struct cancel *cancel,
                                             struct slice subject, struct slice username,
                                             struct slice name, struct arena *arena,
                                             struct slice *ret_id);

#endif
