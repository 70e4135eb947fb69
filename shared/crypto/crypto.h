/* crypto: digests, MACs, randomness and comparison, as OpenSSL 3 does them.
 *
 * A thin layer: algorithms are fetched once per process and contexts are kept per thread, because a
 * fetch costs more than the digest of a token. Failures that only a broken OpenSSL can give end the
 * process (there is no way on without digests or randomness), so that the plain verbs cannot fail.
 *
 * Any thread, any fiber: nothing here yields.
 */
#ifndef PEK_SHARED_CRYPTO_CRYPTO_H
#define PEK_SHARED_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/base/status.h"

#define SHA256_BYTES 32

struct sha256 {
    uint8_t bytes[SHA256_BYTES];
};

struct sha256 sha256(struct slice bytes);
/* Digest of all parts, each preceded by its length (8 bytes, big endian), so that no two different
 * lists of parts give the same input. */
struct sha256 sha256_of_parts(const struct slice *parts, size_t part_count);

/* HMAC-SHA-256 (RFC 2104). `key` may have any length. */
struct sha256 hmac_sha256(struct slice key, struct slice bytes);

/* True when equal; the time depends on the lengths only. For MACs, tokens and everything secret. */
bool crypto_equal(struct slice a, struct slice b);
bool sha256_equal(const struct sha256 *a, const struct sha256 *b);

/* Bytes of the operating system's quality, fit for keys. */
void crypto_random(void *ret_bytes, size_t len);
/* For what must be unlike all others and is no secret (ids of requests and spans): drawn many at a time, since drawing takes longer
 * than the rest of such an id. The bytes stay in memory until they are given out. */
#define CRYPTO_RANDOM_ID_BYTES_MAX 32
void crypto_random_id(void *ret_bytes, size_t len);

/* Whether others may read or change an open file of a secret, as PostgreSQL has it: it is to be its owner's alone, or may be
 * read by root's group when root owns it (a mounted secret). True when it cannot be told. */
bool crypto_file_is_exposed(int fd);

/* Zeroes; not optimised away. */
void crypto_wipe(void *bytes, size_t len);

#endif
