#include "shared/crypto/encode.h"

#include <stdint.h>

/* OpenSSL's decoder takes white space, padding and loose trailing bits; here one text means one value. */

static const char base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int base64url_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

void base64url_encode(struct slice bytes, char *ret_chars)
{
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = (bits << 8 | in[i]) & 0x3fff;
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            *ret_chars++ = base64url_alphabet[bits >> (bit_count - 6) & 63];
    }
    if (bit_count)
        *ret_chars++ = base64url_alphabet[bits << (6 - bit_count) & 63];
    *ret_chars = '\0';
}

enum status base64url_decode(struct slice text, void *ret_bytes, size_t bytes_max,
                             size_t *ret_bytes_len)
{
    if (text.len % 4 == 1)
        return STATUS_INVALID_ARGUMENT;
    if (BASE64URL_BYTES(text.len) > bytes_max)
        return STATUS_RESOURCE_EXHAUSTED;
    unsigned char *out = ret_bytes;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64url_value((unsigned char)text.ptr[i]);
        if (value < 0)
            return STATUS_INVALID_ARGUMENT;
        bits = (bits << 6 | (uint32_t)value) & 0x3fff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            *out++ = (unsigned char)(bits >> bit_count);
        }
    }
    if (bits & ((1u << bit_count) - 1))
        return STATUS_INVALID_ARGUMENT;
    *ret_bytes_len = BASE64URL_BYTES(text.len);
    return STATUS_OK;
}

enum status base64url_encode_in(struct arena *arena, struct slice bytes, struct slice *ret_text)
{
    size_t len = BASE64URL_CHARS(bytes.len);
    char *chars = arena_alloc(arena, len + 1);
    if (!chars)
        return STATUS_RESOURCE_EXHAUSTED;
    base64url_encode(bytes, chars);
    *ret_text = slice_make(chars, len);
    return STATUS_OK;
}

enum status base64url_decode_in(struct arena *arena, struct slice text, struct slice *ret_bytes)
{
    /* One more, so that nothing is not nowhere. */
    size_t bytes_max = BASE64URL_BYTES(text.len);
    char *bytes = arena_alloc(arena, bytes_max + 1);
    if (!bytes)
        return STATUS_RESOURCE_EXHAUSTED;
    size_t len = 0;
    enum status status = base64url_decode(text, bytes, bytes_max, &len);
    if (status != STATUS_OK)
        return status;
    bytes[len] = '\0';
    *ret_bytes = slice_make(bytes, len);
    return STATUS_OK;
}

void hex_encode(struct slice bytes, char *ret_chars)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        *ret_chars++ = digits[byte >> 4];
        *ret_chars++ = digits[byte & 15];
    }
    *ret_chars = '\0';
}
