/* A realm whose end of the tunnel says whatever it likes to a call, in two messages. The input's first byte says where they are cut, and
 * by its lowest bit whether the call is of a list. A real channel. The call ends, with a fault that a person can be told, and the
 * channel lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/base/clock.h"
#include "shared/base/utf8.h"
#include "shared/rpc/testing/tunnel_peer.h"
#include "shared/rpc/testing/world.h"
#include "shared/rpc/tunnel.h"
#include "shared/rpc/tunnel_frame.h"

#define INPUT_BYTES_MAX 4096

static struct slice input;

static void start(struct world *world, const char *method, struct fiber_event *event,
                  struct rpc_call **ret_call)
{
    WORLD_TEXT(request, "hello");
    must(world_start(world, method, &request.base, NULL, 0, WORLD_SOON_MS, event, ret_call) ==
         STATUS_OK);
}

/* With one call in it, in slot 0. */
static void open_tunnel(struct world *world, struct tunnel_port *port, struct tunnel_peer *peer,
                        struct rpc_call **ret_first, struct fiber_event *event,
                        struct rpc_call **ret_call)
{
    static struct fiber_event unheard;
    struct slice rest;
    struct buffer hello;
    struct rpc_call *call = NULL;
    const char *method = (uint8_t)input.ptr[0] & 1 ? "Count" : "Wait";
    buffer_init(&hello, TUNNEL_HEAD_BYTES);
    start(world, "SayOpen", &unheard, ret_first);
    tunnel_port_accept(port, peer);
    tunnel_put(&hello, TUNNEL_HELLO, 0, (struct slice){0});
    tunnel_peer_say(peer, buffer_slice(&hello));
    buffer_done(&hello);
    while (rpc_channel_carried(world->channel) == 0) {
        call = rpc_call_free(call);
        start(world, method, event, &call);
        fiber_sleep_ms(1);
    }
    must(tunnel_peer_hear(peer, &rest) && rest.ptr[0] == TUNNEL_OPENING);
    *ret_call = call;
}

static void hear_out(struct rpc_call *call, struct fiber_event *event)
{
    struct slice message;
    const struct fault *outcome = NULL;
    size_t bytes = 0;
    while (world_next(call, event, &message, &outcome))
        bytes += message.len;
    must(bytes <= input.len && outcome->status <= STATUS_UNAUTHENTICATED);
    must(outcome->status == STATUS_OK || outcome->text[0]);
    must(utf8_valid(slice_str(outcome->text)) && utf8_valid(slice_str(outcome->field)));
}

static void body(struct world *world)
{
    struct tunnel_port port;
    struct tunnel_peer peer = {0};
    struct fiber_event event = {0};
    struct rpc_call *first = NULL, *call = NULL;
    struct rpc_channel *kept = world->channel;
    char target[64];
    size_t cut = (input.len - 1) * (uint8_t)input.ptr[0] / 256;
    tunnel_port_open(&port, world->runtime);
    snprintf(target, sizeof(target), "127.0.0.1:%d", port.number);
    must(rpc_channel_new(world->runtime, target, NULL, &world->channel, NULL) == STATUS_OK);
    rpc_channel_carry(world->channel);
    open_tunnel(world, &port, &peer, &first, &event, &call);
    if (cut > 0)
        tunnel_peer_say(&peer, slice_make(input.ptr + 1, cut));
    tunnel_peer_say(&peer, slice_make(input.ptr + 1 + cut, input.len - 1 - cut));
    /* What it did not end itself ends with the tunnel. */
    tunnel_peer_done(&peer);
    hear_out(call, &event);
    rpc_call_free(call);
    rpc_call_free(first);
    rpc_channel_free(world->channel);
    world->channel = kept;
    tunnel_port_close(&port);
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
    return 0;
}
