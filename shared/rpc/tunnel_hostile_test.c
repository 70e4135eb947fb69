/* Peers that break the protocol of a tunnel, at either end: they lose it, and nobody else loses anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/testing/tunnel_peer.h"
#include "shared/rpc/testing/world.h"
#include "shared/rpc/tunnel.h"
#include "shared/rpc/tunnel_frame.h"

static enum status say(struct world *world, struct fault *ret_fault)
{
    WORLD_TEXT(request, "hello");
    return world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, ret_fault);
}

/* ---- clients that mean harm ---- */

#define HELLO_BYTES TUNNEL_HEAD_BYTES

static void connect_peer(struct world *world, struct tunnel_peer *peer)
{
    struct slice hello;
    tunnel_peer_connect(peer, world->runtime, world->target);
    assert_true(tunnel_peer_hear(peer, &hello));
    assert_int_equal(hello.len, HELLO_BYTES);
    assert_int_equal(hello.ptr[0], TUNNEL_HELLO);
}

static const struct rpc_pair good_token[] = {
    {SLICE_LIT("authorization"), SLICE_LIT("Bearer " WORLD_TOKEN)}};

static void put_call(struct buffer *out, uint32_t slot, const char *path, uint32_t timeout_us)
{
    const struct tunnel_opening opening = {slice_str(path), timeout_us, good_token, 1,
                                           SLICE_LIT("\x0a\x05hello")};
    tunnel_put_opening(out, slot, &opening);
}

#define WAIT "/pek.testing.Echo/Wait"
#define SOON_US (WORLD_SOON_MS * 1000)
/* Of a call that has to be told: longer than a test waits for that. */
#define LONG_US (3 * SOON_US)

static void put_garbage(struct buffer *out)
{
    buffer_append_str(out, "garbage");
}

static void put_second_in_slot(struct buffer *out)
{
    put_call(out, 0, WAIT, SOON_US);
}

static void put_unwanted_credit(struct buffer *out)
{
    tunnel_put_credit(out, 0, 1);
}

static void put_large_credit(struct buffer *out)
{
    tunnel_put_credit(out, 0, UINT32_MAX);
}

static void put_bad_credit(struct buffer *out)
{
    tunnel_put(out, TUNNEL_CREDIT, 5, SLICE_LIT("abc"));
}

static void put_hello(struct buffer *out)
{
    tunnel_put(out, TUNNEL_HELLO, 0, (struct slice){0});
}

static void put_end(struct buffer *out)
{
    tunnel_put_end(out, 0, &(struct tunnel_end){STATUS_OK, {0}});
}

static void put_message(struct buffer *out)
{
    tunnel_put(out, TUNNEL_MESSAGE, 0, SLICE_LIT("x"));
}

static void put_bad_opening(struct buffer *out)
{
    tunnel_put(out, TUNNEL_OPENING, 1, SLICE_LIT("\x01\0\0\0\x09\0\0/"));
}

static void put_too_much(struct buffer *out)
{
    while (out->len <= TUNNEL_MESSAGE_BYTES_MAX)
        tunnel_put(out, TUNNEL_CANCEL, 7, (struct slice){0});
}

/* The call that was open before ends, and so does the tunnel; others are not touched. */
static void offend(struct world *world, void (*put)(struct buffer *out))
{
    struct tunnel_peer peer;
    struct buffer out;
    struct fault fault;
    size_t cancelled = world->log.cancelled;
    buffer_init(&out, 2 * TUNNEL_MESSAGE_BYTES_MAX);
    connect_peer(world, &peer);
    put_call(&out, 0, WAIT, LONG_US);
    tunnel_peer_say(&peer, buffer_slice(&out));
    world_await_waiting(world, 1);
    buffer_reset(&out);
    put(&out);
    assert_false(out.failed);
    tunnel_peer_say(&peer, buffer_slice(&out));
    tunnel_peer_await_end(&peer);
    assert_int_not_equal(peer.code, GRPC_STATUS_OK);
    world_await_cancelled(world, cancelled + 1);
    assert_int_equal(say(world, &fault), STATUS_OK);
    buffer_done(&out);
    tunnel_peer_done(&peer);
}

static void offending_clients_body(struct world *world)
{
    static void (*const offences[])(struct buffer * out) = {
        put_garbage,      put_second_in_slot, put_unwanted_credit,
        put_large_credit, put_bad_credit,     put_hello,
        put_end,          put_message,        put_bad_opening,
        put_too_much,
    };
    uint64_t before = rpc_channel_carried(world->channel);
    for (size_t i = 0; i < sizeof(offences) / sizeof(offences[0]); i++)
        offend(world, offences[i]);
    /* Nobody else's tunnel was touched. */
    assert_int_equal(rpc_channel_carried(world->channel) - before,
                     sizeof(offences) / sizeof(offences[0]));
}

