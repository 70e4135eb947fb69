/* What a frame may be: each malformed one is refused, and nothing of it is given out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/rpc/fault_wire.h"
#include "shared/rpc/tunnel_frame.h"

static struct buffer out;

static int begin(void **state)
{
    (void)state;
    buffer_init(&out, TUNNEL_MESSAGE_BYTES_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buffer_done(&out);
    return 0;
}

static struct tunnel_frame take_one(void)
{
    struct slice rest = buffer_slice(&out);
    struct tunnel_frame frame = {0};
    assert_true(tunnel_take(&rest, &frame));
    assert_int_equal(rest.len, 0);
    return frame;
}

static void opening_is_read_as_it_was_written(void **state)
{
    (void)state;
    const struct rpc_pair pairs[] = {
        {SLICE_LIT("authorization"), SLICE_LIT("Bearer x")},
        {SLICE_LIT("x-empty"), SLICE_LIT("")},
        {SLICE_LIT("x-any-bin"), SLICE_LIT("\x00\xff")},
    };
    const struct tunnel_opening opening = {SLICE_LIT("/pek.testing.Echo/Say"), 123456789, pairs, 3,
                                           SLICE_LIT("request\0bytes")};
    struct rpc_pair got_pairs[RPC_PAIRS_MAX];
    struct tunnel_opening got;
    tunnel_put_opening(&out, 1023, &opening);
    assert_int_equal(out.len, tunnel_opening_bytes(&opening));
    struct tunnel_frame frame = take_one();
    assert_int_equal(frame.kind, TUNNEL_OPENING);
    assert_int_equal(frame.slot, 1023);
    assert_true(tunnel_read_opening(frame.body, got_pairs, &got));
    assert_true(slice_equal(got.path, opening.path));
    assert_true(slice_equal(got.request, opening.request));
    assert_int_equal(got.timeout_us, 123456789);
    assert_int_equal(got.pair_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(slice_equal(got.pairs[i].key, pairs[i].key));
        assert_true(slice_equal(got.pairs[i].value, pairs[i].value));
    }
}

static void frames_follow_one_another(void **state)
{
    (void)state;
    const struct tunnel_end ended = {STATUS_NOT_FOUND, SLICE_LIT("details")};
    struct tunnel_end got_end;
    struct tunnel_frame frame;
    uint32_t credit;
    tunnel_put(&out, TUNNEL_HELLO, 0, (struct slice){0});
    tunnel_put(&out, TUNNEL_PART, 3, SLICE_LIT("par"));
    tunnel_put(&out, TUNNEL_MESSAGE, 3, (struct slice){0});
    tunnel_put_credit(&out, 4, 0xfffffffe);
    tunnel_put_end(&out, 5, &ended);
    struct slice rest = buffer_slice(&out);
    assert_true(tunnel_take(&rest, &frame) && frame.kind == TUNNEL_HELLO);
    assert_true(tunnel_take(&rest, &frame) && frame.kind == TUNNEL_PART && frame.slot == 3);
    assert_true(slice_equal_str(frame.body, "par"));
    assert_true(tunnel_take(&rest, &frame) && frame.kind == TUNNEL_MESSAGE && frame.body.len == 0);
    assert_true(tunnel_take(&rest, &frame) && frame.kind == TUNNEL_CREDIT && frame.slot == 4);
    assert_true(tunnel_read_credit(frame.body, &credit) && credit == 0xfffffffe);
    assert_true(tunnel_take(&rest, &frame) && frame.kind == TUNNEL_END && frame.slot == 5);
    assert_true(tunnel_read_end(frame.body, &got_end));
    assert_int_equal(got_end.status, STATUS_NOT_FOUND);
    assert_true(slice_equal_str(got_end.details, "details"));
    assert_int_equal(rest.len, 0);
}

static void malformed_frame_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct slice bytes;
    } cases[] = {
        {"a head that is cut", SLICE_LIT("\x06\0\0\0\0\0\0\0")},
        {"a body that is cut", SLICE_LIT("\x06\0\0\0\0\x02\0\0\0a")},
        {"a length beyond all", SLICE_LIT("\x06\0\0\0\0\xff\xff\xff\xff"
                                          "a")},
        {"no kind", SLICE_LIT("\0\0\0\0\0\0\0\0\0")},
        {"an unknown kind", SLICE_LIT("\x09\0\0\0\0\0\0\0\0")},
        {"a slot too high", SLICE_LIT("\x06\0\x04\0\0\0\0\0\0")},
        {"a slot far too high", SLICE_LIT("\x06\xff\xff\xff\xff\0\0\0\0")},
        {"HELLO of a call", SLICE_LIT("\x01\x01\0\0\0\0\0\0\0")},
        {"HELLO with a body", SLICE_LIT("\x01\0\0\0\0\x01\0\0\0a")},
        {"LEAVING of a call", SLICE_LIT("\x08\x01\0\0\0\0\0\0\0")},
        {"CANCEL with a body", SLICE_LIT("\x03\0\0\0\0\x01\0\0\0a")},
        {"PART of nothing", SLICE_LIT("\x05\0\0\0\0\0\0\0\0")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice rest = cases[i].bytes;
        struct tunnel_frame frame = {.slot = 77};
        if (tunnel_take(&rest, &frame))
            fail_msg("%s is taken", cases[i].what);
        assert_int_equal(frame.slot, 77);
        assert_ptr_equal(rest.ptr, cases[i].bytes.ptr);
    }
}

/* time 1, path of 1, then pairs and request as the case has them. */
#define OPENING(pairs_and_request) SLICE_LIT("\x01\0\0\0\x01\0" pairs_and_request)

