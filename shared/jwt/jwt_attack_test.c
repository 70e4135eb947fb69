/* What an attacker would send. Each token but the one under test is rightly signed by the key that it
 * names, so that only the refusal under test can refuse it. */
#include "shared/jwt/jwt_fixture.h"

#include <stdlib.h>

#include <openssl/ecdsa.h>

#include "shared/crypto/crypto.h"

#define GOOD SLICE_LIT(CLAIMS(GOOD_TIMES, ""))
#define FOR_EACH(item, list) for (size_t item = 0; item < sizeof(list) / sizeof((list)[0]); item++)

static void the_forger_of_these_tests_can_make_a_good_token(void **state)
{
    struct fixture *fixture = *state;
    assert_claims_accepted(fixture, CLAIMS(GOOD_TIMES, ""));
}

static void alg_none_is_refused_with_and_without_signature(void **state)
{
    struct fixture *fixture = *state;
    const char *algs[] = {"none", "None", "NONE", "nOnE", ""};
    FOR_EACH (i, algs) {
        struct slice header = header_with(fixture, algs[i], JWT_TYP_ASSERTION, "");
        assert_refused(fixture, forge(fixture, header, GOOD, NULL), JWT_REASON_HEADER);
        assert_refused(fixture, forge(fixture, header, GOOD, fixture->key), JWT_REASON_HEADER);
    }
}

static void hs256_keyed_with_the_public_pem_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slice header = header_with(fixture, "HS256", JWT_TYP_ASSERTION, "");
    struct slice text = forge(fixture, header, GOOD, NULL);
    struct sha256 mac = hmac_sha256(slice_str(es256_key_public_pem(fixture->key)),
                                    slice_make(text.ptr, text.len - 1));
    struct slice signature = encoded(fixture, slice_make(mac.bytes, sizeof(mac.bytes)));
    const char *token =
        arena_printf(&fixture->arena, "%.*s%.*s", SLICE_ARG(text), SLICE_ARG(signature));
    assert_refused(fixture, slice_str(token), JWT_REASON_HEADER);
}

static void every_other_alg_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *algs[] = {"ES384", "ES512", "ES256K", "RS256",  "PS256",  "EdDSA",       "HS256",
                          "HS384", "es256", "Es256",  "ES256 ", " ES256", "ES256\\u0000"};
    FOR_EACH (i, algs) {
        struct slice header = header_with(fixture, algs[i], JWT_TYP_ASSERTION, "");
        struct jwt_claims got;
        assert_int_equal(verify_at(fixture, forge(fixture, header, GOOD, fixture->key), NOW, &got),
                         STATUS_UNAUTHENTICATED);
    }
}

static void a_header_lacking_a_parameter_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *kid = es256_key_kid(fixture->key);
    const char *headers[] = {
        "{}",
        arena_printf(&fixture->arena, "{\"typ\":\"" JWT_TYP_ASSERTION "\",\"kid\":\"%s\"}", kid),
        arena_printf(&fixture->arena, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid),
        "{\"alg\":\"ES256\",\"typ\":\"" JWT_TYP_ASSERTION "\"}",
        arena_printf(&fixture->arena,
                     "{\"alg\":7,\"typ\":\"" JWT_TYP_ASSERTION "\",\"kid\":\"%s\"}", kid),
        arena_printf(&fixture->arena,
                     "{\"alg\":[\"ES256\"],\"typ\":\"" JWT_TYP_ASSERTION "\",\"kid\":\"%s\"}", kid),
        "{\"alg\":\"ES256\",\"typ\":\"" JWT_TYP_ASSERTION "\",\"kid\":0}",
        "{\"alg\":\"ES256\",\"typ\":\"" JWT_TYP_ASSERTION "\",\"kid\":null}",
    };
    FOR_EACH (i, headers)
        assert_refused(fixture, forge(fixture, slice_str(headers[i]), GOOD, fixture->key),
                       JWT_REASON_HEADER);
}

