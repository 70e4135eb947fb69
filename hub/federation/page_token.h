/* page_token: where a merged list goes on, sealed: a position, and the realms of the list.
 *
 * The position is the last item given: (sort key, id, realm). Every realm understands it. The realms are those that
 * the list began with, each with whether it is still in: one that broke is out of the pages that follow, so that no
 * realm can keep the others from going on; and realms that came or were learned of later are not in it, so that a
 * token leads on whatever happens to the federation. What a realm may take of a list (items, others' time) is counted over
 * the whole list, so the token says what it has taken. Of realms for which the list had no room (hub/session/choice.h) it says
 * the first, since they are the last in the order of names. The token is bound to a question (a hash over method, filters,
 * user and the realm that was named) and to this federation by HMAC-SHA-256 over all of it: a token that was changed,
 * or made for another question, is INVALID_ARGUMENT on "page_token".
 *
 * Text form: base64url of  version(1) question(16) mac(16) then parts, each len(2) bytes: sort_key id realm not_asked, and
 * for each realm of the list its name's length in a byte (with the highest bit when it is out, and the next when it is apart), the name,
 * as numbers of 7 bits a byte given and waited, and of one that is apart the parts sort_key id.
 *
 * Hubs of two releases run side by side while they are replaced, and each gets the other's tokens. So another form gets another
 * version, is read by one release, and sealed by the next; page_token_test has tokens of every version, which are read or refused for
 * ever. A version that is not read is INVALID_ARGUMENT with the reason PAGE_TOKEN_VERSION.
 *
 * It stands in a URL, whose line has 8 KiB (HTTP_LINE_BYTES_MAX): a token takes 6.5 of them at most, and leaves 1.5 to path and
 * filters. So PAGE_REALMS_MAX realms have PAGE_REALMS_BYTES_MAX for their names together, 21 each; whom a list may ask is
 * chosen by both, and any position of PAGE_POSITION_BYTES_MAX fits beside them.
 * The sort key is no secret of the user's, who may see the name it was made from; the page size is not part
 * of the question and may change between pages.
 */
#ifndef PEK_HUB_FEDERATION_PAGE_TOKEN_H
#define PEK_HUB_FEDERATION_PAGE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

#define PAGE_TOKEN_BYTES_MAX 6656 /* of text; it stands in a URL */
#define PAGE_QUESTION_BYTES 16
#define PAGE_REALMS_MAX 64                           /* realms per fan-out */
#define PAGE_REALMS_BYTES_MAX (PAGE_REALMS_MAX * 21) /* of their names together */
#define PAGE_REALM_BYTES_MAX 63
#define PAGE_WAITED_ALL 10000
/* Of sort key and id together; with any names of realms within the limits above that fits in a token. */
#define PAGE_POSITION_BYTES_MAX 2944

struct page_position {
    struct slice sort_key, id, realm;
};

struct page_realms {
    struct page_realm {
        struct slice name;
        bool out;        /* it broke: not asked any more in this list */
        uint32_t given;  /* items of it that this list has had */
        uint16_t waited; /* how much of its patience it has used, in 1/PAGE_WAITED_ALL */
        bool
            apart; /* it goes on behind this, and not where the others do: it broke, or they did, each at another place */
        struct slice sort_key, id;
    } * realms; /* the list's, in the order of names */
    size_t count;
    struct slice not_asked; /* the first for which there was no room; empty: there was for all */
};

struct page_question {
    uint8_t bytes[PAGE_QUESTION_BYTES];
};

/* Hash of the parts, each with its length: what the token may be used for. */
struct page_question page_question_of(const struct slice *parts, size_t part_count);

/* The text lives in the arena. RESOURCE_EXHAUSTED when the position, or the names, are too large for a token. */
PEK_MUST_CHECK enum status page_token_seal(struct slice key, const struct page_question *question,
                                           const struct page_position *position,
                                           const struct page_realms *realms, struct arena *arena,
                                           struct slice *ret_token);
#define PAGE_TOKEN_VERSION "PAGE_TOKEN_VERSION"
/* Position and realms live in the arena. */
PEK_MUST_CHECK enum status page_token_open(struct slice key, const struct page_question *question,
                                           struct slice token, struct arena *arena,
                                           struct page_position *ret_position,
                                           struct page_realms *ret_realms, struct fault *fault);

#endif
