/* Coming back from the provider: only with the state that this very browser was given, and only once. */
#include "tests/integration/federation.h"

#include <stdlib.h>
#include <unistd.h>

#define STATE_BYTES 256
#define COOKIE_BYTES 4096

static char secret_path[] = "/tmp/pek-login-secret-XXXXXX";

/* Nothing listens at the provider's: a login that goes on to ask it ends with 503 or 502, one that is refused with
 * 400. */
static void open_with_provider(struct federation *f)
{
    char option[64];
    snprintf(option, sizeof(option), "--oauth-client-secret-path=%s", secret_path);
    federation_open(f, (const char *[]){"--oauth-client-id=pek", option,
                                        "--public-url=http://127.0.0.1:1",
                                        "--oauth-authorize-url=http://127.0.0.1:1/authorize",
                                        "--oauth-token-url=http://127.0.0.1:1/token",
                                        "--oauth-userinfo-url=http://127.0.0.1:1/userinfo", NULL});
}

/* A browser begins: the state in its URL, and the ticket in its cookie, as a header line. */
static void begin(struct federation *f, char *ret_state, char *ret_cookie)
{
    struct answer answer = federation_ask(f, "GET", "/auth/login", "Cookie: x=1\r\n", NULL);
    assert_int_equal(answer.code / 100, 3);
    const char *state = strstr(answer.raw.ptr, "state=");
    const char *ticket = strstr(answer.raw.ptr, "pek_login=");
    assert_non_null(state);
    assert_non_null(ticket);
    snprintf(ret_state, STATE_BYTES, "%.*s", (int)strcspn(state + 6, "&\r"), state + 6);
    snprintf(ret_cookie, COOKIE_BYTES, "Cookie: %.*s\r\n", (int)strcspn(ticket, ";\r"), ticket);
    answer_free(&answer);
}

static int come_back(struct federation *f, const char *state, const char *cookie)
{
    char path[STATE_BYTES + 64];
    snprintf(path, sizeof(path), "/auth/callback?code=abc&state=%s", state);
    struct answer answer = federation_ask(f, "GET", path, cookie, NULL);
    assert_null(strstr(answer.raw.ptr, "pek_session="));
    int code = answer.code;
    answer_free(&answer);
    return code;
}

static void login_comes_back_with_its_own_state_only(void **state)
{
    struct federation f;
    char mine[STATE_BYTES], theirs[STATE_BYTES], my_cookie[COOKIE_BYTES],
        their_cookie[COOKIE_BYTES];
    (void)state;
    open_with_provider(&f);
    begin(&f, mine, my_cookie);
    begin(&f, theirs, their_cookie);
    assert_string_not_equal(mine, theirs);
    assert_int_equal(come_back(&f, theirs, my_cookie), 400);
    assert_int_equal(come_back(&f, mine, "Cookie: x=1\r\n"), 400);
    assert_int_equal(come_back(&f, "", my_cookie), 400);
    /* The right one goes on to the provider. */
    assert_int_equal(come_back(&f, mine, my_cookie) / 100, 5);
    federation_close(&f);
}

static void login_comes_back_once(void **state)
{
    struct federation f;
    char mine[STATE_BYTES], my_cookie[COOKIE_BYTES];
    (void)state;
    open_with_provider(&f);
    begin(&f, mine, my_cookie);
    assert_int_equal(come_back(&f, mine, my_cookie) / 100, 5);
    assert_int_equal(come_back(&f, mine, my_cookie), 400);
    federation_close(&f);
}

/* Also one that the hub was not told of: its requests come from this very machine. */
static void dev_login_is_not_there_behind_a_proxy(void **state)
{
    static const char *const ways[] = {
        "Cookie: x=1\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "Cookie: x=1\r\nForwarded: for=192.0.2.1\r\n",
        "Cookie: x=1\r\nX-Real-IP: 192.0.2.1\r\n",
        "Cookie: x=1\r\nX-Forwarded-Host: pek.example\r\n",
    };
    static const char *const trust[] = {"--trusted-proxies=127.0.0.1", NULL};
    struct federation f;
    (void)state;
    for (size_t trusted = 0; trusted < 2; trusted++) {
        federation_open(&f, trusted ? trust : NULL);
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
            struct answer answer = federation_ask(&f, "GET", "/auth/dev?user=alice", ways[i], NULL);
            if (answer.code != 404 || strstr(answer.raw.ptr, "pek_session="))
                fail_msg("%s: %d", ways[i], answer.code);
            answer_free(&answer);
        }
        federation_close(&f);
    }
}

