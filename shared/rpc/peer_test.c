/* Unix sockets without TLS: each end takes the other by the user that the kernel says it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "shared/base/clock.h"
#include "shared/rpc/peer.h"
#include "shared/rpc/testing/world.h"

#define SOON_MS 3000

struct place {
    char folder[64], path[96], listen[112];
};

static void place_open(struct place *place)
{
    snprintf(place->folder, sizeof(place->folder), "/tmp/pek-peer.XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof(place->path), "%s/so:cket", place->folder);
    snprintf(place->listen, sizeof(place->listen), "unix:%s", place->path);
}

static void place_close(const struct place *place)
{
    (void)unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0);
}

static enum status say(struct world *world, struct fault *ret_fault)
{
    WORLD_TEXT(request, "hello");
    return world_unary(world, "Say", &request.base, NULL, 0, SOON_MS, NULL, NULL, ret_fault);
}

static void allowed_body(struct world *world)
{
    struct fault fault;
    assert_int_equal(say(world, &fault), STATUS_OK);
    assert_int_equal(world->certificates_seen, 0);
    rpc_channel_carry(world->channel);
    world_await_carried(world);
    assert_int_equal(say(world, &fault), STATUS_OK);
}

static void refused_body(struct world *world)
{
    struct fault fault;
    enum status status = say(world, &fault);
    assert_true(status == STATUS_UNAVAILABLE || status == STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(world->log.handled, 0);
}

/* A server that takes `client`, and a channel that takes `server`, both as this user. */
static void peer_case(uint32_t client, uint32_t server, void (*body)(struct world *world))
{
    struct place place = {0};
    struct world world;
    place_open(&place);
    world_open(&world,
               &(struct world_options){.grpc = true, .listen = place.listen, .peer_uid = &client});
    rpc_channel_free(world.channel);
    assert_int_equal(rpc_channel_new_peer(world.runtime, place.path, server, &world.channel, NULL),
                     STATUS_OK);
    world_run(&world, body);
    world_close(&world);
    place_close(&place);
}

static void each_takes_the_others_user_alone(void **state)
{
    (void)state;
    const uint32_t own = getuid(), other = own + 1;
    peer_case(own, own, allowed_body);
    uint64_t before = rpc_connections_refused();
    peer_case(other, own, refused_body);
    assert_true(rpc_connections_refused() > before);
    peer_case(own, other, refused_body);
    peer_case(own, own, allowed_body);
}

/* Who is expected is a matter of the path: others are connected to as ever. */
static void other_ways_are_not_looked_at(void **state)
{
    (void)state;
    struct place place = {0};
    struct world world;
    const uint32_t own = getuid();
    place_open(&place);
    world_open(&world,
               &(struct world_options){.grpc = true, .listen = place.listen, .peer_uid = &own});
    world_run(&world, allowed_body);
    world_close(&world);
    place_close(&place);
    world_open(&world, &(struct world_options){.grpc = true});
    world_run(&world, allowed_body);
    world_close(&world);
}

static void last_word_body(struct world *world)
{
    struct rpc_channel *first = world->channel, *second;
    const char *path = world->arg;
    assert_int_equal(rpc_channel_new_peer(world->runtime, path, getuid() + 1, &second, NULL),
                     STATUS_OK);
    refused_body(world);
    rpc_channel_free(second);
    assert_int_equal(rpc_channel_new_peer(world->runtime, path, getuid(), &second, NULL),
                     STATUS_OK);
    world->channel = second;
    allowed_body(world);
    world->channel = first;
    rpc_channel_free(second);
}

