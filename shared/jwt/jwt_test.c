/* What is signed is accepted, and how long; libjwt agrees. Attacks are in jwt_attack_test.c. */
#include "shared/jwt/jwt_fixture.h"

#include <errno.h>
#include <stdlib.h>

#include <jwt.h>

#include "shared/crypto/crypto.h"

#define X5T "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

static void a_signed_token_gives_its_claims_back(void **state)
{
    struct fixture *fixture = *state;
    fixture->claims.jti = SLICE_LIT("id-1");
    fixture->claims.sid = SLICE_LIT("session-1");
    fixture->claims.cnf_x5t_s256 = SLICE_LIT(X5T);
    fixture->claims.nbf = NOW - 1;
    struct jwt_claims got;
    assert_int_equal(verify_at(fixture, good_token(fixture), NOW, &got), STATUS_OK);
    assert_true(slice_equal_str(got.iss, ISS));
    assert_true(slice_equal_str(got.aud, AUD));
    assert_true(slice_equal_str(got.sub, "alice"));
    assert_true(slice_equal_str(got.jti, "id-1"));
    assert_true(slice_equal_str(got.sid, "session-1"));
    assert_true(slice_equal_str(got.cnf_x5t_s256, X5T));
    assert_true(slice_equal_str(got.kid, es256_key_kid(fixture->key)));
    assert_int_equal(got.iat, NOW);
    assert_int_equal(got.nbf, NOW - 1);
    assert_int_equal(got.exp, NOW + 60);
}

static void absent_claims_are_empty(void **state)
{
    struct fixture *fixture = *state;
    struct jwt_claims got;
    assert_int_equal(verify_at(fixture, good_token(fixture), NOW, &got), STATUS_OK);
    assert_int_equal(got.sid.len, 0);
    assert_int_equal(got.cnf_x5t_s256.len, 0);
    assert_int_equal(got.nbf, 0);
}

static void unknown_claims_are_ignored_whatever_they_are(void **state)
{
    struct fixture *fixture = *state;
    assert_claims_accepted(fixture, CLAIMS(GOOD_TIMES, ",\"x\":[1,{\"y\":null}],\"name\":\"Ű\","
                                                       "\"cnf\":{\"jkt\":\"other\"},\"z\":-1.5"));
}

static void each_token_of_equal_claims_has_a_jti_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct jwt_claims first, second;
    assert_int_equal(verify_at(fixture, good_token(fixture), NOW, &first), STATUS_OK);
    assert_int_equal(verify_at(fixture, good_token(fixture), NOW, &second), STATUS_OK);
    assert_int_equal(first.jti.len, 22);
    assert_false(slice_equal(first.jti, second.jti));
}

static void a_token_lasts_until_exp_and_leeway(void **state)
{
    struct fixture *fixture = *state;
    struct slice token = good_token(fixture);
    struct jwt_claims got;
    assert_int_equal(verify_at(fixture, token, NOW + 60 + JWT_LEEWAY_S - 1, &got), STATUS_OK);
    assert_int_equal(verify_at(fixture, token, NOW + 60 + JWT_LEEWAY_S, &got),
                     STATUS_UNAUTHENTICATED);
    assert_string_equal(fixture->fault.reason, JWT_REASON_EXPIRED);
    fixture->expect.leeway_s = 0;
    assert_int_equal(verify_at(fixture, token, NOW + 59, &got), STATUS_OK);
    assert_int_equal(verify_at(fixture, token, NOW + 60, &got), STATUS_UNAUTHENTICATED);
}

static void a_token_begins_at_iat_and_nbf_less_leeway(void **state)
{
    struct fixture *fixture = *state;
    struct slice token = good_token(fixture);
    struct jwt_claims got;
    assert_int_equal(verify_at(fixture, token, NOW - JWT_LEEWAY_S, &got), STATUS_OK);
    assert_int_equal(verify_at(fixture, token, NOW - JWT_LEEWAY_S - 1, &got),
                     STATUS_UNAUTHENTICATED);
    assert_string_equal(fixture->fault.reason, JWT_REASON_CLAIM);
    fixture->claims.nbf = NOW + 40;
    token = good_token(fixture);
    assert_int_equal(verify_at(fixture, token, NOW + 10, &got), STATUS_OK);
    assert_int_equal(verify_at(fixture, token, NOW + 9, &got), STATUS_UNAUTHENTICATED);
    assert_non_null(strstr(fixture->fault.text, "nbf"));
}

static void what_is_required_must_be_there(void **state)
{
    struct fixture *fixture = *state;
    fixture->expect.sid_required = true;
    assert_refused(fixture, good_token(fixture), JWT_REASON_CLAIM);
    assert_non_null(strstr(fixture->fault.text, "sid"));
    fixture->expect.sid_required = false;
    const char *no_sub = "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\",\"jti\":\"1\"," GOOD_TIMES "}";
    assert_claims_refused(fixture, no_sub, JWT_REASON_CLAIM);
    fixture->expect.sub_required = false;
    assert_claims_accepted(fixture, no_sub);
    const char *bare = "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\"," GOOD_TIMES "}";
    assert_claims_refused(fixture, bare, JWT_REASON_CLAIM);
    fixture->expect.jti_required = false;
    assert_claims_accepted(fixture, bare);
}

