/* resume: where a list goes on, and in which realms. Internal to hub/api.
 *
 * A list that begins asks all realms of the caller. Its tokens say which those were and which of them broke: a list
 * that goes on asks those that are still in, and names the others as unreachable without asking. So a realm that
 * breaks takes part in no later page, and comes back in a new list; the cursors of a stream have it in, at its own place. They say as well what each realm has taken, of items and of
 * the others' time: the limits are the list's, not the page's.
 */
#ifndef PEK_HUB_API_RESUME_H
#define PEK_HUB_API_RESUME_H

#include "hub/api/call.h"
#include "hub/federation/page_token.h"

struct resume {
    struct page_question question;
    bool given;                 /* there was a token: `last` and `realms` are what it says */
    struct page_position last;  /* of the item that is farthest on; realm empty before the first */
    struct page_position began; /* the same when the part began */
    struct page_realms realms;
};

/* `token` may be empty. INVALID_ARGUMENT for one that is none of ours, or of another question. */
PEK_MUST_CHECK enum status resume_open(struct api_call *call, struct slice token,
                                       struct resume *ret_resume, struct fault *fault);
/* Legs as call_add_legs makes them, but of the token's realms when there was one. */
PEK_MUST_CHECK enum status resume_add_legs(struct api_call *call, const struct resume *resume,
                                           struct fault *fault);
/* What each leg is asked for: `size` items (0: all) behind the position. */
PEK_MUST_CHECK enum status resume_set_requests(struct api_call *call, const struct resume *resume,
                                               size_t size, bool same_over_realms);
/* How many of `size` items each leg is asked for first; 0: for all of them. What a page needs of a realm is unknown: in the middle
 * its part, with a deviation of at most half the root. A realm of which it needs more is asked on. */
size_t resume_share(const struct api_call *call, size_t size, bool same_over_realms);
/* Asks one leg for `size` items more, behind the last that it gave. */
PEK_MUST_CHECK enum status resume_ask_on(struct api_call *call, struct leg *leg,
                                         struct slice sort_key, struct slice id, size_t size);
/* Where a leg goes on: behind that position, or at it. */
struct resume_place {
    struct slice sort_key, id;
    /* Its realm may still give an item at the very position: realms that come after the last item's in a tie have not
     * given their own yet. */
    bool inclusive;
};
/* The token has a place of its own for it. */
bool resume_is_apart(const struct api_call *call, const struct resume *resume, size_t leg);
struct resume_place resume_place(const struct api_call *call, const struct resume *resume,
                                 size_t leg, bool same_over_realms);
/* What a token says of a leg that is in; `gives`: its head is being given, too. */
struct page_realm resume_realm(const struct api_call *call, size_t leg, bool gives);
/* Empty when the method's lists cannot be gone on with, or the position is too large. In the arena. */
struct slice resume_seal(const struct api_call *call, const struct resume *resume,
                         const struct page_position *position, const struct page_realms *realms,
                         struct arena *arena);

#endif