static void user_that_was_named_last_holds(void **state)
{
    (void)state;
    struct place place = {0};
    struct world world;
    struct fault fault = {0};
    const uint32_t own = getuid();
    char path[200];
    place_open(&place);
    world_open(&world,
               &(struct world_options){.grpc = true, .listen = place.listen, .peer_uid = &own});
    world.arg = place.path;
    world_run(&world, last_word_body);
    struct rpc_channel *none = NULL;
    snprintf(path, sizeof(path), "/%0120d", 0);
    assert_int_equal(rpc_channel_new_peer(world.runtime, path, 1, &none, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(rpc_channel_new_peer(world.runtime, "socket", 1, &none, &fault),
                     STATUS_INVALID_ARGUMENT);
    world_close(&world);
    place_close(&place);
}

static void marked_body(struct world *world)
{
    /* The same path, and two that a URI would cut: nobody is connected to without a look at whose it is. */
    static const char *const ends[] = {"/%73o:cket", "/so:cket?x", "/so:cket#x"};
    struct rpc_channel *first = world->channel;
    char path[128];
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", (const char *)world->arg, ends[i]);
        assert_int_equal(
            rpc_channel_new_peer(world->runtime, path, getuid() + 1, &world->channel, NULL),
            STATUS_OK);
        refused_body(world);
        rpc_channel_free(world->channel);
    }
    world->channel = first;
}

static void path_is_the_one_that_is_written(void **state)
{
    (void)state;
    struct place place = {0};
    struct world world;
    const uint32_t own = getuid();
    place_open(&place);
    world_open(&world,
               &(struct world_options){.grpc = true, .listen = place.listen, .peer_uid = &own});
    world.arg = place.folder;
    world_run(&world, marked_body);
    world_close(&world);
    place_close(&place);
}

static void shared_body(struct world *world)
{
    struct fault fault;
    assert_int_equal(say(world, &fault), STATUS_OK);
}

/* Also of a program whose files are nobody else's: the hub is another user. And a second program does not take the socket away. */
static void socket_is_open_to_all_and_one_programs(void **state)
{
    (void)state;
    struct place place = {0};
    struct world world;
    struct stat file;
    const uint32_t own = getuid();
    place_open(&place);
    const mode_t mask = umask(0077);
    world_open(&world,
               &(struct world_options){.grpc = true, .listen = place.listen, .peer_uid = &own});
    umask(mask);
    assert_int_equal(stat(place.path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0666);
    struct rpc_server *second = NULL;
    struct fault fault = {0};
    const struct rpc_server_options options = {.listen = place.listen, .peer_uid = &own};
    assert_int_equal(rpc_server_new(world.runtime, world.host, &options, &second, &fault),
                     STATUS_UNAVAILABLE);
    assert_string_equal(fault.field, "listen");
    assert_non_null(strstr(fault.text, "in use"));
    /* gRPC would listen at another path than this. */
    const struct rpc_server_options coded = {.listen = "unix:/tmp/pek%41", .peer_uid = &own};
    assert_int_equal(rpc_server_new(world.runtime, world.host, &coded, &second, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "listen");
    world_run(&world, shared_body);
    world_close(&world);
    place_close(&place);
}

/* A program that was killed leaves its socket behind. */
static void socket_that_nobody_listens_on_is_in_nobodys_way(void **state)
{
    (void)state;
    struct place place = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const uint32_t own = getuid();
    place_open(&place);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", place.path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    struct world world;
    world_open(&world,
               &(struct world_options){.grpc = true, .listen = place.listen, .peer_uid = &own});
    world_run(&world, shared_body);
    world_close(&world);
    place_close(&place);
}

static void a_federation_of_peers_has_room(void **state)
{
    (void)state;
    char path[32];
    for (int i = 0; i < PEER_PATHS_MAX; i++) {
        snprintf(path, sizeof(path), "/run/%d", i);
        assert_int_equal(peer_expect(path, 1), STATUS_OK);
    }
    assert_true(PEER_PATHS_MAX >= 1000); /* REGISTRY_INSTANCES_MAX */
    assert_int_equal(peer_expect("/run/more", 1), STATUS_RESOURCE_EXHAUSTED);
    for (int i = 0; i < PEER_PATHS_MAX; i++) {
        snprintf(path, sizeof(path), "/run/%d", i);
        peer_forget(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_takes_the_others_user_alone),
        cmocka_unit_test(other_ways_are_not_looked_at),
        cmocka_unit_test(user_that_was_named_last_holds),
        cmocka_unit_test(path_is_the_one_that_is_written),
        cmocka_unit_test(socket_is_open_to_all_and_one_programs),
        cmocka_unit_test(socket_that_nobody_listens_on_is_in_nobodys_way),
        cmocka_unit_test(a_federation_of_peers_has_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