/* A page elsewhere whose name was made to point here, or that sends the browser here. */
static void dev_login_is_for_this_machine_only(void **state)
{
    static const struct {
        const char *headers;
        int code;
    } cases[] = {
        {"Host: 127.0.0.1:8080\r\nCookie: x=1\r\n", 303},
        {"Host: localhost\r\nCookie: x=1\r\n", 303},
        {"Host: LOCALHOST:8080\r\nCookie: x=1\r\n", 303},
        {"Host: [::1]:8080\r\nCookie: x=1\r\n", 303},
        {"Host: evil.example\r\nCookie: x=1\r\n", 404},
        {"Host: 127.0.0.1.evil.example\r\nCookie: x=1\r\n", 404},
        {"Host: localhost.evil.example\r\nCookie: x=1\r\n", 404},
        {"Host: 192.0.2.1\r\nCookie: x=1\r\n", 404},
        {"Host: [::2]\r\nCookie: x=1\r\n", 404},
        {"Cookie: x=1\r\nSec-Fetch-Site: none\r\n", 303},
        {"Cookie: x=1\r\nSec-Fetch-Site: same-origin\r\n", 303},
        {"Cookie: x=1\r\nSec-Fetch-Site: cross-site\r\n", 404},
        {"Cookie: x=1\r\nSec-Fetch-Site: same-site\r\n", 404},
        /* A browser that sends no Sec-Fetch-Site. */
        {"Cookie: x=1\r\nOrigin: http://evil.example\r\n", 404},
        {"Cookie: x=1\r\nOrigin: null\r\n", 404},
        {"Host: localhost\r\nCookie: x=1\r\nOrigin: http://localhost\r\n", 303},
    };
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer =
            federation_ask(&f, "GET", "/auth/dev?user=alice", cases[i].headers, NULL);
        if (answer.code != cases[i].code ||
            (strstr(answer.raw.ptr, "pek_session=") != NULL) != (cases[i].code == 303))
            fail_msg("%s: %d", cases[i].headers, answer.code);
        answer_free(&answer);
    }
    federation_close(&f);
}

/* The back button after a login, or a second tab: home, and nothing of what it brought is believed. */
static void login_that_is_over_leads_home(void **state)
{
    static const char *const paths[] = {"/auth/callback?code=abc&state=x", "/auth/callback",
                                        "/auth/register"};
    struct federation f;
    char headers[COOKIE_BYTES + 64];
    (void)state;
    open_with_provider(&f);
    federation_log_in(&f, "alice");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct answer answer = federation_ask(&f, "GET", paths[i], NULL, NULL);
        if (answer.code != 303 || !strcasestr(answer.raw.ptr, "\r\nlocation: /\r\n") ||
            strstr(answer.raw.ptr, "pek_session="))
            fail_msg("%s: %s", paths[i], answer.raw.ptr);
        answer_free(&answer);
        snprintf(headers, sizeof(headers), "Cookie: pek_session=none\r\n");
        answer = federation_ask(&f, "GET", paths[i], headers, NULL);
        assert_int_equal(answer.code, 400);
        answer_free(&answer);
    }
    federation_close(&f);
}

