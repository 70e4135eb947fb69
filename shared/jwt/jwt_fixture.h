/* jwt_fixture: a key, a key set, and tokens that a forger would make. For the tests beside it. */
#ifndef PEK_SHARED_JWT_JWT_FIXTURE_H
#define PEK_SHARED_JWT_JWT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/crypto/encode.h"
#include "shared/jwt/jwt.h"

#define NOW 1764000000
#define ISS "https://hub.example"
#define AUD "worker-acme"

struct fixture {
    struct arena arena;
    struct jwt_keys keys; /* signs with `key` */
    struct es256_key *key;
    struct jwt_expect expect;
    struct jwt_claims claims; /* good ones */
    struct fault fault;       /* of the last verification */
};

static int fixture_make(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){
        .expect = {.typ = JWT_TYP_ASSERTION,
                   .iss = SLICE_LIT(ISS),
                   .aud = SLICE_LIT(AUD),
                   .leeway_s = JWT_LEEWAY_S,
                   .lifetime_max_s = JWT_ASSERTION_LIFETIME_S,
                   .sub_required = true,
                   .jti_required = true},
        .claims = {.iss = SLICE_LIT(ISS),
                   .aud = SLICE_LIT(AUD),
                   .sub = SLICE_LIT("alice"),
                   .iat = NOW,
                   .exp = NOW + 60},
    };
    arena_init(&fixture.arena, 64u * 1024 * 1024);
    jwt_keys_init(&fixture.keys);
    *state = &fixture;
    return es256_key_generate(&fixture.key) != STATUS_OK ||
           jwt_keys_set_signer(&fixture.keys, fixture.key) != STATUS_OK;
}

static int fixture_remove(void **state)
{
    struct fixture *fixture = *state;
    es256_key_free(fixture->key);
    jwt_keys_done(&fixture->keys);
    arena_done(&fixture->arena);
    return 0;
}

__attribute__((unused)) static struct slice good_token(struct fixture *fixture)
{
    struct slice token;
    assert_int_equal(
        jwt_sign(&fixture->keys, fixture->expect.typ, &fixture->claims, &fixture->arena, &token),
        STATUS_OK);
    return token;
}

__attribute__((unused)) static struct slice encoded(struct fixture *fixture, struct slice bytes)
{
    struct slice text;
    assert_int_equal(base64url_encode_in(&fixture->arena, bytes, &text), STATUS_OK);
    return text;
}

/* header.claims.signature of any texts, signed as ES256 by `key` (NULL: an empty signature). */
__attribute__((unused)) static struct slice forge(struct fixture *fixture, struct slice header,
                                                  struct slice claims, struct es256_key *key)
{
    char *text = arena_printf(&fixture->arena, "%.*s.%.*s.", SLICE_ARG(encoded(fixture, header)),
                              SLICE_ARG(encoded(fixture, claims)));
    assert_non_null(text);
    if (!key)
        return slice_str(text);
    uint8_t signature[ES256_SIGNATURE_BYTES];
    assert_int_equal(es256_sign(key, slice_make(text, strlen(text) - 1), signature), STATUS_OK);
    text = arena_printf(&fixture->arena, "%s%.*s", text,
                        SLICE_ARG(encoded(fixture, slice_make(signature, sizeof(signature)))));
    assert_non_null(text);
    return slice_str(text);
}

/* What jwt_sign would write before the claims; `more` goes in before the end ("" or ",\"jku\":…"). */
__attribute__((unused)) static struct slice header_with(struct fixture *fixture, const char *alg,
                                                        const char *typ, const char *more)
{
    return slice_str(arena_printf(&fixture->arena,
                                  "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"%s}", alg, typ,
                                  es256_key_kid(fixture->key), more));
}

__attribute__((unused)) static struct slice good_header(struct fixture *fixture)
{
    return header_with(fixture, "ES256", fixture->expect.typ, "");
}

#define CLAIMS(times, more)                                                                        \
    "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"sub\":\"alice\",\"jti\":\"1\"," times more "}"
#define GOOD_TIMES "\"iat\":1764000000,\"exp\":1764000060"

__attribute__((unused)) static enum status verify_at(struct fixture *fixture, struct slice token,
                                                     int64_t now_s, struct jwt_claims *ret_claims)
{
    fixture->fault = (struct fault){0};
    enum status status = jwt_verify(&fixture->keys, &fixture->expect, token, &fixture->arena, now_s,
                                    ret_claims, &fixture->fault);
    assert_int_equal(fixture->fault.status, status);
    return status;
}

/* Refused for `reason`, with the claims of the caller untouched. */
__attribute__((unused)) static void assert_refused(struct fixture *fixture, struct slice token,
                                                   const char *reason)
{
    struct jwt_claims claims = {.iat = -1};
    assert_int_equal(verify_at(fixture, token, NOW, &claims), STATUS_UNAUTHENTICATED);
    assert_string_equal(fixture->fault.reason, reason);
    assert_true(fixture->fault.text[0] != '\0');
    assert_int_equal(claims.iat, -1);
    assert_null(claims.sub.ptr);
}

/* A token with these claims, rightly signed. */
__attribute__((unused)) static void assert_claims_refused(struct fixture *fixture,
                                                          const char *claims, const char *reason)
{
    assert_refused(fixture, forge(fixture, good_header(fixture), slice_str(claims), fixture->key),
                   reason);
}

__attribute__((unused)) static void assert_claims_accepted(struct fixture *fixture,
                                                           const char *claims)
{
    struct jwt_claims got;
    assert_int_equal(
        verify_at(fixture, forge(fixture, good_header(fixture), slice_str(claims), fixture->key),
                  NOW, &got),
        STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

#endif
