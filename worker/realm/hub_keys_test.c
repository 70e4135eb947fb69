/* The hub's keys from a file and from an address that this test serves. */
#include "worker/realm/hub_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "tests/support/fiber_run.h"

/* What every test has: two keys of the hub, a file, and a server that says `answer` to each connection. */
static struct {
    struct es256_key *old_key, *new_key;
    char path[512];
    struct hub_keys keys;
    uv_tcp_t listener, clients[64];
    size_t asked;
    char answer[4096];
    bool silent;
} test;

static int set_up(void **state)
{
    (void)state;
    snprintf(test.path, sizeof(test.path), "%s/hub_keys.XXXXXX",
             getenv("TEST_TMPDIR") ? getenv("TEST_TMPDIR") : "/tmp");
    int fd = mkstemp(test.path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(es256_key_generate(&test.old_key), STATUS_OK);
    assert_int_equal(es256_key_generate(&test.new_key), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(test.path);
    es256_key_free(test.old_key);
    es256_key_free(test.new_key);
    return 0;
}

static void write_file(const char *text)
{
    FILE *file = fopen(test.path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* {"keys":[…]} of one or both keys. */
static const char *jwks(struct es256_key *one, struct es256_key *other)
{
    static char text[2048];
    struct jwt_keys keys;
    struct buffer buffer;
    jwt_keys_init(&keys);
    buffer_init(&buffer, sizeof(text));
    assert_int_equal(jwt_keys_add(&keys, one), STATUS_OK);
    if (other)
        assert_int_equal(jwt_keys_add(&keys, other), STATUS_OK);
    assert_int_equal(jwt_keys_write_jwks(&keys, &buffer), STATUS_OK);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(buffer_slice(&buffer)));
    buffer_done(&buffer);
    jwt_keys_done(&keys);
    return text;
}

static bool knows(struct es256_key *key)
{
    return jwt_keys_find(&test.keys.keys, slice_str(es256_key_kid(key))) != NULL;
}

static void open_file(const char *text)
{
    const struct hub_keys_source source = {.path = test.path};
    struct fault fault;
    write_file(text);
    assert_int_equal(hub_keys_init(&test.keys, &source, &fault), STATUS_OK);
}

/* ---- files ---- */

static void file_is_jwks_or_public_pems_in_a_row(struct fiber_run *run)
{
    char pems[4096];
    (void)run;
    open_file(jwks(test.old_key, test.new_key));
    assert_true(knows(test.old_key) && knows(test.new_key));
    hub_keys_done(&test.keys);
    open_file(es256_key_public_pem(test.old_key));
    assert_true(knows(test.old_key) && !knows(test.new_key));
    hub_keys_done(&test.keys);
    snprintf(pems, sizeof(pems), "%s\n%s", es256_key_public_pem(test.old_key),
             es256_key_public_pem(test.new_key));
    open_file(pems);
    assert_true(knows(test.old_key) && knows(test.new_key));
    hub_keys_done(&test.keys);
}

static void new_key_in_the_file_is_learnt_by_one_refresh(struct fiber_run *run)
{
    (void)run;
    open_file(jwks(test.old_key, NULL));
    write_file(jwks(test.new_key, test.old_key));
    assert_false(knows(test.new_key));
    assert_int_equal(hub_keys_refresh(&test.keys), STATUS_OK);
    assert_true(knows(test.old_key) && knows(test.new_key));
    hub_keys_done(&test.keys);
}

static void refresh_by_the_clock_does_not_put_off_that_for_an_unknown_key(struct fiber_run *run)
{
    (void)run;
    open_file(jwks(test.old_key, NULL));
    assert_int_equal(hub_keys_refresh_now(&test.keys, NULL), STATUS_OK);
    write_file(jwks(test.new_key, test.old_key));
    assert_int_equal(hub_keys_refresh(&test.keys), STATUS_OK);
    assert_true(knows(test.new_key));
    hub_keys_done(&test.keys);
}

static void unknown_keys_cause_no_second_refresh_before_the_pause_is_over(struct fiber_run *run)
{
    (void)run;
    open_file(jwks(test.old_key, NULL));
    assert_int_equal(hub_keys_refresh(&test.keys), STATUS_OK);
    write_file(jwks(test.new_key, NULL));
    assert_int_equal(hub_keys_refresh(&test.keys), STATUS_UNAVAILABLE);
    assert_false(knows(test.new_key));
    /* The operator's or the clock's refresh is not held up by it. */
    assert_int_equal(hub_keys_refresh_now(&test.keys, NULL), STATUS_OK);
    assert_true(knows(test.new_key) && !knows(test.old_key));
    /* The pause ends. */
    write_file(jwks(test.old_key, NULL));
    test.keys.refresh_from_us = clock_monotonic_us();
    assert_int_equal(hub_keys_refresh(&test.keys), STATUS_OK);
    assert_true(knows(test.old_key));
    hub_keys_done(&test.keys);
}

static void one_part_refreshes(struct fiber_run *run, size_t index)
{
    (void)run;
    (void)index;
    assert_int_equal(hub_keys_refresh(&test.keys), STATUS_OK);
    assert_true(knows(test.new_key));
}

static void many_at_once_share_one_refresh_and_all_profit(struct fiber_run *run)
{
    open_file(jwks(test.old_key, NULL));
    write_file(jwks(test.new_key, test.old_key));
    fiber_run_parallel(run, 100, one_part_refreshes);
    assert_int_equal(test.keys.refreshes, 1);
    hub_keys_done(&test.keys);
}

static void broken_file_changes_nothing(struct fiber_run *run)
{
    (void)run;
    open_file(jwks(test.old_key, NULL));
    const char *const broken[] = {"", "{}", "{\"keys\":[]}", "-----BEGIN PUBLIC KEY-----\nx",
                                  "not found"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        write_file(broken[i]);
        assert_int_equal(hub_keys_refresh_now(&test.keys, NULL), STATUS_UNAVAILABLE);
        assert_true(knows(test.old_key));
    }
    unlink(test.path);
    assert_int_equal(hub_keys_refresh_now(&test.keys, NULL), STATUS_UNAVAILABLE);
    assert_true(knows(test.old_key));
    assert_int_equal(test.keys.failures, sizeof(broken) / sizeof(broken[0]) + 1);
    hub_keys_done(&test.keys);
}

/* ---- addresses ---- */

static void said(uv_write_t *write, int status)
{
    (void)status;
    uv_close((uv_handle_t *)write->handle, NULL);
    free(write);
}

static void allocate(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    static char bytes[4096];
    (void)handle, (void)hint;
    *buffer = uv_buf_init(bytes, sizeof(bytes));
}

/* The requests are short: one read has all of it. */
static void heard(uv_stream_t *client, ssize_t len, const uv_buf_t *buffer)
{
    (void)buffer;
    uv_read_stop(client);
    if (len <= 0) {
        uv_close((uv_handle_t *)client, NULL);
        return;
    }
    uv_write_t *write = calloc(1, sizeof(*write));
    uv_buf_t text = uv_buf_init(test.answer, (unsigned)strlen(test.answer));
    assert_non_null(write);
    assert_int_equal(uv_write(write, client, &text, 1, said), 0);
}

static void accepted(uv_stream_t *listener, int status)
{
    assert_int_equal(status, 0);
    assert_true(test.asked < sizeof(test.clients) / sizeof(test.clients[0]));
    uv_tcp_t *client = &test.clients[test.asked++];
    uv_tcp_init(listener->loop, client);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)client), 0);
    if (!test.silent)
        uv_read_start((uv_stream_t *)client, allocate, heard);
}

