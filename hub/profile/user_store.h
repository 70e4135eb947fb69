/* user_store: the SQL of the list of people. In fibers.
 *
 * Who may be seen, and by what they may be found, is in the statement: people of the realms that the caller is in by their names;
 * those whose details the caller sees (details_seen.h) by those as well, as far as they are not hidden: each of these is looked at, once a batch.
 * Names are found by hub.user_gram, in each
 * realm of the caller apart, so that a search costs what the caller may see and not what the hub has.
 */
#ifndef PEK_HUB_PROFILE_USER_STORE_H
#define PEK_HUB_PROFILE_USER_STORE_H

#include "hub/profile/details_seen.h"
#include "pek/hub/v1/profile.rpc.h"
#include "shared/row/row.h"
#include "shared/service/read.h"
#include "shared/text/search.h"

#define USER_COUNTED_MAX                                                                           \
    400 /* names that are counted for each gram, to learn which is the rarest */

struct user_query {
    const char *me; /* who asks */
    struct search search;
    struct slice lead;        /* the gram whose names are looked at; empty: everybody's */
    struct details_seen seen; /* of whom the caller sees details, beside themself */
};

extern const struct row_type user_store_row;
/* For the test that reads the plans. */
extern const struct pg_statement user_store_rarest, user_store_found;

/* The lead of a search: the rarest of its grams in the realms of the caller. */
PEK_MUST_CHECK enum status user_store_find_lead(struct rpc_ctx *ctx, struct pg *pg,
                                                struct user_query *query);
/* For read_list; `query` is a struct user_query. */
PEK_MUST_CHECK enum status user_store_list(const struct read_batch *batch, const void *query,
                                           struct pg_result **ret_rows);

#endif
