/* guard: who calls, and whether they may: the interceptor of a realm's host.
 *
 * Authentication is the realm's own instance token (authorization: Bearer …): typ pek-instance+jwt, issuer
 * and audience both this realm. A verified token is remembered, so a repeated one costs a hash lookup.
 *
 * Authorisation is every access rule of the method, before the handler runs. A request whose `realm` field
 * names another realm is refused. What is not there and what may not be seen are refused alike. For a rule
 * with `filter` the scope (struct policy_scope) is attached to the call: guard_scope; an empty one is an empty list. A
 * rule about policies is decided by the policies that the caller holds (rights/standing.h), read anew each time; with
 * `filter` the scope
 * only tells whether the caller sees all of them.
 */
#ifndef PEK_WORKER_GUARD_GUARD_H
#define PEK_WORKER_GUARD_GUARD_H

#include "shared/jwt/jwt_keys.h"
#include "shared/rpc/rpc.h"
#include "worker/rights/policy_cache.h"

#define GUARD_HINT_KEY "x-policy-hint"
#define GUARD_AGE_MAX_MS 2000 /* a stream asks again after this long */
#define GUARD_ME "me"         /* the caller, in a field that `self` of a rule names */

struct guard;

/* All three outlive the guard. */
PEK_MUST_CHECK enum status guard_new(const char *realm, const struct jwt_keys *keys,
                                     struct policy_cache *cache, struct guard **ret_guard);
struct guard *guard_free(struct guard *guard);
/* `finished` is left for the program. */
struct rpc_interceptor guard_interceptor(struct guard *guard);

/* What the caller may see by the method's filter rule; NULL of a method that is open to anybody. */
const struct policy_scope *guard_scope(struct rpc_ctx *ctx);
/* May the caller do this to the group as well? For what a method shows or tells them beside what its rules are about. */
PEK_MUST_CHECK enum status guard_allows(struct guard *guard, struct rpc_ctx *ctx, uint32_t action,
                                        const char *group, bool *ret_allowed);
/* Where the caller may do that as well. */
PEK_MUST_CHECK enum status guard_scope_of(struct guard *guard, struct rpc_ctx *ctx, uint32_t action,
                                          struct policy_scope *ret_scope);
/* For a stream that lasts: the rules of the method are asked again, and guard_scope answers what is true now, when that
 * was done more than GUARD_AGE_MAX_MS ago and somebody's rights have changed since. PERMISSION_DENIED when nothing
 * is left to the caller, or no longer all policies; UNAUTHENTICATED when the token has expired. */
PEK_MUST_CHECK enum status guard_again(struct guard *guard, struct rpc_ctx *ctx,
                                       const void *request);

/* The first POLICY_HINTS_MAX hints of the call that are policy names, in its arena. */
const struct slice *guard_hints(struct rpc_ctx *ctx, size_t *ret_count);
/* One hint as it came (%-encoded) as a policy name; false when it is none. */
bool guard_hint_decode(struct slice hint, struct arena *arena, struct slice *ret_name);

struct guard_statistics {
    uint64_t token_hits, token_misses, denied;
};
void guard_statistics(const struct guard *guard, struct guard_statistics *ret_statistics);

#endif