static void answer(int code, const char *body)
{
    snprintf(test.answer, sizeof(test.answer),
             "HTTP/1.1 %d X\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n%s", code,
             strlen(body), body);
}

static void open_address(struct fiber_run *run, struct fetcher **ret_fetcher)
{
    static char url[64];
    struct sockaddr_in address;
    struct fault fault;
    int len = sizeof(address);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(&run->loop, &test.listener);
    assert_int_equal(uv_tcp_bind(&test.listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&test.listener, 64, accepted), 0);
    assert_int_equal(uv_tcp_getsockname(&test.listener, (struct sockaddr *)&address, &len), 0);
    test.asked = 0;
    test.silent = false;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/.well-known/jwks.json",
             ntohs(address.sin_port));
    assert_int_equal(fetcher_new(run->fibers, "", ret_fetcher, &fault), STATUS_OK);
    const struct hub_keys_source source = {.path = "", .url = url, .fetcher = *ret_fetcher};
    assert_int_equal(hub_keys_init(&test.keys, &source, &fault), STATUS_OK);
}

static void close_address(struct fetcher *fetcher)
{
    uv_close((uv_handle_t *)&test.listener, NULL);
    for (size_t i = 0; i < test.asked; i++)
        if (!uv_is_closing((uv_handle_t *)&test.clients[i]))
            uv_close((uv_handle_t *)&test.clients[i], NULL);
    hub_keys_done(&test.keys);
    fetcher_free(fetcher);
}

