/* The chunked coding: what it takes, what it refuses at every place, and that nothing behind a refusal is parsed. */
#include <regex.h>
#include <stdlib.h>

#include "hub/http/chunks.h"
#include "hub/http/fixture.h"

#define BODY_BYTES_MAX 1000

static int take(struct slice bytes, struct buffer *body, size_t *ret_taken)
{
    struct chunks chunks = {0};
    struct slice rest = bytes;
    const char *what = NULL;
    int code = chunks_take(&chunks, &rest, body, BODY_BYTES_MAX, &what);
    *ret_taken = bytes.len - rest.len;
    return code != 0 ? code : chunks.done ? 200 : 0;
}

static void what_the_grammar_allows_is_taken(void **state)
{
    static const struct {
        const char *bytes, *body;
    } cases[] = {
        {"0\r\n\r\n", ""},
        {"00000000\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"00000005\r\nhello\r\n0\r\n\r\n", "hello"},
        {"a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n", "0123456789abcdefghij"},
        {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"}, /* data may be anything */
        {"1\r\n\n\r\n1\r\n\r\r\n0\r\n\r\n", "\n\r"},
        {"1;a\r\nx\r\n0;a=b;c=\"d;\\\"\r \"\r\n\r\n", NULL}, /* a CR in quotes is still none */
        {"1;a;b=c;d=\"e;=\\\"\"\r\nx\r\n0 ; a = b ;c\r\n\r\n", "x"},
        {"0\r\nX-A: b\r\nX-C:\r\n\r\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer body;
        size_t taken;
        buffer_init(&body, BODY_BYTES_MAX);
        int code = take(slice_str(cases[i].bytes), &body, &taken);
        if (code != (cases[i].body ? 200 : 400) ||
            (cases[i].body && !slice_equal_str(buffer_slice(&body), cases[i].body)))
            fail_msg("%s: %d", cases[i].bytes, code);
        buffer_done(&body);
    }
}

/* ---- at every place -------------------------------------------------------------------------------- */

static regex_t size_line, trailer_line;

/* The next line up to CR LF, without CR, LF and NUL in it; false when there is none. */
static bool next_line(struct slice *rest, char line[256])
{
    const char *end = memmem(rest->ptr, rest->len, "\r\n", 2);
    size_t len = end ? (size_t)(end - rest->ptr) : 0;
    if (!end || len > 255 || memchr(rest->ptr, '\n', len) || memchr(rest->ptr, '\r', len) ||
        memchr(rest->ptr, '\0', len))
        return false;
    memcpy(line, rest->ptr, len);
    line[len] = '\0';
    *rest = slice_make(end + 2, rest->len - len - 2);
    return true;
}

/* Another reading of RFC 9112 7.1, by lines and regular expressions: how many bytes it takes, 0 for none. */
static size_t reference(struct slice bytes, struct buffer *body)
{
    struct slice rest = bytes;
    char line[256];
    unsigned long size;
    do {
        if (!next_line(&rest, line) || regexec(&size_line, line, 0, NULL, 0) != 0)
            return 0;
        size = strtoul(line, NULL, 16);
        if (size > BODY_BYTES_MAX - body->len || size + (size > 0 ? 2 : 0) > rest.len)
            return 0;
        buffer_append(body, rest.ptr, size);
        if (size > 0 && memcmp(rest.ptr + size, "\r\n", 2) != 0)
            return 0;
        rest =
            slice_make(rest.ptr + size + (size > 0 ? 2 : 0), rest.len - size - (size > 0 ? 2 : 0));
    } while (size > 0);
    do {
        if (!next_line(&rest, line) || (line[0] && regexec(&trailer_line, line, 0, NULL, 0) != 0))
            return 0;
    } while (line[0]);
    return bytes.len - rest.len;
}

static void compare(struct slice bytes)
{
    struct buffer body, expected_body;
    size_t taken, expected;
    buffer_init(&body, BODY_BYTES_MAX);
    buffer_init(&expected_body, BODY_BYTES_MAX);
    int code = take(bytes, &body, &taken);
    expected = reference(bytes, &expected_body);
    if ((code == 200) != (expected > 0) ||
        (expected > 0 &&
         (taken != expected || !slice_equal(buffer_slice(&body), buffer_slice(&expected_body)))))
        fail_msg("%d and %zu of %zu bytes, not %zu: %.*s", code, taken, bytes.len, expected,
                 SLICE_ARG(bytes));
    buffer_done(&body);
    buffer_done(&expected_body);
}

/* Each byte of a body with everything in it taken away, replaced and followed by each byte that matters. */
static void every_place_is_read_as_the_grammar_has_it(void **state)
{
    static const char whole[] =
        "5;a=b;c=\"d\\\"e\";f\r\nhello\r\n0A\r\n0123456789\r\n00 ;x\r\nX-T: y\r\n\r\n0\r\n\r\n";
    static const char bytes[] = "\n\r\0 \t_x0g;=\":\\\x7f\x80-+,";
    const size_t len = sizeof(whole) - 1;
    char changed[sizeof(whole) + 1];
    (void)state;
#define TOKEN "[-!#$%&'*+.^_`|~0-9A-Za-z]+"
#define BWS "[ \t]*"
    assert_int_equal(
        regcomp(&size_line,
                "^[0-9A-Fa-f]{1,8}(" BWS ";" BWS TOKEN "(" BWS "=" BWS "(" TOKEN
                "|\"([^\"\\\x01-\x08\x0a-\x1f\x7f]|\\\\[^\x01-\x08\x0a-\x1f\x7f])*\"))?)*$",
                REG_EXTENDED | REG_NOSUB),
        0);
    assert_int_equal(
        regcomp(&trailer_line, "^" TOKEN ":[^\x01-\x08\x0a-\x1f\x7f]*$", REG_EXTENDED | REG_NOSUB),
        0);
    compare(slice_make(whole, len));
    for (size_t at = 0; at < len; at++) {
        memcpy(changed, whole, at);
        memcpy(changed + at, whole + at + 1, len - at - 1);
        compare(slice_make(changed, len - 1));
        for (size_t b = 0; b < sizeof(bytes) - 1; b++) {
            memcpy(changed, whole, len);
            changed[at] = bytes[b];
            compare(slice_make(changed, len));
            memcpy(changed + at + 1, whole + at, len - at);
            compare(slice_make(changed, len + 1));
        }
    }
    regfree(&size_line);
    regfree(&trailer_line);
}

/* ---- on the wire ------------------------------------------------------------------------------------ */

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define INNER GET("/inner")

static void nothing_behind_a_bad_chunk_is_parsed(void **state)
{
    static const struct slice bodies[] = {
        SLICE_LIT("0x2f\r\n\r\n"),
        SLICE_LIT("0;\n\n"),
        SLICE_LIT("0;\r\n\r\n"),
        SLICE_LIT("2_0\r\n"),
        SLICE_LIT("2xyz\r\n"),
        SLICE_LIT("0\n\n"),
        SLICE_LIT("0\r\n\n"),
        SLICE_LIT("0\n\r\n"),
        SLICE_LIT("0\r\r\n\r\n"),
        SLICE_LIT("1\r\na\n0\r\n\r\n"),
        SLICE_LIT("1\r\na\r0\r\n\r\n"),
        SLICE_LIT("1\na\r\n0\r\n\r\n"),
        SLICE_LIT("1\r\nab\r\n0\r\n\r\n"),
        SLICE_LIT("1\r\na0\r\n\r\n"),
        SLICE_LIT(" 0\r\n\r\n"),
        SLICE_LIT("0 \r\n\r\n"),
        SLICE_LIT("+0\r\n\r\n"),
        SLICE_LIT("-0\r\n\r\n"),
        SLICE_LIT("\r\n\r\n"),
        SLICE_LIT("g\r\n\r\n"),
        SLICE_LIT("000000000\r\n\r\n"),
        SLICE_LIT("0\r\nno colon\r\n\r\n"),
        SLICE_LIT("0\r\n: x\r\n\r\n"),
        SLICE_LIT("0\r\nX : y\r\n\r\n"),
        SLICE_LIT("0\r\nX: y\n\r\n"),
        SLICE_LIT("0\r\nX: a\r\n folded\r\n\r\n"),
        SLICE_LIT("0;a=\"\n\"\r\n\r\n"),
        SLICE_LIT("0;a=\"\r\n\r\n"),
        SLICE_LIT("0;\0\r\n\r\n"),
        SLICE_LIT("0;a b\r\n\r\n"),
        SLICE_LIT("0,a\r\n\r\n"),
    };
    (void)state;
    start((struct http_options){0});
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct client client = client_open();
        client_send(&client, SLICE_LIT(HEAD));
        client_send(&client, bodies[i]);
        client_send(&client, SLICE_LIT(INNER INNER));
        READ_TO_END(&client);
        if (client_count(&client, "HTTP/1.1") != 1 ||
            memcmp(client.in.ptr, "HTTP/1.1 400 ", 13) != 0)
            fail_msg("case %zu, %.*s gave %.*s", i, SLICE_ARG(bodies[i]), (int)client.in.len,
                     client.in.ptr);
        assert_true(client_has(&client, "{\"error\":{\"code\":400,"));
        assert_true(client_has(&client, "x-content-type-options: nosniff\r\n"));
        client_close(&client);
    }
    assert_int_equal(seen.started, 0);
}

static void what_carries_no_body_is_bounded(void **state)
{
    static char text[20000];
    (void)state;
    start((struct http_options){0});
    memset(text, 'a', sizeof(text));
    struct client client = client_open();
    client_send(&client, SLICE_LIT(HEAD "1;"));
    client_send(&client, slice_make(text, sizeof(text)));
    READ_TO_END(&client);
    assert_true(client_has(&client, "HTTP/1.1 400 "));
    client_close(&client);
    /* A little in each chunk is too much in the end. */
    client = client_open();
    client_send(&client, SLICE_LIT(HEAD));
    for (size_t i = 0; i < 400 && !client.ended; i++)
        client_send(&client,
                    SLICE_LIT("1;abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\r\nx\r\n"));
    READ_TO_END(&client);
    assert_true(client_has(&client, "HTTP/1.1 400 "));
    client_close(&client);
    client = client_open();
    client_send(&client, SLICE_LIT(HEAD "0\r\nX: "));
    client_send(&client, slice_make(text, sizeof(text)));
    READ_TO_END(&client);
    assert_true(client_has(&client, "HTTP/1.1 400 "));
    client_close(&client);
    assert_int_equal(seen.started, 0);
}

/* A body that comes byte by byte, with another request right behind it. */
static void chunks_come_in_any_pieces(void **state)
{
    static const char bytes[] =
        HEAD "5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n" GET_CLOSE("/next");
    (void)state;
    start((struct http_options){0});
    struct client client = client_open();
    for (size_t i = 0; i < sizeof(bytes) - 1; i++)
        client_send(&client, slice_make(bytes + i, 1));
    READ_TO_END(&client);
    assert_true(client_has(&client, "body=hello world\n"));
    assert_true(client_has(&client, "path=/next\n"));
    client_close(&client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_grammar_allows_is_taken),
        cmocka_unit_test(every_place_is_read_as_the_grammar_has_it),
        TEST(nothing_behind_a_bad_chunk_is_parsed),
        TEST(what_carries_no_body_is_bounded),
        TEST(chunks_come_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
