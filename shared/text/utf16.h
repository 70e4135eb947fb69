/* utf16: text on its way through ICU, which works on UTF-16. Private to shared/text.
 *
 * Everything is in the caller's arena. INVALID_ARGUMENT for what is no UTF-8 or over TEXT_BYTES_MAX,
 * RESOURCE_EXHAUSTED when the arena is full, INTERNAL when ICU fails otherwise.
 */
#ifndef PEK_SHARED_TEXT_UTF16_H
#define PEK_SHARED_TEXT_UTF16_H

#include <stdbool.h>
#include <stdint.h>

#include <unicode/unorm2.h>
#include <unicode/utypes.h>

#include "shared/base/arena.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

struct utf16 {
    UChar *ptr;
    int32_t len;
};

enum utf16_form { UTF16_NFC, UTF16_NFD, UTF16_NFKC_CASEFOLD };

PEK_MUST_CHECK enum status utf16_from_utf8(struct slice text, struct arena *arena,
                                           struct utf16 *ret_text);
PEK_MUST_CHECK enum status utf16_normalise(struct utf16 text, enum utf16_form form,
                                           struct arena *arena, struct utf16 *ret_text);
/* Full case folding, no Turkish. */
PEK_MUST_CHECK enum status utf16_fold_case(struct utf16 text, struct arena *arena,
                                           struct utf16 *ret_text);
PEK_MUST_CHECK enum status utf16_to_utf8(struct utf16 text, struct arena *arena,
                                         struct slice *ret_text);

/* In place: white space trimmed at both ends, each inner run of it one space. */
void utf16_collapse(struct utf16 *text);
size_t utf16_chars(struct utf16 text);

/* What no stored text may hold. */
bool char_is_control(UChar32 c); /* also line and paragraph separators */
bool char_is_bidi_control(UChar32 c);
bool char_is_invisible(UChar32 c);    /* also bidi controls */
bool char_is_unassignable(UChar32 c); /* noncharacters, private use */
bool char_is_mark(UChar32 c);

#endif
