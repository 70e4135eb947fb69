#include "shared/jwt/jwt_keys.h"

#include <stdatomic.h>
#include <string.h>

#include <jansson.h>

#include "shared/crypto/encode.h"
#include "shared/jwt/jwt_json.h"

/* Unique in the process, so that what is remembered under one set is never taken for another's. */
static void set_changed(struct jwt_keys *keys)
{
    static atomic_ullong generations;
    keys->generation = atomic_fetch_add(&generations, 1) + 1;
}

void jwt_keys_init(struct jwt_keys *keys)
{
    *keys = (struct jwt_keys){0};
    set_changed(keys);
}

void jwt_keys_done(struct jwt_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        es256_key_free(keys->keys[i]);
    jwt_keys_init(keys);
}

static size_t index_of(const struct jwt_keys *keys, struct slice kid)
{
    size_t i = 0;
    while (i < keys->count && !slice_equal_str(kid, es256_key_kid(keys->keys[i])))
        i++;
    return i;
}

struct es256_key *jwt_keys_find(const struct jwt_keys *keys, struct slice kid)
{
    size_t i = index_of(keys, kid);
    return i < keys->count ? keys->keys[i] : NULL;
}

enum status jwt_keys_add(struct jwt_keys *keys, struct es256_key *key)
{
    if (jwt_keys_find(keys, slice_str(es256_key_kid(key))))
        return STATUS_OK;
    if (keys->count == JWT_KEYS_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    keys->keys[keys->count++] = es256_key_ref(key);
    set_changed(keys);
    return STATUS_OK;
}

enum status jwt_keys_set_signer(struct jwt_keys *keys, struct es256_key *key)
{
    if (!es256_key_is_private(key))
        return STATUS_INVALID_ARGUMENT;
    enum status status = jwt_keys_add(keys, key);
    if (status != STATUS_OK)
        return status;
    /* It may have been there as a public key only. */
    size_t i = index_of(keys, slice_str(es256_key_kid(key)));
    if (keys->keys[i] != key) {
        struct es256_key *before = keys->keys[i];
        keys->keys[i] = es256_key_ref(key);
        es256_key_free(before);
    }
    keys->signer = key;
    set_changed(keys);
    return STATUS_OK;
}

enum status jwt_keys_remove(struct jwt_keys *keys, struct slice kid)
{
    size_t i = index_of(keys, kid);
    if (i == keys->count)
        return STATUS_NOT_FOUND;
    if (keys->keys[i] == keys->signer)
        return STATUS_FAILED_PRECONDITION;
    es256_key_free(keys->keys[i]);
    keys->keys[i] = keys->keys[--keys->count];
    set_changed(keys);
    return STATUS_OK;
}

static bool same_kids(const struct jwt_keys *a, const struct jwt_keys *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!jwt_keys_find(b, slice_str(es256_key_kid(a->keys[i]))))
            return false;
    return true;
}

static bool same_signer(const struct jwt_keys *a, const struct jwt_keys *b)
{
    if (!a->signer || !b->signer)
        return a->signer == b->signer;
    return strcmp(es256_key_kid(a->signer), es256_key_kid(b->signer)) == 0;
}

void jwt_keys_replace(struct jwt_keys *keys, struct jwt_keys *next)
{
    if (!same_kids(keys, next) || !same_signer(keys, next)) {
        struct jwt_keys before = *keys;
        *keys = *next; /* with a generation of its own */
        *next = before;
    }
    jwt_keys_done(next);
}

/* ---- JWKS ---- */

static enum status refuse(struct fault *fault, const char *text)
{
    return fault_set(fault, STATUS_INVALID_ARGUMENT, NULL, "%s", text);
}

/* True when the member is absent or exactly `expected`. */
static bool member_may_be(const json_t *jwk, const char *name, const char *expected)
{
    const json_t *member = json_object_get(jwk, name);
    return !member || (json_is_string(member) && strcmp(json_string_value(member), expected) == 0);
}

static bool member_is(const json_t *jwk, const char *name, const char *expected)
{
    return json_object_get(jwk, name) && member_may_be(jwk, name, expected);
}

