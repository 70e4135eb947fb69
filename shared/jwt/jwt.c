#include "shared/jwt/jwt.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"
#include "shared/jwt/jwt_claims.h"
#include "shared/jwt/jwt_json.h"

#define ALG "ES256"
#define JTI_BYTES 16
#define TYP_BYTES_MAX 64

_Static_assert(BASE64URL_CHARS(JTI_BYTES) <= JWT_CLAIM_BYTES_MAX, "a jti of ours is acceptable");

/* The three parts as they came, and the text that is signed: the first two with their dot. */
struct parts {
    struct slice header;
    struct slice claims;
    struct slice signature;
    struct slice signed_text;
};

static bool split(struct slice token, struct parts *ret_parts)
{
    const char *end = token.ptr + token.len;
    const char *first = memchr(token.ptr, '.', token.len);
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second) /* a third dot would be no base64url */
        return false;
    *ret_parts = (struct parts){
        .header = slice_make(token.ptr, (size_t)(first - token.ptr)),
        .claims = slice_make(first + 1, (size_t)(second - first - 1)),
        .signature = slice_make(second + 1, (size_t)(end - second - 1)),
        .signed_text = slice_make(token.ptr, (size_t)(second - token.ptr)),
    };
    return true;
}

static void object_free(jwt_t **object)
{
    jwt_free(*object);
}

static void string_free(char **string)
{
    free(*string);
}

static bool header_is(jwt_t *object, const char *name, const char *expected)
{
    const char *value = jwt_get_header(object, name);
    return value && strcmp(value, expected) == 0;
}

/* True when there is nothing but the three parameters: jku, jwk, x5u and x5c would name a key of the
 * sender's choice, crit would ask for what is not known here, zip and b64 would change what is signed. */
static bool header_has_no_other(jwt_t *object)
{
    if (jwt_del_headers(object, "alg") != 0 || jwt_del_headers(object, "typ") != 0 ||
        jwt_del_headers(object, "kid") != 0)
        return false;
    __attribute__((cleanup(string_free))) char *rest = jwt_get_headers_json(object, NULL);
    return rest && strcmp(rest, "{}") == 0;
}

/* Judges the decoded header (NUL-terminated) and finds the key. */
static enum status header_check(const struct jwt_keys *keys, const char *typ, struct slice json,
                                struct es256_key **ret_key, struct fault *fault)
{
    static const char refused[] = "the token's header is not acceptable";
    if (!json.len || memchr(json.ptr, '\0', json.len) || !jwt_json_is_shallow(json))
        return jwt_refuse(fault, JWT_REASON_MALFORMED, "the token's header is malformed");
    __attribute__((cleanup(object_free))) jwt_t *object = NULL;
    if (jwt_new(&object) != 0)
        return fault_set(fault, STATUS_INTERNAL, NULL, "out of memory");
    if (jwt_add_headers_json(object, json.ptr) != 0)
        return jwt_refuse(fault, JWT_REASON_MALFORMED, "the token's header is malformed");
    if (!header_is(object, "alg", ALG) || !header_is(object, "typ", typ))
        return jwt_refuse(fault, JWT_REASON_HEADER, refused);
    const char *kid = jwt_get_header(object, "kid");
    if (!kid)
        return jwt_refuse(fault, JWT_REASON_HEADER, refused);
    struct es256_key *key = jwt_keys_find(keys, slice_str(kid));
    if (!header_has_no_other(object)) /* `kid` is gone after this */
        return jwt_refuse(fault, JWT_REASON_HEADER, refused);
    if (!key)
        return jwt_refuse(fault, JWT_REASON_KEY_UNKNOWN, "the token's key is not known");
    *ret_key = key;
    return STATUS_OK;
}

static enum status decode_part(struct arena *arena, struct slice text, struct slice *ret_bytes,
                               struct fault *fault)
{
    enum status status = base64url_decode_in(arena, text, ret_bytes);
    if (status == STATUS_INVALID_ARGUMENT)
        return jwt_refuse(fault, JWT_REASON_MALFORMED, "the token is malformed");
    if (status != STATUS_OK)
        return fault_set(fault, status, NULL, "no memory left for the token");
    return STATUS_OK;
}

static enum status signature_check(const struct es256_key *key, const struct parts *parts,
                                   struct arena *arena, struct fault *fault)
{
    struct slice signature;
    enum status status = decode_part(arena, parts->signature, &signature, fault);
    if (status != STATUS_OK)
        return status;
    if (es256_verify(key, parts->signed_text, signature) != STATUS_OK)
        return jwt_refuse(fault, JWT_REASON_SIGNATURE, "the token's signature does not hold");
    return STATUS_OK;
}

