/* Whether a server that says nothing is slow or gone: asked on a connection of its own, as a load balancer's health check is, since
 * those that there are stand behind statements that may take their time. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/pg/connect.h"
#include "shared/pg/internal.h"

/* SSLRequest: https://www.postgresql.org/docs/15/protocol-message-formats.html. Whoever speaks this protocol answers it with a byte,
 * before it asks who is there. */
static const uint32_t question[2] = {8, 80877103};

static void on_timer(uv_timer_t *timer);

static void wait_ms(struct server *server, int64_t ms)
{
    uv_update_time(server->timer.loop);
    uv_timer_start(&server->timer, on_timer, (uint64_t)ms, 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void probe_end(struct server *server)
{
    if (!server->probe)
        return;
    uv_poll_stop(server->probe);
    uv_close((uv_handle_t *)server->probe, on_poll_closed);
    close(server->probe_fd);
    server->probe = NULL;
}

static void on_probe(uv_poll_t *poll, int status, int events)
{
    struct server *server = poll->data;
    uint32_t message[] = {htonl(question[0]), htonl(question[1])};
    char answer;
    if (status == 0 && (events & UV_READABLE) && recv(server->probe_fd, &answer, 1, 0) == 1) {
        server->heard_us = clock_monotonic_us();
        probe_end(server);
        wait_ms(server, PG_SILENCE_MS);
    } else if (status == 0 && (events & UV_WRITABLE) &&
               send(server->probe_fd, message, sizeof(message), MSG_NOSIGNAL) == sizeof(message)) {
        uv_poll_start(poll, UV_READABLE, on_probe);
    } else {
        uv_poll_stop(poll); /* a refusal is no answer: the time runs */
    }
}

/* To the address that the silent one leads to, so that no name is looked up. */
static void probe_begin(struct server *server, const struct connection *silent)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    if (getpeername(PQsocket(silent->conn), (struct sockaddr *)&peer, &len) != 0)
        return;
    int fd = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    uv_poll_t *probe = malloc(sizeof(*probe));
    if (fd < 0 || !probe || uv_poll_init(server->timer.loop, probe, fd) != 0) {
        free(probe);
        if (fd >= 0)
            close(fd);
        return; /* asked again after as long */
    }
    probe->data = server;
    server->probe = probe;
    server->probe_fd = fd;
    server->probed_us = clock_monotonic_us();
    (void)!connect(fd, (const struct sockaddr *)&peer, len); /* the watch tells */
    uv_poll_start(probe, UV_WRITABLE, on_probe);
}

/* Of those that wait for an answer the one that waits longest; NULL: nobody waits. */
static struct connection *longest_waiting(struct server *server)
{
    struct connection *longest = NULL;
    LIST_FOR_EACH (node, &pg_whole(server->pg)->servers[server->role].connections) {
        struct connection *connection = LIST_ENTRY(node, struct connection, of_server);
        if (connection->server == server && connection->state == LINK_UP &&
            connection_in_flight(connection) > 0 &&
            (!longest || connection->asked_us < longest->asked_us))
            longest = connection;
    }
    return longest;
}

/* Nobody has answered the probe. */
static void judge(struct server *server)
{
    char text[PG_ERROR_BYTES_MAX];
    const struct connection *waiting = longest_waiting(server);
    char answer;
    /* Timers run before what has come is read. */
    bool answered = recv(server->probe_fd, &answer, 1, MSG_DONTWAIT) == 1;
    probe_end(server);
    if (answered || server->heard_us >= server->probed_us)
        return;
    snprintf(text, sizeof(text), "%s does not answer",
             waiting ? PQhost(waiting->conn) : "the server");
    server_leave(server, text);
}

static void on_timer(uv_timer_t *timer)
{
    struct server *server = timer->data;
    int64_t now_us = clock_monotonic_us();
    if (server->probe && now_us - server->probed_us > PG_PROBE_MS * 1000 + PG_LATE_US) {
        /* This process stood still: what came meanwhile is read first. */
        server->probed_us = now_us;
        wait_ms(server, PG_PROBE_MS);
        return;
    }
    if (server->probe)
        judge(server);
    const struct connection *waiting = longest_waiting(server);
    if (!waiting)
        return;
    int64_t since_us = waiting->asked_us > server->heard_us ? waiting->asked_us : server->heard_us;
    int64_t left_us = since_us + PG_SILENCE_MS * 1000 - now_us;
    if (left_us <= 0)
        probe_begin(server, waiting);
    wait_ms(server, server->probe ? PG_PROBE_MS : left_us > 0 ? left_us / 1000 + 1 : PG_SILENCE_MS);
}

void health_asked(struct connection *connection)
{
    struct server *server = connection->server;
    connection->asked_us = clock_monotonic_us();
    if (!uv_is_active((uv_handle_t *)&server->timer))
        wait_ms(server, PG_SILENCE_MS);
}

void health_open(struct server *server)
{
    uv_timer_init(fibers_loop(server->pg->fibers), &server->timer);
    server->timer.data = server;
    pg_hold(server->pg);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;
    pg_release(server->pg);
}

void health_close(struct server *server)
{
    probe_end(server);
    uv_close((uv_handle_t *)&server->timer, on_timer_closed);
}
