#include "hub/login/oauth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1700000000
#define NOW_TEXT "1700000000"

static const struct slice key = {"key of this test", 16};
static const struct oauth_options options = {
    .authorize_url = "https://id.example/authorize",
    .token_url = "https://id.example/token",
    .userinfo_url = "https://id.example/me",
    .issuer = "https://id.example",
    .client_id = "pek client",
    .client_secret = "secret",
    .scopes = "openid profile",
    .redirect_uri = "https://pek.example/auth/callback",
    .pkce = true,
};
static struct arena arena;
static struct oauth_login login;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)1 << 20);
    oauth_login_new(key, &login);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

/* ---- one login --------------------------------------------------------------------------------- */

/* RFC 7636, appendix B. */
static void challenge_is_that_of_the_rfc(void **state)
{
    (void)state;
    char challenge[OAUTH_SECRET_CHARS + 1];

    oauth_challenge(SLICE_LIT("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), challenge);
    assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void states_of_two_logins_differ_in_everything(void **state)
{
    (void)state;
    struct oauth_login other;

    oauth_login_new(key, &other);
    assert_int_equal(strlen(login.state), OAUTH_SECRET_CHARS);
    assert_string_not_equal(login.state, other.state);
    assert_string_not_equal(login.nonce, other.nonce);
    assert_string_not_equal(login.verifier, other.verifier);
    assert_string_not_equal(login.nonce, login.verifier);
}

static void login_comes_back_from_its_state_and_the_key_only(void **state)
{
    (void)state;
    struct oauth_login again;

    assert_int_equal(oauth_login_again(key, slice_str(login.state), &again), STATUS_OK);
    assert_string_equal(again.nonce, login.nonce);
    assert_string_equal(again.verifier, login.verifier);
    assert_int_equal(oauth_login_again(SLICE_LIT("other"), slice_str(login.state), &again),
                     STATUS_OK);
    assert_string_not_equal(again.verifier, login.verifier);
    assert_int_equal(oauth_login_again(key, SLICE_LIT("short"), &again), STATUS_INVALID_ARGUMENT);
}

static void authorize_url_says_all_that_is_needed(void **state)
{
    (void)state;
    char challenge[OAUTH_SECRET_CHARS + 1];
    struct slice url;

    oauth_challenge(slice_str(login.verifier), challenge);
    const char *expected = arena_printf(
        &arena,
        "https://id.example/authorize?response_type=code&client_id=pek%%20client"
        "&redirect_uri=https%%3A%%2F%%2Fpek.example%%2Fauth%%2Fcallback&scope=openid%%20profile"
        "&state=%s&nonce=%s&code_challenge=%s&code_challenge_method=S256",
        login.state, login.nonce, challenge);
    assert_int_equal(oauth_authorize_url(&options, &login, &arena, &url), STATUS_OK);
    assert_true(slice_equal_str(url, expected));
}

static void authorize_url_keeps_a_query_and_leaves_pkce_out(void **state)
{
    (void)state;
    struct oauth_options plain = options;
    struct slice url;

    plain.pkce = false;
    plain.authorize_url = "https://id.example/authorize?tenant=1";
    assert_int_equal(oauth_authorize_url(&plain, &login, &arena, &url), STATUS_OK);
    assert_true(slice_starts_with(
        url, SLICE_LIT("https://id.example/authorize?tenant=1&response_type=code&")));
    assert_null(strstr(arena_strndup(&arena, url.ptr, url.len), "challenge"));
}

static void token_form_brings_verifier_and_exact_redirect(void **state)
{
    (void)state;
    struct slice form;

    const char *expected = arena_printf(
        &arena,
        "grant_type=authorization_code&code=a%%2Fb"
        "&redirect_uri=https%%3A%%2F%%2Fpek.example%%2Fauth%%2Fcallback&code_verifier=%s",
        login.verifier);
    assert_int_equal(oauth_token_form(&options, &login, SLICE_LIT("a/b"), &arena, &form),
                     STATUS_OK);
    assert_true(slice_equal_str(form, expected));
}

/* RFC 6749, 2.3.1. */
static void basic_is_form_encoded_first(void **state)
{
    (void)state;
    const char *user, *password;
    struct oauth_options odd = options;

    odd.client_secret = "a:b c%";
    assert_int_equal(oauth_basic(&odd, &arena, &user, &password), STATUS_OK);
    assert_string_equal(user, "pek%20client");
    assert_string_equal(password, "a%3Ab%20c%25");
}

/* ---- the way back ------------------------------------------------------------------------------ */

static enum status arrive(const char *query, const char **ret_reason)
{
    static struct fault fault;
    struct oauth_callback callback;

    fault = (struct fault){0};
    *ret_reason = fault.reason;
    enum status status = oauth_callback_parse(slice_str(query), &arena, &callback, &fault);
    return status ? status : oauth_callback_check(&options, &callback, &fault);
}

static void callback_is_judged(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        enum status status;
        const char *reason;
    } cases[] = {
        {"code=abc&state=x", STATUS_OK, ""},
        {"code=abc&state=x&iss=https%3A%2F%2Fid.example", STATUS_OK, ""},
        {"code=abc&iss=https%3A%2F%2Fevil.example", STATUS_INVALID_ARGUMENT, "CALLBACK_ISSUER"},
        {"state=x", STATUS_INVALID_ARGUMENT, "CALLBACK_WITHOUT_CODE"},
        {"", STATUS_INVALID_ARGUMENT, "CALLBACK_WITHOUT_CODE"},
        {"code=", STATUS_INVALID_ARGUMENT, "CALLBACK_WITHOUT_CODE"},
        {"code=a&code=b", STATUS_INVALID_ARGUMENT, "CALLBACK_MALFORMED"},
        {"state=a&state=a&code=b", STATUS_INVALID_ARGUMENT, "CALLBACK_MALFORMED"},
        {"code=%0a", STATUS_INVALID_ARGUMENT, "CALLBACK_MALFORMED"},
        {"error=access_denied", STATUS_PERMISSION_DENIED, "PROVIDER_DENIED"},
        {"error=access_denied&code=abc", STATUS_PERMISSION_DENIED, "PROVIDER_DENIED"},
        {"error=temporarily_unavailable", STATUS_UNAVAILABLE, "PROVIDER_UNAVAILABLE"},
        {"error=server_error", STATUS_UNAVAILABLE, "PROVIDER_UNAVAILABLE"},
        {"error=<script>", STATUS_UNKNOWN, "PROVIDER_ERROR"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason;
        assert_int_equal(arrive(cases[i].query, &reason), cases[i].status);
        assert_string_equal(reason, cases[i].reason);
    }
}

static void callback_with_a_code_too_long_is_refused(void **state)
{
    (void)state;
    static char query[OAUTH_CODE_BYTES_MAX + 16] = "code=";
    const char *reason;

    memset(query + 5, 'x', OAUTH_CODE_BYTES_MAX);
    assert_int_equal(arrive(query, &reason), STATUS_OK);
    query[5 + OAUTH_CODE_BYTES_MAX] = 'x';
    assert_int_equal(arrive(query, &reason), STATUS_INVALID_ARGUMENT);
}

/* ---- answers ----------------------------------------------------------------------------------- */

static const char *id_token(const char *claims)
{
    struct slice payload;

    assert_int_equal(base64url_encode_in(&arena, slice_str(claims), &payload), STATUS_OK);
    return arena_printf(&arena, "eyJhbGciOiJSUzI1NiJ9.%.*s.c2ln", SLICE_ARG(payload));
}

static enum status take_token(int http_code, const char *body, struct oauth_token *ret_token,
                              const char **ret_reason)
{
    static struct fault fault;

    fault = (struct fault){0};
    *ret_reason = fault.reason;
    return oauth_token_parse(&options, &login, http_code, slice_str(body), NOW, &arena, ret_token,
                             &fault);
}

static void token_is_taken_from_a_good_answer(void **state)
{
    (void)state;
    struct oauth_token token;
    const char *reason;

    assert_int_equal(
        take_token(200, "{\"access_token\":\"abc\",\"token_type\":\"Bearer\"}", &token, &reason),
        STATUS_OK);
    assert_string_equal(token.access_token, "abc");
    assert_int_equal(token.subject.len, 0);
    assert_int_equal(take_token(200,
                                "{\"access_token\":\"abc\",\"token_type\":\"bearer\","
                                "\"expires_in\":3600,\"scope\":\"openid\",\"refresh_token\":\"r\"}",
                                &token, &reason),
                     STATUS_OK);
}

static void token_answers_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        int http_code;
        const char *body;
        enum status status;
        const char *reason;
    } cases[] = {
        {200, "", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "[]", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "<html>", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "{}", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "{\"access_token\":1,\"token_type\":\"Bearer\"}", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "{\"access_token\":\"\",\"token_type\":\"Bearer\"}", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\"}", STATUS_UNKNOWN,
         "TOKEN_ANSWER"},
        {200, "{\"access_token\":\"abc\",\"token_type\":\"mac\"}", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "{\"access_token\":\"abc\"}", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"Bearer\"}",
         STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {200, "{\"access_token\":\"abc\",\"token_type\":\"Bearer\",\"x\":[[[[[[[[[1]]]]]]]]]}",
         STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {302, "{\"access_token\":\"abc\",\"token_type\":\"Bearer\"}", STATUS_UNKNOWN,
         "TOKEN_ANSWER"},
        {500, "oops", STATUS_UNKNOWN, "TOKEN_ANSWER"},
        {400, "{\"error\":\"invalid_grant\"}", STATUS_INVALID_ARGUMENT, "CODE_REFUSED"},
        {400, "{\"error\":\"invalid_request\"}", STATUS_UNKNOWN, "CLIENT_REFUSED"},
        {401, "{\"error\":\"invalid_client\"}", STATUS_UNKNOWN, "CLIENT_REFUSED"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oauth_token token = {.access_token = "untouched"};
        const char *reason;
        assert_int_equal(take_token(cases[i].http_code, cases[i].body, &token, &reason),
                         cases[i].status);
        assert_string_equal(reason, cases[i].reason);
        assert_string_equal(token.access_token, "untouched");
    }
}

static enum status take_id_token(const char *iss, const char *aud, const char *nonce,
                                 const char *exp, const char *sub, struct oauth_token *ret_token,
                                 const char **ret_reason)
{
    const char *claims =
        arena_printf(&arena, "{\"iss\":%s,\"aud\":%s,\"nonce\":\"%s\",\"exp\":%s,\"sub\":%s}", iss,
                     aud, nonce, exp, sub);
    const char *body = arena_printf(
        &arena, "{\"access_token\":\"abc\",\"token_type\":\"Bearer\",\"id_token\":\"%s\"}",
        id_token(claims));
    return take_token(200, body, ret_token, ret_reason);
}

#define ISS "\"https://id.example\""
#define AUD "\"pek client\""
#define EXP "1700000060"
#define SUB "\"alice\""

static void id_token_must_be_of_this_login(void **state)
{
    (void)state;
    const struct {
        const char *iss, *aud, *nonce, *exp, *sub, *reason;
    } cases[] = {
        {ISS, AUD, login.nonce, EXP, SUB, ""},
        {ISS, "[\"x\"," AUD "]", login.nonce, EXP, SUB, ""},
        {ISS, AUD, login.nonce, NOW_TEXT, SUB, ""}, /* the clocks may differ a little */
        {"\"https://evil.example\"", AUD, login.nonce, EXP, SUB, "ID_TOKEN_ISSUER"},
        {"\"https://id.example/\"", AUD, login.nonce, EXP, SUB, "ID_TOKEN_ISSUER"},
        {"null", AUD, login.nonce, EXP, SUB, "ID_TOKEN_ISSUER"},
        {ISS, "\"other\"", login.nonce, EXP, SUB, "ID_TOKEN_AUDIENCE"},
        {ISS, "[]", login.nonce, EXP, SUB, "ID_TOKEN_AUDIENCE"},
        {ISS, "[1]", login.nonce, EXP, SUB, "ID_TOKEN_AUDIENCE"},
        {ISS, AUD, "", EXP, SUB, "ID_TOKEN_NONCE"},
        {ISS, AUD, login.state, EXP, SUB, "ID_TOKEN_NONCE"},
        {ISS, AUD, login.nonce, "1699999000", SUB, "ID_TOKEN_EXPIRED"},
        {ISS, AUD, login.nonce, "\"" EXP "\"", SUB, "ID_TOKEN_EXPIRED"},
        {ISS, AUD, login.nonce, "null", SUB, "ID_TOKEN_EXPIRED"},
        {ISS, AUD, login.nonce, EXP, "\"\"", "ID_TOKEN_SUBJECT"},
        {ISS, AUD, login.nonce, EXP, "7", "ID_TOKEN_SUBJECT"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oauth_token token = {0};
        const char *reason;
        enum status status = take_id_token(cases[i].iss, cases[i].aud, cases[i].nonce, cases[i].exp,
                                           cases[i].sub, &token, &reason);
        assert_string_equal(reason, cases[i].reason);
        assert_int_equal(status, cases[i].reason[0] ? STATUS_UNKNOWN : STATUS_OK);
        if (!status)
            assert_true(slice_equal_str(token.subject, "alice"));
    }
}

static void id_token_that_is_no_jwt_is_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = {"\"\"",       "\"a\"",       "\"a.b\"", "\"..\"",
                                         "\"a.!!.b\"", "\"a.e30.b\"", "1",       "null"};

    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct oauth_token token;
        const char *reason;
        const char *body = arena_printf(
            &arena, "{\"access_token\":\"abc\",\"token_type\":\"Bearer\",\"id_token\":%s}",
            tokens[i]);
        assert_int_equal(take_token(200, body, &token, &reason), STATUS_UNKNOWN);
    }
}

static enum status take_user(const char *token_subject, int http_code, const char *body,
                             struct oauth_user *ret_user)
{
    const struct oauth_token token = {"abc", slice_str(token_subject)};
    struct fault fault = {0};

    return oauth_userinfo_parse(&token, http_code, slice_str(body), &arena, ret_user, &fault);
}

static void user_has_a_subject_and_perhaps_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *body, *name;
    } cases[] = {
        {"{\"sub\":\"u1\"}", ""},
        {"{\"sub\":\"u1\",\"name\":\"Kov\\u00e1cs  B\\u00e9la \"}", "Kovács Béla"},
        {"{\"sub\":\"u1\",\"family_name\":\"Kovács\",\"given_name\":\"Béla\"}", "Kovács Béla"},
        {"{\"sub\":\"u1\",\"family_name\":\"Kovács\"}", "Kovács"},
        {"{\"sub\":\"u1\",\"given_name\":\"Béla\",\"name\":null}", "Béla"},
        {"{\"sub\":\"u1\",\"name\":7}", ""},
        {"{\"sub\":\"u1\",\"name\":\"\\u202eevil\"}", ""},
        {"{\"sub\":\"u1\",\"bme.hu:x\":{\"a\":[1]},\"email_verified\":true}", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oauth_user user;
        assert_int_equal(take_user("", 200, cases[i].body, &user), STATUS_OK);
        assert_true(slice_equal_str(user.subject, "u1"));
        assert_true(slice_equal_str(user.name, cases[i].name));
    }
}

static void user_without_a_usable_subject_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"sub\":null}",
        "{\"sub\":\"\"}",
        "{\"sub\":1}",
        "{\"sub\":\"a b\"}",
        "{\"sub\":\"\\u00e1\"}",
        "{\"sub\":\"a\\u0000\"}",
        "{\"sub\":\"01234567890123456789012345678901234567890123456789012345678901234\"}",
        "{\"sub\":\"a\",\"sub\":\"b\"}",
    };
    struct oauth_user user;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_int_equal(take_user("", 200, bodies[i], &user), STATUS_UNKNOWN);
    assert_int_equal(take_user("", 401, "{\"sub\":\"u1\"}", &user), STATUS_UNKNOWN);
}

