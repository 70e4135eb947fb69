/* given_back: a PATCH with what a GET gave. Internal to hub/api.
 *
 * A body that names fields which only the realm sets is what was read, with something changed. What is there now is
 * read first, by the GET of the same path, or of the path above, which has it in a list (a statement of a policy), and only what differs is passed on; nothing may be left. So no domain has
 * code for it, and a change of what cannot be changed is refused by its name. The etag is compared first, that of the body or
 * those of If-Match: ABORTED on "etag" when somebody changed it meanwhile.
 */
#ifndef PEK_HUB_API_GIVEN_BACK_H
#define PEK_HUB_API_GIVEN_BACK_H

#include "hub/api/condition.h"

struct given_back {
    struct api_call *read; /* the GET; NULL when there was none to make */
    bool is_part;          /* the GET was of the path above */
    struct leg *current;   /* its answer: nothing changes, and this is the answer; NULL: go on */
};

/* The request is left with what changes. */
PEK_MUST_CHECK enum status given_back_reduce(struct api_call *call,
                                             const struct condition *condition,
                                             struct given_back *ret_back, struct fault *fault);
void given_back_done(struct given_back *back);

#endif
