/* Mutual TLS: who is refused, and certificates that change. */
#include <arpa/inet.h>
#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "shared/base/clock.h"
#include "shared/rpc/testing/certificates.h"
#include "shared/rpc/testing/world.h"

static void run_case(const struct world_options *options, void (*body)(struct world *world))
{
    struct world world;
    world_open(&world, options);
    world_run(&world, body);
    world_close(&world);
}

static enum status say(struct world *world, struct fault *ret_fault)
{
    WORLD_TEXT(request, "hello");
    return world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, ret_fault);
}

static void tls_ok_body(struct world *world)
{
    struct fault fault;
    assert_int_equal(say(world, &fault), STATUS_OK);
    assert_int_equal(world->certificates_seen, 1);
}

static void tls_refused_body(struct world *world)
{
    struct fault fault;
    WORLD_TEXT(request, "hello");
    enum status status =
        world_unary(world, "Say", &request.base, NULL, 0, 1500, NULL, NULL, &fault);
    assert_true(status == STATUS_UNAVAILABLE || status == STATUS_DEADLINE_EXCEEDED);
    assert_int_equal(world->log.handled, 0);
}

static void tls_renewed_body(struct world *world)
{
    struct fault fault;
    WORLD_TEXT(request, "hello");
    int64_t give_up_us = deadline_after_ms(2 * WORLD_SOON_MS);
    enum status status = STATUS_UNAVAILABLE;
    size_t refused = 0;
    while (status == STATUS_UNAVAILABLE && clock_monotonic_us() < give_up_us) {
        status =
            world_unary(world, "Say", &request.base, NULL, 0, WORLD_SOON_MS, NULL, NULL, &fault);
        refused += status == STATUS_UNAVAILABLE;
        fiber_sleep_ms(50);
    }
    assert_int_equal(status, STATUS_OK);
    assert_true(refused > 0);
}

static struct rpc_tls tls_of(const struct certificates *ca, const struct certificate_paths *paths)
{
    return (struct rpc_tls){ca->ca_path, paths->certificate, paths->key, "worker.test"};
}

/* A client of another make, which trusts the server and shows the certificate that it is given, if any. */
struct bare_client {
    const char *ca_path;
    const struct certificate_paths *paths;
    int port;
    bool read_something;
    bool finished;
};

static void bare_connect(void *arg)
{
    struct bare_client *client = arg;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)client->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    static const unsigned char alpn[] = "\x02h2";
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        SSL_CTX_load_verify_file(context, client->ca_path) == 1) {
        if (client->paths) {
            SSL_CTX_use_certificate_file(context, client->paths->certificate, SSL_FILETYPE_PEM);
            SSL_CTX_use_PrivateKey_file(context, client->paths->key, SSL_FILETYPE_PEM);
        }
        ssl = SSL_new(context);
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        SSL_set_alpn_protos(ssl, alpn, 3);
        SSL_set_fd(ssl, fd);
        char byte;
        if (SSL_connect(ssl) == 1 && SSL_write(ssl, preface, sizeof(preface) - 1) > 0)
            client->read_something = SSL_read(ssl, &byte, 1) > 0;
        client->finished = true;
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
}

static void bare_body(struct world *world)
{
    struct bare_client client = *(const struct bare_client *)world->arg;
    client.port = rpc_server_port(world->server);
    assert_int_equal(fiber_offload(bare_connect, &client), STATUS_OK);
    assert_true(client.finished);
    /* The first that a server sends to whom it accepts are its settings. */
    assert_true(client.read_something == (client.paths != NULL));
}

static void bare_case(const struct world_options *options, const char *ca_path,
                      const struct certificate_paths *paths)
{
    struct bare_client client = {.ca_path = ca_path, .paths = paths};
    struct world world;
    world_open(&world, options);
    world.arg = &client;
    world_run(&world, bare_body);
    world_close(&world);
}

static void mutual_tls_is_required(void **state)
{
    (void)state;
    struct certificates ca, other_ca;
    struct certificate_paths server, client, stranger;
    certificates_open(&ca);
    certificates_open(&other_ca);
    certificates_issue(&ca, "server", "worker.test", &server);
    certificates_issue(&ca, "client", "hub.test", &client);
    certificates_issue(&other_ca, "stranger", "hub.test", &stranger);
    struct rpc_tls server_tls = tls_of(&ca, &server);
    struct rpc_tls client_tls = tls_of(&ca, &client);
    struct world_options options = {
        .grpc = true, .server_tls = &server_tls, .channel_tls = &client_tls};
    run_case(&options, tls_ok_body);
    /* The certificate of a tunnel is that of the calls in it. */
    options.carry = true;
    run_case(&options, tls_ok_body);
    options.carry = false;

    /* With a client certificate, and without. */
    bare_case(&options, ca.ca_path, &client);
    bare_case(&options, ca.ca_path, NULL);
    /* A client certificate of somebody else's authority. */
    struct rpc_tls stranger_tls = tls_of(&ca, &stranger);
    options.channel_tls = &stranger_tls;
    run_case(&options, tls_refused_body);
    /* No TLS at all. */
    options.channel_tls = NULL;
    run_case(&options, tls_refused_body);
    /* A server of another name, and one of another authority. */
    options.channel_tls = &client_tls;
    client_tls.server_name = "other.test";
    run_case(&options, tls_refused_body);
    client_tls = tls_of(&other_ca, &client);
    run_case(&options, tls_refused_body);

    certificates_close(&ca);
    certificates_close(&other_ca);
}