static void cookie_that_proves_itself_counts(void **state)
{
    struct federation f;
    char headers[COOKIE_BYTES];
    (void)state;
    federation_open(&f, NULL);
    federation_log_in(&f, "alice");
    static const char *const around[][2] = {
        {"pek_session=a.b.c; ", ""},
        {"", "; pek_session=a.b.c"},
        {"pek_session=; pek_session=\"\"; pek_session=x\r\nCookie: ", ""},
    };
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        snprintf(headers, sizeof(headers), "Cookie: %s%s%s\r\n", around[i][0], f.cookie,
                 around[i][1]);
        struct answer answer = federation_ask(&f, "GET", "/api/v1/session", headers, NULL);
        assert_int_equal(answer.code, 200);
        answer_free(&answer);
    }
    /* A browser full of planted ones costs so many looks and no more. */
    snprintf(headers, sizeof(headers),
             "Cookie: pek_session=1; pek_session=2; pek_session=3; pek_session=4; %s\r\n",
             f.cookie);
    struct answer answer = federation_ask(&f, "GET", "/api/v1/session", headers, NULL);
    assert_int_equal(answer.code, 401);
    answer_free(&answer);
    /* Logging out ends the session whichever of them it was. */
    snprintf(headers, sizeof(headers),
             "Content-Type: application/json\r\nCookie: pek_session=1; %s\r\n", f.cookie);
    answer = federation_ask(&f, "POST", "/auth/logout", headers, NULL);
    assert_int_equal(answer.code, 204);
    answer_free(&answer);
    answer = federation_ask(&f, "GET", "/api/v1/session", NULL, NULL);
    assert_int_equal(answer.code, 401);
    answer_free(&answer);
    federation_close(&f);
}

static void login_returns_to_this_site_only(void **state)
{
    static const char *const elsewhere[] = {
        "//evil.example",
        "https://evil.example/",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "javascript:alert(1)",
        "/%0D%0ALocation:%20https://evil.example",
        "evil.example",
        "/x/..//evil.example",
        "/x/%252E%252e//evil.example",
        "/./x",
        "/x/.%252e/y",
        "/..",
    };
    struct federation f;
    char path[256];
    (void)state;
    federation_open(&f, NULL);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        snprintf(path, sizeof(path), "/auth/dev?user=alice&return_to=%s", elsewhere[i]);
        struct answer answer = federation_ask(&f, "GET", path, "Cookie: x=1\r\n", NULL);
        assert_int_equal(answer.code / 100, 3);
        if (!strcasestr(answer.raw.ptr, "\r\nlocation: /\r\n"))
            fail_msg("%s: %s", elsewhere[i], answer.raw.ptr);
        answer_free(&answer);
    }
    federation_close(&f);
}

static void set_standby(const char *name)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "ALTER SYSTEM SET synchronous_standby_names = '%s'", name);
    pg_cluster_execute(federation_cluster, sql);
    pg_cluster_execute(federation_cluster, "SELECT pg_reload_conf()");
}

static bool is(const char *sql, const char *expected)
{
    char value[64];
    pg_cluster_query(federation_cluster, sql, value, sizeof(value));
    return strcmp(value, expected) == 0;
}

/* Its COMMIT waits for a standby that is not there, and heeds no cancellation: its deadline ends it, and then the hub. */
static void hub_is_stopped_while_a_login_commits(void **state)
{
    struct federation f;
    (void)state;
    federation_open(&f, NULL);
    set_standby("nobody");
    FEDERATION_WAIT_FOR(&f, is("SHOW synchronous_standby_names", "nobody"));
    struct exchange login =
        federation_send(&f, "GET", "/auth/dev?user=bob", "Cookie: x=1\r\n", NULL);
    FEDERATION_WAIT_FOR(&f, is("SELECT count(*) > 0 FROM pg_stat_activity"
                               " WHERE wait_event = 'SyncRep' AND usename = 'pek_app'",
                               "t"));
    hub_stop(f.hub);
    federation_wait_for_stop(&f);
    assert_false(federation_close_stopped(&f));
    exchange_close(&login);
    set_standby("");
}

static int setup(void **state)
{
    int fd = mkstemp(secret_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "secret\n", 7), 7);
    close(fd);
    return federation_setup(state);
}

static int teardown(void **state)
{
    unlink(secret_path);
    return federation_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(login_comes_back_with_its_own_state_only),
        cmocka_unit_test(login_comes_back_once),
        cmocka_unit_test(dev_login_is_not_there_behind_a_proxy),
        cmocka_unit_test(dev_login_is_for_this_machine_only),
        cmocka_unit_test(login_that_is_over_leads_home),
        cmocka_unit_test(cookie_that_proves_itself_counts),
        cmocka_unit_test(login_returns_to_this_site_only),
        cmocka_unit_test(hub_is_stopped_while_a_login_commits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
