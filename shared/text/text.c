#include "shared/text/text.h"

#include <unicode/uchar.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "shared/text/utf16.h"

#define SCRATCH_BYTES_MAX (8u << 20) /* forms of a text of TEXT_BYTES_MAX, one after the other */

/* A status of utf16.h as a fault about `field`. */
static enum status refuse_encoding(struct fault *fault, enum status status, const char *field,
                                   size_t bytes)
{
    if (status == STATUS_INVALID_ARGUMENT && bytes > TEXT_BYTES_MAX)
        return fault_set_reason(fault, status, TEXT_REASON_LONG, field, "is longer than %u bytes",
                                TEXT_BYTES_MAX);
    if (status == STATUS_INVALID_ARGUMENT)
        return fault_set(fault, status, field, "is not valid UTF-8");
    if (status == STATUS_RESOURCE_EXHAUSTED)
        return fault_set(fault, status, field, "is too long to be looked at");
    return fault_set(fault, status, field, "cannot be normalised");
}

static enum status refuse_char(struct fault *fault, const char *field, const char *kind, UChar32 c)
{
    return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_CHARACTER, field,
                            "holds a character of kind %s: U+%04X", kind, (unsigned)c);
}

static enum status nfc_of(struct slice text, const char *field, struct arena *arena,
                          struct utf16 *ret_text, struct fault *fault)
{
    enum status status = utf16_from_utf8(text, arena, ret_text);
    if (status == STATUS_OK)
        status = utf16_normalise(*ret_text, UTF16_NFC, arena, ret_text);
    return status == STATUS_OK ? status : refuse_encoding(fault, status, field, text.len);
}

static enum status finish(struct utf16 text, const char *field, struct arena *arena,
                          struct slice *ret_text, struct fault *fault)
{
    enum status status = utf16_to_utf8(text, arena, ret_text);
    return status == STATUS_OK ? status : refuse_encoding(fault, status, field, 0);
}

/* What cannot be seen cannot be told apart either: two names that look the same must be the same. */
static enum status check_name_chars(struct utf16 text, const char *field, struct fault *fault)
{
    int marks = 0;
    for (int32_t i = 0; i < text.len;) {
        UChar32 c;
        U16_NEXT(text.ptr, i, text.len, c);
        marks = char_is_mark(c) ? marks + 1 : 0;
        if (marks > TEXT_NAME_MARKS_MAX)
            return refuse_char(fault, field, "one combining mark too many", c);
        if (char_is_control(c))
            return refuse_char(fault, field, "control", c);
        if (char_is_invisible(c))
            return refuse_char(fault, field, "invisible", c);
        if (char_is_unassignable(c))
            return refuse_char(fault, field, "not a character", c);
    }
    return STATUS_OK;
}

enum status text_normalise_name(struct slice name, const char *field, struct arena *arena,
                                struct slice *ret_name, struct fault *fault)
{
    struct utf16 text;
    enum status status = nfc_of(name, field, arena, &text, fault);
    if (status == STATUS_OK)
        status = check_name_chars(text, field, fault);
    if (status != STATUS_OK)
        return status;
    utf16_collapse(&text);
    if (text.len == 0)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_EMPTY, field,
                                "must not be empty");
    if (utf16_chars(text) > TEXT_NAME_CHARS_MAX)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_LONG, field,
                                "is longer than %d characters", TEXT_NAME_CHARS_MAX);
    UChar32 first;
    U16_GET(text.ptr, 0, 0, text.len, first);
    if (char_is_mark(first))
        return refuse_char(fault, field, "combining mark at the beginning", first);
    return finish(text, field, arena, ret_name, fault);
}

/* In place: CR LF and CR become LF. */
static void unify_line_ends(struct utf16 *text)
{
    int32_t out = 0;
    bool after_cr = false;
    for (int32_t in = 0; in < text->len; in++) {
        UChar unit = text->ptr[in];
        if (unit != '\n' || !after_cr)
            text->ptr[out++] = unit == '\r' ? '\n' : unit;
        after_cr = unit == '\r';
    }
    text->len = out;
}

static struct utf16 trim(struct utf16 text)
{
    while (text.len && u_isUWhiteSpace(text.ptr[text.len - 1]))
        text.len--;
    while (text.len && u_isUWhiteSpace(text.ptr[0])) { /* all white space is in the first plane */
        text.ptr++;
        text.len--;
    }
    return text;
}

static enum status check_prose_chars(struct utf16 text, const char *field, struct fault *fault)
{
    for (int32_t i = 0; i < text.len;) {
        UChar32 c;
        U16_NEXT(text.ptr, i, text.len, c);
        if (c != '\n' && c != '\t' && U_GET_GC_MASK(c) & U_GC_CC_MASK)
            return refuse_char(fault, field, "control", c);
        if (char_is_bidi_control(c))
            return refuse_char(fault, field, "direction control", c);
        if (U_IS_UNICODE_NONCHAR(c))
            return refuse_char(fault, field, "not a character", c);
    }
    return STATUS_OK;
}

enum status text_normalise_prose(struct slice prose, size_t chars_max, const char *field,
                                 struct arena *arena, struct slice *ret_prose, struct fault *fault)
{
    struct utf16 text;
    enum status status = nfc_of(prose, field, arena, &text, fault);
    if (status != STATUS_OK)
        return status;
    unify_line_ends(&text);
    text = trim(text);
    status = check_prose_chars(text, field, fault);
    if (status != STATUS_OK)
        return status;
    if (utf16_chars(text) > chars_max)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_LONG, field,
                                "is longer than %zu characters", chars_max);
    return finish(text, field, arena, ret_prose, fault);
}

