#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "echo.rpc.h"
#include "shared/rpc/rpc.h"

static enum status decode(struct slice bytes, struct arena *arena, testing_text **ret_text,
                          struct fault *ret_fault)
{
    ProtobufCMessage *message = NULL;
    *ret_fault = (struct fault){0};
    enum status status = rpc_decode(TESTING_TEXT_DESCRIPTOR, bytes, arena, &message, ret_fault);
    if (status == STATUS_OK && ret_text)
        *ret_text = (testing_text *)message;
    return status;
}

static void assert_refused(struct slice bytes, const char *field)
{
    struct arena arena;
    struct fault fault;
    arena_init(&arena, 1 << 20);
    assert_int_equal(decode(bytes, &arena, NULL, &fault), STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, field);
    assert_true(fault.text[0] != '\0');
    arena_done(&arena);
}

static void assert_taken(struct slice bytes)
{
    struct arena arena;
    struct fault fault;
    arena_init(&arena, 1 << 20);
    assert_int_equal(decode(bytes, &arena, NULL, &fault), STATUS_OK);
    arena_done(&arena);
}

static void decode_gives_back_what_was_packed(void **state)
{
    (void)state;
    char text[] = "ár\xf0\x9f\x8e\x89";
    uint8_t payload[] = {0, 1, 0xff, 0};
    char one[] = "one";
    char empty[] = "";
    char *list[] = {one, empty};
    testing_text message = TESTING_TEXT_INIT;
    message.text = text;
    message.number = -7;
    message.payload.data = payload; /* bytes may be anything */
    message.payload.len = sizeof(payload);
    message.list = list;
    message.n_list = 2;
    uint8_t bytes[256];
    size_t len = protobuf_c_message_pack(&message.base, bytes);
    struct arena arena;
    struct fault fault;
    testing_text *decoded = NULL;
    arena_init(&arena, 1 << 20);
    assert_int_equal(decode(slice_make(bytes, len), &arena, &decoded, &fault), STATUS_OK);
    assert_string_equal(decoded->text, text);
    assert_int_equal(decoded->number, -7);
    assert_int_equal(decoded->payload.len, sizeof(payload));
    assert_int_equal(decoded->n_list, 2);
    assert_string_equal(decoded->list[0], "one");

    /* Cut at every byte: refused or a shorter message, never anything else. */
    for (size_t cut = 0; cut < len; cut++) {
        arena_reset(&arena);
        enum status status = decode(slice_make(bytes, cut), &arena, NULL, &fault);
        assert_true(status == STATUS_OK || status == STATUS_INVALID_ARGUMENT);
    }
    arena_done(&arena);
}

static void decode_names_the_field_of_a_bad_text(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("\x0a\x01\xff"), "text");
    assert_refused(SLICE_LIT("\x0a\x03"
                             "a\0b"),
                   "text");
    assert_refused(SLICE_LIT("\x0a\x03\xed\xa0\x80"), "text");     /* lone surrogate */
    assert_refused(SLICE_LIT("\x0a\x02\xc0\x80"), "text");         /* overlong NUL */
    assert_refused(SLICE_LIT("\x0a\x04\xf4\x90\x80\x80"), "text"); /* beyond U+10FFFF */
    assert_refused(SLICE_LIT("\x22\x03\x0a\x01\xff"), "inner.name");
    assert_refused(SLICE_LIT("\x2a\x01"
                             "a"
                             "\x2a\x01\xff"),
                   "list");
    /* Bytes are not text. */
    assert_taken(SLICE_LIT("\x1a\x02\x00\xff"));
}

