#include "hub/federation/page_token.h"

#include <string.h>

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

enum {
    VERSION = 3,
    MAC_BYTES = 16,
    MAC_AT = 1 + PAGE_QUESTION_BYTES,
    BODY_AT = MAC_AT + MAC_BYTES,
    REALM_NAME_AT = 1 + 4 + 2, /* in, given, waited */
    RAW_BYTES_MAX = BASE64URL_BYTES(PAGE_TOKEN_BYTES_MAX),
};

struct page_question page_question_of(const struct slice *parts, size_t part_count)
{
    struct sha256 digest = sha256_of_parts(parts, part_count);
    struct page_question question;
    memcpy(question.bytes, digest.bytes, sizeof(question.bytes));
    return question;
}

static char *put_part(char *at, struct slice part)
{
    *at++ = (char)(part.len >> 8);
    *at++ = (char)(part.len & 0xff);
    if (part.len)
        memcpy(at, part.ptr, part.len);
    return at + part.len;
}

static bool take_part(struct slice *rest, struct slice *ret_part)
{
    if (rest->len < 2)
        return false;
    size_t len = (size_t)(unsigned char)rest->ptr[0] << 8 | (unsigned char)rest->ptr[1];
    if (rest->len < 2 + len)
        return false;
    *ret_part = slice_make(rest->ptr + 2, len);
    *rest = slice_make(rest->ptr + 2 + len, rest->len - 2 - len);
    return true;
}

/* Over version, question and body: everything but the MAC itself. */
static struct sha256 mac_of(struct slice key, const char *raw, size_t len)
{
    struct slice parts[] = {slice_make(raw, MAC_AT), slice_make(raw + BODY_AT, len - BODY_AT)};
    struct sha256 digest = sha256_of_parts(parts, 2);
    return hmac_sha256(key, slice_make(digest.bytes, sizeof(digest.bytes)));
}

static size_t raw_bytes(const struct page_position *position, const struct page_realms *realms)
{
    size_t len = BODY_AT + position->sort_key.len + position->id.len + position->realm.len + 6;

    for (size_t i = 0; i < realms->count; i++)
        len += 2 + REALM_NAME_AT + realms->realms[i].name.len;
    return len;
}

static char *put_number(char *at, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--)
        *at++ = (char)(value >> 8 * (i - 1));
    return at;
}

static uint64_t number_at(const char *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static char *put_realm(char *at, const struct page_realm *realm)
{
    at = put_number(at, REALM_NAME_AT + realm->name.len, 2);
    *at++ = realm->out ? '-' : '+';
    at = put_number(at, realm->given, 4);
    at = put_number(at, realm->waited, 2);
    memcpy(at, realm->name.ptr, realm->name.len);
    return at + realm->name.len;
}

static bool take_realms(struct slice *rest, struct page_realms *realms)
{
    struct slice part;

    for (realms->count = 0; rest->len > 0; realms->count++) {
        if (realms->count == PAGE_REALMS_MAX || !take_part(rest, &part) ||
            part.len <= REALM_NAME_AT)
            return false;
        realms->realms[realms->count] = (struct page_realm){
            .name = slice_make(part.ptr + REALM_NAME_AT, part.len - REALM_NAME_AT),
            .out = part.ptr[0] == '-',
            .given = (uint32_t)number_at(part.ptr + 1, 4),
            .waited = (uint16_t)number_at(part.ptr + 5, 2),
        };
    }
    return true;
}

enum status page_token_seal(struct slice key, const struct page_question *question,
                            const struct page_position *position, const struct page_realms *realms,
                            struct arena *arena, struct slice *ret_token)
{
    size_t len = raw_bytes(position, realms);
    char raw[RAW_BYTES_MAX];

    if (len > sizeof(raw))
        return STATUS_RESOURCE_EXHAUSTED;
    raw[0] = VERSION;
    memcpy(raw + 1, question->bytes, PAGE_QUESTION_BYTES);
    char *at = put_part(raw + BODY_AT, position->sort_key);
    at = put_part(at, position->id);
    at = put_part(at, position->realm);
    for (size_t i = 0; i < realms->count; i++)
        at = put_realm(at, &realms->realms[i]);
    struct sha256 mac = mac_of(key, raw, len);
    memcpy(raw + MAC_AT, mac.bytes, MAC_BYTES);
    return base64url_encode_in(arena, slice_make(raw, len), ret_token);
}

enum status page_token_open(struct slice key, const struct page_question *question,
                            struct slice token, struct arena *arena,
                            struct page_position *ret_position, struct page_realms *ret_realms,
                            struct fault *fault)
{
    struct page_position position;
    struct page_realms realms;
    struct slice raw;

    if (token.len > PAGE_TOKEN_BYTES_MAX || base64url_decode_in(arena, token, &raw) ||
        raw.len < BODY_AT || raw.ptr[0] != VERSION)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_token", "pageToken is not valid");
    struct sha256 mac = mac_of(key, raw.ptr, raw.len);
    if (!crypto_equal(slice_make(raw.ptr + MAC_AT, MAC_BYTES), slice_make(mac.bytes, MAC_BYTES)))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_token", "pageToken is not valid");
    if (memcmp(raw.ptr + 1, question->bytes, PAGE_QUESTION_BYTES) != 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_token",
                         "pageToken was made for another query, user or realm");
    struct slice rest = slice_make(raw.ptr + BODY_AT, raw.len - BODY_AT);
    if (!take_part(&rest, &position.sort_key) || !take_part(&rest, &position.id) ||
        !take_part(&rest, &position.realm) || !take_realms(&rest, &realms))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_token", "pageToken is not valid");
    *ret_position = position;
    *ret_realms = realms;
    return STATUS_OK;
}
