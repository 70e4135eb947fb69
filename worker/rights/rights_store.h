/* rights_store: the SQL of what one user may do.
 *
 * Reads only; row security limits every statement to the realm of the connection.
 */
#ifndef PEK_WORKER_RIGHTS_RIGHTS_STORE_H
#define PEK_WORKER_RIGHTS_RIGHTS_STORE_H

#include "shared/pg/pg.h"
#include "worker/rights/policy.h"
#include "worker/rights/standing.h"

#define POLICY_NAMES_MAX 100 /* told to the hub as hints */


/* Rows (group, user, actions) of what the user has, in the order that struct policy_rights wants; only of the
 * policies named when `names` is not NULL. Never more than POLICY_STATEMENTS_MAX + 1 rows. */
PEK_MUST_CHECK enum status rights_store_load(struct pg *pg, struct cancel *cancel,
                                               struct slice user, const struct slice *names,
                                               size_t name_count, struct arena *arena,
                                               struct pg_result **ret_rows);
/* The actions that the user's statements give on one target, however many statements there are. */
PEK_MUST_CHECK enum status rights_store_actions(struct pg *pg, struct cancel *cancel,
                                                struct slice user,
                                                const struct policy_target *target,
                                                uint32_t *ret_actions);
/* Names of the user's policies, the oldest POLICY_NAMES_MAX of them. */
PEK_MUST_CHECK enum status rights_store_names(struct pg *pg, struct cancel *cancel,
                                              struct slice user, struct pg_result **ret_rows);

/* How the user stands to the policy; to one that is not there as to nothing. `policy_id` "0" asks for GOD only. */
PEK_MUST_CHECK enum status rights_store_standing(struct pg *pg, struct cancel *cancel,
                                                 struct slice user, const char *policy_id,
                                                 struct policy_standing *ret_standing);
/* The same within a change, under its lock. */
PEK_MUST_CHECK enum status rights_store_standing_in(struct pg_transaction *transaction,
                                                    const char *user, const char *policy_id,
                                                    struct policy_standing *ret_standing);

#endif
