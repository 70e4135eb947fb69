/* name_keys_store: what people are ordered and found by, made of what they are called; and its SQL. In fibers.
 *
 * A sort key and folded texts stand in hub.profile beside the names (shared/text), with the version of the collator that made
 * them. Triggers mark a profile whose name changed, by whatever statement, and bring what is searched (hub.user_gram) into line
 * with the keys.
 */
#ifndef PEK_HUB_PROFILE_NAME_KEYS_STORE_H
#define PEK_HUB_PROFILE_NAME_KEYS_STORE_H

#include "shared/pg/pg.h"
#include "shared/text/collator.h"

/* Profiles of a transaction, which holds them to its end: the grams of one take about 2 ms, and its owner may be waiting to
 * change it. */
#define NAME_KEYS_BATCH 10
#define NAME_KEYS_FORGET_BATCH 1000 /* of which nothing else is written */

/* In a transaction that changed the names of `user`, or their room. INVALID_ARGUMENT on "profile.last_name" when they
 * cannot be ordered. */
PEK_MUST_CHECK enum status name_keys_store_make(struct pg_transaction *transaction,
                                                struct text_collator *collator, const char *user,
                                                struct arena *arena, struct fault *fault);
/* Of up to NAME_KEYS_BATCH profiles that lack them, whom nobody else works at; fewer were the last ones. A name that was
 * stored before it had to have an order is ordered by the username. */
PEK_MUST_CHECK enum status name_keys_store_make_some(struct pg_transaction *transaction,
                                                     struct text_collator *collator,
                                                     struct arena *arena, size_t *ret_count,
                                                     struct fault *fault);
/* Keys of another version are to be made: of up to NAME_KEYS_FORGET_BATCH profiles; fewer were the last ones. */
PEK_MUST_CHECK enum status name_keys_store_forget_others(struct pg *pg, struct cancel *cancel,
                                                         const struct text_collator *collator,
                                                         size_t *ret_count);

#endif
