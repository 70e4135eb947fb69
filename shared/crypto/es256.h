/* es256: ECDSA keys on P-256 with SHA-256, the one signature algorithm of the federation.
 *
 * A key is public, or private (then also public). It is immutable and counted: _ref for another
 * owner, _free gives one reference up. Its OpenSSL contexts are made once with the key and copied
 * per use (a signature 25 us, a check 72 us; parsing PEM each time costs more than either), so a
 * key may be used by many threads.
 *
 * Signatures are the raw form of JOSE (RFC 7518 section 3.4): r and s, 32 bytes each, big endian.
 * DER is never accepted. Both s and n - s verify, as ECDSA has it: a signature is no identifier,
 * nothing may use it (or a hash of a token) to recognise a replay; that is what `jti` is for.
 *
 * A kid is the key's JWK thumbprint (RFC 7638), so it cannot be chosen and needs no registry.
 */
#ifndef PEK_SHARED_CRYPTO_ES256_H
#define PEK_SHARED_CRYPTO_ES256_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define ES256_SIGNATURE_BYTES 64
#define ES256_COORDINATE_BYTES 32
#define ES256_KID_CHARS 43       /* base64url of SHA-256 */
#define ES256_PEM_BYTES_MAX 4096 /* a PEM file; about 230 are needed */

struct es256_key;

/* ---- life ---- */

/* A new private key. INTERNAL when OpenSSL cannot. */
PEK_MUST_CHECK enum status es256_key_generate(struct es256_key **ret_key);

/* PEM text: PKCS #8 or SEC 1 for a private key, SubjectPublicKeyInfo for a public one.
 * INVALID_ARGUMENT with a fault text when it is not PEM, encrypted, another kind or curve, not a
 * point of the curve, or (public) holds a private key: a private key in a place for public ones is
 * a mistake worth hearing of. */
PEK_MUST_CHECK enum status es256_key_from_private_pem(struct slice pem, struct es256_key **ret_key,
                                                      struct fault *fault);
PEK_MUST_CHECK enum status es256_key_from_public_pem(struct slice pem, struct es256_key **ret_key,
                                                     struct fault *fault);
/* The same from a file. Reads the disk: at start or on a worker thread only. NOT_FOUND,
 * PERMISSION_DENIED (also when a private key's file can be read by others, or by the group unless root
 * owns it), UNAVAILABLE for other reading errors. The path is the operator's and the fault names it. */
PEK_MUST_CHECK enum status es256_key_load_private(const char *path, struct es256_key **ret_key,
                                                  struct fault *fault);
PEK_MUST_CHECK enum status es256_key_load_public(const char *path, struct es256_key **ret_key,
                                                 struct fault *fault);
/* From the coordinates of a JWK, ES256_COORDINATE_BYTES each. INVALID_ARGUMENT when not on the
 * curve. */
PEK_MUST_CHECK enum status es256_key_from_coordinates(struct slice x, struct slice y,
                                                      struct es256_key **ret_key);
/* The public half as a key of its own. */
PEK_MUST_CHECK enum status es256_key_public(const struct es256_key *key,
                                            struct es256_key **ret_key);

struct es256_key *es256_key_ref(struct es256_key *key);
/* NULL is fine; answers NULL. A private key is wiped with its last reference. */
struct es256_key *es256_key_free(struct es256_key *key);

/* ---- what it is ---- */

bool es256_key_is_private(const struct es256_key *key);
/* ES256_KID_CHARS characters and a NUL; lives as long as the key. */
const char *es256_key_kid(const struct es256_key *key);
/* SubjectPublicKeyInfo in PEM, NUL-terminated; lives as long as the key. */
const char *es256_key_public_pem(const struct es256_key *key);

/* Appends PKCS #8 PEM. FAILED_PRECONDITION for a public key. Wipe the buffer's memory after use. */
PEK_MUST_CHECK enum status es256_key_write_private_pem(const struct es256_key *key,
                                                       struct buffer *ret_pem);
/* Writes PKCS #8 PEM to a file that only the owner may read. ALREADY_EXISTS when the file is there:
 * a key is never overwritten. The file appears whole or not at all. */
PEK_MUST_CHECK enum status es256_key_save_private(const struct es256_key *key, const char *path,
                                                  struct fault *fault);
/* Appends the public JWK: {"kty":"EC","crv":"P-256","x":…,"y":…,"kid":…,"alg":"ES256","use":"sig"}.
 */
PEK_MUST_CHECK enum status es256_key_write_jwk(const struct es256_key *key,
                                               struct buffer *ret_json);

/* ---- signatures ---- */

/* FAILED_PRECONDITION for a public key. */
PEK_MUST_CHECK enum status es256_sign(const struct es256_key *key, struct slice message,
                                      uint8_t ret_signature[ES256_SIGNATURE_BYTES]);
/* OK, or UNAUTHENTICATED when the signature is not `key`'s for `message` (or is not 64 bytes). */
PEK_MUST_CHECK enum status es256_verify(const struct es256_key *key, struct slice message,
                                        struct slice signature);

#endif