static void decode_refuses_malformed_bytes(void **state)
{
    (void)state;
    assert_refused(SLICE_LIT("\x0a"), "text");
    assert_refused(SLICE_LIT("\x0a\x05"
                             "ab"),
                   "text");
    assert_refused(SLICE_LIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "text");
    assert_refused(SLICE_LIT("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "number");
    assert_refused(SLICE_LIT("\x02\x00"), "");         /* field 0 */
    assert_refused(SLICE_LIT("\x0b\x0c"), "text");     /* a group where a text belongs */
    assert_refused(SLICE_LIT("\xf3\x06"), "");         /* without an end */
    assert_refused(SLICE_LIT("\xf3\x06\xfc\x06"), ""); /* with another's */
    assert_refused(SLICE_LIT("\xf4\x06"), "");         /* an end alone */
    assert_refused(SLICE_LIT("\xf3\x06\x0a\x05\xf4\x06"), "");
    assert_refused(SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "");
    assert_refused(SLICE_LIT("\x08\x01"), ""); /* a number where a text belongs */
}

static void decode_keeps_out_of_unknown_fields(void **state)
{
    (void)state;
    assert_taken(SLICE_LIT("\xf2\x06\x01\xff")); /* field 110, bytes */
    assert_taken(SLICE_LIT("\xf0\x06\x01"));     /* field 110, number */
}

/* A number, an unknown group with whatever is in it, and another number: 7 is read, in the message and in one below. */
static void assert_group_is_skipped(const char *content, size_t len)
{
    char bytes[70000], whole[70000];
    size_t at = 0;
    memcpy(bytes, "\x10\x05\xf3\x06", 4);
    memcpy(bytes + 4, content, len);
    memcpy(bytes + 4 + len, "\xf4\x06\x10\x07", 4);
    at = len + 8;
    struct arena arena;
    struct fault fault;
    testing_text *decoded = NULL;
    arena_init(&arena, 1 << 20);
    assert_int_equal(decode(slice_make(bytes, at), &arena, &decoded, &fault), STATUS_OK);
    assert_int_equal(decoded->number, 7);
    /* In the message `inner`, whose length is one of three bytes. */
    memcpy(whole, "\x22", 1);
    for (size_t i = 0; i < 3; i++)
        whole[1 + i] = (char)((at >> 7 * i & 0x7f) | (i < 2 ? 0x80 : 0));
    memcpy(whole + 4, bytes, at);
    memcpy(whole + 4 + at, "\x10\x09", 2);
    arena_reset(&arena);
    assert_int_equal(decode(slice_make(whole, at + 6), &arena, &decoded, &fault), STATUS_OK);
    assert_int_equal(decoded->number, 9);
    assert_non_null(decoded->inner);
    arena_done(&arena);
}

static void decode_skips_unknown_groups(void **state)
{
    (void)state;
    static char content[66000];
    assert_group_is_skipped("", 0);
    assert_group_is_skipped("\x08\x01\x12\x02\xff\xfe\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0", 20);
    assert_group_is_skipped("\x13\x0b\x0c\x14", 4); /* groups in it */
    /* As long as there are lengths of lengths: fields of one byte each. */
    for (size_t len = 110; len < 66000; len = len < 140     ? len + 2
                                              : len < 16360 ? 16360
                                              : len < 16410 ? len + 2
                                                            : len + 24800) {
        for (size_t i = 0; i < len; i += 2)
            memcpy(content + i, "\x08\x01", 2);
        assert_group_is_skipped(content, len);
    }
    /* Not deeper than messages. */
    for (size_t i = 0; i < 1000; i++)
        content[i] = i < 500 ? '\x13' : '\x14';
    char deep[1004] = "\xf3\x06";
    memcpy(deep + 2, content, 1000);
    memcpy(deep + 1002, "\xf4\x06", 2);
    assert_refused(slice_make(deep, sizeof(deep)), "");
}

static void decode_stays_within_the_arena(void **state)
{
    (void)state;
    struct arena arena;
    struct fault fault;
    arena_init(&arena, 512);
    char bytes[1003] = "\x0a\xe8\x07";
    memset(bytes + 3, 'x', 1000);
    assert_int_equal(decode(slice_make(bytes, sizeof(bytes)), &arena, NULL, &fault),
                     STATUS_RESOURCE_EXHAUSTED);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_gives_back_what_was_packed),
        cmocka_unit_test(decode_names_the_field_of_a_bad_text),
        cmocka_unit_test(decode_refuses_malformed_bytes),
        cmocka_unit_test(decode_keeps_out_of_unknown_fields),
        cmocka_unit_test(decode_skips_unknown_groups),
        cmocka_unit_test(decode_stays_within_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
