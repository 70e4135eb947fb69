/* any: a question that any of the caller's realms may answer. Internal to hub/api.
 *
 * The answer is that of the first realm, in the registry's order, among those that have it: the same question gets
 * the same realm, whoever is faster. Once one has it, those before it have straggler_ms to say that they have not;
 * what a realm that could not be asked would have said is not known, and `Federation-Incomplete` names it.
 *
 * A list is a realm's when it came to its end, or filled its page. Until then the others keep what they have: should the first
 * break off, fall silent or never end, its items are forgotten and the next that has it answers. What is written while it comes
 * cannot be taken back, so of a stream the first API_FLUSH_BYTES are held.
 */
#ifndef PEK_HUB_API_ANY_H
#define PEK_HUB_API_ANY_H

#include "hub/api/call.h"

/* It has it, and did not break; a list once its first item, or its end, is there. */
bool any_has_it(const struct leg *leg);
bool any_else_has_it(const struct api_call *call, const struct leg *leg);
/* Until it is known whose answer counts. The fault when nobody has it. The others still run. */
PEK_MUST_CHECK enum status any_await(struct api_call *call, struct leg **ret_leg,
                                     struct fault *fault);
/* The same of what is no list: the realm where the session found it last (hub/session/found.h) is asked first, and the others when it
 * does not have it, or has not answered after straggler_ms. */
PEK_MUST_CHECK enum status any_await_one(struct api_call *call, struct leg **ret_leg,
                                         struct fault *fault);
/* Headers of the answer to come: Content-Location, the path that names the realm, when the request did not; and
 * Federation-Incomplete, the realms before `leg` (all when NULL) that did not answer. */
void any_add_headers(struct api_call *call, const struct leg *leg);

/* Federation-Incomplete of an answer of the hub's own, which says itself what realms it could not hear. */
void any_add_unheard(struct api_call *call, const struct leg *leg);

#endif
