/* A client of a tunnel that says whatever it likes, in two messages; the input's first byte says where they are cut. A real server on a
 * real port. It answers a good call behind them, or ends the tunnel; it lives, and nothing of the client's calls stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/base/clock.h"
#include "shared/rpc/testing/tunnel_peer.h"
#include "shared/rpc/testing/world.h"
#include "shared/rpc/tunnel.h"
#include "shared/rpc/tunnel_frame.h"

#define INPUT_BYTES_MAX 4096
#define SLOT (TUNNEL_CALLS_MAX - 1)

static struct slice input;

/* True with the END of our own call, false when the tunnel is over. Whatever else comes is well-formed. */
static bool hear_end(struct tunnel_peer *peer)
{
    struct slice message;
    struct tunnel_frame frame;
    while (tunnel_peer_hear(peer, &message)) {
        while (message.len > 0) {
            must(tunnel_take(&message, &frame));
            must(frame.kind >= TUNNEL_PART && frame.kind <= TUNNEL_LEAVING);
            if (frame.kind == TUNNEL_END && frame.slot == SLOT)
                return true;
        }
    }
    return false;
}

static void say_good_call(struct tunnel_peer *peer)
{
    static const struct rpc_pair token = {{"authorization", 13}, {"Bearer " WORLD_TOKEN, 11}};
    const struct tunnel_opening opening = {SLICE_LIT("/pek.testing.Echo/Say"), 10000000, &token, 1,
                                           SLICE_LIT("\x0a\x05hello")};
    struct buffer out;
    buffer_init(&out, 1024);
    tunnel_put_opening(&out, SLOT, &opening);
    tunnel_peer_say(peer, buffer_slice(&out));
    buffer_done(&out);
}

static void body(struct world *world)
{
    struct tunnel_peer peer;
    struct slice hello;
    size_t cut = (input.len - 1) * (uint8_t)input.ptr[0] / 256;
    tunnel_peer_connect(&peer, world->runtime, world->target);
    must(tunnel_peer_hear(&peer, &hello) && hello.ptr[0] == TUNNEL_HELLO);
    if (cut > 0)
        tunnel_peer_say(&peer, slice_make(input.ptr + 1, cut));
    tunnel_peer_say(&peer, slice_make(input.ptr + 1 + cut, input.len - 1 - cut));
    say_good_call(&peer);
    if (!hear_end(&peer))
        must(peer.code != GRPC_STATUS_OK);
    tunnel_peer_done(&peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    if (size < 2 || size > INPUT_BYTES_MAX)
        return 0;
    if (!world.host)
        world_open(&world, &world_by_grpc);
    input = slice_make(data, size);
    world_run(&world, body);
    /* Calls that nobody waits for any more end by themselves. */
    while (rpc_host_open_calls(world.host) > 0)
        uv_run(&world.loop, UV_RUN_ONCE);
    return 0;
}