static void one_type_of_token_is_not_another(void **state)
{
    struct fixture *fixture = *state;
    const char *types[] = {JWT_TYP_SESSION,
                           JWT_TYP_INSTANCE,
                           "JWT",
                           "jwt",
                           "PEK-ASSERTION+JWT",
                           "application/" JWT_TYP_ASSERTION,
                           "",
                           JWT_TYP_ASSERTION " "};
    FOR_EACH (i, types)
        assert_refused(
            fixture,
            forge(fixture, header_with(fixture, "ES256", types[i], ""), GOOD, fixture->key),
            JWT_REASON_HEADER);
}

static void header_parameters_that_name_a_key_or_change_the_rules_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *more[] = {
        ",\"jku\":\"https://evil.example/keys\"",
        ",\"jwk\":{\"kty\":\"EC\"}",
        ",\"x5u\":\"https://evil.example/cert\"",
        ",\"x5c\":[\"MII\"]",
        ",\"x5t\":\"x\"",
        ",\"x5t#S256\":\"x\"",
        ",\"crit\":[\"exp\"]",
        ",\"crit\":[]",
        ",\"zip\":\"DEF\"",
        ",\"b64\":false",
        ",\"cty\":\"JWT\"",
        ",\"\":0",
        ",\"unknown\":null",
    };
    FOR_EACH (i, more)
        assert_refused(fixture,
                       forge(fixture, header_with(fixture, "ES256", JWT_TYP_ASSERTION, more[i]),
                             GOOD, fixture->key),
                       JWT_REASON_HEADER);
}

static void a_kid_off_the_list_is_unknown_whatever_it_looks_like(void **state)
{
    struct fixture *fixture = *state;
    const char *kid = es256_key_kid(fixture->key);
    const char *kids[] = {
        "",
        "unknown",
        "../../../../dev/null",
        "/etc/passwd",
        "' UNION SELECT 'x",
        "| id",
        "https://evil.example/key",
        "%2e%2e",
        arena_printf(&fixture->arena, "%s ", kid),
        arena_printf(&fixture->arena, "./%s", kid),
        arena_printf(&fixture->arena, "%.42s", kid),
    };
    FOR_EACH (i, kids) {
        const char *header = arena_printf(
            &fixture->arena, "{\"alg\":\"ES256\",\"typ\":\"" JWT_TYP_ASSERTION "\",\"kid\":\"%s\"}",
            kids[i]);
        assert_refused(fixture, forge(fixture, slice_str(header), GOOD, fixture->key),
                       JWT_REASON_KEY_UNKNOWN);
        assert_true(jwt_key_is_unknown(&fixture->fault));
    }
    const char *nul = arena_printf(
        &fixture->arena,
        "{\"alg\":\"ES256\",\"typ\":\"" JWT_TYP_ASSERTION "\",\"kid\":\"%s\\u0000x\"}", kid);
    assert_refused(fixture, forge(fixture, slice_str(nul), GOOD, fixture->key),
                   JWT_REASON_MALFORMED);
    assert_false(jwt_key_is_unknown(&fixture->fault));
}

static void another_key_under_a_known_kid_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct es256_key *other = NULL;
    assert_int_equal(es256_key_generate(&other), STATUS_OK);
    assert_refused(fixture, forge(fixture, good_header(fixture), GOOD, other),
                   JWT_REASON_SIGNATURE);
    /* Also when that key is on the list itself. */
    assert_int_equal(jwt_keys_add(&fixture->keys, other), STATUS_OK);
    assert_refused(fixture, forge(fixture, good_header(fixture), GOOD, other),
                   JWT_REASON_SIGNATURE);
    es256_key_free(other);
}

static void a_token_cut_anywhere_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slice token = good_token(fixture);
    struct jwt_claims got;
    for (size_t len = 0; len < token.len; len++) {
        char *exact = malloc(len ? len : 1); /* a sanitizer sees a read past the end */
        assert_non_null(exact);
        memcpy(exact, token.ptr, len);
        assert_int_equal(verify_at(fixture, slice_make(exact, len), NOW, &got),
                         STATUS_UNAUTHENTICATED);
        free(exact);
    }
}

