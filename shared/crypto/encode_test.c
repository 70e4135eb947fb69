#include "shared/crypto/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum status decode(const char *text, char *ret_bytes, size_t bytes_max, size_t *ret_len)
{
    return base64url_decode(slice_str(text), ret_bytes, bytes_max, ret_len);
}

static void base64url_gives_the_vectors_of_rfc_4648_without_padding(void **state)
{
    (void)state;
    const char *vectors[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct slice bytes = slice_str(vectors[i][0]);
        char chars[16];
        base64url_encode(bytes, chars);
        assert_string_equal(chars, vectors[i][1]);
        assert_int_equal(strlen(chars), BASE64URL_CHARS(bytes.len));
        char back[16];
        size_t len = 99;
        assert_int_equal(decode(chars, back, sizeof(back), &len), STATUS_OK);
        assert_true(slice_equal(slice_make(back, len), bytes));
    }
}

static void base64url_refuses_every_second_spelling(void **state)
{
    (void)state;
    const char *bad[] = {"Zg==",     "A",      "AAAAA",    "Zg=",    "Z",     "Zm9vY",
                         "Zh",       "Zm9",    "Zm9vYmF=", " Zg",    "Zg ",   "Z g",
                         "Zm\n8",    "Zm8\n",  "+__-",     "-//-",   "Zm9v.", "Zm9\xc3",
                         "Zm9v\x7f", "Zm9v{{", "Zm9v@@",   "Zm9v[[", "Zm9v``"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char bytes[16];
        size_t len = 99;
        assert_int_equal(decode(bad[i], bytes, sizeof(bytes), &len), STATUS_INVALID_ARGUMENT);
        assert_int_equal(len, 99);
    }
    char bytes[16];
    size_t len = 99;
    assert_int_equal(base64url_decode(slice_make("Zm\0v", 4), bytes, sizeof(bytes), &len),
                     STATUS_INVALID_ARGUMENT);
}

static void base64url_has_one_text_for_each_two_bytes(void **state)
{
    (void)state;
    /* Of all texts of three characters exactly 2^16 decode, each to a value of its own. */
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static uint8_t seen[1 << 16];
    size_t accepted = 0;
    for (size_t i = 0; i < 64u * 64 * 64; i++) {
        char text[] = {alphabet[i >> 12], alphabet[i >> 6 & 63], alphabet[i & 63]};
        uint8_t bytes[2];
        size_t len = 0;
        if (base64url_decode(slice_make(text, 3), bytes, 2, &len) != STATUS_OK)
            continue;
        assert_int_equal(seen[bytes[0] << 8 | bytes[1]]++, 0);
        accepted++;
    }
    assert_int_equal(accepted, 1 << 16);
}

static void base64url_does_not_write_past_its_room(void **state)
{
    (void)state;
    char bytes[4] = "xxx";
    size_t len = 99;
    assert_int_equal(decode("Zm9v", bytes, 2, &len), STATUS_RESOURCE_EXHAUSTED);
    assert_string_equal(bytes, "xxx");
    assert_int_equal(len, 99);
}

static void arena_forms_agree_and_report_the_ceiling(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096);
    struct slice text, bytes;
    assert_int_equal(base64url_encode_in(&arena, SLICE_LIT("fooba"), &text), STATUS_OK);
    assert_true(slice_equal_str(text, "Zm9vYmE"));
    assert_int_equal(base64url_decode_in(&arena, text, &bytes), STATUS_OK);
    assert_true(slice_equal_str(bytes, "fooba"));
    assert_int_equal(base64url_decode_in(&arena, SLICE_LIT("Zg="), &bytes),
                     STATUS_INVALID_ARGUMENT);
    arena_done(&arena);
    arena_init(&arena, 4);
    assert_int_equal(base64url_encode_in(&arena, SLICE_LIT("fooba"), &text),
                     STATUS_RESOURCE_EXHAUSTED);
    assert_int_equal(base64url_decode_in(&arena, SLICE_LIT("Zm9vYmE"), &bytes),
                     STATUS_RESOURCE_EXHAUSTED);
    arena_done(&arena);
}

static void hex_is_of_lower_case_digits(void **state)
{
    (void)state;
    char chars[9];
    hex_encode(slice_make("\x00\x9f\xff\x10", 4), chars);
    assert_string_equal(chars, "009fff10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_gives_the_vectors_of_rfc_4648_without_padding),
        cmocka_unit_test(base64url_refuses_every_second_spelling),
        cmocka_unit_test(base64url_has_one_text_for_each_two_bytes),
        cmocka_unit_test(base64url_does_not_write_past_its_room),
        cmocka_unit_test(arena_forms_agree_and_report_the_ceiling),
        cmocka_unit_test(hex_is_of_lower_case_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
