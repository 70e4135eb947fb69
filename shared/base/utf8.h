/* utf8: one character of UTF-8 at a time, as RFC 3629 has it: no overlong forms, no surrogates, nothing
 * above U+10FFFF. */
#ifndef PEK_SHARED_BASE_UTF8_H
#define PEK_SHARED_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Bytes of the character that `bytes` begins with: 1 to 4; 0 when there is none, or a wrong one. */
static inline unsigned utf8_char_len(struct slice bytes)
{
    if (bytes.len == 0)
        return 0;
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    if (at[0] < 0x80)
        return 1;
    unsigned len = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || bytes.len < len)
        return 0;
    /* The second byte has the narrower bounds: they keep out what is overlong, surrogate, or too high. */
    unsigned char low = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high)
        return 0;
    for (unsigned i = 2; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    }
    return len;
}

/* Whether all of it is UTF-8; the empty slice is. */
static inline bool utf8_valid(struct slice bytes)
{
    while (bytes.len > 0) {
        unsigned len = utf8_char_len(bytes);
        if (len == 0)
            return false;
        bytes.ptr += len;
        bytes.len -= len;
    }
    return true;
}

/* As many whole characters from its beginning as fit into `bytes_max`, up to the first that is none or controls. For
 * names that a peer gives and that are shown: cut, they are still text. */
static inline struct slice utf8_prefix(struct slice text, size_t bytes_max)
{
    size_t len = 0;
    while (len < text.len) {
        unsigned char first = (unsigned char)text.ptr[len];
        unsigned char_len = utf8_char_len((struct slice){text.ptr + len, text.len - len});
        if (char_len == 0 || first < 0x20 || first == 0x7f || len + char_len > bytes_max)
            break;
        len += char_len;
    }
    return (struct slice){text.ptr, len};
}

#endif