enum status jwt_verify(const struct jwt_keys *keys, const struct jwt_expect *expect,
                       struct slice token, struct arena *arena, int64_t now_s,
                       struct jwt_claims *ret_claims, struct fault *fault)
{
    assert(expect->typ && expect->iss.len && expect->aud.len && expect->lifetime_max_s > 0 &&
           expect->leeway_s >= 0);
    if (!token.len)
        return jwt_refuse(fault, JWT_REASON_MISSING, "a token is required");
    if (token.len > JWT_TOKEN_BYTES_MAX)
        return jwt_refuse(fault, JWT_REASON_TOO_LARGE, "the token is too large");
    struct parts parts;
    if (!split(token, &parts) || parts.header.len > BASE64URL_CHARS(JWT_HEADER_BYTES_MAX))
        return jwt_refuse(fault, JWT_REASON_MALFORMED, "the token is malformed");
    struct slice json;
    struct es256_key *key = NULL;
    enum status status = decode_part(arena, parts.header, &json, fault);
    if (status == STATUS_OK)
        status = header_check(keys, expect->typ, json, &key, fault);
    if (status == STATUS_OK)
        status = signature_check(key, &parts, arena, fault);
    if (status == STATUS_OK)
        status = decode_part(arena, parts.claims, &json, fault);
    struct jwt_claims claims;
    if (status == STATUS_OK)
        status = jwt_claims_parse(json, arena, &claims, fault);
    if (status == STATUS_OK)
        status = jwt_claims_check(&claims, expect, now_s, fault);
    if (status != STATUS_OK)
        return status;
    /* The key may leave the set while the claims are still looked at. */
    claims.kid = arena_copy(arena, slice_str(es256_key_kid(key)));
    if (!claims.kid.ptr)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory left for the token");
    *ret_claims = claims;
    return STATUS_OK;
}

bool jwt_key_is_unknown(const struct fault *fault)
{
    return fault->status == STATUS_UNAUTHENTICATED &&
           strcmp(fault->reason, JWT_REASON_KEY_UNKNOWN) == 0;
}

/* "header.claims" in base64url with room for the signature, NUL-terminated. */
static enum status compose(const char *header, struct slice claims, struct arena *arena,
                           char **ret_text, size_t *ret_len)
{
    size_t header_chars = BASE64URL_CHARS(strlen(header));
    size_t len = header_chars + 1 + BASE64URL_CHARS(claims.len);
    size_t whole = len + 1 + BASE64URL_CHARS(ES256_SIGNATURE_BYTES);
    if (whole > JWT_TOKEN_BYTES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    char *text = arena_alloc(arena, whole + 1);
    if (!text)
        return STATUS_RESOURCE_EXHAUSTED;
    base64url_encode(slice_str(header), text);
    text[header_chars] = '.';
    base64url_encode(claims, text + header_chars + 1);
    *ret_text = text;
    *ret_len = len;
    return STATUS_OK;
}

enum status jwt_sign(const struct jwt_keys *keys, const char *typ, const struct jwt_claims *claims,
                     struct arena *arena, struct slice *ret_token)
{
    assert(typ && strlen(typ) <= TYP_BYTES_MAX && !strpbrk(typ, "\"\\"));
    if (!keys->signer)
        return STATUS_FAILED_PRECONDITION;
    struct jwt_claims filled = *claims;
    char jti[BASE64URL_CHARS(JTI_BYTES) + 1];
    if (!filled.jti.len) {
        uint8_t random[JTI_BYTES];
        crypto_random(random, sizeof(random));
        base64url_encode(slice_make(random, sizeof(random)), jti);
        filled.jti = slice_str(jti);
    }
    struct slice json;
    enum status status = jwt_claims_write(&filled, arena, &json);
    if (status != STATUS_OK)
        return status;
    char header[TYP_BYTES_MAX + ES256_KID_CHARS + 64];
    int header_len =
        snprintf(header, sizeof(header), "{\"alg\":\"" ALG "\",\"typ\":\"%s\",\"kid\":\"%s\"}", typ,
                 es256_key_kid(keys->signer));
    assert(header_len > 0 && (size_t)header_len < sizeof(header));
    char *text = NULL;
    size_t len = 0;
    status = compose(header, json, arena, &text, &len);
    uint8_t signature[ES256_SIGNATURE_BYTES];
    if (status == STATUS_OK)
        status = es256_sign(keys->signer, slice_make(text, len), signature);
    if (status != STATUS_OK)
        return status;
    text[len] = '.';
    base64url_encode(slice_make(signature, sizeof(signature)), text + len + 1);
    *ret_token = slice_str(text);
    return STATUS_OK;
}