static void client_that_breaks_the_protocol_loses_its_tunnel(void **state)
{
    world_case(state, offending_clients_body);
}

static void closed_body(struct world *world)
{
    struct tunnel_peer peer;
    struct buffer out;
    buffer_init(&out, TUNNEL_MESSAGE_BYTES_MAX);
    /* With a call open: nobody would say any more that it is over. */
    connect_peer(world, &peer);
    put_call(&out, 0, WAIT, LONG_US);
    tunnel_peer_say(&peer, buffer_slice(&out));
    world_await_waiting(world, 1);
    tunnel_peer_close(&peer);
    tunnel_peer_await_end(&peer);
    assert_int_not_equal(peer.code, GRPC_STATUS_OK);
    world_await_cancelled(world, 1);
    tunnel_peer_done(&peer);
    /* Without one, as the client of a tunnel of age does. */
    connect_peer(world, &peer);
    tunnel_peer_close(&peer);
    tunnel_peer_await_end(&peer);
    assert_int_equal(peer.code, GRPC_STATUS_OK);
    tunnel_peer_done(&peer);
    /* A client that is gone. */
    connect_peer(world, &peer);
    tunnel_peer_say(&peer, buffer_slice(&out));
    world_await_waiting(world, 1);
    tunnel_peer_done(&peer);
    world_await_cancelled(world, 2);
    buffer_done(&out);
}

static void calls_of_a_client_that_is_gone_are_cancelled(void **state)
{
    world_case(state, closed_body);
}

/* What is read of the answer: the outcome of the call in this slot. */
static enum status hear_end(struct tunnel_peer *peer, uint32_t slot)
{
    struct slice rest;
    struct tunnel_frame frame;
    struct tunnel_end end;
    while (tunnel_peer_hear(peer, &rest))
        while (rest.len > 0) {
            assert_true(tunnel_take(&rest, &frame));
            if (frame.kind == TUNNEL_END && frame.slot == slot) {
                assert_true(tunnel_read_end(frame.body, &end));
                return end.status;
            }
        }
    fail_msg("the tunnel ended");
    return STATUS_UNKNOWN;
}

/* Each call of a message is judged as if it had come alone. */
static void judged_body(struct world *world)
{
    struct tunnel_peer peer;
    struct buffer out;
    const struct rpc_pair bad_token[] = {{SLICE_LIT("authorization"), SLICE_LIT("Bearer bad")}};
    const struct tunnel_opening stranger = {
        SLICE_LIT("/pek.testing.Echo/Say"), SOON_US, bad_token, 1, {0}};
    buffer_init(&out, TUNNEL_MESSAGE_BYTES_MAX);
    connect_peer(world, &peer);
    put_call(&out, 4, WAIT, LONG_US);
    tunnel_put_opening(&out, 0, &stranger);
    put_call(&out, 1, WAIT, 0); /* its time is over */
    put_call(&out, 2, WAIT, 1000);
    put_call(&out, 3, "/pek.testing.Echo/None", SOON_US);
    put_call(&out, 5, "", SOON_US);
    put_call(&out, 6, "/pek.testing.Echo/Say", SOON_US);
    tunnel_put(&out, TUNNEL_CANCEL, 4, (struct slice){0});
    tunnel_put(&out, TUNNEL_CANCEL, 8, (struct slice){0}); /* nobody's: it may have met an END */
    tunnel_peer_say(&peer, buffer_slice(&out));
    enum status expected[7] = {STATUS_UNAUTHENTICATED,
                               STATUS_DEADLINE_EXCEEDED,
                               STATUS_DEADLINE_EXCEEDED,
                               STATUS_UNIMPLEMENTED,
                               STATUS_CANCELLED,
                               STATUS_UNIMPLEMENTED,
                               STATUS_OK};
    size_t ended = 0;
    struct slice rest;
    struct tunnel_frame frame;
    struct tunnel_end end;
    while (ended < 7 && tunnel_peer_hear(&peer, &rest))
        while (rest.len > 0) {
            assert_true(tunnel_take(&rest, &frame));
            if (frame.kind != TUNNEL_END)
                continue;
            assert_true(tunnel_read_end(frame.body, &end));
            assert_int_equal(end.status, expected[frame.slot]);
            ended++;
        }
    assert_int_equal(ended, 7);
    /* A slot is given anew after its END. */
    buffer_reset(&out);
    put_call(&out, 0, "/pek.testing.Echo/Say", SOON_US);
    tunnel_peer_say(&peer, buffer_slice(&out));
    assert_int_equal(hear_end(&peer, 0), STATUS_OK);
    buffer_done(&out);
    tunnel_peer_done(&peer);
}

