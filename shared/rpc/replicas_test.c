/* A channel to several servers: each has its part, and one that leaves, hangs or says no costs nobody more than its own calls. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/server.h"
#include "shared/rpc/testing/tunnel_peer.h"
#include "shared/rpc/testing/world.h"
#include "shared/rpc/tunnel.h"
#include "shared/rpc/tunnel_frame.h"

/* The world's server and a second port, behind one channel; the world's own is kept. */
struct scene {
    struct world *world;
    struct rpc_channel *kept;
    bool stop;
    size_t running, ok, failed;
};

static void scene_open(struct scene *scene, struct world *world, int port, bool carry)
{
    char target[192];
    *scene = (struct scene){.world = world, .kept = world->channel};
    snprintf(target, sizeof(target), "ipv4:%s,127.0.0.1:%d", world->target, port);
    assert_int_equal(rpc_channel_new(world->runtime, target, NULL, &world->channel, NULL),
                     STATUS_OK);
    if (carry)
        rpc_channel_carry(world->channel);
}

static void scene_close(struct scene *scene)
{
    rpc_channel_free(scene->world->channel);
    scene->world->channel = scene->kept;
}

static enum status say(struct world *world, int64_t deadline_ms)
{
    struct fault fault;
    WORLD_TEXT(request, "hello");
    return world_unary(world, "Say", &request.base, NULL, 0, deadline_ms, NULL, NULL, &fault);
}

static struct rpc_server *open_server(struct world *world, const char *listen)
{
    const struct rpc_server_options options = {.listen = listen};
    struct rpc_server *server = NULL;
    assert_int_equal(rpc_server_new(world->runtime, world->host, &options, &server, NULL),
                     STATUS_OK);
    return server;
}

static void close_server(struct rpc_server *server)
{
    assert_int_equal(rpc_server_drain(server, deadline_after_ms(WORLD_SOON_MS)), STATUS_OK);
    rpc_server_free(server);
}

/* Until both have a tunnel, the world's own server beside that of the kept channel. */
static void await_tunnels(struct scene *scene, const struct rpc_server *server)
{
    const struct tunnel_server *other = scene->world->server->tunnels;
    int64_t until_us = deadline_after_ms(WORLD_SOON_MS);
    while (tunnel_server_open(server->tunnels) == 0 || tunnel_server_open(other) < 2) {
        assert_true(clock_monotonic_us() < until_us);
        assert_int_equal(say(scene->world, WORLD_SOON_MS), STATUS_OK);
        fiber_sleep_ms(1);
    }
}

/* Until one of two calls goes there. */
static void await_connected(struct world *world, const struct rpc_server *server)
{
    struct fiber_event event = {0};
    struct rpc_call *call = NULL;
    size_t before = server->calls_open;
    WORLD_TEXT(request, "hello");
    for (bool there = false; !there; call = rpc_call_free(call)) {
        assert_int_equal(
            world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS, &event, &call),
            STATUS_OK);
        fiber_sleep_ms(10);
        there = server->calls_open > before;
    }
    while (world->log.waiting > 0 || server->calls_open > before)
        fiber_sleep_ms(1);
    world->log = (struct echo_log){0};
}

/* ---- parts ---- */

#define CALLS 20

static void parts(struct world *world, bool carry)
{
    struct scene scene;
    struct fiber_event event = {0};
    struct rpc_call *calls[CALLS];
    struct rpc_server *second = open_server(world, "127.0.0.1:0");
    WORLD_TEXT(request, "hello");
    scene_open(&scene, world, rpc_server_port(second), carry);
    if (carry)
        await_tunnels(&scene, second);
    else
        await_connected(world, second);
    size_t first_before = world->server->calls_open, second_before = second->calls_open;
    for (size_t i = 0; i < CALLS; i++) {
        assert_int_equal(
            world_start(world, "Wait", &request.base, NULL, 0, WORLD_SOON_MS, &event, &calls[i]),
            STATUS_OK);
        fiber_sleep_ms(1); /* a turn each */
    }
    world_await_waiting(world, CALLS);
    assert_in_range(world->server->calls_open - first_before, CALLS / 2 - 2, CALLS / 2 + 2);
    assert_in_range(second->calls_open - second_before, CALLS / 2 - 2, CALLS / 2 + 2);
    for (size_t i = 0; i < CALLS; i++)
        rpc_call_free(calls[i]);
    world_await_cancelled(world, CALLS);
    scene_close(&scene);
    close_server(second);
}

static void parts_body(struct world *world)
{
    parts(world, true);
}

