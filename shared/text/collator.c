#include "shared/text/collator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unicode/ucol.h>
#include <unicode/uloc.h>

#include "shared/text/utf16.h"

/* A name's key is about 100 bytes; a longer one is made in the arena at once. */
#define KEY_BYTES_USUAL 512
#define LANGUAGE "hu"

struct text_collator {
    UCollator *icu;
    char version[TEXT_COLLATOR_VERSION_BYTES];
};

static enum status collator_wrap(UCollator *icu, struct text_collator **ret_collator)
{
    struct text_collator *collator = calloc(1, sizeof(*collator));
    if (!collator) {
        ucol_close(icu);
        return STATUS_INTERNAL;
    }
    collator->icu = icu;
    UVersionInfo version;
    char text[U_MAX_VERSION_STRING_LENGTH];
    ucol_getVersion(icu, version);
    u_versionToString(version, text);
    snprintf(collator->version, sizeof(collator->version), "%s/%.15s", TEXT_COLLATOR_LOCALE, text);
    *ret_collator = collator;
    return STATUS_OK;
}

/* That ICU has these rules and did not fall back to others. */
static bool is_as_asked(const UCollator *icu)
{
    UErrorCode error = U_ZERO_ERROR;
    const char *actual = ucol_getLocaleByType(icu, ULOC_ACTUAL_LOCALE, &error);
    return U_SUCCESS(error) && actual && strcmp(actual, LANGUAGE) == 0 &&
           ucol_getAttribute(icu, UCOL_ALTERNATE_HANDLING, &error) == UCOL_SHIFTED &&
           ucol_getAttribute(icu, UCOL_NUMERIC_COLLATION, &error) == UCOL_ON && U_SUCCESS(error);
}

enum status text_collator_new(struct text_collator **ret_collator)
{
    UErrorCode error = U_ZERO_ERROR;
    char locale[ULOC_FULLNAME_CAPACITY];
    uloc_forLanguageTag(TEXT_COLLATOR_LOCALE, locale, sizeof(locale), NULL, &error);
    UCollator *icu = ucol_open(locale, &error);
    if (U_FAILURE(error))
        return STATUS_INTERNAL;
    /* Names are NFC, yet a key must not depend on who forgot it. */
    ucol_setAttribute(icu, UCOL_NORMALIZATION_MODE, UCOL_ON, &error);
    if (U_FAILURE(error) || !is_as_asked(icu)) {
        ucol_close(icu);
        return STATUS_INTERNAL;
    }
    return collator_wrap(icu, ret_collator);
}

struct text_collator *text_collator_free(struct text_collator *collator)
{
    if (collator)
        ucol_close(collator->icu);
    free(collator);
    return NULL;
}

enum status text_sort_key(struct text_collator *collator, struct slice text, struct arena *arena,
                          struct slice *ret_key)
{
    if (text.len > TEXT_SORT_INPUT_BYTES_MAX)
        return STATUS_INVALID_ARGUMENT;
    struct utf16 units;
    enum status status = utf16_from_utf8(text, arena, &units);
    if (status != STATUS_OK)
        return status;
    uint8_t usual[KEY_BYTES_USUAL];
    int32_t len = ucol_getSortKey(collator->icu, units.ptr, units.len, usual, sizeof(usual));
    if (len <= 0)
        return STATUS_INTERNAL;
    uint8_t *key = arena_alloc(arena, (size_t)len);
    if (!key)
        return STATUS_RESOURCE_EXHAUSTED;
    if ((size_t)len <= sizeof(usual))
        memcpy(key, usual, (size_t)len);
    else if (ucol_getSortKey(collator->icu, units.ptr, units.len, key, len) != len)
        return STATUS_INTERNAL;
    *ret_key = slice_make(key, (size_t)len - 1); /* the NUL is ICU's terminator */
    return STATUS_OK;
}

const char *text_collator_version(const struct text_collator *collator)
{
    return collator->version;
}