/* One is made on the way to the next: of all that only the last one is the caller's. */
typedef enum status (*form)(struct slice text, struct arena *scratch, struct utf16 *ret_made);

static enum status make(form make_form, struct slice text, struct arena *arena,
                        struct slice *ret_made)
{
    struct arena scratch;
    struct utf16 made;
    arena_init(&scratch, SCRATCH_BYTES_MAX);
    enum status status = make_form(text, &scratch, &made);
    if (status == STATUS_OK)
        status = utf16_to_utf8(made, arena, ret_made);
    arena_done(&scratch);
    return status;
}

/* Decomposed before folding, as Unicode's canonical caseless matching (D145) has it. */
static enum status make_unique_key(struct slice name, struct arena *scratch, struct utf16 *ret_key)
{
    PEK_TRY(utf16_from_utf8(name, scratch, ret_key));
    PEK_TRY(utf16_normalise(*ret_key, UTF16_NFD, scratch, ret_key));
    PEK_TRY(utf16_fold_case(*ret_key, scratch, ret_key));
    PEK_TRY(utf16_normalise(*ret_key, UTF16_NFC, scratch, ret_key));
    utf16_collapse(ret_key);
    return STATUS_OK;
}

enum status text_unique_key(struct slice name, struct arena *arena, struct slice *ret_key)
{
    return make(make_unique_key, name, arena, ret_key);
}

/* Combining classes from 200 on are marks above, below and beside a letter: accents. The classes before
 * are parts of letters in other scripts (nukta, virama, the voicing mark of kana). */
#define ACCENT_CLASS_MIN 200

/* In place, on decomposed text. */
static void strip_accents(struct utf16 *text)
{
    int32_t in = 0, out = 0;
    while (in < text->len) {
        int32_t start = in;
        UChar32 c;
        U16_NEXT(text->ptr, in, text->len, c);
        if (u_getCombiningClass(c) >= ACCENT_CLASS_MIN)
            continue;
        while (start < in)
            text->ptr[out++] = text->ptr[start++];
    }
    text->len = out;
}

/* The case's folding drops what is invisible, too. */
static enum status fold(struct slice text, struct arena *scratch, struct utf16 *ret_folded)
{
    PEK_TRY(utf16_from_utf8(text, scratch, ret_folded));
    PEK_TRY(utf16_normalise(*ret_folded, UTF16_NFKC_CASEFOLD, scratch, ret_folded));
    PEK_TRY(utf16_normalise(*ret_folded, UTF16_NFD, scratch, ret_folded));
    strip_accents(ret_folded);
    PEK_TRY(utf16_normalise(*ret_folded, UTF16_NFC, scratch, ret_folded));
    utf16_collapse(ret_folded);
    return STATUS_OK;
}

enum status text_fold(struct slice text, struct arena *arena, struct slice *ret_folded)
{
    return make(fold, text, arena, ret_folded);
}

enum status text_like_escape(struct slice text, struct arena *arena, struct slice *ret_pattern)
{
    if (text.len > TEXT_BYTES_MAX)
        return STATUS_INVALID_ARGUMENT;
    char *pattern = arena_alloc(arena, 2 * text.len);
    if (!pattern)
        return STATUS_RESOURCE_EXHAUSTED;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' || c == '_' || c == '\\')
            pattern[len++] = '\\';
        pattern[len++] = c;
    }
    *ret_pattern = slice_make(pattern, len);
    return STATUS_OK;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

enum status text_slug(struct slice name, const char *field, struct arena *arena,
                      struct slice *ret_slug, struct fault *fault)
{
    struct slice folded;
    enum status status = text_fold(name, arena, &folded);
    if (status != STATUS_OK)
        return refuse_encoding(fault, status, field, name.len);
    char *slug = arena_alloc(arena, TEXT_SLUG_CHARS_MAX);
    if (!slug)
        return refuse_encoding(fault, STATUS_RESOURCE_EXHAUSTED, field, name.len);
    size_t len = 0;
    bool dash_due = false;
    for (size_t i = 0; i < folded.len && len < TEXT_SLUG_CHARS_MAX; i++) {
        char c = folded.ptr[i];
        if (!is_alphanumeric(c) && (c != '_' || len == 0)) {
            dash_due = len > 0;
            continue;
        }
        if (dash_due)
            slug[len++] = '-';
        dash_due = false;
        if (len < TEXT_SLUG_CHARS_MAX)
            slug[len++] = c;
    }
    while (len && slug[len - 1] == '-')
        len--;
    if (!len)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field,
                         "has no letter or digit that an id could be made of");
    *ret_slug = slice_make(slug, len);
    return STATUS_OK;
}

bool text_is_slug(struct slice text)
{
    if (text.len == 0 || text.len > TEXT_SLUG_CHARS_MAX || !is_alphanumeric(text.ptr[0]))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!is_alphanumeric(text.ptr[i]) && text.ptr[i] != '_' && text.ptr[i] != '-')
            return false;
    return true;
}

struct slice text_trim(struct slice text)
{
    const uint8_t *bytes = (const uint8_t *)text.ptr;
    int32_t begin = 0, end = (int32_t)text.len, at;
    UChar32 c;

    if (text.len == 0)
        return text;
    for (at = begin; at < end; begin = at) {
        U8_NEXT(bytes, at, end, c);
        if (c < 0 || !u_isUWhiteSpace(c))
            break;
    }
    for (at = end; at > begin; end = at) {
        U8_PREV(bytes, begin, at, c);
        if (c < 0 || !u_isUWhiteSpace(c))
            break;
    }
    return slice_make(text.ptr + begin, (size_t)(end - begin));
}

size_t text_chars(struct slice text)
{
    size_t chars = 0;
    for (size_t i = 0; i < text.len; i++)
        chars += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return chars;
}