static void parts_alone_body(struct world *world)
{
    parts(world, false);
}

static void each_server_has_its_part(void **state)
{
    world_case(state, parts_body);
}

static void each_server_has_its_part_of_calls_that_go_alone(void **state)
{
    world_case(state, parts_alone_body);
}

/* ---- coming and going ---- */

static void load_run(void *arg)
{
    struct scene *scene = arg;
    while (!scene->stop) {
        if (say(scene->world, WORLD_SOON_MS) == STATUS_OK)
            scene->ok++;
        else
            scene->failed++;
    }
    scene->running--;
}

/* A server that is drained, and comes back at its address, under calls all the while. */
static void restart_body(struct world *world)
{
    struct scene scene;
    char listen[32];
    struct rpc_server *second = open_server(world, "127.0.0.1:0");
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", rpc_server_port(second));
    scene_open(&scene, world, rpc_server_port(second), true);
    await_tunnels(&scene, second);
    for (; scene.running < 8; scene.running++)
        assert_int_equal(fiber_go(world->fibers, load_run, &scene), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        close_server(second);
        second = open_server(world, listen);
        int64_t until_us = deadline_after_ms(WORLD_SOON_MS);
        while (tunnel_server_open(second->tunnels) == 0 && clock_monotonic_us() < until_us)
            fiber_sleep_ms(1);
        assert_true(tunnel_server_open(second->tunnels) > 0);
    }
    scene.stop = true;
    while (scene.running > 0)
        fiber_sleep_ms(1);
    assert_int_equal(scene.failed, 0);
    assert_true(scene.ok > 100);
    scene_close(&scene);
    close_server(second);
}

static void server_that_is_restarted_costs_no_call(void **state)
{
    world_case(state, restart_body);
}

/* One that does not serve, and one that does. */
static void not_serving_body(struct world *world)
{
    struct scene scene;
    struct rpc_server *second = open_server(world, "127.0.0.1:0");
    scene_open(&scene, world, rpc_server_port(second), true);
    await_tunnels(&scene, second);
    rpc_server_set_serving(second, false);
    while (tunnel_server_open(second->tunnels) > 0)
        fiber_sleep_ms(1);
    uint64_t carried = rpc_channel_carried(world->channel);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(say(world, WORLD_SOON_MS), STATUS_OK);
        fiber_sleep_ms(1);
    }
    assert_int_equal(rpc_channel_carried(world->channel) - carried, 20);
    rpc_server_set_serving(second, true);
    await_tunnels(&scene, second);
    scene_close(&scene);
    close_server(second);
}

static void server_that_does_not_serve_has_no_calls(void **state)
{
    world_case(state, not_serving_body);
}

/* Takes connections, and says nothing: as a process that was stopped. */
static void mute_body(struct world *world)
{
    struct scene scene;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    scene_open(&scene, world, ntohs(address.sin_port), true);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(say(world, 2000), STATUS_OK);
        fiber_sleep_ms(1);
    }
    scene_close(&scene);
    close(fd);
}

static void server_that_does_not_shake_hands_costs_no_call(void **state)
{
    world_case(state, mute_body);
}

/* ---- one that is there, and does not answer as it should ---- */

/* Until the bare port has the channel's tunnel, and the world's server, too. */
static void carry_to_port(struct scene *scene, struct tunnel_port *port, struct tunnel_peer *peer)
{
    struct buffer out;
    int64_t until_us = deadline_after_ms(WORLD_SOON_MS);
    buffer_init(&out, 64);
    tunnel_put(&out, TUNNEL_HELLO, 0, (struct slice){0});
    while (!port->tunnel) {
        assert_true(clock_monotonic_us() < until_us);
        (void)!say(scene->world, 20); /* what goes to the port by itself is not answered */
    }
    tunnel_port_accept(port, peer);
    tunnel_peer_say(peer, buffer_slice(&out));
    while (rpc_channel_carried(scene->world->channel) == 0 || !peer->began)
        (void)!say(scene->world, 20);
    fiber_sleep_ms(50);
    buffer_done(&out);
}