static void a_token_changed_in_any_bit_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slice token = good_token(fixture);
    char *copy = arena_strndup(&fixture->arena, token.ptr, token.len);
    struct jwt_claims got;
    for (size_t bit = 0; bit < 8 * token.len; bit++) {
        copy[bit / 8] ^= (char)(1 << bit % 8);
        /* Most are refused before the signature; the arena is the test's limit, not the point. */
        struct arena arena;
        arena_init(&arena, 8192);
        assert_int_equal(jwt_verify(&fixture->keys, &fixture->expect, slice_make(copy, token.len),
                                    &arena, NOW, &got, NULL),
                         STATUS_UNAUTHENTICATED);
        arena_done(&arena);
        copy[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_int_equal(verify_at(fixture, slice_make(copy, token.len), NOW, &got), STATUS_OK);
}

static void a_token_spelled_in_another_way_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slice token = good_token(fixture);
    const char *formats[] = {"%s=",       "%s==",       "%s.",    ".%s",    " %s",
                             "%s ",       "%s\n",       "\t%s",   "%s\r\n", "%s.x",
                             "Bearer %s", "%s.e30.e30", "\"%s\"", "%s%%3D"};
    FOR_EACH (i, formats) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        const char *text = arena_printf(&fixture->arena, formats[i], token.ptr);
#pragma GCC diagnostic pop
        assert_refused(fixture, slice_str(text), JWT_REASON_MALFORMED);
    }
    /* The last character of a 64-byte signature has four bits to spare. */
    char *loose = arena_strndup(&fixture->arena, token.ptr, token.len);
    loose[token.len - 1]++;
    assert_refused(fixture, slice_make(loose, token.len), JWT_REASON_MALFORMED);
    assert_refused(fixture, slice_make(token.ptr, token.len + 1), JWT_REASON_MALFORMED); /* NUL */
    assert_refused(fixture, SLICE_LIT(".."), JWT_REASON_MALFORMED);
    assert_refused(fixture, SLICE_LIT("."), JWT_REASON_MALFORMED);
    assert_refused(fixture, slice_str(NULL), JWT_REASON_MISSING);
}

static void a_signature_in_der_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slice token = good_token(fixture);
    const char *dot = strrchr(token.ptr, '.');
    uint8_t raw[ES256_SIGNATURE_BYTES];
    size_t len = 0;
    assert_int_equal(base64url_decode(slice_str(dot + 1), raw, sizeof(raw), &len), STATUS_OK);
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    assert_int_equal(
        ECDSA_SIG_set0(numbers, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)), 1);
    uint8_t der[80], *end = der;
    int der_len = i2d_ECDSA_SIG(numbers, &end);
    ECDSA_SIG_free(numbers);
    struct slice signature = encoded(fixture, slice_make(der, (size_t)der_len));
    const char *text = arena_printf(&fixture->arena, "%.*s.%.*s", (int)(dot - token.ptr), token.ptr,
                                    SLICE_ARG(signature));
    assert_refused(fixture, slice_str(text), JWT_REASON_SIGNATURE);
}

static void a_token_over_the_limit_is_refused_unseen(void **state)
{
    struct fixture *fixture = *state;
    static char filler[9 * 1024];
    memset(filler, 'x', sizeof(filler) - 1);
    const char *claims = arena_printf(&fixture->arena, CLAIMS(GOOD_TIMES, ",\"x\":\"%s\""), filler);
    assert_claims_refused(fixture, claims, JWT_REASON_TOO_LARGE);
    filler[5000] = '\0';
    claims = arena_printf(&fixture->arena, CLAIMS(GOOD_TIMES, ",\"x\":\"%s\""), filler);
    assert_claims_accepted(fixture, claims);
    const char *more = arena_printf(&fixture->arena, ",\"x\":\"%.600s\"", filler);
    assert_refused(
        fixture,
        forge(fixture, header_with(fixture, "ES256", JWT_TYP_ASSERTION, more), GOOD, fixture->key),
        JWT_REASON_MALFORMED);
}