static void address_is_asked_once_for_however_many_wait(struct fiber_run *run)
{
    struct fetcher *fetcher;
    open_address(run, &fetcher);
    assert_int_equal(test.keys.keys.count, 0);
    answer(200, jwks(test.new_key, test.old_key));
    fiber_run_parallel(run, 100, one_part_refreshes);
    assert_int_equal(test.asked, 1);
    assert_int_equal(hub_keys_refresh(&test.keys), STATUS_UNAVAILABLE);
    assert_int_equal(test.asked, 1);
    close_address(fetcher);
}

static void wrong_answers_of_the_address_change_nothing(struct fiber_run *run)
{
    static char long_text[3000];
    struct fetcher *fetcher;
    open_address(run, &fetcher);
    answer(200, jwks(test.old_key, NULL));
    assert_int_equal(hub_keys_refresh_now(&test.keys, NULL), STATUS_OK);
    const struct {
        int code;
        const char *body;
    } wrong[] = {{500, jwks(test.new_key, NULL)},
                 {302, ""},
                 {200, "{\"keys\":[]}"},
                 {200, es256_key_public_pem(test.new_key)}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        answer(wrong[i].code, wrong[i].body);
        assert_int_equal(hub_keys_refresh_now(&test.keys, NULL), STATUS_UNAVAILABLE);
        assert_true(knows(test.old_key) && !knows(test.new_key));
    }
    /* Longer than it may be. */
    memset(long_text, ' ', sizeof(long_text) - 1);
    snprintf(test.answer, sizeof(test.answer), "HTTP/1.1 200 X\r\ncontent-length: 99999\r\n\r\n%s",
             long_text);
    assert_int_equal(hub_keys_refresh_now(&test.keys, NULL), STATUS_UNAVAILABLE);
    assert_true(knows(test.old_key));
    close_address(fetcher);
}

static void address_that_says_nothing_is_given_up_in_time(struct fiber_run *run)
{
    struct fetcher *fetcher;
    open_address(run, &fetcher);
    test.silent = true;
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(hub_keys_refresh(&test.keys), STATUS_UNAVAILABLE);
    assert_true(clock_monotonic_us() - begin_us < (HUB_KEYS_TIMEOUT_MS + 2000) * INT64_C(1000));
    assert_int_equal(test.keys.keys.count, 0);
    close_address(fetcher);
}

static void run_body(void **state)
{
    fiber_run((void (*)(struct fiber_run *))(uintptr_t)*state);
}

#define FIBER_TEST(body)                                                                           \
    {                                                                                              \
#body, run_body, NULL, NULL, (void *)(uintptr_t)(body)                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIBER_TEST(file_is_jwks_or_public_pems_in_a_row),
        FIBER_TEST(new_key_in_the_file_is_learnt_by_one_refresh),
        FIBER_TEST(refresh_by_the_clock_does_not_put_off_that_for_an_unknown_key),
        FIBER_TEST(unknown_keys_cause_no_second_refresh_before_the_pause_is_over),
        FIBER_TEST(many_at_once_share_one_refresh_and_all_profit),
        FIBER_TEST(broken_file_changes_nothing),
        FIBER_TEST(address_is_asked_once_for_however_many_wait),
        FIBER_TEST(wrong_answers_of_the_address_change_nothing),
        FIBER_TEST(address_that_says_nothing_is_given_up_in_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
