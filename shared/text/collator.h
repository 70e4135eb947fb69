/* collator: the order of lists, as bytes.
 *
 * The order of record is ICU's Hungarian one with punctuation shifted and numbers by value
 * (hu-u-ka-shifted-kn: 8. szint before 11. szint). A sort key is made at write time and stored; comparing
 * keys as unsigned bytes gives the order, in every realm alike, as long as the collator versions agree. The
 * version names the locale, too: a stored version that differs from text_collator_version means that all
 * keys are to be made again.
 *
 * Opening costs a millisecond: once, at start. Threads: a collator is used by one thread at a time;
 * a loop thread has its own.
 */
#ifndef PEK_SHARED_TEXT_COLLATOR_H
#define PEK_SHARED_TEXT_COLLATOR_H

#include "shared/base/arena.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define TEXT_COLLATOR_LOCALE "hu-u-ka-shifted-kn"
#define TEXT_COLLATOR_VERSION_BYTES 48
#define TEXT_SORT_INPUT_BYTES_MAX 4096 /* a name is at most 800 */

struct text_collator;

/* INTERNAL when ICU lacks the Hungarian rules (it would fall back to the root order: refused). */
PEK_MUST_CHECK enum status text_collator_new(struct text_collator **ret_collator);
/* NULL is fine; answers NULL. */
struct text_collator *text_collator_free(struct text_collator *collator);

/* Key bytes without the final NUL (no key has a NUL inside), in `arena`. INVALID_ARGUMENT for
 * invalid UTF-8 or too long an input, RESOURCE_EXHAUSTED when the arena is full. */
PEK_MUST_CHECK enum status text_sort_key(struct text_collator *collator, struct slice text,
                                         struct arena *arena, struct slice *ret_key);

/* "hu-u-ka-shifted-kn/153.120": locale and ICU's version of data and rules; lives as long as the
 * collator. */
const char *text_collator_version(const struct text_collator *collator);

#endif
