/* jwt_claims: the claims set between JSON and struct jwt_claims, and what each claim must be.
 *
 * Private to shared/jwt. libjwt holds the JSON: it refuses duplicate names at any depth, text that is
 * no UTF-8, embedded NUL and numbers out of range. It does not tell a wrong type from an absent claim:
 * that is done here.
 */
#ifndef PEK_SHARED_JWT_JWT_CLAIMS_H
#define PEK_SHARED_JWT_JWT_CLAIMS_H

#include "shared/jwt/jwt.h"

#define JWT_TIME_MAX_S 253402300799 /* the last second of the year 9999 */

/* From the decoded claims part (NUL-terminated behind its length). Only the shape is judged: names,
 * types, lengths, alphabets. */
PEK_MUST_CHECK enum status jwt_claims_parse(struct slice json, struct arena *arena,
                                            struct jwt_claims *ret_claims, struct fault *fault);

/* That the claims are what is expected, at `now_s`. */
PEK_MUST_CHECK enum status jwt_claims_check(const struct jwt_claims *claims,
                                            const struct jwt_expect *expect, int64_t now_s,
                                            struct fault *fault);
/* The part of it that time changes. */
PEK_MUST_CHECK enum status jwt_claims_check_times(const struct jwt_claims *claims,
                                                  const struct jwt_expect *expect, int64_t now_s,
                                                  struct fault *fault);

/* The JSON of claims to be signed, in `arena`. INVALID_ARGUMENT for what jwt_claims_parse would refuse
 * or a missing iss, aud, sub, jti, iat or exp. */
PEK_MUST_CHECK enum status jwt_claims_write(const struct jwt_claims *claims, struct arena *arena,
                                            struct slice *ret_json);

/* UNAUTHENTICATED with reason and text. */
enum status jwt_refuse(struct fault *fault, const char *reason, const char *text);

#endif
