#include "shared/json/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/buffer.h"

static struct arena arena;
static struct fault fault;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)4 << 20);
    fault = (struct fault){.status = STATUS_OK};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static enum status scan(struct slice text)
{
    return json_scan(text, NULL, &arena, &fault);
}

static void assert_taken(const char *text)
{
    if (scan(slice_str(text)) != STATUS_OK)
        fail_msg("%s refused: %s", text, fault.text);
}

static void assert_refused(const char *text, const char *field, const char *why)
{
    if (scan(slice_str(text)) != STATUS_INVALID_ARGUMENT)
        fail_msg("%s taken", text);
    assert_string_equal(fault.field, field);
    assert_string_equal(fault.text, why);
}

/* `open` repeated, then `middle`, then `close` repeated. */
static struct slice nested(struct buffer *out, const char *open, const char *middle,
                           const char *close, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        buffer_append_str(out, open);
    buffer_append_str(out, middle);
    for (size_t i = 0; i < depth; i++)
        buffer_append_str(out, close);
    return buffer_slice(out);
}

static void scan_takes_every_kind_of_value(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "\"\"",
        "0",
        "-0",
        "0.5",
        "1e5",
        "-1.25E-7",
        "true",
        "false",
        "null",
        "[[],{}]",
        " { \"a\" :\t[ 1 ,\r\n 2 ] , \"b\":{\"a\":null} } ",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
        "\"árvíztűrő\"",
        "\"\x7f\"",
        "{\"a\":{\"x\":1},\"b\":{\"x\":1}}",
        "[{\"x\":1},{\"x\":1}]",
        "1e-400",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_taken(texts[i]);
}

static void scan_refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",           " ",         "{",         "[",           "\"",        "{]",
        "[}",         "[1",        "[1,",       "[1,]",        "{\"a\"}",   "{\"a\":}",
        "{\"a\":1,}", "{a:1}",     "{'a':1}",   "{1:1}",       "{\"a\" 1}", "[1 2]",
        "tru",        "truex",     "TRUE",      "nul",         "NaN",       "Infinity",
        "-Infinity",  "undefined", "+1",        "01",          "-01",       "-",
        "1.",         ".5",        "1e",        "1e+",         "0x10",      "1_000",
        "\"\\x\"",    "\"\\",      "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"",  "\"\t\"",
        "// x\n1",    "/* x */1",  "1;",        ",",           ":",         "\xEF\xBB\xBF{}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (scan(slice_str(texts[i])) != STATUS_INVALID_ARGUMENT)
            fail_msg("%s taken", texts[i]);
    }
}

static void scan_refuses_every_prefix_of_an_object(void **state)
{
    (void)state;
    const char text[] =
        "{\"a\":[1.5e3,\"x\\u00e9\",true,null,{\"b\":\"\\ud83d\\ude00é\"}],\"c\":false}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        /* In memory of its own, so that a sanitizer sees a step too far. */
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memmove(copy + 1, text, len);
        assert_int_equal(scan(slice_make(copy + 1, len)), STATUS_INVALID_ARGUMENT);
        free(copy);
    }
    assert_taken(text);
}

static void scan_names_the_path_and_the_byte(void **state)
{
    (void)state;
    assert_refused("{\"group\":{\"members\":[1,{\"user_id\":+}]}}", "group.members[1].userId",
                   "JSON: no value at byte 34");
    assert_refused("[1,2,[3,x]]", "[2][1]", "JSON: no value at byte 8");
    assert_refused("{\"a\":1} 2", "", "JSON: something after the end at byte 8");
    assert_refused("{\"a\":1", "a", "JSON: the end came too early at byte 6");
}

static void scan_refuses_a_key_given_twice(void **state)
{
    (void)state;
    assert_refused("{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "a.b",
                   "JSON: the same key a second time at byte 19");
    assert_refused("{\"ab\":1,\"\\u0061b\":2}", "ab", "JSON: the same key a second time at byte 9");
    assert_refused("{\"\xF0\x9F\x98\x80\\n\u00e9\":1,\"\\ud83d\\ude00\\u000a\\u00e9\":2}",
                   "\xF0\x9F\x98\x80?\xC3\xA9", "JSON: the same key a second time at byte 15");
    assert_refused("{\"\":1,\"\":2}", "", "JSON: the same key a second time at byte 7");
}

static void scan_takes_both_spellings_of_a_proto_field_for_one(void **state)
{
    (void)state;
    assert_refused("{\"parent_id\":1,\"parentId\":2}", "parentId",
                   "JSON: the same key a second time at byte 16");
    const struct json_limits plain = {.depth_max = 4, .keys_max = 4};
    assert_int_equal(json_scan(SLICE_LIT("{\"parent_id\":1,\"parentId\":2}"), &plain, &arena, NULL),
                     STATUS_OK);
}

