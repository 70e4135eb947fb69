#include "shared/text/search.h"

#include <string.h>

#include "shared/base/utf8.h"
#include "shared/text/text.h"

#define TEXT_BYTES_MAX_TYPED (TEXT_NAME_CHARS_MAX * 4)

static enum status no_memory(struct fault *fault)
{
    return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "the request needs too much memory");
}

static enum status split(struct slice folded, const char *field, struct slice *words,
                         size_t *ret_count, struct fault *fault)
{
    size_t count = 0;
    while (folded.len > 0) {
        struct slice word = slice_cut(&folded, ' ');
        if (word.len == 0)
            continue;
        if (count == SEARCH_WORDS_MAX)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "%s has more than %d words",
                             field, SEARCH_WORDS_MAX);
        words[count++] = word;
    }
    *ret_count = count;
    return STATUS_OK;
}

/* `text` from its character `start` on, up to `chars` of them. */
static struct slice cut_chars(struct slice text, size_t start, size_t chars)
{
    size_t from = 0, to;
    while (start--)
        from += utf8_char_len(slice_make(text.ptr + from, text.len - from));
    for (to = from; chars > 0 && to < text.len; chars--)
        to += utf8_char_len(slice_make(text.ptr + to, text.len - to));
    return slice_make(text.ptr + from, to - from);
}

/* The gram `index` of a word; empty when it has fewer. Side by side from the beginning, the last one at the
 * very end: together they are the whole word. */
static struct slice gram_of(struct slice word, size_t index)
{
    size_t chars = text_chars(word), start = index * SEARCH_GRAM_CHARS_MAX;
    if (start >= chars)
        return SLICE_LIT("");
    if (start > 0 && start + SEARCH_GRAM_CHARS_MAX > chars)
        start = chars - SEARCH_GRAM_CHARS_MAX;
    return cut_chars(word, start, SEARCH_GRAM_CHARS_MAX);
}

/* The first of each word, then the second of each, so that no word goes without. */
static size_t choose_grams(const struct slice *words, size_t word_count, struct slice *grams)
{
    size_t count = 0, found = 1;
    for (size_t index = 0; found > 0; index++) {
        found = 0;
        for (size_t w = 0; w < word_count; w++) {
            struct slice gram = gram_of(words[w], index);
            if (gram.len == 0)
                continue;
            if (count == SEARCH_GRAMS_MAX)
                return count;
            grams[count++] = gram;
            found++;
        }
    }
    return count;
}

enum status search_parse(const char *text, const char *field, struct arena *arena,
                         struct search *ret_search, struct fault *fault)
{
    struct slice folded, words[SEARCH_WORDS_MAX];
    size_t count = 0;
    if (strlen(text) > TEXT_BYTES_MAX_TYPED)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "%s is too long", field);
    enum status status = text_fold(slice_str(text), arena, &folded);
    if (status != STATUS_OK)
        return fault_set(fault, status, field, "%s is not valid text", field);
    status = split(folded, field, words, &count, fault);
    if (status != STATUS_OK)
        return status;
    struct slice *patterns = arena_zalloc(arena, SEARCH_WORDS_MAX, sizeof(*patterns));
    struct slice *grams = arena_zalloc(arena, SEARCH_GRAMS_MAX, sizeof(*grams));
    if (!patterns || !grams)
        return no_memory(fault);
    for (size_t i = 0; i < count; i++) {
        struct slice escaped;
        status = text_like_escape(words[i], arena, &escaped);
        const char *pattern =
            status == STATUS_OK ? arena_printf(arena, "%%%.*s%%", SLICE_ARG(escaped)) : NULL;
        if (!pattern)
            return no_memory(fault);
        patterns[i] = slice_str(pattern);
    }
    *ret_search = (struct search){patterns, count, grams, choose_grams(words, count, grams)};
    return STATUS_OK;
}
