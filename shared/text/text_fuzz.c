/* Any bytes through every form: nothing crashes, forms are valid UTF-8 and stable, what is accepted
 * is accepted again unchanged. */
#include <stdlib.h>
#include <string.h>

#include "shared/base/utf8.h"
#include "shared/text/address.h"
#include "shared/text/collator.h"
#include "shared/text/text.h"

#define INPUT_BYTES_MAX 4096

static void must(int held)
{
    if (!held)
        abort();
}

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    arena_done(&arena);
    return 0;
}