static void malformed_opening_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct slice body;
    } cases[] = {
        {"nothing", SLICE_LIT("")},
        {"no path", SLICE_LIT("\x01\0\0\0\x01\0\0")},
        {"a path that is cut", SLICE_LIT("\x01\0\0\0\xff\xff\0/abc")},
        {"a pair that is missing", OPENING("\x01/")},
        {"a head of a pair that is cut", OPENING("\x01/\x01\0\x01")},
        {"a key that is cut", OPENING("\x01/\x09\0\0\0x")},
        {"a value that is cut", OPENING("\x01/\x01\0\x09\0xv")},
        {"an empty key", OPENING("\x01/\0\0\x01\0v")},
        {"a key in upper case", OPENING("\x01/\x01\0\x01\0Xv")},
        {"a key of gRPC", OPENING("\x01/\x0c\0\x01\0grpc-timeoutv")},
        {"a key of HTTP/2", OPENING("\x01/\x05\0\x01\0:pathv")},
        {"a value with a line's end", OPENING("\x01/\x01\0\x02\0x\r\n")},
        {"a value with a NUL", OPENING("\x01/\x01\0\x01\0x\0")},
        {"a value that is no ASCII", OPENING("\x01/\x01\0\x02\0x\xc3\xa1")},
    };
    struct rpc_pair pairs[RPC_PAIRS_MAX];
    struct tunnel_opening opening = {.timeout_us = 77};
    assert_true(tunnel_read_opening(OPENING("\x01/\x01\0\x01\0xvrest"), pairs, &opening));
    assert_true(slice_equal_str(opening.request, "rest"));
    opening.timeout_us = 77;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (tunnel_read_opening(cases[i].body, pairs, &opening) || opening.timeout_us != 77)
            fail_msg("%s is taken", cases[i].what);
}

static void metadata_of_an_opening_is_bounded(void **state)
{
    (void)state;
    static char value[RPC_METADATA_BYTES_MAX];
    memset(value, 'v', sizeof(value));
    struct rpc_pair pairs[RPC_PAIRS_MAX];
    for (size_t i = 0; i < RPC_PAIRS_MAX; i++)
        pairs[i] = (struct rpc_pair){SLICE_LIT("k"),
                                     slice_make(value, RPC_METADATA_BYTES_MAX / RPC_PAIRS_MAX - 1)};
    struct tunnel_opening opening = {SLICE_LIT("/"), 1, pairs, RPC_PAIRS_MAX, {0}};
    struct rpc_pair got_pairs[RPC_PAIRS_MAX];
    struct tunnel_opening got;
    tunnel_put_opening(&out, 0, &opening);
    assert_true(tunnel_read_opening(take_one().body, got_pairs, &got));
    buffer_reset(&out);
    pairs[0].value.len++;
    tunnel_put_opening(&out, 0, &opening);
    assert_false(tunnel_read_opening(take_one().body, got_pairs, &got));
    /* One pair more than there is room for. */
    out.ptr[TUNNEL_HEAD_BYTES + 6] = RPC_PAIRS_MAX + 1;
    assert_false(tunnel_read_opening(take_one().body, got_pairs, &got));
}

static void malformed_credit_and_end_are_refused(void **state)
{
    (void)state;
    static char details[FAULT_WIRE_BYTES_MAX + 2] = "\x05";
    uint32_t bytes = 77;
    struct tunnel_end ended;
    assert_false(tunnel_read_credit(SLICE_LIT(""), &bytes));
    assert_false(tunnel_read_credit(SLICE_LIT("\x01\0\0"), &bytes));
    assert_false(tunnel_read_credit(SLICE_LIT("\x01\0\0\0\0"), &bytes));
    assert_false(tunnel_read_credit(SLICE_LIT("\0\0\0\0"), &bytes));
    assert_int_equal(bytes, 77);
    assert_true(tunnel_read_end(SLICE_LIT("\0"), &ended));
    assert_true(tunnel_read_end(slice_make(details, FAULT_WIRE_BYTES_MAX + 1), &ended));
    assert_false(tunnel_read_end(SLICE_LIT(""), &ended));
    assert_false(tunnel_read_end(SLICE_LIT("\x11"), &ended));
    assert_false(tunnel_read_end(SLICE_LIT("\0details"), &ended));
    assert_false(tunnel_read_end(slice_make(details, FAULT_WIRE_BYTES_MAX + 2), &ended));
}

static void message_without_room_is_broken(void **state)
{
    (void)state;
    struct buffer small;
    buffer_init(&small, TUNNEL_HEAD_BYTES);
    tunnel_put(&small, TUNNEL_CANCEL, 1, (struct slice){0});
    assert_false(small.failed);
    tunnel_put(&small, TUNNEL_CANCEL, 2, (struct slice){0});
    assert_true(small.failed);
    assert_int_equal(small.len, TUNNEL_HEAD_BYTES);
    buffer_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opening_is_read_as_it_was_written, begin, end),
        cmocka_unit_test_setup_teardown(frames_follow_one_another, begin, end),
        cmocka_unit_test(malformed_frame_is_refused),
        cmocka_unit_test(malformed_opening_is_refused),
        cmocka_unit_test_setup_teardown(metadata_of_an_opening_is_bounded, begin, end),
        cmocka_unit_test(malformed_credit_and_end_are_refused),
        cmocka_unit_test(message_without_room_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
