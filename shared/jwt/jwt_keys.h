/* jwt_keys: the keys of ONE issuer, by kid, and which of them signs.
 *
 * One set per issuer, never one for several: a signature says which key, and only the set says
 * whose key that is. A worker has a set for the hub and one of its own.
 *
 * Rotation: add the new public key everywhere, then jwt_keys_set_signer, then, after the longest
 * lifetime of a token, jwt_keys_remove the old one. Each change gives the set a new generation
 * (unique in the process), so that verified tokens remembered under another set of keys are not
 * believed any more.
 *
 * Keys are counted (es256.h): the set takes a reference of its own. One thread.
 */
#ifndef PEK_SHARED_JWT_JWT_KEYS_H
#define PEK_SHARED_JWT_JWT_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/crypto/es256.h"

#define JWT_KEYS_MAX 16
#define JWT_JWKS_BYTES_MAX (16u * 1024)

struct jwt_keys {
    struct es256_key *keys[JWT_KEYS_MAX]; /* the first `count`; kids differ */
    size_t count;
    struct es256_key *signer; /* one of `keys`, private; NULL: this set only verifies */
    uint64_t generation;
};

/* In place, empty. */
void jwt_keys_init(struct jwt_keys *keys);
void jwt_keys_done(struct jwt_keys *keys);

/* Accepts tokens of `key` from now on; already there is fine. RESOURCE_EXHAUSTED at JWT_KEYS_MAX.
 */
PEK_MUST_CHECK enum status jwt_keys_add(struct jwt_keys *keys, struct es256_key *key);
/* Adds the private `key` and signs with it from now on. INVALID_ARGUMENT for a public key. */
PEK_MUST_CHECK enum status jwt_keys_set_signer(struct jwt_keys *keys, struct es256_key *key);
/* NOT_FOUND; FAILED_PRECONDITION for the signer. */
PEK_MUST_CHECK enum status jwt_keys_remove(struct jwt_keys *keys, struct slice kid);

/* Makes the set exactly `next`, signer and all, and leaves `next` empty: how a program takes the keys that its
 * configuration names now. The same keys and signer again leave the generation as it is. */
void jwt_keys_replace(struct jwt_keys *keys, struct jwt_keys *next);

/* NULL when the kid is not on the list. Borrowed from the set. */
struct es256_key *jwt_keys_find(const struct jwt_keys *keys, struct slice kid);

/* Makes the set exactly the keys of a JWKS document (plus the signer, if there is one): how a
 * worker learns the hub's keys. All or nothing. Keys that are not for ES256 signatures (another kty
 * or crv, use "enc", another alg) are skipped. INVALID_ARGUMENT: no JSON, duplicate names, a "kid"
 * that is not the thumbprint, a point off the curve, a private member "d", no usable key left.
 * RESOURCE_EXHAUSTED: more than JWT_KEYS_MAX keys or JWT_JWKS_BYTES_MAX bytes. The same keys again
 * leave the generation as it is. */
PEK_MUST_CHECK enum status jwt_keys_replace_from_jwks(struct jwt_keys *keys, struct slice json,
                                                      struct fault *fault);
/* Appends {"keys":[…]} with the public parts, the signer first. */
PEK_MUST_CHECK enum status jwt_keys_write_jwks(const struct jwt_keys *keys,
                                               struct buffer *ret_json);

#endif
