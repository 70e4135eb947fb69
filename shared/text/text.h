/* text: what names and prose look like in store, and the forms of them that are searched and
 * compared.
 *
 * ICU does the work; the rules are those of the domain:
 *   normal form   what is stored and shown: NFC, trimmed, no invisible or control characters
 *   unique key    what must be unique in a realm: also case-folded and with single inner spaces
 *   fold          what is searched: also without accents (o = ó = ö = ő)
 *   slug          what an id is proposed from: a-z, 0-9, '-', '_'
 * The order of lists (sort keys) is in collator.h, addresses (web, e-mail) in address.h.
 *
 * All input is UTF-8 from outside and may be anything. Results and work are in the caller's
 * arena (up to 20 times the input), never more than a few hundred bytes of stack. ICU's tables are immutable and looked up once: any
 * thread.
 *
 * Statuses of all: INVALID_ARGUMENT (the fault names `field`), RESOURCE_EXHAUSTED when the arena is
 * full. `field` is the caller's proto field path for the fault, may be NULL.
 */
#ifndef PEK_SHARED_TEXT_TEXT_H
#define PEK_SHARED_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define TEXT_NAME_CHARS_MAX 200          /* code points after normalising */
#define TEXT_NAME_MARKS_MAX 8            /* of one letter; more paint over other lines */
#define TEXT_DESCRIPTION_CHARS_MAX 20000 /* for text_normalise_prose */
#define TEXT_JUSTIFICATION_CHARS_MAX 5000
#define TEXT_COMMENT_CHARS_MAX 2000
#define TEXT_BYTES_MAX (128u * 1024) /* of any input here; more is INVALID_ARGUMENT */
#define TEXT_SLUG_CHARS_MAX 63

/* Of the faults here, and of others that are about the same. */
#define TEXT_REASON_EMPTY "TEXT_EMPTY"
#define TEXT_REASON_LONG "TEXT_TOO_LONG"
#define TEXT_REASON_CHARACTER "TEXT_CHARACTER"
#define TEXT_REASON_TWICE "NAMED_TWICE" /* in a list of which each is another one */

/* A name to store: valid UTF-8, NFC, white space trimmed and each inner run of it one space, 1 to
 * TEXT_NAME_CHARS_MAX code points. Refused: control characters (also line ends and tabs, also line
 * and paragraph separators), every invisible character (zero-width, bidi controls, soft hyphen,
 * fillers, blanks, variation selectors, tags), noncharacters, private use, a leading combining mark, more of
 * them than TEXT_NAME_MARKS_MAX on a letter. */
PEK_MUST_CHECK enum status text_normalise_name(struct slice name, const char *field,
                                               struct arena *arena, struct slice *ret_name,
                                               struct fault *fault);

/* Text of several lines to store: NFC, CR LF and CR become LF, trimmed at both ends, otherwise as
 * it is; may be empty; at most `chars_max` code points. Refused: control characters except LF and
 * tab, bidi controls, noncharacters. Joiners and variation selectors stay: emoji need them. */
PEK_MUST_CHECK enum status text_normalise_prose(struct slice prose, size_t chars_max,
                                                const char *field, struct arena *arena,
                                                struct slice *ret_prose, struct fault *fault);

/* The form in which two names are the same name: NFC, full case folding, trimmed, inner white space
 * one space. Of any valid UTF-8; INVALID_ARGUMENT otherwise. Idempotent. */
PEK_MUST_CHECK enum status text_unique_key(struct slice name, struct arena *arena,
                                           struct slice *ret_key);

/* The form for substring and trigram search, for the stored column and the query alike:
 * case-folded, accents stripped, compatibility forms replaced (ﬁ → fi, ² → 2), white space one
 * space. What is invisible is dropped. Idempotent. */
PEK_MUST_CHECK enum status text_fold(struct slice text, struct arena *arena,
                                     struct slice *ret_folded);

/* `%`, `_` and `\` with a `\` before them, for LIKE … ESCAPE '\'. The wildcards around are the
 * statement's. */
PEK_MUST_CHECK enum status text_like_escape(struct slice text, struct arena *arena,
                                            struct slice *ret_pattern);

/* An id proposed from a name: folded, runs of what is neither letter nor digit become '-' ('_'
 * stays), cut to TEXT_SLUG_CHARS_MAX, never beginning with '-' or '_' nor ending with '-'.
 * INVALID_ARGUMENT (fault on `field`) when nothing is left, as of a name in a script without Latin
 * base letters. */
PEK_MUST_CHECK enum status text_slug(struct slice name, const char *field, struct arena *arena,
                                     struct slice *ret_slug, struct fault *fault);
/* True for [a-z0-9][a-z0-9_-]{0,62}. */
bool text_is_slug(struct slice text);

/* The same without white space at both ends, as Unicode has it; of any bytes. */
struct slice text_trim(struct slice text);

/* Code points of valid UTF-8 (shared/base/utf8.h says whether it is). */
size_t text_chars(struct slice text);

#endif
