/* What a browser may ask, and what of it reaches a realm. */
#include "tests/integration/federation.h"

#define CREATE "{\"slug\":\"new\",\"name\":\"New\"}"

/* ---- hints, tokens ------------------------------------------------------------------------------ */

static void hints_come_from_the_realm_and_never_from_outside(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    struct answer answer =
        federation_ask(&f, "GET", "/api/v1/realms/a/groups/one",
                       "x-policy-hint: GOD\r\nX-Policy-Hint: forged\r\n"
                       "authorization: Bearer forged\r\nGrpc-Metadata-x-policy-hint: GOD\r\n",
                       NULL);
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    assert_int_equal(f.a->strangers, 0);
    assert_int_equal(f.a->hint_count, 1);
    /* Percent-encoded, as the contract says. */
    assert_string_equal(f.a->hints[0], "K%C3%B6rvezet%C5%91");
    federation_close(&f);
}

static void no_token_of_a_realm_reaches_the_browser(void **state)
{
    static const char *const paths[] = {"/api/v1/session", "/api/v1/instances", "/api/v1/groups",
                                        "/api/v1/realms/a/groups/one"};
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    rude_worker_add(f.a, "k1", "one");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct answer answer = federation_get(&f, paths[i]);
        assert_int_equal(answer.code, 200);
        assert_null(strstr(answer.raw.ptr, "token-of-"));
        answer_free(&answer);
    }
    federation_close(&f);
}

/* ---- other sites -------------------------------------------------------------------------------- */

static void change_from_another_site_reaches_no_realm(void **state)
{
    static const char *const refused[] = {
        JSON_BODY "Origin: https://evil.example\r\n",
        JSON_BODY "Origin: null\r\n",
        JSON_BODY "Origin: https://localhost\r\n", /* another scheme */
        JSON_BODY "Sec-Fetch-Site: cross-site\r\n",
        JSON_BODY "Sec-Fetch-Site: same-site\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/jsonp\r\n",
        "Content-Type: application/json;charset=latin1\r\n",
        "Content-Type: application/json; a=b; Charset = \"utf-16\"\r\n",
        NULL,
    };
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct answer answer =
            federation_ask(&f, "POST", "/api/v1/realms/a/groups", refused[i], CREATE);
        if (answer.code != 403 && answer.code != 415)
            fail_msg("%s: %d", refused[i] ? refused[i] : "no header", answer.code);
        answer_free(&answer);
        assert_int_equal(f.a->calls, 0);
    }
    struct answer answer =
        federation_ask(&f, "POST", "/api/v1/realms/a/groups",
                       "Content-Type: Application/JSON ; charset=\"UTF-8\"\r\n"
                       "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n",
                       CREATE);
    assert_int_equal(answer.code, 200);
    assert_int_equal(f.a->calls, 1);
    answer_free(&answer);
    federation_close(&f);
}

/* What docs/api.md tells a client to read, a page of another origin can read as well. */
static void page_of_a_named_origin_reads_what_the_docs_name(void **state)
{
    static const char *const names[] = {"content-location",      "etag",
                                        "federation-incomplete", "ratelimit",
                                        "ratelimit-policy",      "retry-after"};
    struct federation f;
    (void)state;
    federation_open(&f, (const char *[]){"--cors-origins=https://app.example", NULL});
    struct answer answer =
        federation_ask(&f, "GET", "/api/v1/groups", "Origin: https://app.example\r\n", NULL);
    assert_int_equal(answer.code, 200);
    const char *exposed = strstr(answer.raw.ptr, "access-control-expose-headers: ");
    assert_non_null(exposed);
    char list[512], word[64];
    /* ", " before and behind each, so that one name is not found within another. */
    snprintf(list, sizeof(list), ", %.*s, ", (int)strcspn(exposed + 31, "\r"), exposed + 31);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(word, sizeof(word), ", %s, ", names[i]);
        if (!strstr(list, word))
            fail_msg("%s is not in %s", names[i], list);
    }
    answer_free(&answer);
    federation_close(&f);
}

/* ---- sessions ----------------------------------------------------------------------------------- */

static void ended_session_opens_nothing(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    struct answer answer = federation_get(&f, "/api/v1/groups");
    assert_int_equal(answer.code, 200);
    answer_free(&answer);
    size_t calls = f.a->calls;
    answer = federation_ask(&f, "POST", "/auth/logout", JSON_BODY, "");
    assert_int_equal(answer.code, 204);
    answer_free(&answer);
    answer = federation_get(&f, "/api/v1/groups");
    assert_int_equal(answer.code, 401);
    answer_free(&answer);
    assert_int_equal(f.a->calls, calls);
    federation_close(&f);
}

/* The row says so, though the cookie is well signed and this hub has never seen it: as on another hub. */
static void session_revoked_in_the_database_is_refused(void **state)
{
    static const char *const ways[] = {
        "UPDATE hub.session SET revoked_at = now()",
        "UPDATE hub.session SET expires_at = now()",
        "UPDATE hub.session SET last_seen_at = now() - interval '3 hours'",
        "UPDATE hub.user_account SET disabled_at = now()",
    };
    struct federation f;
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        federation_open(&f, NULL);
        pg_cluster_execute(federation_cluster, ways[i]);
        struct answer answer = federation_get(&f, "/api/v1/groups");
        if (answer.code != 401)
            fail_msg("%s: %d %s", ways[i], answer.code, answer.text);
        answer_free(&answer);
        assert_int_equal(f.a->calls, 0);
        federation_close(&f);
    }
}

static void cookie_that_is_none_is_refused(void **state)
{
    struct federation f;
    char headers[4096];
    (void)state;
    federation_open(&f, NULL);
    struct answer answer = federation_ask(&f, "GET", "/api/v1/groups", "Cookie: x=1\r\n", NULL);
    assert_int_equal(answer.code, 401);
    answer_free(&answer);
    /* Another signature: one letter of it. */
    size_t len = strlen(f.cookie);
    snprintf(headers, sizeof(headers), "Cookie: %.*s%cxxxx\r\n", (int)(len - 5), f.cookie,
             f.cookie[len - 5] == 'A' ? 'B' : 'A');
    answer = federation_ask(&f, "GET", "/api/v1/groups", headers, NULL);
    assert_int_equal(answer.code, 401);
    answer_free(&answer);
    assert_int_equal(f.a->calls, 0);
    federation_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hints_come_from_the_realm_and_never_from_outside),
        cmocka_unit_test(no_token_of_a_realm_reaches_the_browser),
        cmocka_unit_test(change_from_another_site_reaches_no_realm),
        cmocka_unit_test(page_of_a_named_origin_reads_what_the_docs_name),
        cmocka_unit_test(ended_session_opens_nothing),
        cmocka_unit_test(session_revoked_in_the_database_is_refused),
        cmocka_unit_test(cookie_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, federation_setup, federation_teardown);
}