/* Who hangs has more to answer than the others, and is asked no more. */
static void hang_body(struct world *world)
{
    struct scene scene;
    struct tunnel_port port;
    struct tunnel_peer peer = {0};
    struct fiber_event event = {0};
    struct rpc_call *calls[CALLS];
    tunnel_port_open(&port, world->runtime);
    scene_open(&scene, world, port.number, true);
    carry_to_port(&scene, &port, &peer);
    fiber_sleep_ms(TUNNEL_REST_MS);
    size_t handled = world->log.handled;
    WORLD_TEXT(request, "hello");
    for (size_t i = 0; i < CALLS; i++) {
        assert_int_equal(
            world_start(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, &event, &calls[i]),
            STATUS_OK);
        fiber_sleep_ms(10);
    }
    assert_in_range(world->log.handled - handled, CALLS - 3, CALLS - 1);
    for (size_t i = 0; i < CALLS; i++)
        rpc_call_free(calls[i]);
    scene_close(&scene);
    tunnel_peer_done(&peer);
    tunnel_port_close(&port);
}

static void server_that_hangs_is_soon_asked_nothing(void **state)
{
    world_case(state, hang_body);
}

struct refuser {
    struct tunnel_peer peer;
    enum status status;
};

static void refuse(void *arg)
{
    struct refuser *refuser = arg;
    struct buffer out;
    struct slice rest;
    struct tunnel_frame frame;
    buffer_init(&out, TUNNEL_MESSAGE_BYTES_MAX);
    while (tunnel_peer_hear(&refuser->peer, &rest)) {
        while (tunnel_take(&rest, &frame))
            if (frame.kind == TUNNEL_OPENING)
                tunnel_put_end(&out, frame.slot, &(struct tunnel_end){refuser->status, {0}});
        if (out.len > 0)
            tunnel_peer_say(&refuser->peer, buffer_slice(&out));
        buffer_reset(&out);
    }
    buffer_done(&out);
}

#define REFUSED_CALLS 200

/* How many of REFUSED_CALLS, one after the other, went to the server that refuses all of them. */
static size_t count_refused(struct world *world, enum status status)
{
    struct scene scene;
    struct tunnel_port port;
    struct refuser refuser = {.status = status};
    size_t bad = 0;
    tunnel_port_open(&port, world->runtime);
    scene_open(&scene, world, port.number, true);
    carry_to_port(&scene, &port, &refuser.peer);
    assert_int_equal(fiber_go(world->fibers, refuse, &refuser), STATUS_OK);
    fiber_sleep_ms(TUNNEL_REST_MS);
    for (int i = 0; i < REFUSED_CALLS; i++) {
        bad += say(world, 100) != STATUS_OK;
        fiber_sleep_ms(1);
    }
    scene_close(&scene);
    while (!refuser.peer.ended)
        fiber_sleep_ms(1);
    fiber_sleep_ms(10);
    tunnel_peer_done(&refuser.peer);
    tunnel_port_close(&port);
    return bad;
}

static void unavailable_body(struct world *world)
{
    assert_in_range(count_refused(world, STATUS_UNAVAILABLE), 1, 3);
}

static void failing_body(struct world *world)
{
    assert_in_range(count_refused(world, STATUS_INTERNAL), 1, 3);
}

static void exhausted_body(struct world *world)
{
    assert_in_range(count_refused(world, STATUS_RESOURCE_EXHAUSTED), 1, 3);
}

static void denying_body(struct world *world)
{
    assert_in_range(count_refused(world, STATUS_PERMISSION_DENIED), REFUSED_CALLS / 3,
                    REFUSED_CALLS * 2 / 3);
}

/* It answers at once, so it always has the fewest to answer. */
static void server_that_is_unavailable_rests(void **state)
{
    world_case(state, unavailable_body);
}

static void server_that_fails_draws_no_calls(void **state)
{
    world_case(state, failing_body);
}

static void server_that_is_over_its_limits_draws_no_calls(void **state)
{
    world_case(state, exhausted_body);
}

#define REFUSED_WHILE_MS (2 * TUNNEL_REST_MS)

struct told {
    char port[64]; /* the bare port's address */
    size_t by_port, by_world;
};

static void told(void *arg, const char *address, const struct fault *fault)
{
    struct told *told = arg;
    assert_int_equal(fault->status, STATUS_UNAUTHENTICATED);
    *(strcmp(address, told->port) == 0 ? &told->by_port : &told->by_world) += 1;
}

/* Calls, four at a time. */
static void say_for_a_while(struct world *world, bool with_token)
{
    static const struct rpc_pair none;
    int64_t until_us = deadline_after_ms(REFUSED_WHILE_MS);
    WORLD_TEXT(request, "hello");
    while (clock_monotonic_us() < until_us) {
        struct fiber_event event = {0};
        struct rpc_call *calls[4];
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(world_start(world, "Say", &request.base, with_token ? NULL : &none, 0,
                                         WORLD_SOON_MS, &event, &calls[i]),
                             STATUS_OK);
            fiber_sleep_ms(1);
        }
        for (size_t i = 0; i < 4; i++) {
            const struct fault *outcome;
            struct slice message;
            while (world_next(calls[i], &event, &message, &outcome)) {
            }
            rpc_call_free(calls[i]);
        }
    }
}

