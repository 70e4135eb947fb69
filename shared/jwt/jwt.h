/* jwt: the federation's tokens: ES256 only, one issuer, one audience, one type each.
 *
 * Verification believes nothing of a token before its signature holds, and of its header only what
 * agrees with what the caller expects: first the size, the strict base64url of its three parts and
 * the header (exactly alg, typ and kid: ES256, the expected type, a kid of the key set), then the
 * signature with the key that the kid names, then the shape of the claims (a JSON object, bounded
 * depth, no duplicate), then each claim. README.md beside this file says which part libjwt has in
 * this and which it must not have.
 *
 * A refusal is UNAUTHENTICATED with one of the JWT_REASON_… below as the fault's reason. Its text
 * is public: it may name a claim, never a value of the token.
 *
 * Threads: a `struct jwt_keys` and a `struct jwt_cache` belong to one thread (a loop has its own).
 */
#ifndef PEK_SHARED_JWT_JWT_H
#define PEK_SHARED_JWT_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/jwt/jwt_keys.h"

/* The four kinds of token; one kind is never accepted for another. */
#define JWT_TYP_SESSION "pek-session+jwt"     /* hub → browser cookie: who is logged in */
#define JWT_TYP_ASSERTION "pek-assertion+jwt" /* hub → worker: issue a token for this user */
#define JWT_TYP_PEOPLE "pek-people+jwt"     /* hub → worker: what it says of people is its word */
#define JWT_TYP_INSTANCE "pek-instance+jwt" /* worker → hub, sent back with each call */

#define JWT_TOKEN_BYTES_MAX 8192
#define JWT_HEADER_BYTES_MAX 512 /* decoded */
#define JWT_SUB_BYTES_MAX 64     /* 1 to 64, printable ASCII without space */
#define JWT_CLAIM_BYTES_MAX 256  /* of every other string that is known; printable ASCII, too */
#define JWT_LEEWAY_S 30          /* clocks differ by so much */
#define JWT_INSTANCE_LIFETIME_S 300
#define JWT_ASSERTION_LIFETIME_S 60
#define JWT_SESSION_LIFETIME_S 86400

/* Empty. */
#define JWT_REASON_MISSING "TOKEN_MISSING"
/* Over JWT_TOKEN_BYTES_MAX. */
#define JWT_REASON_TOO_LARGE "TOKEN_TOO_LARGE"
/* Not three parts of canonical base64url, no JSON objects, duplicate names, a claim of the wrong type. */
#define JWT_REASON_MALFORMED "TOKEN_MALFORMED"
/* alg, typ, or a header parameter that may not be there. */
#define JWT_REASON_HEADER "TOKEN_HEADER_REFUSED"
/* The kid is none of the key set's: refresh the keys once, then refuse. */
#define JWT_REASON_KEY_UNKNOWN "TOKEN_KEY_UNKNOWN"
/* The signature is not that key's for this text. */
#define JWT_REASON_SIGNATURE "TOKEN_SIGNATURE"
#define JWT_REASON_EXPIRED "TOKEN_EXPIRED"
/* iss, aud, sub, iat, nbf …: the text says which. */
#define JWT_REASON_CLAIM "TOKEN_CLAIM_REFUSED"

/* What a token must be. Strings are borrowed for the call. */
struct jwt_expect {
    const char *typ;        /* JWT_TYP_… */
    struct slice iss;       /* exact */
    struct slice aud;       /* exact; an array of audiences is refused */
    int64_t leeway_s;       /* for exp, nbf, iat; JWT_LEEWAY_S is usual, 0 is none */
    int64_t lifetime_max_s; /* of exp - iat, more than 0 */
    bool sub_required;
    bool jti_required;
    bool sid_required;
};

/* Absent strings are empty, absent times 0. Other claims of a token are ignored. */
struct jwt_claims {
    struct slice iss;
    struct slice aud;
    struct slice sub;
    struct slice jti;
    struct slice sid;          /* session id */
    struct slice cnf_x5t_s256; /* RFC 8705: base64url SHA-256 of the client certificate, from
                                  cnf["x5t#S256"] */
    struct slice kid;          /* of the header: which key signed; jwt_sign ignores it */
    int64_t iat;               /* seconds since 1970, as the two below; always present */
    int64_t nbf;
    int64_t exp; /* always present */
};

/* Checks `token` as above at `now_s` (clock_wall_s). The claims are copied into `arena`.
 * UNAUTHENTICATED (with a reason), RESOURCE_EXHAUSTED when the arena is full, INTERNAL.
 * About 80 us: repeated tokens go through jwt_cache.h. */
PEK_MUST_CHECK enum status jwt_verify(const struct jwt_keys *keys, const struct jwt_expect *expect,
                                      struct slice token, struct arena *arena, int64_t now_s,
                                      struct jwt_claims *ret_claims, struct fault *fault);

/* True when `fault` says that the key set does not know the token's key: the one case in which
 * learning the issuer's keys again (once) can help. */
bool jwt_key_is_unknown(const struct fault *fault);

/* A token of `typ` signed by the set's signer. iss, aud, sub, iat and exp are required; an empty
 * jti is filled with 128 random bits. The token is in `arena`. FAILED_PRECONDITION without a
 * signer, INVALID_ARGUMENT for claims that jwt_verify would refuse, RESOURCE_EXHAUSTED when the
 * arena or JWT_TOKEN_BYTES_MAX is exceeded. About 30 us. */
PEK_MUST_CHECK enum status jwt_sign(const struct jwt_keys *keys, const char *typ,
                                    const struct jwt_claims *claims, struct arena *arena,
                                    struct slice *ret_token);

#endif
