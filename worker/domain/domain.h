/* domain: what the services of one realm share. Owned by the realm; given to each service as its data. */
#ifndef PEK_WORKER_DOMAIN_DOMAIN_H
#define PEK_WORKER_DOMAIN_DOMAIN_H

#include "shared/service/change.h"
#include "shared/text/collator.h"
#include "worker/guard/guard.h"
#include "worker/rights/policy_cache.h"
#include "worker/search/search_store.h"

/* The realm's semester, or its season, changes: what it was and becomes. */
struct season_move {
    const char *semester_before, *semester;
    int season_before, season; /* pek.semester.v1.Season */
};

struct domain {
    struct service service; /* domain_service */
    const char *realm;
    struct text_collator *collator; /* of the loop thread */
    struct policy_cache *rights;
    struct guard *guard;
    bool search_is_ready; /* worker/search knows every name; until then lists walk */
    struct search_size group_names;
    struct search_counts group_grams[2]; /* without archived names, and with them */
    /* What else that change does, in its transaction; the realm knows who has to do with it. */
    enum status (*season_moved)(struct change *change, const struct season_move *move);
};

/* A realm's tables, and its guard and remembered rights. */
struct service domain_service(struct pg *pg);

/* Of a change in this realm, before it counts what a limit bounds (members of a group, what one user gave another): until it
 * ends it alone counts, for the same limit and `of` what. Two that count at the same time would each be the last that fits. */
PEK_MUST_CHECK enum status domain_lock_limit(struct change *change, const char *limit,
                                             const char *of);

/* Of a change in this realm. */
static inline const struct domain *change_domain(const struct change *change)
{
    return (const struct domain *)change->service;
}

#endif