static void user_must_be_the_one_of_the_id_token(void **state)
{
    (void)state;
    struct oauth_user user;

    assert_int_equal(take_user("u1", 200, "{\"sub\":\"u1\"}", &user), STATUS_OK);
    assert_int_equal(take_user("u2", 200, "{\"sub\":\"u1\"}", &user), STATUS_UNKNOWN);
}

static void answers_that_are_too_long_are_refused(void **state)
{
    (void)state;
    static char body[OAUTH_ANSWER_BYTES_MAX + 64];
    struct oauth_user user;

    memset(body, ' ', sizeof(body) - 1);
    memcpy(body, "{\"sub\":\"u1\"}", 12);
    assert_int_equal(take_user("", 200, body, &user), STATUS_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(challenge_is_that_of_the_rfc),
        TEST(states_of_two_logins_differ_in_everything),
        TEST(login_comes_back_from_its_state_and_the_key_only),
        TEST(authorize_url_says_all_that_is_needed),
        TEST(authorize_url_keeps_a_query_and_leaves_pkce_out),
        TEST(token_form_brings_verifier_and_exact_redirect),
        TEST(basic_is_form_encoded_first),
        TEST(callback_is_judged),
        TEST(callback_with_a_code_too_long_is_refused),
        TEST(token_is_taken_from_a_good_answer),
        TEST(token_answers_that_are_none_are_refused),
        TEST(id_token_must_be_of_this_login),
        TEST(id_token_that_is_no_jwt_is_refused),
        TEST(user_has_a_subject_and_perhaps_a_name),
        TEST(user_without_a_usable_subject_is_refused),
        TEST(user_must_be_the_one_of_the_id_token),
        TEST(answers_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
