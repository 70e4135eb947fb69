#include "hub/federation/page_token.h"

#include <assert.h>
#include <string.h>

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"

enum {
    VERSION = 4,
    MAC_BYTES = 16,
    MAC_AT = 1 + PAGE_QUESTION_BYTES,
    BODY_AT = MAC_AT + MAC_BYTES,
    RAW_BYTES_MAX = BASE64URL_BYTES(PAGE_TOKEN_BYTES_MAX),
    OUT_BIT = 0x80,
    APART_BIT = 0x40,
    GIVEN_BYTES_MAX = 5, /* of 32 bits, 7 a byte */
    WAITED_BYTES_MAX = 2,
    REALM_FRAME_BYTES_MAX = 1 + GIVEN_BYTES_MAX + WAITED_BYTES_MAX,
    PARTS = 4,
};

_Static_assert(PAGE_WAITED_ALL < 1 << 7 * WAITED_BYTES_MAX, "what a realm waited is two bytes");
_Static_assert(BODY_AT + 2 * PARTS + PAGE_POSITION_BYTES_MAX + 2 * PAGE_REALM_BYTES_MAX +
                       PAGE_REALMS_MAX * REALM_FRAME_BYTES_MAX + PAGE_REALMS_BYTES_MAX <=
                   PAGE_TOKEN_BYTES_MAX / 4 * 3,
               "the largest position fits beside the largest names");
_Static_assert(PAGE_REALM_BYTES_MAX < APART_BIT, "a name's length leaves two bits");

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

static size_t raw_bytes_max(const struct page_position *position, const struct page_realms *realms)
{
    size_t len = BODY_AT + 2 * PARTS + position->sort_key.len + position->id.len +
                 position->realm.len + realms->not_asked.len;

    for (size_t i = 0; i < realms->count; i++)
        len +=
            REALM_FRAME_BYTES_MAX + realms->realms[i].name.len +
            (realms->realms[i].apart ? 4 + realms->realms[i].sort_key.len + realms->realms[i].id.len
                                     : 0);
    return len;
}

/* 7 bits a byte, the lowest first; the highest bit says that more follow. */
static char *put_number(char *at, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (char)(0x80 | (value & 0x7f));
    *at++ = (char)value;
    return at;
}

static bool take_number(struct slice *rest, size_t bytes_max, uint32_t *ret_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes_max && i < rest->len; i++) {
        unsigned char byte = (unsigned char)rest->ptr[i];
        value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte & 0x80)
            continue;
        *rest = slice_make(rest->ptr + i + 1, rest->len - i - 1);
        *ret_value = (uint32_t)value;
        return value <= UINT32_MAX;
    }
    return false;
}

static char *put_realm(char *at, const struct page_realm *realm)
{
    assert(realm->waited <= PAGE_WAITED_ALL);
    *at++ = (char)(realm->name.len | (realm->out ? OUT_BIT : 0) | (realm->apart ? APART_BIT : 0));
    memcpy(at, realm->name.ptr, realm->name.len);
    at = put_number(at + realm->name.len, realm->given);
    at = put_number(at, realm->waited);
    return realm->apart ? put_part(put_part(at, realm->sort_key), realm->id) : at;
}

static bool take_realm(struct slice *rest, struct page_realm *ret_realm)
{
    unsigned char first = (unsigned char)rest->ptr[0];
    size_t len = first & ~(OUT_BIT | APART_BIT);
    struct page_realm realm = {.out = first & OUT_BIT, .apart = first & APART_BIT};
    uint32_t waited;

    if (len == 0 || len > PAGE_REALM_BYTES_MAX || rest->len < 1 + len)
        return false;
    realm.name = slice_make(rest->ptr + 1, len);
    *rest = slice_make(rest->ptr + 1 + len, rest->len - 1 - len);
    if (!take_number(rest, GIVEN_BYTES_MAX, &realm.given) ||
        !take_number(rest, WAITED_BYTES_MAX, &waited) || waited > PAGE_WAITED_ALL ||
        (realm.apart && (!take_part(rest, &realm.sort_key) || !take_part(rest, &realm.id))))
        return false;
    realm.waited = (uint16_t)waited;
    *ret_realm = realm;
    return true;
}

static bool take_realms(struct slice *rest, struct page_realms *realms)
{
    for (realms->count = 0; rest->len > 0; realms->count++) {
        if (realms->count == PAGE_REALMS_MAX || !take_realm(rest, &realms->realms[realms->count]))
            return false;
    }
    return true;
}

enum status page_token_seal(struct slice key, const struct page_question *question,
                            const struct page_position *position, const struct page_realms *realms,
                            struct arena *arena, struct slice *ret_token)
{
    size_t len_max = raw_bytes_max(position, realms);

    if (len_max > RAW_BYTES_MAX || realms->count > PAGE_REALMS_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    char *raw = arena_alloc(arena, len_max);
    if (!raw)
        return STATUS_RESOURCE_EXHAUSTED;
    raw[0] = VERSION;
    memcpy(raw + 1, question->bytes, PAGE_QUESTION_BYTES);
    char *at = put_part(raw + BODY_AT, position->sort_key);
    at = put_part(at, position->id);
    at = put_part(at, position->realm);
    at = put_part(at, realms->not_asked);
    for (size_t i = 0; i < realms->count; i++) {
        if (realms->realms[i].name.len == 0 || realms->realms[i].name.len > PAGE_REALM_BYTES_MAX)
            return STATUS_RESOURCE_EXHAUSTED;
        at = put_realm(at, &realms->realms[i]);
    }
    size_t len = (size_t)(at - raw);
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
    struct page_realms realms = {.realms =
                                     arena_alloc(arena, PAGE_REALMS_MAX * sizeof(*realms.realms))};
    struct slice raw;

    if (!realms.realms)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    if (token.len > PAGE_TOKEN_BYTES_MAX || base64url_decode_in(arena, token, &raw) ||
        raw.len < BODY_AT)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_token", "pageToken is not valid");
    if (raw.ptr[0] != VERSION)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, PAGE_TOKEN_VERSION, "page_token",
                                "pageToken is of another version of the hub: begin the list anew");
    struct sha256 mac = mac_of(key, raw.ptr, raw.len);
    if (!crypto_equal(slice_make(raw.ptr + MAC_AT, MAC_BYTES), slice_make(mac.bytes, MAC_BYTES)))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_token", "pageToken is not valid");
    if (memcmp(raw.ptr + 1, question->bytes, PAGE_QUESTION_BYTES) != 0)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_token",
                         "pageToken was made for another query, user or realm");
    struct slice rest = slice_make(raw.ptr + BODY_AT, raw.len - BODY_AT);
    if (!take_part(&rest, &position.sort_key) || !take_part(&rest, &position.id) ||
        !take_part(&rest, &position.realm) || !take_part(&rest, &realms.not_asked) ||
        !take_realms(&rest, &realms))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "page_token", "pageToken is not valid");
    *ret_position = position;
    *ret_realms = realms;
    return STATUS_OK;
}
