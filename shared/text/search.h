/* search: what a person typed to find a name, without SQL.
 *
 * The text is folded as names are (case, accents, white space) and cut into words. A name matches when every
 * word stands somewhere in it. Two things are made of the words:
 *   patterns  for LIKE over folded names: they decide
 *   grams     strings of one to SEARCH_GRAM_CHARS_MAX letters that every matching name has: they lead to few
 *             names quickly (worker/search, hub/profile/user_store.h)
 * All memory is the arena's. No state; any thread.
 */
#ifndef PEK_SHARED_TEXT_SEARCH_H
#define PEK_SHARED_TEXT_SEARCH_H

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define SEARCH_WORDS_MAX 16
/* As in pek.search_grams and hub.search_grams. A longer word has several grams. */
#define SEARCH_GRAM_CHARS_MAX 4
/* One for each word at least; more would cost more to look at than they save. */
#define SEARCH_GRAMS_MAX SEARCH_WORDS_MAX

struct search {
    const struct slice *patterns;
    size_t pattern_count; /* 0: everything matches */
    const struct slice *grams;
    size_t gram_count; /* 0 only where there is no pattern */
};

/* INVALID_ARGUMENT (fault on `field`) for text that is too long, no UTF-8 or of too many words. */
PEK_MUST_CHECK enum status search_parse(const char *text, const char *field, struct arena *arena,
                                        struct search *ret_search, struct fault *fault);

#endif