static void duplicate_names_are_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_claims_refused(fixture, CLAIMS(GOOD_TIMES, ",\"sub\":\"bob\""), JWT_REASON_MALFORMED);
    assert_claims_refused(fixture, CLAIMS(GOOD_TIMES, ",\"s\\u0075b\":\"bob\""),
                          JWT_REASON_MALFORMED);
    assert_claims_refused(fixture, CLAIMS(GOOD_TIMES, ",\"x\":1,\"x\":1"), JWT_REASON_MALFORMED);
    assert_claims_refused(fixture, CLAIMS(GOOD_TIMES, ",\"cnf\":{\"a\":1,\"a\":2}"),
                          JWT_REASON_MALFORMED);
    assert_refused(fixture,
                   forge(fixture,
                         header_with(fixture, "none", JWT_TYP_ASSERTION, ",\"alg\":\"ES256\""),
                         GOOD, fixture->key),
                   JWT_REASON_MALFORMED);
}

static void issuer_and_audience_must_be_exactly_those_expected(void **state)
{
    struct fixture *fixture = *state;
    static const char *const claims[] = {
        /* iss */
        "{\"iss\":\"https://evil.example\",\"aud\":\"" AUD
        "\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
        "{\"iss\":\"" ISS "/\",\"aud\":\"" AUD "\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
        "{\"aud\":\"" AUD "\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
        /* aud */
        "{\"iss\":\"" ISS "\",\"aud\":\"worker-conference\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES
        "}",
        "{\"iss\":\"" ISS "\",\"aud\":\"Worker-Acme\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
        "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
    };
    FOR_EACH (i, claims)
        assert_claims_refused(fixture, claims[i], JWT_REASON_CLAIM);
    static const char *const shapes[] = {
        "{\"iss\":\"" ISS "\",\"aud\":[\"" AUD "\"],\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
        "{\"iss\":\"" ISS "\",\"aud\":[\"" AUD "\",\"x\"],\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES
        "}",
        "{\"iss\":[\"" ISS "\"],\"aud\":\"" AUD "\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
        "{\"iss\":null,\"aud\":\"" AUD "\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
        "{\"iss\":\"" ISS "\",\"aud\":\"\",\"sub\":\"a\",\"jti\":\"1\"," GOOD_TIMES "}",
    };
    FOR_EACH (i, shapes)
        assert_claims_refused(fixture, shapes[i], JWT_REASON_MALFORMED);
}

static void times_must_be_integers_in_range(void **state)
{
    struct fixture *fixture = *state;
    static const char *const times[] = {
        "\"iat\":1764000000,\"exp\":\"1764000060\"",
        "\"iat\":1764000000,\"exp\":1764000060.0",
        "\"iat\":1764000000,\"exp\":1.76400006e9",
        "\"iat\":1764000000,\"exp\":1e400",
        "\"iat\":1764000000,\"exp\":99999999999999999999",
        "\"iat\":1764000000,\"exp\":9223372036854775807",
        "\"iat\":1764000000,\"exp\":-1764000060",
        "\"iat\":1764000000,\"exp\":0",
        "\"iat\":1764000000,\"exp\":null",
        "\"iat\":1764000000,\"exp\":true",
        "\"iat\":1764000000,\"exp\":[1764000060]",
        "\"iat\":\"1764000000\",\"exp\":1764000060",
        "\"iat\":1764000000.5,\"exp\":1764000060",
        "\"iat\":-9223372036854775808,\"exp\":1764000060",
        (GOOD_TIMES ",\"nbf\":\"9999999999\""),
        (GOOD_TIMES ",\"nbf\":9999999999.0"),
        (GOOD_TIMES ",\"nbf\":null"),
    };
    FOR_EACH (i, times) {
        const char *claims = arena_printf(&fixture->arena,
                                          "{\"iss\":\"" ISS "\",\"aud\":\"" AUD
                                          "\",\"sub\":\"alice\",\"jti\":\"1\",%s}",
                                          times[i]);
        assert_claims_refused(fixture, claims, JWT_REASON_MALFORMED);
    }
}

