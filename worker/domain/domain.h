/* domain: what the services of one realm share. Owned by the realm; given to each service as its data. */
#ifndef PEK_WORKER_DOMAIN_DOMAIN_H
#define PEK_WORKER_DOMAIN_DOMAIN_H

#include "shared/service/change.h"
#include "shared/text/collator.h"
#include "worker/guard/guard.h"
#include "worker/rights/policy_cache.h"
#include "worker/search/search_store.h"

struct domain {
    struct service service; /* domain_service */
    const char *realm;
    struct text_collator *collator; /* of the loop thread */
    struct policy_cache *rights;
    struct guard *guard;
    bool search_is_ready; /* worker/search knows every name; until then lists walk */
    struct search_size group_names;
};

/* A realm's tables, and its guard and remembered rights. */
struct service domain_service(struct pg *pg);

/* Of a change in this realm. */
static inline const struct domain *change_domain(const struct change *change)
{
    return (const struct domain *)change->service;
}

#endif