static bool coordinate(const json_t *jwk, const char *name, char ret_bytes[ES256_COORDINATE_BYTES])
{
    const json_t *member = json_object_get(jwk, name);
    size_t len = 0;
    return json_is_string(member) &&
           base64url_decode(slice_make(json_string_value(member), json_string_length(member)),
                            ret_bytes, ES256_COORDINATE_BYTES, &len) == STATUS_OK &&
           len == ES256_COORDINATE_BYTES;
}

static enum status key_from_jwk(const json_t *jwk, struct es256_key **ret_key, struct fault *fault)
{
    char x[ES256_COORDINATE_BYTES], y[ES256_COORDINATE_BYTES];
    if (!coordinate(jwk, "x", x) || !coordinate(jwk, "y", y))
        return refuse(fault, "a key's coordinates are malformed");
    struct es256_key *key = NULL;
    enum status status =
        es256_key_from_coordinates(slice_make(x, sizeof(x)), slice_make(y, sizeof(y)), &key);
    if (status != STATUS_OK)
        return fault_set(fault, status, NULL, "a key is not a point of P-256");
    if (!member_may_be(jwk, "kid", es256_key_kid(key))) {
        es256_key_free(key);
        return refuse(fault, "a kid is not the key's thumbprint");
    }
    *ret_key = key;
    return STATUS_OK;
}

/* Adds what the document names to `keys`. */
static enum status add_all(const json_t *document, struct jwt_keys *keys, struct fault *fault)
{
    const json_t *list = json_object_get(document, "keys");
    if (!json_is_array(list))
        return refuse(fault, "no key set");
    size_t usable = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *jwk = json_array_get(list, i);
        if (!json_is_object(jwk))
            return refuse(fault, "a key is no object");
        if (json_object_get(jwk, "d") || json_object_get(jwk, "k"))
            return refuse(fault, "a key set may not hold private keys");
        if (!member_is(jwk, "kty", "EC") || !member_is(jwk, "crv", "P-256") ||
            !member_may_be(jwk, "alg", "ES256") || !member_may_be(jwk, "use", "sig"))
            continue;
        struct es256_key *key = NULL;
        enum status status = key_from_jwk(jwk, &key, fault);
        if (status != STATUS_OK)
            return status;
        status = jwt_keys_add(keys, key);
        es256_key_free(key);
        if (status != STATUS_OK)
            return fault_set(fault, status, NULL, "more than %d keys", JWT_KEYS_MAX);
        usable++;
    }
    return usable ? STATUS_OK : refuse(fault, "no key for ES256 signatures");
}

enum status jwt_keys_replace_from_jwks(struct jwt_keys *keys, struct slice json,
                                       struct fault *fault)
{
    if (json.len > JWT_JWKS_BYTES_MAX)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "the key set is over %u bytes",
                         JWT_JWKS_BYTES_MAX);
    json_t *document = json.len && jwt_json_is_shallow(json)
                           ? json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL)
                           : NULL;
    if (!document)
        return refuse(fault, "the key set is no acceptable JSON");
    struct jwt_keys next;
    jwt_keys_init(&next);
    enum status status = STATUS_OK;
    if (keys->signer)
        status = jwt_keys_set_signer(&next, keys->signer);
    if (status == STATUS_OK)
        status = add_all(document, &next, fault);
    json_decref(document);
    if (status == STATUS_OK)
        jwt_keys_replace(keys, &next);
    else
        jwt_keys_done(&next);
    return status;
}

enum status jwt_keys_write_jwks(const struct jwt_keys *keys, struct buffer *ret_json)
{
    buffer_append_str(ret_json, "{\"keys\":[");
    const char *comma = "";
    for (int signer = 1; signer >= 0; signer--) {
        for (size_t i = 0; i < keys->count; i++) {
            if ((keys->keys[i] == keys->signer) != signer)
                continue;
            buffer_append_str(ret_json, comma);
            comma = ",";
            enum status status = es256_key_write_jwk(keys->keys[i], ret_json);
            if (status != STATUS_OK)
                return status;
        }
    }
    buffer_append_str(ret_json, "]}");
    return ret_json->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}