static void each_call_of_a_message_is_judged_alone(void **state)
{
    world_case(state, judged_body);
}

/* A client that reads nothing: what waits for it is bounded, by its calls and their queues. */
static void deaf_body(struct world *world)
{
    struct tunnel_peer peer;
    struct buffer out;
    struct fault fault;
    buffer_init(&out, TUNNEL_MESSAGE_BYTES_MAX);
    connect_peer(world, &peer);
    testing_count_request request = TESTING_COUNT_REQUEST_INIT;
    request.count = 1000000;
    request.payload_bytes = 10000;
    uint8_t bytes[64];
    const struct tunnel_opening opening = {
        SLICE_LIT("/pek.testing.Echo/Count"), SOON_US, good_token, 1,
        slice_make(bytes, protobuf_c_message_pack(&request.base, bytes))};
    for (uint32_t slot = 0; slot < 4; slot++)
        tunnel_put_opening(&out, slot, &opening);
    tunnel_peer_say(&peer, buffer_slice(&out));
    size_t before;
    do {
        before = world->log.sent;
        fiber_sleep_ms(100);
        assert_int_equal(say(world, &fault), STATUS_OK);
    } while (world->log.sent != before || before == 0);
    /* A window and a queue for each, and what the connection holds. */
    assert_true(before * 10000 < 4 * (RPC_CALL_QUEUE_BYTES + RPC_STREAM_QUEUE_BYTES) + (2u << 20));
    buffer_done(&out);
    tunnel_peer_done(&peer);
    rpc_host_wait(world->host);
}

static void client_that_reads_nothing_holds_little(void **state)
{
    world_case(state, deaf_body);
}

/* ---- servers that mean harm ---- */

/* A channel to a bare port, with a tunnel in which one call waits; `ret_first` is the call that asked for the tunnel. */
struct scene {
    struct world *world;
    struct tunnel_port port;
    struct tunnel_peer peer;
    struct rpc_channel *kept;
    struct rpc_call *first, *call;
    struct fiber_event first_event, event;
};

static void scene_open(struct scene *scene, struct world *world)
{
    char target[64];
    *scene = (struct scene){.world = world, .kept = world->channel};
    tunnel_port_open(&scene->port, world->runtime);
    snprintf(target, sizeof(target), "127.0.0.1:%d", scene->port.number);
    assert_int_equal(rpc_channel_new(world->runtime, target, NULL, &world->channel, NULL),
                     STATUS_OK);
    rpc_channel_carry(world->channel);
}

static void scene_start(struct scene *scene, const char *method, struct fiber_event *event,
                        struct rpc_call **ret_call)
{
    WORLD_TEXT(request, "hello");
    assert_int_equal(
        world_start(scene->world, method, &request.base, NULL, 0, WORLD_SOON_MS, event, ret_call),
        STATUS_OK);
}

/* The server has said HELLO, and one call of the method is in the tunnel. */
static void scene_carry(struct scene *scene, const char *method)
{
    struct buffer out;
    struct slice rest;
    struct tunnel_frame frame;
    buffer_init(&out, 64);
    scene_start(scene, "SayOpen", &scene->first_event, &scene->first);
    tunnel_port_accept(&scene->port, &scene->peer);
    tunnel_put(&out, TUNNEL_HELLO, 0, (struct slice){0});
    tunnel_peer_say(&scene->peer, buffer_slice(&out));
    buffer_done(&out);
    while (rpc_channel_carried(scene->world->channel) == 0) {
        scene->call = rpc_call_free(scene->call);
        scene_start(scene, method, &scene->event, &scene->call);
        fiber_sleep_ms(1);
    }
    assert_true(tunnel_peer_hear(&scene->peer, &rest));
    assert_true(tunnel_take(&rest, &frame));
    assert_int_equal(frame.kind, TUNNEL_OPENING);
    assert_int_equal(frame.slot, 0);
}

static void scene_say(struct scene *scene, struct buffer *out)
{
    assert_false(out->failed);
    tunnel_peer_say(&scene->peer, buffer_slice(out));
    buffer_reset(out);
}

static enum status scene_outcome(struct scene *scene)
{
    struct slice message;
    const struct fault *outcome = NULL;
    while (world_next(scene->call, &scene->event, &message, &outcome))
        continue;
    return outcome->status;
}