/* The bare port refuses who calls; the world's own server does when it sees no token. */
static void count_unauthenticated(struct world *world, bool with_token, struct told *ret_told)
{
    struct scene scene;
    struct tunnel_port port;
    struct refuser refuser = {.status = STATUS_UNAUTHENTICATED};
    *ret_told = (struct told){0};
    tunnel_port_open(&port, world->runtime);
    scene_open(&scene, world, port.number, true);
    assert_int_equal(rpc_channel_servers(world->channel), 1);
    carry_to_port(&scene, &port, &refuser.peer);
    assert_int_equal(fiber_go(world->fibers, refuse, &refuser), STATUS_OK);
    fiber_sleep_ms(TUNNEL_REST_MS);
    rpc_channel_on_refused(world->channel, told, ret_told);
    snprintf(ret_told->port, sizeof(ret_told->port), "127.0.0.1:%d", port.number);
    assert_int_equal(rpc_channel_servers(world->channel), 2);
    assert_true(rpc_channel_reaches(world->channel, ret_told->port));
    assert_true(rpc_channel_reaches(world->channel, world->target));
    assert_false(rpc_channel_reaches(world->channel, "127.0.0.1:1"));
    say_for_a_while(world, with_token);
    scene_close(&scene);
    while (!refuser.peer.ended)
        fiber_sleep_ms(1);
    fiber_sleep_ms(10);
    tunnel_peer_done(&refuser.peer);
    tunnel_port_close(&port);
}

static void unauthenticated_body(struct world *world)
{
    struct told told;
    count_unauthenticated(world, true, &told);
    assert_in_range(told.by_port, 1, 2);
    assert_int_equal(told.by_world, 0);
}

/* So that what it gives is taken by the one that gave it. */
static void all_unauthenticated_body(struct world *world)
{
    struct told told;
    count_unauthenticated(world, false, &told);
    bool port_goes_on = told.by_port > told.by_world;
    assert_in_range(port_goes_on ? told.by_world : told.by_port, 1, 4);
    assert_true((port_goes_on ? told.by_port : told.by_world) > 100);
}

static void server_that_refuses_the_caller_has_no_calls(void **state)
{
    world_case(state, unauthenticated_body);
}

static void last_server_that_refuses_the_caller_goes_on(void **state)
{
    world_case(state, all_unauthenticated_body);
}

/* That is an answer. */
static void server_that_denies_has_its_part(void **state)
{
    world_case(state, denying_body);
}

/* ---- other ways to name them ---- */

/* Without a control plane nobody is there; with one, tests/e2e/replicas_xds.test.mjs. Names of DNS are tried by replicas_dns.test.mjs
 * beside it: c-ares leaks some bytes of what it reads. */
static void xds_body(struct world *world)
{
    struct rpc_channel *kept = world->channel;
    assert_int_equal(rpc_channel_new(world->runtime, "xds:///worker", NULL, &world->channel, NULL),
                     STATUS_OK);
    assert_int_equal(say(world, WORLD_SOON_MS), STATUS_UNAVAILABLE);
    rpc_channel_free(world->channel);
    world->channel = kept;
}

static void xds_without_a_control_plane_is_unavailable(void **state)
{
    world_case(state, xds_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TUNNEL(each_server_has_its_part),
        WORLD_TUNNEL(each_server_has_its_part_of_calls_that_go_alone),
        WORLD_TUNNEL(server_that_is_restarted_costs_no_call),
        WORLD_TUNNEL(server_that_does_not_serve_has_no_calls),
        WORLD_TUNNEL(server_that_does_not_shake_hands_costs_no_call),
        WORLD_TUNNEL(server_that_hangs_is_soon_asked_nothing),
        WORLD_TUNNEL(server_that_is_unavailable_rests),
        WORLD_TUNNEL(server_that_fails_draws_no_calls),
        WORLD_TUNNEL(server_that_is_over_its_limits_draws_no_calls),
        WORLD_TUNNEL(server_that_denies_has_its_part),
        WORLD_TUNNEL(server_that_refuses_the_caller_has_no_calls),
        WORLD_TUNNEL(last_server_that_refuses_the_caller_goes_on),
        WORLD_TUNNEL(xds_without_a_control_plane_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