/* Both sides move to another authority; only who read the files again understands the other. */
static void renewed_certificates_are_read_again(void **state)
{
    (void)state;
    struct certificates ca, next_ca;
    struct certificate_paths paths, next_paths;
    certificates_open(&ca);
    certificates_issue(&ca, "server", "worker.test", &paths);
    certificates_open(&next_ca);
    certificates_issue(&next_ca, "server", "worker.test", &next_paths);
    struct rpc_tls server_tls = tls_of(&ca, &paths);
    struct world world;
    world_open(&world, &(struct world_options){
                           .grpc = true, .server_tls = &server_tls, .channel_tls = &server_tls});
    world_run(&world, tls_ok_body);
    rpc_channel_free(world.channel);

    assert_int_equal(rename(next_ca.ca_path, ca.ca_path), 0);
    assert_int_equal(rename(next_paths.key, paths.key), 0);
    assert_int_equal(rename(next_paths.certificate, paths.certificate), 0);
    struct fault fault;
    assert_int_equal(
        rpc_channel_new(world.runtime, world.target, &server_tls, &world.channel, &fault),
        STATUS_OK);
    world_run(&world, tls_renewed_body);
    world_close(&world);
    certificates_close(&ca);
    certificates_close(&next_ca);
}

/* Threads whose name begins so. */
static size_t threads_of(const char *prefix)
{
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks));) {
        char path[300], name[32] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file && fgets(name, sizeof(name), file))
            count += strncmp(name, prefix, strlen(prefix)) == 0;
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return count;
}

static void channels_of_the_same_files_share_what_looks_after_them(void **state)
{
    (void)state;
    struct certificates ca;
    struct certificate_paths paths, other;
    struct rpc_channel *channels[9];
    struct fault fault;
    struct world world;
    certificates_open(&ca);
    certificates_issue(&ca, "client", "client.test", &paths);
    certificates_issue(&ca, "other", "other.test", &other);
    world_open(&world, &(struct world_options){.grpc = true});
    size_t before = threads_of("FileWatcher"), unnamed = threads_of("tls_test");
    for (size_t i = 0; i < 9; i++) {
        struct rpc_tls tls = tls_of(&ca, i < 8 ? &paths : &other);
        assert_int_equal(rpc_channel_new(world.runtime, world.target, &tls, &channels[i], &fault),
                         STATUS_OK);
    }
    /* A new thread has the name of the one that made it until it takes its own. */
    for (int64_t give_up_us = deadline_after_ms(WORLD_SOON_MS);
         (threads_of("tls_test") > unnamed || threads_of("FileWatcher") < before + 2) &&
         clock_monotonic_us() < give_up_us;)
        sched_yield();
    assert_int_equal(threads_of("FileWatcher"), before + 2);
    for (size_t i = 0; i < 9; i++)
        rpc_channel_free(channels[i]);
    world_close(&world);
    certificates_close(&ca);
}

static void tls_without_readable_files_is_refused(void **state)
{
    (void)state;
    struct world world;
    world_open(&world, &(struct world_options){.grpc = true});
    struct rpc_channel *channel = NULL;
    struct fault fault = {0};
    struct rpc_tls tls = {"/nonexistent/ca", "/nonexistent/cert", "/nonexistent/key", NULL};
    assert_int_equal(rpc_channel_new(world.runtime, world.target, &tls, &channel, &fault),
                     STATUS_UNAVAILABLE);
    tls.key_path = NULL;
    tls.ca_path = "/dev/null";
    assert_int_equal(rpc_channel_new(world.runtime, world.target, &tls, &channel, &fault),
                     STATUS_UNAVAILABLE);
    world_close(&world);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* of the bare TLS client */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual_tls_is_required),
        cmocka_unit_test(renewed_certificates_are_read_again),
        cmocka_unit_test(channels_of_the_same_files_share_what_looks_after_them),
        cmocka_unit_test(tls_without_readable_files_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
