/* Tokens bound to the client certificate of the connection that they were issued over: a realm behind a real
 * port with mutual TLS, and clients with certificates of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pek/instance/v1/instance.rpc.h"
#include "shared/base/clock.h"
#include "shared/rpc/testing/certificates.h"
#include "worker/testing/world.h"

static struct certificates ca;
static struct certificate_paths server_paths, hub_paths, thief_paths;

/* A port of realm a, and two who may connect to it. */
struct port {
    struct rpc_runtime *runtime;
    struct rpc_server *server;
    struct rpc_channel *hub, *thief;
};

static void connect_as(struct world *w, struct port *port, const struct certificate_paths *paths,
                       struct rpc_channel **ret_channel)
{
    const struct rpc_tls tls = {ca.ca_path, paths->certificate, paths->key, "a"};
    char target[32];
    snprintf(target, sizeof(target), "127.0.0.1:%d", rpc_server_port(port->server));
    assert_int_equal(
        rpc_channel_new(port->runtime, target, paths->key[0] ? &tls : NULL, ret_channel, &w->fault),
        STATUS_OK);
}

static void port_open(struct world *w, struct port *port, bool with_tls)
{
    const struct certificate_paths none = {"", ""};
    const struct rpc_tls tls = {ca.ca_path, server_paths.certificate, server_paths.key, NULL};
    const struct rpc_server_options options = {.listen = "127.0.0.1:0",
                                               .tls = with_tls ? &tls : NULL};
    assert_int_equal(rpc_runtime_new(w->run->fibers, &port->runtime), STATUS_OK);
    assert_int_equal(
        rpc_server_new(port->runtime, realm_host(w->a.realm), &options, &port->server, &w->fault),
        STATUS_OK);
    connect_as(w, port, with_tls ? &hub_paths : &none, &port->hub);
    connect_as(w, port, with_tls ? &thief_paths : &none, &port->thief);
}

static void port_close(struct port *port)
{
    rpc_channel_free(port->hub);
    rpc_channel_free(port->thief);
    assert_int_equal(rpc_server_drain(port->server, deadline_after_ms(10000)), STATUS_OK);
    rpc_server_free(port->server);
    rpc_runtime_free(port->runtime);
}

static const char *issue(struct world *w, struct rpc_channel *channel)
{
    instance_v1_issue_token_request req = INSTANCE_V1_ISSUE_TOKEN_REQUEST_INIT;
    instance_v1_issue_token_response *res;
    struct slice assertion =
        world_assertion(w, &w->hub_keys, JWT_TYP_ASSERTION, WORLD_HUB, "a", "alice", 60);
    req.assertion = arena_strndup(w->arena, assertion.ptr, assertion.len);
    assert_int_equal(
        instance_v1_issue_token_call(channel, &req, NULL, 0, WORLD_REST(w), &res, &w->fault),
        STATUS_OK);
    return res->token;
}

static enum status get(struct world *w, struct rpc_channel *channel, const char *token)
{
    group_v1_get_group_request req = GROUP_V1_GET_GROUP_REQUEST_INIT;
    group_v1_group *group;
    const struct rpc_pair pair = {SLICE_LIT("authorization"),
                                  slice_str(arena_printf(w->arena, "Bearer %s", token))};
    req.id = (char *)(uintptr_t) "o@o";
    w->fault = (struct fault){0};
    return group_v1_get_group_call(channel, &req, &pair, 1, WORLD_REST(w), &group, &w->fault);
}

static void make_group(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
}

static bool is_bound(struct world *w, const char *token)
{
    const struct jwt_expect expect = {.typ = JWT_TYP_INSTANCE,
                                      .iss = SLICE_LIT("a"),
                                      .aud = SLICE_LIT("a"),
                                      .lifetime_max_s = JWT_INSTANCE_LIFETIME_S};
    struct jwt_claims claims;
    assert_int_equal(jwt_verify(&w->a.keys, &expect, slice_str(token), w->arena, clock_wall_s(),
                                &claims, &w->fault),
                     STATUS_OK);
    return claims.cnf_x5t_s256.len > 0;
}

static void assert_refused(struct world *w, struct rpc_channel *channel, const char *token)
{
    assert_int_equal(get(w, channel, token), STATUS_UNAUTHENTICATED);
    assert_string_equal(w->fault.field, "cnf");
}

static void token_is_good_on_the_certificate_it_was_issued_to(struct world *w)
{
    struct port port;
    make_group(w);
    port_open(w, &port, true);
    const char *token = issue(w, port.hub);
    assert_true(is_bound(w, token));
    assert_int_equal(get(w, port.hub, token), STATUS_OK);
    assert_int_equal(get(w, port.hub, token), STATUS_OK); /* also when it is remembered */
    port_close(&port);
}

static void token_is_refused_on_another_certificate_and_on_none(struct world *w)
{
    struct port port;
    make_group(w);
    port_open(w, &port, true);
    const char *token = issue(w, port.hub);
    assert_refused(w, port.thief, token);
    assert_refused(w, w->a.channel, token); /* in the process: no certificate */
    assert_int_equal(get(w, port.hub, token), STATUS_OK);
    assert_refused(w, port.thief, token); /* remembered as good, and still not the thief's */
    assert_int_equal(get(w, port.thief, issue(w, port.thief)), STATUS_OK);
    port_close(&port);
    port_open(w, &port, false);
    assert_refused(w, port.hub, token); /* in plain text */
    port_close(&port);
}

static void token_without_certificate_is_bound_to_nothing(struct world *w)
{
    struct port port;
    make_group(w);
    const char *token = issue(w, w->a.channel);
    assert_false(is_bound(w, token));
    assert_int_equal(get(w, w->a.channel, token), STATUS_OK);
    port_open(w, &port, false);
    token = issue(w, port.hub);
    assert_false(is_bound(w, token));
    assert_int_equal(get(w, port.thief, token), STATUS_OK);
    port_close(&port);
}

/* Calls until the channel carries them. */
static void carry(struct world *w, struct rpc_channel *channel)
{
    const int64_t until_us = deadline_after_ms(10000);
    rpc_channel_carry(channel);
    while (rpc_channel_carried(channel) == 0) {
        assert_true(clock_monotonic_us() < until_us);
        (void)get(w, channel, "none");
        fiber_sleep_ms(1);
    }
}

static void carried_calls_have_the_certificate_of_their_tunnel(struct world *w)
{
    struct port port;
    make_group(w);
    port_open(w, &port, true);
    carry(w, port.hub);
    carry(w, port.thief);
    const char *token = issue(w, port.hub);
    assert_true(is_bound(w, token));
    assert_int_equal(get(w, port.hub, token), STATUS_OK);
    assert_refused(w, port.thief, token);
    assert_int_equal(get(w, port.thief, issue(w, port.thief)), STATUS_OK);
    assert_true(rpc_channel_carried(port.hub) >= 3 && rpc_channel_carried(port.thief) >= 4);
    port_close(&port);
}

static int set_up(void **state)
{
    certificates_open(&ca);
    certificates_issue(&ca, "server", "a", &server_paths);
    certificates_issue(&ca, "hub", "pek-hub", &hub_paths);
    certificates_issue(&ca, "thief", "pek-hub", &thief_paths);
    return world_setup(state);
}

static int tear_down(void **state)
{
    certificates_close(&ca);
    return world_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(token_is_good_on_the_certificate_it_was_issued_to),
        WORLD_TEST(token_is_refused_on_another_certificate_and_on_none),
        WORLD_TEST(token_without_certificate_is_bound_to_nothing),
        WORLD_TEST(carried_calls_have_the_certificate_of_their_tunnel),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
