/* domain: what the services of one realm share. Owned by the realm; given to each service as its data. */
#ifndef PEK_WORKER_CHANGE_DOMAIN_H
#define PEK_WORKER_CHANGE_DOMAIN_H

#include "shared/pg/pg.h"
#include "shared/text/collator.h"
#include "worker/guard/guard.h"
#include "worker/rights/policy_cache.h"

struct domain {
    const char *realm;
    struct pg *pg;
    struct text_collator *collator; /* of the loop thread */
    struct policy_cache *rights;
    struct guard *guard;
    bool search_is_ready; /* worker/search knows every name; until then lists walk */
};

#endif