static void lifetimes_are_bounded_and_both_ends_are_needed(void **state)
{
    struct fixture *fixture = *state;
    assert_claims_accepted(fixture, CLAIMS("\"iat\":1764000000,\"exp\":1764000060", ""));
    assert_claims_refused(fixture, CLAIMS("\"iat\":1764000000,\"exp\":1764000061", ""),
                          JWT_REASON_CLAIM);
    assert_claims_refused(fixture, CLAIMS("\"iat\":1764000000,\"exp\":1764000000", ""),
                          JWT_REASON_CLAIM);
    assert_claims_refused(fixture, CLAIMS("\"iat\":1764000000,\"exp\":1763999999", ""),
                          JWT_REASON_CLAIM);
    assert_claims_refused(fixture, CLAIMS("\"exp\":1764000060", ""), JWT_REASON_CLAIM);
    assert_claims_refused(fixture, CLAIMS("\"iat\":1764000000", ""), JWT_REASON_CLAIM);
    fixture->expect.lifetime_max_s = INT64_MAX;
    assert_claims_refused(fixture, CLAIMS("\"exp\":1764000060", ""), JWT_REASON_CLAIM);
    assert_claims_refused(fixture, CLAIMS("\"iat\":1764000000", ""), JWT_REASON_CLAIM);
    fixture->expect.lifetime_max_s = JWT_ASSERTION_LIFETIME_S;
    assert_claims_refused(fixture, CLAIMS("\"iat\":1763999850,\"exp\":1763999910", ""),
                          JWT_REASON_EXPIRED);
    assert_claims_refused(fixture, CLAIMS("\"iat\":1764000031,\"exp\":1764000091", ""),
                          JWT_REASON_CLAIM);
}

static void strings_must_be_short_and_printable(void **state)
{
    struct fixture *fixture = *state;
    static char long_sub[JWT_SUB_BYTES_MAX + 2];
    memset(long_sub, 'a', JWT_SUB_BYTES_MAX + 1);
    const char *bad[] = {"",        " ",        "a b",         "a\\u0000b", "\\u0000",
                         "a\\n",    "a\\u007f", "Béla",        "\\u200b",   long_sub,
                         "\\ud800", "\xff",     "\xed\xa0\x80"};
    FOR_EACH (i, bad) {
        const char *claims = arena_printf(&fixture->arena,
                                          "{\"iss\":\"" ISS "\",\"aud\":\"" AUD
                                          "\",\"sub\":\"%s\",\"jti\":\"1\"," GOOD_TIMES "}",
                                          bad[i]);
        assert_claims_refused(fixture, claims, JWT_REASON_MALFORMED);
        claims = arena_printf(&fixture->arena, CLAIMS(GOOD_TIMES, ",\"sid\":\"%s\""), bad[i]);
        if (bad[i] != long_sub)
            assert_claims_refused(fixture, claims, JWT_REASON_MALFORMED);
    }
    long_sub[JWT_SUB_BYTES_MAX] = '\0';
    assert_claims_accepted(fixture, arena_printf(&fixture->arena,
                                                 "{\"iss\":\"" ISS "\",\"aud\":\"" AUD
                                                 "\",\"sub\":\"%s\",\"jti\":\"1\"," GOOD_TIMES "}",
                                                 long_sub));
}

static void a_confirmation_must_be_a_certificate_thumbprint(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {
        ",\"cnf\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU\"",
        ",\"cnf\":[]",
        ",\"cnf\":null",
        ",\"cnf\":{\"x5t#S256\":1}",
        ",\"cnf\":{\"x5t#S256\":\"\"}",
        ",\"cnf\":{\"x5t#S256\":\"short\"}",
        ",\"cnf\":{\"x5t#S256\":\"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV\"}", /* loose bits */
        ",\"cnf\":{\"x5t#S256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"}",
    };
    FOR_EACH (i, bad)
        assert_claims_refused(fixture,
                              arena_printf(&fixture->arena, CLAIMS(GOOD_TIMES, "%s"), bad[i]),
                              JWT_REASON_MALFORMED);
}

