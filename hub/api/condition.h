/* condition: ETag, If-None-Match and If-Match (RFC 9110, 8.8.3 and 13.1). Internal to hub/api.
 *
 * What has a field `etag` is answered with an ETag, strong: that field with a hash of whose it is before it. The field is a realm's
 * counter, and one path may lead to things of several realms, or of several people ("me"): it says which only together with its realm,
 * who asks (what is shown may depend on them) and the id. If-Match takes the field alone as well, and means what the field
 * means in a body; If-None-Match, by which caches answer, does not. A realm is told which etag of its own the client has, and answers that one without the rest; whether it is 304 the
 * hub decides, by the answer, whatever the realm made of it. A read with If-None-Match that names it is 304, one with
 * If-Match that does not is 412. A change with If-Match goes to the realm with the etag in the request's own field,
 * where it is compared under the lock; with several, one after the other until one is the present one; 412 when none is. Weak ones
 * never match there. "*" is true of whatever there is. What cannot be looked at is refused rather than ignored: If-Match of
 * a change that takes no etag, If-None-Match of a change.
 */
#ifndef PEK_HUB_API_CONDITION_H
#define PEK_HUB_API_CONDITION_H

#include "hub/api/call.h"
#include "hub/http/condition.h"

/* Of a change: what If-Match says. INVALID_ARGUMENT for what is no list of etags, or cannot be honoured;
 * FAILED_PRECONDITION when nothing can match. */
PEK_MUST_CHECK enum status
condition_of_change(struct api_call *call, struct condition *ret_condition, struct fault *fault);
/* The realm says that the etag is not the present one. */
bool condition_is_refusal(const struct fault *fault);

/* FAILED_PRECONDITION, for 412. */
enum status condition_fail(struct fault *fault);

/* Of a read: tells each realm which etag of its own the client has, if it has one, so that the realm need not send again what that
 * is (RPC_IF_NONE_MATCH). */
void condition_offer(struct api_call *call);
/* The answer has that etag, so that it may lack the rest, but If-None-Match names another thing with the same etag. */
bool condition_is_of_another(const struct api_call *call, const struct leg *leg);

/* Of an answer: adds ETag; then 200 or 304, or 412 with the fault. */
int condition_of_answer(struct api_call *call, const struct leg *leg, struct fault *fault);

#endif
