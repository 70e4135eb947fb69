/* page_token: one position in a merged list, sealed.
 *
 * The position is the last item given: (sort key, id, realm). Every realm understands it, so a page neither
 * repeats nor skips, whichever realms were down when it was made. The token is bound to a question (a hash
 * over method, filters, user and the set of realms) and to this federation by HMAC-SHA-256 over all of it: a
 * token that was changed, or made for another question, is INVALID_ARGUMENT on "page_token".
 *
 * Text form: base64url of  version(1) question(16) mac(16) len(2) sort_key len(2) id realm…
 * The sort key is no secret of the user's, who may see the name it was made from; the page size is not part
 * of the question and may change between pages.
 */
#ifndef PEK_HUB_FEDERATION_PAGE_TOKEN_H
#define PEK_HUB_FEDERATION_PAGE_TOKEN_H

#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define PAGE_TOKEN_BYTES_MAX 4096 /* of text */
#define PAGE_QUESTION_BYTES 16
/* Of sort key and id together; with any realm's name that fits in a token. */
#define PAGE_POSITION_BYTES_MAX 2944

struct page_position {
    struct slice sort_key, id, realm;
};

struct page_question {
    uint8_t bytes[PAGE_QUESTION_BYTES];
};

/* Hash of the parts, each with its length: what the token may be used for. */
struct page_question page_question_of(const struct slice *parts, size_t part_count);

/* The text lives in the arena. RESOURCE_EXHAUSTED when the position is too large for a token. */
PEK_MUST_CHECK enum status page_token_seal(struct slice key, const struct page_question *question,
                                           const struct page_position *position,
                                           struct arena *arena, struct slice *ret_token);
/* The position lives in the arena. */
PEK_MUST_CHECK enum status page_token_open(struct slice key, const struct page_question *question,
                                           struct slice token, struct arena *arena,
                                           struct page_position *ret_position, struct fault *fault);

#endif