static void claims_that_are_no_json_object_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct slice bad[] = {
        SLICE_LIT(""),
        SLICE_LIT("null"),
        SLICE_LIT("\"x\""),
        SLICE_LIT("[" CLAIMS(GOOD_TIMES, "") "]"),
        SLICE_LIT(CLAIMS(GOOD_TIMES, "") "x"),
        SLICE_LIT(CLAIMS(GOOD_TIMES, "") CLAIMS(GOOD_TIMES, "")),
        SLICE_LIT(CLAIMS(GOOD_TIMES, "") "\0"),
        SLICE_LIT(CLAIMS(GOOD_TIMES, ",\"x\":\"a\0b\"")),
        SLICE_LIT(CLAIMS(GOOD_TIMES, ",")),
        SLICE_LIT(CLAIMS(GOOD_TIMES, ",'x':1")),
        SLICE_LIT("\xef\xbb\xbf" CLAIMS(GOOD_TIMES, "")),
    };
    FOR_EACH (i, bad)
        assert_refused(fixture, forge(fixture, good_header(fixture), bad[i], fixture->key),
                       JWT_REASON_MALFORMED);
}

/* The parser inside libjwt recurses: 2000 levels would overflow a fiber's stack. */
static void deep_nesting_is_refused_in_both_parts(void **state)
{
    struct fixture *fixture = *state;
    static char open[2001];
    for (size_t i = 0; i < 2000; i++)
        open[i] = '[';
    const char *deep = arena_printf(&fixture->arena, CLAIMS(GOOD_TIMES, ",\"x\":%s"), open);
    assert_claims_refused(fixture, deep, JWT_REASON_MALFORMED);
    assert_claims_accepted(fixture, CLAIMS(GOOD_TIMES, ",\"x\":[[[1]]]"));
    assert_claims_refused(fixture, CLAIMS(GOOD_TIMES, ",\"x\":[[[[1]]]]"), JWT_REASON_MALFORMED);
    assert_claims_accepted(fixture, CLAIMS(GOOD_TIMES, ",\"x\":\"[[[[[\\\"[[[[\""));
    struct slice header = header_with(fixture, "ES256", JWT_TYP_ASSERTION, ",\"x\":[[[[1]]]]");
    assert_refused(fixture, forge(fixture, header, GOOD, fixture->key), JWT_REASON_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_forger_of_these_tests_can_make_a_good_token),
        TEST(alg_none_is_refused_with_and_without_signature),
        TEST(hs256_keyed_with_the_public_pem_is_refused),
        TEST(every_other_alg_is_refused),
        TEST(a_header_lacking_a_parameter_is_refused),
        TEST(one_type_of_token_is_not_another),
        TEST(header_parameters_that_name_a_key_or_change_the_rules_are_refused),
        TEST(a_kid_off_the_list_is_unknown_whatever_it_looks_like),
        TEST(another_key_under_a_known_kid_is_refused),
        TEST(a_token_cut_anywhere_is_refused),
        TEST(a_token_changed_in_any_bit_is_refused),
        TEST(a_token_spelled_in_another_way_is_refused),
        TEST(a_signature_in_der_is_refused),
        TEST(a_token_over_the_limit_is_refused_unseen),
        TEST(duplicate_names_are_refused),
        TEST(issuer_and_audience_must_be_exactly_those_expected),
        TEST(times_must_be_integers_in_range),
        TEST(lifetimes_are_bounded_and_both_ends_are_needed),
        TEST(strings_must_be_short_and_printable),
        TEST(a_confirmation_must_be_a_certificate_thumbprint),
        TEST(claims_that_are_no_json_object_are_refused),
        TEST(deep_nesting_is_refused_in_both_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
