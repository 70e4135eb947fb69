#include "shared/text/utf16.h"

#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include "shared/text/text.h"

static enum status status_from_icu(UErrorCode error)
{
    if (U_SUCCESS(error))
        return STATUS_OK;
    return error == U_INVALID_CHAR_FOUND ? STATUS_INVALID_ARGUMENT : STATUS_INTERNAL;
}

static UChar *units_alloc(struct arena *arena, int32_t count)
{
    return arena_alloc(arena, (size_t)count * sizeof(UChar));
}

enum status utf16_from_utf8(struct slice text, struct arena *arena, struct utf16 *ret_text)
{
    if (text.len > TEXT_BYTES_MAX)
        return STATUS_INVALID_ARGUMENT;
    /* Never more units than bytes; one more for a NUL, so that ICU has nothing to warn of. */
    int32_t cap = (int32_t)text.len + 1, len = 0;
    UChar *units = units_alloc(arena, cap);
    if (!units)
        return STATUS_RESOURCE_EXHAUSTED;
    UErrorCode error = U_ZERO_ERROR;
    u_strFromUTF8(units, cap, &len, text.len ? text.ptr : "", (int32_t)text.len, &error);
    if (U_FAILURE(error))
        return status_from_icu(error);
    *ret_text = (struct utf16){units, len};
    return STATUS_OK;
}

static const UNormalizer2 *normaliser(enum utf16_form form, UErrorCode *error)
{
    switch (form) {
    case UTF16_NFC: return unorm2_getNFCInstance(error);
    case UTF16_NFD: return unorm2_getNFDInstance(error);
    case UTF16_NFKC_CASEFOLD: return unorm2_getNFKCCasefoldInstance(error);
    }
    *error = U_ILLEGAL_ARGUMENT_ERROR;
    return NULL;
}

enum status utf16_normalise(struct utf16 text, enum utf16_form form, struct arena *arena,
                            struct utf16 *ret_text)
{
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2 *normal = normaliser(form, &error);
    if (U_FAILURE(error))
        return STATUS_INTERNAL;
    if (unorm2_quickCheck(normal, text.ptr, text.len, &error) == UNORM_YES && U_SUCCESS(error)) {
        *ret_text = text;
        return STATUS_OK;
    }
    /* Room for most texts; a second try with what ICU says that it takes. */
    int32_t cap = text.len + text.len / 2 + 16;
    for (int tries = 0; tries < 2; tries++) {
        UChar *units = units_alloc(arena, cap);
        if (!units)
            return STATUS_RESOURCE_EXHAUSTED;
        error = U_ZERO_ERROR;
        int32_t len = unorm2_normalize(normal, text.ptr, text.len, units, cap, &error);
        if (error != U_BUFFER_OVERFLOW_ERROR) {
            if (U_SUCCESS(error))
                *ret_text = (struct utf16){units, len};
            return status_from_icu(error);
        }
        cap = len + 1;
    }
    return STATUS_INTERNAL;
}

enum status utf16_fold_case(struct utf16 text, struct arena *arena, struct utf16 *ret_text)
{
    int32_t cap = text.len + 16;
    for (int tries = 0; tries < 2; tries++) {
        UChar *units = units_alloc(arena, cap);
        if (!units)
            return STATUS_RESOURCE_EXHAUSTED;
        UErrorCode error = U_ZERO_ERROR;
        int32_t len = u_strFoldCase(units, cap, text.ptr, text.len, U_FOLD_CASE_DEFAULT, &error);
        if (error != U_BUFFER_OVERFLOW_ERROR) {
            if (U_SUCCESS(error))
                *ret_text = (struct utf16){units, len};
            return status_from_icu(error);
        }
        cap = len + 1;
    }
    return STATUS_INTERNAL;
}

enum status utf16_to_utf8(struct utf16 text, struct arena *arena, struct slice *ret_text)
{
    /* At most three bytes for a unit. */
    int32_t cap = text.len * 3 + 1, len = 0;
    char *bytes = arena_alloc(arena, (size_t)cap);
    if (!bytes)
        return STATUS_RESOURCE_EXHAUSTED;
    UErrorCode error = U_ZERO_ERROR;
    u_strToUTF8(bytes, cap, &len, text.ptr, text.len, &error);
    if (U_FAILURE(error))
        return status_from_icu(error);
    *ret_text = slice_make(bytes, (size_t)len);
    return STATUS_OK;
}

void utf16_collapse(struct utf16 *text)
{
    int32_t in = 0, out = 0;
    bool space_due = false;
    while (in < text->len) {
        int32_t start = in;
        UChar32 c;
        U16_NEXT(text->ptr, in, text->len, c);
        if (u_isUWhiteSpace(c)) {
            space_due = out > 0;
            continue;
        }
        if (space_due)
            text->ptr[out++] = ' ';
        space_due = false;
        while (start < in)
            text->ptr[out++] = text->ptr[start++];
    }
    text->len = out;
}

size_t utf16_chars(struct utf16 text)
{
    return (size_t)u_countChar32(text.ptr, text.len);
}

bool char_is_control(UChar32 c)
{
    return (U_GET_GC_MASK(c) & (U_GC_CC_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK)) != 0;
}

bool char_is_bidi_control(UChar32 c)
{
    return u_hasBinaryProperty(c, UCHAR_BIDI_CONTROL);
}

bool char_is_invisible(UChar32 c)
{
    /* To Unicode the first are symbols, but nothing is drawn: blank braille, the place of an object, a null notehead. */
    return c == 0x2800 || c == 0xfffc || c == 0x1d159 || (U_GET_GC_MASK(c) & U_GC_CF_MASK) != 0 ||
           u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
}

bool char_is_unassignable(UChar32 c)
{
    return (U_GET_GC_MASK(c) & U_GC_CO_MASK) != 0 || U_IS_UNICODE_NONCHAR(c);
}

bool char_is_mark(UChar32 c)
{
    return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0;
}