static void scene_close(struct scene *scene)
{
    rpc_call_free(scene->call);
    rpc_call_free(scene->first);
    rpc_channel_free(scene->world->channel);
    scene->world->channel = scene->kept;
    if (scene->peer.call)
        tunnel_peer_done(&scene->peer);
    tunnel_port_close(&scene->port);
}

static void put_window_and_more(struct buffer *out)
{
    static char large[60000];
    while (out->len < RPC_CALL_QUEUE_BYTES + 2 * sizeof(large))
        tunnel_put(out, TUNNEL_MESSAGE, 0, slice_make(large, sizeof(large)));
}

static void put_nobodys_end(struct buffer *out)
{
    tunnel_put_end(out, 1, &(struct tunnel_end){STATUS_OK, {0}});
}

static void put_bad_end(struct buffer *out)
{
    tunnel_put(out, TUNNEL_END, 0, SLICE_LIT("\x63"));
}

static void put_end_in_a_message(struct buffer *out)
{
    tunnel_put(out, TUNNEL_PART, 0, SLICE_LIT("par"));
    tunnel_put_end(out, 0, &(struct tunnel_end){STATUS_OK, {0}});
}

static void put_opening(struct buffer *out)
{
    put_call(out, 3, WAIT, SOON_US);
}

static void put_cancel(struct buffer *out)
{
    tunnel_put(out, TUNNEL_CANCEL, 0, (struct slice){0});
}

static void put_nobodys_message(struct buffer *out)
{
    tunnel_put(out, TUNNEL_MESSAGE, 1, SLICE_LIT("x"));
}

/* In as many messages as it takes. */
static void say_in_pieces(struct scene *scene, struct buffer *out)
{
    struct slice rest = buffer_slice(out);
    while (rest.len > TUNNEL_MESSAGE_BYTES_MAX / 2) {
        struct tunnel_frame frame;
        const char *start = rest.ptr;
        while (rest.ptr - start < TUNNEL_MESSAGE_BYTES_MAX / 2 && rest.len > 0)
            assert_true(tunnel_take(&rest, &frame));
        tunnel_peer_say(&scene->peer, slice_make(start, (size_t)(rest.ptr - start)));
    }
    tunnel_peer_say(&scene->peer, rest);
}

static void offending_servers_body(struct world *world)
{
    static void (*const offences[])(struct buffer * out) = {
        put_garbage, put_hello,  put_window_and_more, put_nobodys_end,     put_bad_end,
        put_opening, put_cancel, put_bad_credit,      put_nobodys_message, put_end_in_a_message,
    };
    for (size_t i = 0; i < sizeof(offences) / sizeof(offences[0]); i++) {
        struct scene scene;
        struct buffer out;
        buffer_init(&out, 2 * TUNNEL_MESSAGE_BYTES_MAX);
        scene_open(&scene, world);
        scene_carry(&scene, "Count");
        offences[i](&out);
        say_in_pieces(&scene, &out);
        assert_int_equal(scene_outcome(&scene), STATUS_UNAVAILABLE);
        while (!scene.peer.ended)
            fiber_sleep_ms(1);
        assert_true(scene.peer.was_cancelled);
        scene_close(&scene);
        buffer_done(&out);
    }
}

static void server_that_breaks_the_protocol_loses_the_tunnel(void **state)
{
    world_case(state, offending_servers_body);
}

static void no_hello_body(struct world *world)
{
    struct scene scene;
    struct buffer out;
    buffer_init(&out, TUNNEL_MESSAGE_BYTES_MAX);
    scene_open(&scene, world);
    scene_start(&scene, "SayOpen", &scene.first_event, &scene.first);
    tunnel_port_accept(&scene.port, &scene.peer);
    /* Nothing goes where nobody has answered. */
    scene_start(&scene, "SayOpen", &scene.event, &scene.call);
    assert_int_equal(rpc_channel_carried(world->channel), 0);
    tunnel_put(&out, TUNNEL_LEAVING, 0, (struct slice){0});
    scene_say(&scene, &out);
    while (!scene.peer.ended)
        fiber_sleep_ms(1);
    assert_true(scene.peer.was_cancelled);
    scene_close(&scene);
    buffer_done(&out);
}

static void tunnel_without_hello_is_not_used(void **state)
{
    world_case(state, no_hello_body);
}

