/* Three parsers behind one door; the first byte chooses: a token, the claims behind a good signature, a
 * key set. Nobody can sign for the fixed key, so no token may be accepted. */
#include <stdlib.h>
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/crypto/encode.h"
#include "shared/jwt/jwt.h"
#include "shared/jwt/jwt_claims.h"

/* RFC 7515 appendix A.3. */
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define JWKS "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}]}"
#define NOW 1764000000

static const struct jwt_expect expect = {
    .typ = JWT_TYP_INSTANCE,
    .iss = {"worker-acme", 11},
    .aud = {"worker-acme", 11},
    .leeway_s = JWT_LEEWAY_S,
    .lifetime_max_s = JWT_INSTANCE_LIFETIME_S,
    .sub_required = true,
};

static void try_token(struct jwt_keys *keys, struct slice token, struct arena *arena)
{
    struct jwt_claims claims;
    struct fault fault = {0};
    enum status status = jwt_verify(keys, &expect, token, arena, NOW, &claims, &fault);
    must(status == STATUS_UNAUTHENTICATED && fault.reason[0]);
}

static void try_claims(struct slice json, struct arena *arena)
{
    char *text = arena_strndup(arena, json.ptr, json.len); /* NUL behind, as after decoding */
    must(text != NULL);
    struct jwt_claims claims;
    struct fault fault = {0};
    if (jwt_claims_parse(slice_make(text, json.len), arena, &claims, &fault) != STATUS_OK)
        return;
    enum status checked = jwt_claims_check(&claims, &expect, NOW, &fault);
    must(checked == STATUS_OK || checked == STATUS_UNAUTHENTICATED);
    /* What was accepted can be written, and is the same when read again. */
    struct slice written;
    if (jwt_claims_write(&claims, arena, &written) != STATUS_OK)
        return; /* a claim that only signing requires */
    char *again = arena_strndup(arena, written.ptr, written.len);
    struct jwt_claims second;
    must(again && jwt_claims_parse(slice_str(again), arena, &second, &fault) == STATUS_OK);
    must(slice_equal(claims.sub, second.sub) && slice_equal(claims.sid, second.sid));
    must(slice_equal(claims.cnf_x5t_s256, second.cnf_x5t_s256) && claims.exp == second.exp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice input = slice_make(data + 1, size - 1);
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    struct jwt_keys keys;
    jwt_keys_init(&keys);
    must(jwt_keys_replace_from_jwks(&keys, SLICE_LIT(JWKS), NULL) == STATUS_OK);
    if (data[0] == 't')
        try_token(&keys, input, &arena);
    else if (data[0] == 'c' && input.len <= JWT_TOKEN_BYTES_MAX)
        try_claims(input, &arena);
    else if (jwt_keys_replace_from_jwks(&keys, input, NULL) != STATUS_OK)
        must(keys.count == 1);
    jwt_keys_done(&keys);
    arena_done(&arena);
    return 0;
}