static void sign_refuses_what_verify_would_refuse(void **state)
{
    struct fixture *fixture = *state;
    static char long_sub[JWT_SUB_BYTES_MAX + 1], long_iss[JWT_CLAIM_BYTES_MAX + 1];
    memset(long_sub, 'a', sizeof(long_sub));
    memset(long_iss, 'a', sizeof(long_iss));
    struct jwt_claims bad[12];
    for (size_t i = 0; i < 12; i++)
        bad[i] = fixture->claims;
    bad[0].sub = slice_str(NULL);
    bad[1].sub = slice_make(long_sub, sizeof(long_sub));
    bad[2].sub = SLICE_LIT("a b");
    bad[3].sub = SLICE_LIT("Bél");
    bad[4].iss = slice_str(NULL);
    bad[5].iss = slice_make(long_iss, sizeof(long_iss));
    bad[6].aud = slice_str(NULL);
    bad[7].iat = 0;
    bad[8].exp = bad[8].iat;
    bad[9].exp = INT64_MAX;
    bad[10].cnf_x5t_s256 = SLICE_LIT("short");
    bad[11].sub = slice_make("a\0b", 3);
    for (size_t i = 0; i < 12; i++) {
        struct slice token = {0};
        assert_int_equal(
            jwt_sign(&fixture->keys, JWT_TYP_SESSION, &bad[i], &fixture->arena, &token),
            STATUS_INVALID_ARGUMENT);
        assert_null(token.ptr);
    }
}

static void sign_needs_a_signer_and_room(void **state)
{
    struct fixture *fixture = *state;
    struct jwt_keys empty;
    jwt_keys_init(&empty);
    struct slice token = {0};
    assert_int_equal(jwt_sign(&empty, JWT_TYP_SESSION, &fixture->claims, &fixture->arena, &token),
                     STATUS_FAILED_PRECONDITION);
    jwt_keys_done(&empty);
    struct arena small;
    arena_init(&small, 200);
    assert_int_equal(jwt_sign(&fixture->keys, JWT_TYP_SESSION, &fixture->claims, &small, &token),
                     STATUS_RESOURCE_EXHAUSTED);
    arena_done(&small);
    assert_null(token.ptr);
}

static void verify_says_when_the_arena_is_full(void **state)
{
    struct fixture *fixture = *state;
    struct slice token = good_token(fixture);
    size_t failures = 0;
    for (size_t bytes_max = 0; bytes_max < 1024; bytes_max += 8) {
        struct arena small;
        arena_init(&small, bytes_max);
        struct jwt_claims got;
        enum status status =
            jwt_verify(&fixture->keys, &fixture->expect, token, &small, NOW, &got, NULL);
        assert_true(status == STATUS_OK || status == STATUS_RESOURCE_EXHAUSTED);
        failures += status != STATUS_OK;
        arena_done(&small);
    }
    assert_in_range(failures, 10, 127);
}

/* ---- libjwt, where it can follow: typ JWT only ---- */

static void libjwt_accepts_our_signature(void **state)
{
    struct fixture *fixture = *state;
    struct slice token;
    assert_int_equal(jwt_sign(&fixture->keys, "JWT", &fixture->claims, &fixture->arena, &token),
                     STATUS_OK);
    const char *pem = es256_key_public_pem(fixture->key);
    jwt_t *decoded = NULL;
    assert_int_equal(jwt_decode(&decoded, token.ptr, (const unsigned char *)pem, (int)strlen(pem)),
                     0);
    assert_int_equal(jwt_get_alg(decoded), JWT_ALG_ES256);
    assert_string_equal(jwt_get_grant(decoded, "sub"), "alice");
    assert_int_equal(jwt_get_grant_int(decoded, "exp"), NOW + 60);
    jwt_free(decoded);
}

static void we_accept_a_signature_of_libjwt(void **state)
{
    struct fixture *fixture = *state;
    struct buffer pem;
    buffer_init(&pem, ES256_PEM_BYTES_MAX);
    assert_int_equal(es256_key_write_private_pem(fixture->key, &pem), STATUS_OK);
    jwt_t *made = NULL;
    assert_int_equal(jwt_new(&made), 0);
    assert_int_equal(jwt_add_grants_json(made, CLAIMS(GOOD_TIMES, "")), 0);
    assert_int_equal(jwt_add_header(made, "kid", es256_key_kid(fixture->key)), 0);
    assert_int_equal(jwt_set_alg(made, JWT_ALG_ES256, (unsigned char *)pem.ptr, (int)pem.len), 0);
    char *token = jwt_encode_str(made);
    assert_non_null(token);
    fixture->expect.typ = "JWT";
    struct jwt_claims got;
    assert_int_equal(verify_at(fixture, slice_str(token), NOW, &got), STATUS_OK);
    assert_true(slice_equal_str(got.sub, "alice"));
    free(token);
    jwt_free(made);
    buffer_done(&pem);
}

/* The reason that the signature is checked without jwt_decode: when this fails, see README.md again. */
static void libjwt_still_refuses_every_typ_but_jwt(void **state)
{
    struct fixture *fixture = *state;
    const char *pem = es256_key_public_pem(fixture->key);
    jwt_t *decoded = NULL;
    assert_int_equal(
        jwt_decode(&decoded, good_token(fixture).ptr, (const unsigned char *)pem, (int)strlen(pem)),
        EINVAL);
    assert_null(decoded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_signed_token_gives_its_claims_back),
        TEST(absent_claims_are_empty),
        TEST(unknown_claims_are_ignored_whatever_they_are),
        TEST(each_token_of_equal_claims_has_a_jti_of_its_own),
        TEST(a_token_lasts_until_exp_and_leeway),
        TEST(a_token_begins_at_iat_and_nbf_less_leeway),
        TEST(what_is_required_must_be_there),
        TEST(sign_refuses_what_verify_would_refuse),
        TEST(sign_needs_a_signer_and_room),
        TEST(verify_says_when_the_arena_is_full),
        TEST(libjwt_accepts_our_signature),
        TEST(we_accept_a_signature_of_libjwt),
        TEST(libjwt_still_refuses_every_typ_but_jwt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
