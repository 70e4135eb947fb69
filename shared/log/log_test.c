#include "shared/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/json/json_scan.h"

/* A pipe that the log writes into; `got` is what came out at the last read_lines. */
static int pipe_fds[2];
static char got[65536 + 1];

static int setup(void **state)
{
    (void)state;
    if (pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    log_open(&(struct log_options){.fd = pipe_fds[1], .level = LOG_DEBUG, .component = "pek-test"});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_close();
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

static const char *read_lines(void)
{
    ssize_t len = read(pipe_fds[0], got, sizeof(got) - 1);
    got[len > 0 ? len : 0] = '\0';
    return got;
}

/* What was logged is one line of valid JSON within the limit. */
static void assert_one_json_line(void)
{
    size_t len = strlen(got);
    assert_true(len > 0 && len <= LOG_LINE_BYTES_MAX);
    assert_ptr_equal(strchr(got, '\n'), got + len - 1);
    struct arena arena;
    struct fault fault = {.status = STATUS_OK};
    arena_init(&arena, 65536);
    if (json_scan(slice_make(got, len - 1), NULL, &arena, &fault) != STATUS_OK)
        fail_msg("%s: %s", fault.text, got);
    arena_done(&arena);
}

static void assert_has(const char *part)
{
    if (!strstr(got, part))
        fail_msg("no %s in %s", part, got);
}

static void assert_has_not(const char *part)
{
    if (strstr(got, part))
        fail_msg("%s in %s", part, got);
}

static void line_has_time_level_event_component_and_fields(void **state)
{
    (void)state;
    log_event(LOG_WARN, "rpc.finished", log_str("method", "GetGroup"),
              log_slice("realm_asked", SLICE_LIT("hub")), log_int("bytes", -42),
              log_bool("cached", true), log_ms("elapsed_ms", 1234567), log_str("none", NULL));
    read_lines();
    assert_one_json_line();
    int year, month, day, hour, minute, second, us, len = 0;
    assert_int_equal(sscanf(got, "{\"ts\":\"%4d-%2d-%2dT%2d:%2d:%2d.%6dZ\",%n", &year, &month, &day,
                            &hour, &minute, &second, &us, &len),
                     7);
    assert_string_equal(
        got + len, "\"level\":\"warn\",\"event\":\"rpc.finished\",\"component\":\"pek-test\","
                   "\"method\":\"GetGroup\",\"realm_asked\":\"hub\",\"bytes\":-42,\"cached\":true,"
                   "\"elapsed_ms\":1234.567,\"none\":null}\n");
}

static void line_of_an_event_alone_is_whole(void **state)
{
    (void)state;
    log_event(LOG_INFO, "process.started");
    read_lines();
    assert_one_json_line();
    assert_has("\"event\":\"process.started\",\"component\":\"pek-test\"}");
}

static void milliseconds_keep_sign_and_range(void **state)
{
    (void)state;
    log_event(LOG_INFO, "x", log_ms("a", -5), log_ms("b", INT64_MIN), log_int("c", INT64_MIN));
    read_lines();
    assert_has("\"a\":-0.005,\"b\":-9223372036854775.808,\"c\":-9223372036854775808}");
}

static void scope_gives_realm_and_ids(void **state)
{
    (void)state;
    struct log_scope scope = {.trace_id = SLICE_LIT("4bf92f3577b34da6"),
                              .request_id = SLICE_LIT("r-1")};
    log_open(&(struct log_options){
        .fd = pipe_fds[1], .level = LOG_INFO, .component = "c", .realm = "worker-acme"});
    log_event(LOG_INFO, "x", log_in(&scope), log_int("n", 1));
    read_lines();
    assert_has("\"realm\":\"worker-acme\",\"trace_id\":\"4bf92f3577b34da6\",\"request_id\":\"r-1\","
               "\"n\":1}");
    scope.realm = SLICE_LIT("hub");
    log_event(LOG_INFO, "x", log_in(&scope));
    read_lines();
    assert_has("\"realm\":\"hub\"");
    log_event(LOG_INFO, "x", log_in(NULL));
    read_lines();
    assert_has("\"realm\":\"worker-acme\"}");
}

static int evaluated;

static int evaluate(void)
{
    return ++evaluated;
}

static void lines_below_the_level_are_not_made(void **state)
{
    (void)state;
    evaluated = 0;
    log_level_set(LOG_WARN);
    assert_false(log_enabled(LOG_INFO));
    log_event(LOG_INFO, "x", log_int("n", evaluate()));
    assert_string_equal(read_lines(), "");
    assert_int_equal(evaluated, 0);
    log_level_set(LOG_DEBUG);
    log_event(LOG_DEBUG, "x", log_int("n", evaluate()));
    read_lines();
    assert_has("\"level\":\"debug\"");
}

static void text_is_escaped(void **state)
{
    (void)state;
    log_event(LOG_INFO, "x",
              log_slice("text", SLICE_LIT("a\"b\\c\n\0\x1b[31m\x7f\xC2\x9Bé\xFF\xC3")));
    read_lines();
    assert_has("\"a\\\"b\\\\c\\n\\u0000\\u001b[31m\\u007f\\u009bé\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void a_client_cannot_forge_a_line_or_a_field(void **state)
{
    (void)state;
    struct log_scope scope = {.request_id = SLICE_LIT("x\",\"level\":\"error\"}\n{\"forged\":\"")};
    log_event(LOG_INFO, "x", log_in(&scope));
    read_lines();
    assert_one_json_line();
    assert_has_not("\"level\":\"error\"");
}

static void long_line_is_cut_and_stays_json(void **state)
{
    (void)state;
    char text[8192];
    static const char *const fillers[] = {"a", "\"", "\x01", "é", "😀", "\xFF"};
    for (size_t filler = 0; filler < sizeof(fillers) / sizeof(fillers[0]); filler++) {
        size_t unit = strlen(fillers[filler]);
        for (size_t pad = 0; pad < 8; pad++) {
            memset(text, 'p', pad);
            size_t len = pad;
            for (; len + unit <= sizeof(text); len += unit)
                memcpy(text + len, fillers[filler], unit);
            log_event(LOG_INFO, "x", log_slice("a", slice_make(text, len)),
                      log_slice("b", slice_make(text, len)), log_slice("c", slice_make(text, len)),
                      log_int("last", 7));
            read_lines();
            assert_one_json_line();
            assert_has(",\"cut\":true}\n");
        }
    }
}

static void one_long_text_leaves_room_for_the_fields_after_it(void **state)
{
    (void)state;
    char text[8192];
    memset(text, '.', sizeof(text));
    log_event(LOG_INFO, "x", log_slice("long", slice_make(text, sizeof(text))), log_int("last", 7));
    read_lines();
    assert_one_json_line();
    assert_has("\"last\":7,\"cut\":true}\n");
}

static void many_fields_are_cut_at_a_field(void **state)
{
    (void)state;
    struct log_field fields[1002] = {{.kind = LOG_FIELD_EVENT, .key = "x"}};
    for (int i = 1; i <= 1000; i++)
        fields[i] = log_int("number", i);
    log_write(LOG_INFO, fields);
    read_lines();
    /* Repeated keys are not for the scanner of requests; the braces must match all the same. */
    assert_has("\"number\":100,");
    assert_has(",\"cut\":true}\n");
    assert_has_not("\"number\":1000");
}

static void secret_keys_are_known(void **state)
{
    (void)state;
    static const char *const secret[] = {
        "token",
        "access_token",
        "accessToken",
        "accesstoken",
        "refresh-tokens",
        "Authorization",
        "proxy_authorization",
        "cookie",
        "set-cookie",
        "Set_Cookies",
        "password",
        "db_password",
        "passwd",
        "passphrase",
        "secret",
        "clientSecret",
        "code",
        "auth_code",
        "key",
        "api_key",
        "apikey",
        "APIKey",
        "private_keys",
        "jwt",
        "assertion",
        "credentials",
        "signature",
    };
    static const char *const open[] = {
        "",       "status", "realm",         "user", "method", "decoder",
        "monkey", "keyset", "elapsed_ms",    "kid",  "codec",  "encoded_bytes",
        "author", "passed", "session_count", "_",    "event",
    };
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
        if (!log_key_is_secret(slice_str(secret[i])))
            fail_msg("%s is open", secret[i]);
    }
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        if (log_key_is_secret(slice_str(open[i])))
            fail_msg("%s is secret", open[i]);
    }
}

static void value_of_a_secret_key_is_not_written(void **state)
{
    (void)state;
    log_event(LOG_INFO, "x", log_str("db_password", "hunter2"), log_int("code", 123456),
              log_bool("key", true), log_str("user", "alice"));
    read_lines();
    assert_one_json_line();
    assert_has("\"db_password\":\"[redacted]\",\"code\":\"[redacted]\",\"key\":\"[redacted]\","
               "\"user\":\"alice\"}");
}

#define JWT                                                                                        \
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MX0."                        \
    "MEUCIQDx_2bQv7-Jf0wq9sYd0aX1r5t8u3v6w9y2z4A7B0C"

static const struct {
    const char *text, *written;
} redactions[] = {
    {JWT, "[redacted]"},
    {"token is " JWT ", it is", "token is [redacted], it is"},
    {"a/" JWT "/" JWT "?", "a/[redacted]/[redacted]?"},
    /* without a signature, cut off, encrypted, with something glued to it */
    {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.", "[redacted]"},
    {"x eyJhbGciOiJFUzI1NiJ9.eyJzdWI", "x [redacted]"},
    {"eyJhbGciOiJSU0EifQ.QR1Owv2ug2.AxY8DCtDaG.48V1_ALb6U.5eym8TW", "[redacted]"},
    {"session-" JWT, "[redacted]"},
    {"ewogICJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "[redacted]"},
    {"Bearer abc.def", "[redacted]"},
    {"authorization: bearer  abc, x", "authorization: [redacted], x"},
    {"authorization=Bearer abc", "authorization=[redacted]"},
    {"Bearer%20abc", "[redacted]"},
    {"Basic YWxpY2U6cHc=", "[redacted]"},
    {"GET /auth/callback?code=SplxlO&state=xyz", "GET /auth/callback?code=[redacted]&state=xyz"},
    {"access_token=abc;x=1", "access_token=[redacted];x=1"},
    {"{\"password\": \"a \\\" b\",\"user\":\"alice\"}",
     "{\\\"password\\\": \\\"[redacted]\\\",\\\"user\\\":\\\"alice\\\"}"},
    /* what must stay readable */
    {"/pek.group.v1.GroupService/GetGroup", "/pek.group.v1.GroupService/GetGroup"},
    {"worker-conference.federation.example.org", "worker-conference.federation.example.org"},
    {"eye.of.tiger 1.2.3 ey.ey.ey", "eye.of.tiger 1.2.3 ey.ey.ey"},
    {"the bearer", "the bearer"},
    {"status=OK key= x", "status=OK key= [redacted]"},
    {"password=", "password="},
};

static void secrets_in_any_text_are_replaced(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(redactions) / sizeof(redactions[0]); i++) {
        char want[512];
        snprintf(want, sizeof(want), "\"text\":\"%s\"}\n", redactions[i].written);
        log_event(LOG_INFO, "x", log_str("text", redactions[i].text));
        read_lines();
        assert_one_json_line();
        assert_has(want);
    }
}

static void secrets_in_the_scope_are_replaced(void **state)
{
    (void)state;
    struct log_scope scope = {.request_id = SLICE_LIT(JWT), .trace_id = SLICE_LIT("Bearer abcdef")};
    log_event(LOG_INFO, "x", log_in(&scope));
    read_lines();
    assert_one_json_line();
    assert_has_not("eyJ");
    assert_has_not("abcdef");
}

static void a_secret_that_is_cut_by_the_end_of_the_line_does_not_show(void **state)
{
    (void)state;
    char text[2048];
    for (size_t pad = 1400; pad < 1560; pad++) {
        memset(text, '.', pad);
        memcpy(text + pad, JWT, sizeof(JWT) - 1);
        log_event(LOG_INFO, "x", log_slice("text", slice_make(text, pad + sizeof(JWT) - 1)));
        read_lines();
        assert_one_json_line();
        assert_has_not("eyJ");
    }
}

static void a_full_pipe_drops_lines_and_counts_them(void **state)
{
    (void)state;
    uint64_t before = log_dropped();
    char block[4096];
    memset(block, 'x', sizeof(block));
    while (write(pipe_fds[1], block, sizeof(block)) > 0) {
    }
    errno = 7;
    log_event(LOG_INFO, "x");
    assert_int_equal(errno, 7);
    assert_int_equal(log_dropped(), before + 1);
}

/* What journald, a container's runtime and a terminal give: descriptors that wait. `fds`: what is read, what is written. */
static void open_pipe(int fds[2])
{
    assert_int_equal(pipe(fds), 0);
}

static void open_socket(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void open_terminal(int fds[2])
{
    fds[0] = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(fds[0] >= 0 && grantpt(fds[0]) == 0 && unlockpt(fds[0]) == 0);
    fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY);
    assert_true(fds[1] >= 0);
}

static void a_reader_that_stands_still_holds_nobody_up(void **state)
{
    static void (*const kinds[])(int fds[2]) = {open_pipe, open_socket, open_terminal};
    (void)state;
    alarm(60); /* ends a test that waits */
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int fds[2];
        kinds[i](fds);
        log_open(&(struct log_options){.fd = fds[1], .level = LOG_INFO});
        uint64_t before = log_dropped();
        while (log_dropped() == before)
            log_event(LOG_INFO, "x", log_str("text", "of some length"));
        assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
        /* Read again, it is written again. */
        assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
        while (read(fds[0], got, sizeof(got)) > 0) {
        }
        before = log_dropped();
        log_event(LOG_INFO, "x");
        assert_int_equal(log_dropped(), before);
        log_close();
        close(fds[0]);
        close(fds[1]);
    }
    alarm(0);
}

#define THREADS 4
#define LINES_EACH 200

static void *log_many(void *arg)
{
    for (int i = 0; i < LINES_EACH; i++)
        log_event(LOG_INFO, "x", log_str("thread", arg), log_int("n", i));
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    static char names[THREADS][40];
    char path[] = "/tmp/log_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
    log_open(&(struct log_options){.fd = fd, .level = LOG_INFO});
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        memset(names[i], 'a' + i, sizeof(names[i]) - 1);
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    FILE *file = fdopen(fd, "r");
    assert_non_null(file);
    rewind(file);
    int lines = 0;
    while (fgets(got, sizeof(got), file)) {
        assert_one_json_line();
        lines++;
    }
    assert_int_equal(lines, THREADS * LINES_EACH);
    fclose(file);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(line_has_time_level_event_component_and_fields),
        TEST(line_of_an_event_alone_is_whole),
        TEST(milliseconds_keep_sign_and_range),
        TEST(scope_gives_realm_and_ids),
        TEST(lines_below_the_level_are_not_made),
        TEST(text_is_escaped),
        TEST(a_client_cannot_forge_a_line_or_a_field),
        TEST(long_line_is_cut_and_stays_json),
        TEST(one_long_text_leaves_room_for_the_fields_after_it),
        TEST(many_fields_are_cut_at_a_field),
        TEST(secret_keys_are_known),
        TEST(value_of_a_secret_key_is_not_written),
        TEST(secrets_in_any_text_are_replaced),
        TEST(secrets_in_the_scope_are_replaced),
        TEST(a_secret_that_is_cut_by_the_end_of_the_line_does_not_show),
        TEST(a_full_pipe_drops_lines_and_counts_them),
        TEST(a_reader_that_stands_still_holds_nobody_up),
        TEST(lines_of_several_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