static void scan_refuses_depth_beyond_the_limit(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, (size_t)8 << 20);
    assert_int_equal(scan(nested(&text, "[", "", "]", JSON_DEPTH_MAX)), STATUS_OK);
    buffer_reset(&text);
    assert_int_equal(scan(nested(&text, "[", "", "]", JSON_DEPTH_MAX + 1)),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.text, "JSON: nested too deep at byte 32");
    buffer_reset(&text);
    assert_int_equal(scan(nested(&text, "{\"a\":", "1", "}", JSON_DEPTH_MAX + 1)),
                     STATUS_INVALID_ARGUMENT);
    /* A path of that length is cut, not overrun. */
    assert_int_equal(strlen(fault.field), 2 * JSON_DEPTH_MAX - 1);
    buffer_reset(&text);
    assert_int_equal(scan(nested(&text, "[", "", "]", 1000000)), STATUS_INVALID_ARGUMENT);
    buffer_done(&text);
}

static void scan_refuses_more_keys_than_the_limit(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, (size_t)1 << 20);
    for (int over = 0; over < 2; over++) {
        buffer_reset(&text);
        buffer_append_char(&text, '{');
        for (int i = 0; i < JSON_KEYS_MAX + over; i++)
            buffer_printf(&text, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
        buffer_append_char(&text, '}');
        arena_reset(&arena);
        assert_int_equal(scan(buffer_slice(&text)), over ? STATUS_INVALID_ARGUMENT : STATUS_OK);
    }
    assert_non_null(strstr(fault.text, "too many keys"));
    buffer_done(&text);
}

static void scan_refuses_text_that_a_column_cannot_hold(void **state)
{
    (void)state;
    assert_refused("{\"name\":\"a\\u0000b\"}", "name", "JSON: the NUL character at byte 10");
    assert_int_equal(scan(SLICE_LIT("\"a\0b\"")), STATUS_INVALID_ARGUMENT);
    assert_refused("\"\xC3(\"", "", "JSON: bytes that are not UTF-8 at byte 1");
    assert_refused("\"\xED\xA0\x80\"", "", "JSON: bytes that are not UTF-8 at byte 1");
    assert_refused("{\"\xFF\":1}", "", "JSON: bytes that are not UTF-8 at byte 2");
}

static void scan_refuses_half_of_a_surrogate_pair(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"\\ud83d\"",        "\"\\ude00\"",        "\"\\ud83dx\"",       "\"\\ud83d\\n\"",
        "\"\\ud83d\\u0041\"", "\"\\ud83d\\ud83d\"", "\"\\ude00\\ud83d\"", "{\"\\ud83d\":1}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(scan(slice_str(texts[i])), STATUS_INVALID_ARGUMENT);
        assert_non_null(strstr(fault.text, "half of a surrogate pair"));
    }
}

static void scan_refuses_numbers_that_no_double_holds(void **state)
{
    (void)state;
    assert_taken("1.7976931348623157e308");
    assert_refused("{\"n\":1.8e308}", "n", "JSON: a number out of range at byte 5");
    assert_refused("-1e999", "", "JSON: a number out of range at byte 0");
    struct buffer text;
    buffer_init(&text, 1024);
    assert_int_equal(scan(nested(&text, "1", "", "", JSON_NUMBER_BYTES_MAX)), STATUS_OK);
    buffer_append_char(&text, '1');
    assert_int_equal(scan(buffer_slice(&text)), STATUS_INVALID_ARGUMENT);
    buffer_done(&text);
}

static void scan_keeps_control_characters_of_keys_out_of_the_fault(void **state)
{
    (void)state;
    assert_refused("{\"a\\n\\u001bb\":x}", "a??b", "JSON: no value at byte 14");
}

static void scan_says_when_the_arena_is_too_small(void **state)
{
    (void)state;
    struct arena small;
    arena_init(&small, 2048);
    struct buffer text;
    buffer_init(&text, 65536);
    for (int i = 0; i < 200; i++)
        buffer_printf(&text, "%s\"k%d\":%d", i > 0 ? "," : "{", i, i);
    buffer_append_char(&text, '}');
    assert_int_equal(json_scan(buffer_slice(&text), NULL, &small, &fault),
                     STATUS_RESOURCE_EXHAUSTED);
    buffer_done(&text);
    arena_done(&small);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(scan_takes_every_kind_of_value),
        TEST(scan_refuses_what_is_not_json),
        TEST(scan_refuses_every_prefix_of_an_object),
        TEST(scan_names_the_path_and_the_byte),
        TEST(scan_refuses_a_key_given_twice),
        TEST(scan_takes_both_spellings_of_a_proto_field_for_one),
        TEST(scan_refuses_depth_beyond_the_limit),
        TEST(scan_refuses_more_keys_than_the_limit),
        TEST(scan_refuses_text_that_a_column_cannot_hold),
        TEST(scan_refuses_half_of_a_surrogate_pair),
        TEST(scan_refuses_numbers_that_no_double_holds),
        TEST(scan_keeps_control_characters_of_keys_out_of_the_fault),
        TEST(scan_says_when_the_arena_is_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