/* A message that is too large costs its call alone. */
static void oversize_body(struct world *world)
{
    struct scene scene;
    struct buffer out;
    struct slice rest;
    struct tunnel_frame frame;
    static char part[60000];
    buffer_init(&out, TUNNEL_MESSAGE_BYTES_MAX);
    scene_open(&scene, world);
    scene_carry(&scene, "Count");
    for (size_t sent = 0; sent <= RPC_MESSAGE_BYTES_MAX; sent += sizeof(part)) {
        tunnel_put(&out, TUNNEL_PART, 0, slice_make(part, sizeof(part)));
        scene_say(&scene, &out);
    }
    assert_int_equal(scene_outcome(&scene), STATUS_DATA_LOSS);
    assert_true(tunnel_peer_hear(&scene.peer, &rest));
    assert_true(tunnel_take(&rest, &frame));
    assert_int_equal(frame.kind, TUNNEL_CANCEL);
    /* The next one is carried, while the server goes on with the first. */
    rpc_call_free(scene.call);
    scene_start(&scene, "SayOpen", &scene.event, &scene.call);
    assert_true(tunnel_peer_hear(&scene.peer, &rest));
    assert_true(tunnel_take(&rest, &frame));
    assert_int_equal(frame.slot, 1);
    tunnel_put(&out, TUNNEL_PART, 0, slice_make(part, sizeof(part)));
    tunnel_put_end(&out, 0, &(struct tunnel_end){STATUS_OK, {0}});
    tunnel_put(&out, TUNNEL_MESSAGE, 1, SLICE_LIT("\x0a\x01x"));
    tunnel_put_end(&out, 1, &(struct tunnel_end){STATUS_OK, {0}});
    scene_say(&scene, &out);
    assert_int_equal(scene_outcome(&scene), STATUS_OK);
    scene_close(&scene);
    buffer_done(&out);
}

static void message_that_is_too_large_costs_its_call(void **state)
{
    world_case(state, oversize_body);
}

static void absent_body(struct world *world)
{
    struct scene scene;
    struct fiber_event event = {0};
    scene_open(&scene, world);
    scene_start(&scene, "SayOpen", &scene.first_event, &scene.first);
    tunnel_port_accept(&scene.port, &scene.peer);
    grpc_op ops[2] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
                      {.op = GRPC_OP_SEND_STATUS_FROM_SERVER}};
    ops[1].data.send_status_from_server.status = GRPC_STATUS_UNIMPLEMENTED;
    assert_true(rpc_runtime_batch(world->runtime, scene.peer.call, ops, 2, &scene.peer.sent));
    scene.peer.batches++;
    while (!scene.peer.ended)
        fiber_sleep_ms(1);
    fiber_sleep_ms(TUNNEL_RETRY_MS + 200);
    for (int i = 0; i < 3; i++) {
        scene_start(&scene, "SayOpen", &event, &scene.call);
        fiber_sleep_ms(20);
        scene.call = rpc_call_free(scene.call);
    }
    assert_int_equal(scene.port.tunnel_count, 1);
    assert_int_equal(rpc_channel_carried(world->channel), 0);
    scene_close(&scene);
}

static void server_without_tunnels_is_not_asked_again_soon(void **state)
{
    world_case(state, absent_body);
}

static void lost_body(struct world *world)
{
    struct scene scene;
    struct tunnel_peer lost;
    scene_open(&scene, world);
    scene_carry(&scene, "Wait");
    tunnel_peer_done(&scene.peer);
    assert_int_equal(scene_outcome(&scene), STATUS_UNAVAILABLE);
    /* Another is opened, not at once. */
    scene.call = rpc_call_free(scene.call);
    scene_start(&scene, "SayOpen", &scene.event, &scene.call);
    assert_int_equal(scene.port.tunnel_count, 1);
    fiber_sleep_ms(TUNNEL_RETRY_MS + 100);
    scene.call = rpc_call_free(scene.call);
    scene_start(&scene, "SayOpen", &scene.event, &scene.call);
    tunnel_port_accept(&scene.port, &lost);
    scene.peer.call = NULL;
    tunnel_peer_done(&lost);
    scene_close(&scene);
}

static void calls_of_a_lost_tunnel_are_unavailable(void **state)
{
    world_case(state, lost_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TUNNEL(client_that_breaks_the_protocol_loses_its_tunnel),
        WORLD_TUNNEL(calls_of_a_client_that_is_gone_are_cancelled),
        WORLD_TUNNEL(each_call_of_a_message_is_judged_alone),
        WORLD_TUNNEL(client_that_reads_nothing_holds_little),
        WORLD_TUNNEL(server_that_breaks_the_protocol_loses_the_tunnel),
        WORLD_TUNNEL(tunnel_without_hello_is_not_used),
        WORLD_TUNNEL(message_that_is_too_large_costs_its_call),
        WORLD_TUNNEL(server_without_tunnels_is_not_asked_again_soon),
        WORLD_TUNNEL(calls_of_a_lost_tunnel_are_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
