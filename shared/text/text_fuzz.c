/* Any bytes through every form: nothing crashes, forms are valid UTF-8 and stable, what is accepted
 * is accepted again unchanged. */
#include <stdlib.h>
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/base/utf8.h"
#include "shared/text/address.h"
#include "shared/text/collator.h"
#include "shared/text/name.h"
#include "shared/text/search.h"
#include "shared/text/text.h"

#define INPUT_BYTES_MAX 4096

static void must_be_stable(struct slice once, struct slice twice)
{
    must(utf8_valid(once) && slice_equal(once, twice));
}

static void try_names(struct slice input, struct arena *arena)
{
    struct slice once, twice;
    if (text_normalise_name(input, NULL, arena, &once, NULL) == STATUS_OK) {
        must(text_normalise_name(once, NULL, arena, &twice, NULL) == STATUS_OK);
        must_be_stable(once, twice);
        must(once.len && text_chars(once) <= TEXT_NAME_CHARS_MAX);
    }
    if (text_normalise_prose(input, TEXT_COMMENT_CHARS_MAX, NULL, arena, &once, NULL) ==
        STATUS_OK) {
        must(text_normalise_prose(once, TEXT_COMMENT_CHARS_MAX, NULL, arena, &twice, NULL) ==
             STATUS_OK);
        must_be_stable(once, twice);
    }
    if (text_slug(input, NULL, arena, &once, NULL) == STATUS_OK)
        must(text_is_slug(once));
}

static void try_forms(struct slice input, struct text_collator *collator, struct arena *arena)
{
    struct slice once, twice, key;
    bool valid = utf8_valid(input);
    must((text_unique_key(input, arena, &once) == STATUS_OK) == valid);
    if (valid) {
        must(text_unique_key(once, arena, &twice) == STATUS_OK);
        must_be_stable(once, twice);
    }
    must((text_fold(input, arena, &once) == STATUS_OK) == valid);
    if (valid) {
        must(text_fold(once, arena, &twice) == STATUS_OK);
        must_be_stable(once, twice);
    }
    must((text_sort_key(collator, input, arena, &key) == STATUS_OK) == valid);
    must(!valid || !key.len || !memchr(key.ptr, '\0', key.len));
    must(text_like_escape(input, arena, &once) == STATUS_OK);
}

static bool has(struct slice text, struct slice part)
{
    return memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* What a person looks for: each gram stands in it, and there are as many patterns as words. */
static void try_search(const char *typed, struct arena *arena)
{
    struct search search;
    struct fault fault = {0};
    struct slice folded;
    enum status status = search_parse(typed, "q", arena, &search, &fault);
    if (status != STATUS_OK) {
        must(status == STATUS_RESOURCE_EXHAUSTED || strcmp(fault.field, "q") == 0);
        return;
    }
    must(text_fold(slice_str(typed), arena, &folded) == STATUS_OK);
    must(search.pattern_count <= SEARCH_WORDS_MAX && search.gram_count <= SEARCH_GRAMS_MAX);
    must((search.pattern_count > 0) == (search.gram_count > 0));
    for (size_t i = 0; i < search.gram_count; i++)
        must(search.grams[i].len > 0 && text_chars(search.grams[i]) <= SEARCH_GRAM_CHARS_MAX &&
             utf8_valid(search.grams[i]) && has(folded, search.grams[i]));
    for (size_t i = 0; i < search.pattern_count; i++)
        must(search.patterns[i].len > 2 && search.patterns[i].ptr[0] == '%');
}

/* A name and its keys: those of the stored name are the same. */
static void try_keys(const char *typed, struct text_collator *collator, struct arena *arena)
{
    struct text_name once, twice;
    if (text_name_make(collator, typed, "name", arena, &once, NULL) != STATUS_OK)
        return;
    const char *stored = arena_strndup(arena, once.name.ptr, once.name.len);
    must(stored && text_name_make(collator, stored, "name", arena, &twice, NULL) == STATUS_OK);
    must(slice_equal(once.name, twice.name) && slice_equal(once.unique_key, twice.unique_key));
    must(slice_equal(once.folded, twice.folded) && slice_equal(once.sort_key, twice.sort_key));
    must(once.unique_key.len > 0 && once.unique_key.len <= TEXT_NAME_KEY_BYTES_MAX);
    must(once.sort_key.len <= TEXT_NAME_KEY_BYTES_MAX);
}

static void try_addresses(struct slice input, struct arena *arena)
{
    struct slice once, twice;
    if (text_check_webpage(input, TEXT_WEBPAGE_CHARS_MAX, NULL, arena, &once, NULL) == STATUS_OK) {
        must(text_check_webpage(once, TEXT_WEBPAGE_CHARS_MAX, NULL, arena, &twice, NULL) ==
             STATUS_OK);
        must_be_stable(once, twice);
    }
    if (text_check_mail(input, TEXT_MAIL_CHARS_MAX, NULL, arena, &once, NULL) == STATUS_OK) {
        must(text_check_mail(once, TEXT_MAIL_CHARS_MAX, NULL, arena, &twice, NULL) == STATUS_OK);
        must_be_stable(once, twice);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct text_collator *collator;
    if (size > INPUT_BYTES_MAX)
        return 0;
    must(collator || text_collator_new(&collator) == STATUS_OK);
    struct arena arena;
    arena_init(&arena, 4u * 1024 * 1024);
    struct slice input = slice_make(data, size);
    try_names(input, &arena);
    try_forms(input, collator, &arena);
    try_addresses(input, &arena);
    const char *typed = arena_strndup(&arena, (const char *)data, size);
    if (typed) {
        try_search(typed, &arena);
        try_keys(typed, collator, &arena);
    }
    arena_done(&arena);
    return 0;
}
