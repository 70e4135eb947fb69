/* policy_cache: what users may do, remembered from PostgreSQL and never longer than it is true.
 *
 * One entry a user, bounded in number. An entry is complete, or holds only the policies that a hint named;
 * a partial entry may grant, never deny. While notifications may be missed nothing is remembered and every
 * check reads. README.md says why each of these is safe.
 *
 * Everything on the loop thread; checks run in a fiber and may wait for PostgreSQL.
 */
#ifndef PEK_WORKER_RIGHTS_POLICY_CACHE_H
#define PEK_WORKER_RIGHTS_POLICY_CACHE_H

#include "shared/pg/pg.h"
#include "worker/rights/policy.h"
#include "worker/rights/standing.h"

#define POLICY_CACHE_USERS_MAX 20000
#define POLICY_CACHE_AGE_MAX_MS (5 * 60 * 1000)
#define POLICY_NOTIFY_CHANNEL "pek_policy" /* payload: realm, a space, user */

struct policy_cache;

/* Listens for changes of `realm`. The pg and the realm's name outlive the cache. */
PEK_MUST_CHECK enum status policy_cache_new(struct pg *pg, const char *realm,
                                            struct policy_cache **ret_cache);
/* No fiber may be inside. Takes NULL, returns NULL. */
struct policy_cache *policy_cache_free(struct policy_cache *cache);

/* Who asks, and where to look first. */
struct policy_asker {
    struct slice user;
    const struct slice *hints; /* policy names; believed in nothing but the order of looking */
    size_t hint_count;
};

/* OK with the answer, or the failure to find out. `arena` is scratch. */
PEK_MUST_CHECK enum status policy_cache_allows(struct policy_cache *cache, struct cancel *cancel,
                                               const struct policy_asker *asker, uint32_t bit,
                                               const struct policy_target *target,
                                               struct arena *arena, bool *ret_allowed);
/* Where the asker has the right; the groups are copied into the arena, the user is the asker's. */
PEK_MUST_CHECK enum status policy_cache_scope(struct policy_cache *cache, struct cancel *cancel,
                                              const struct policy_asker *asker, uint32_t bit,
                                              struct arena *arena, struct policy_scope *ret_scope);

/* How the user stands to a policy (rights_store_standing): never remembered, it is asked rarely. */
PEK_MUST_CHECK enum status policy_cache_standing(struct policy_cache *cache, struct cancel *cancel,
                                                 struct slice user, const char *policy_id,
                                                 struct policy_standing *ret_standing);

/* What was committed about this user (everybody) is seen by the next check. Tells the watchers, too. */
void policy_cache_forget(struct policy_cache *cache, struct slice user);
void policy_cache_forget_all(struct policy_cache *cache);

/* The same for everybody of whom an assignment has ended since this was called last. No check of this process needs
 * it, since an entry ends with the assignment: it is for who watches, and for streams. */
PEK_MUST_CHECK enum status policy_cache_forget_ended(struct policy_cache *cache,
                                                     struct cancel *cancel);

/* Another number than before: what was found out then may no longer be true. Only means something while the
 * cache is listening. */
uint64_t policy_cache_generation(const struct policy_cache *cache);

/* Whoever passes changes on. `changed` is called on the loop thread, outside fibers as well as inside; an
 * empty user means that anybody's rights may have changed. */
struct policy_watcher {
    struct list node;
    void (*changed)(struct policy_watcher *watcher, struct slice user);
};
void policy_cache_watch(struct policy_cache *cache, struct policy_watcher *watcher);
void policy_cache_unwatch(struct policy_watcher *watcher);

struct policy_cache_statistics {
    uint64_t hits;        /* answered from memory */
    uint64_t loads;       /* all of a user's rights read */
    uint64_t hint_hits;   /* the hinted policies granted */
    uint64_t hint_misses; /* they did not, everything was read */
    uint64_t forgotten;   /* users told of by a change */
    size_t users;
    bool listening;
};
void policy_cache_statistics(const struct policy_cache *cache,
                             struct policy_cache_statistics *ret_statistics);

#endif
