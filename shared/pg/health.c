/* Whether a server that says nothing is slow or gone: asked on a connection of its own, as a load balancer's health check is, since
 * those that there are stand behind statements that may take their time. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/pg/connect.h"
#include "shared/pg/internal.h"

/* SSLRequest: https://www.postgresql.org/docs/15/protocol-message-formats.html. Whoever speaks this protocol answers it with a byte,
 * before it asks who is there. */
static const uint32_t question[2] = {8, 80877103};

static void on_timer(uv_timer_t *timer);

static void wait_ms(struct peer *peer, int64_t ms)
{
    uv_update_time(peer->timer.loop);
    uv_timer_start(&peer->timer, on_timer, (uint64_t)ms, 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void probe_end(struct peer *peer)
{
    if (!peer->probe)
        return;
    uv_poll_stop(peer->probe);
    uv_close((uv_handle_t *)peer->probe, on_poll_closed);
    close(peer->probe_fd);
    peer->probe = NULL;
}

bool peer_is_asked(const struct peer *peer)
{
    return peer && peer->probe;
}

bool peer_is_hidden(const struct peer *peer)
{
    return peer && peer->server->pg->direct && peer->server->role == PG_STANDBY;
}

static void on_probe(uv_poll_t *poll, int status, int events)
{
    struct peer *peer = poll->data;
    uint32_t message[] = {htonl(question[0]), htonl(question[1])};
    char answer;
    if (status == 0 && (events & UV_READABLE) && recv(peer->probe_fd, &answer, 1, 0) == 1) {
        peer->heard_us = clock_monotonic_us();
        probe_end(peer);
        wait_ms(peer, peer->silence_ms);
    } else if (status == 0 && (events & UV_WRITABLE) &&
               send(peer->probe_fd, message, sizeof(message), MSG_NOSIGNAL) == sizeof(message)) {
        uv_poll_start(poll, UV_READABLE, on_probe);
    } else {
        uv_poll_stop(poll); /* a refusal is no answer: the time runs */
    }
}

/* To the address itself, so that no name is looked up. */
static void probe_begin(struct peer *peer)
{
    int fd = socket(peer->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    uv_poll_t *probe = malloc(sizeof(*probe));
    if (fd < 0 || !probe || uv_poll_init(peer->timer.loop, probe, fd) != 0) {
        free(probe);
        if (fd >= 0)
            close(fd);
        return; /* asked again after as long */
    }
    probe->data = peer;
    peer->probe = probe;
    peer->probe_fd = fd;
    peer->probed_us = clock_monotonic_us();
    peer->silence_ms *= 2;
    if (peer->silence_ms > PG_SILENCE_MS_MAX)
        peer->silence_ms = PG_SILENCE_MS_MAX;
    if (peer_is_hidden(peer))
        return; /* a pooler would answer: only the time runs */
    (void)!connect(fd, (const struct sockaddr *)&peer->address, peer->len); /* the watch tells */
    uv_poll_start(probe, UV_WRITABLE, on_probe);
}

/* Of those that wait for an answer the one that waits longest; NULL: nobody waits. Behind a pooler what others hear says nothing of it. */
static struct connection *longest_waiting(struct peer *peer)
{
    struct connection *longest = NULL;
    LIST_FOR_EACH (node, &peer->connections) {
        struct connection *connection = LIST_ENTRY(node, struct connection, of_peer);
        if (peer_is_hidden(peer) && connection->asked_us <= connection->heard_us)
            continue;
        if (connection_in_flight(connection) > 0 &&
            (!longest || connection->asked_us < longest->asked_us))
            longest = connection;
    }
    return longest;
}

/* What goes through a pooler is given up when the server past it hangs: the pooler itself goes on to answer. */
static void leave(struct peer *peer)
{
    char text[PG_ERROR_BYTES_MAX];
    struct server *server = peer->server;
    struct list *node = list_first(&peer->connections);
    if (!node)
        return;
    snprintf(text, sizeof(text), "%s does not answer",
             PQhost(LIST_ENTRY(node, struct connection, of_peer)->conn));
    if (server->pg->pooled) {
        server_leave(server, text);
        return;
    }
    for (; (node = list_first(&peer->connections));)
        connection_leave(LIST_ENTRY(node, struct connection, of_peer), text);
}

/* Nobody has answered the probe. */
static void judge(struct peer *peer)
{
    char answer;
    /* Timers run before what has come is read. */
    bool answered = recv(peer->probe_fd, &answer, 1, MSG_DONTWAIT) == 1;
    probe_end(peer);
    bool asks = !peer_is_hidden(peer) || longest_waiting(peer);
    if (!answered && asks && peer->heard_us < peer->probed_us)
        leave(peer);
}

static void on_timer(uv_timer_t *timer)
{
    struct peer *peer = timer->data;
    int64_t now_us = clock_monotonic_us();
    if (peer->probe && now_us - peer->probed_us > PG_PROBE_MS * 1000 + PG_LATE_US) {
        /* This process stood still: what came meanwhile is read first. */
        peer->probed_us = now_us;
        wait_ms(peer, PG_PROBE_MS);
        return;
    }
    if (peer->probe)
        judge(peer);
    const struct connection *waiting = longest_waiting(peer);
    if (!waiting)
        return;
    int64_t since_us = waiting->asked_us > peer->heard_us ? waiting->asked_us : peer->heard_us;
    int64_t left_us = since_us + peer->silence_ms * 1000 - now_us;
    if (left_us <= 0)
        probe_begin(peer);
    wait_ms(peer, peer->probe ? PG_PROBE_MS : left_us > 0 ? left_us / 1000 + 1 : PG_SILENCE_MS);
}

void peer_asked(struct connection *connection)
{
    struct peer *peer = connection->peer;
    if (connection->syncs == 0)
        connection->asked_us = clock_monotonic_us();
    if (!peer)
        return;
    peer->silence_ms = PG_SILENCE_MS;
    if (!uv_is_active((uv_handle_t *)&peer->timer) ||
        (!peer->probe && uv_timer_get_due_in(&peer->timer) > PG_SILENCE_MS))
        wait_ms(peer, PG_SILENCE_MS);
}

void peer_heard(struct connection *connection)
{
    connection->heard_us = clock_monotonic_us();
    if (connection->peer)
        connection->peer->heard_us = connection->heard_us;
}

/* ---- who leads where ---- */

static struct peer *peer_find(struct server *server, const struct sockaddr_storage *address,
                              socklen_t len)
{
    LIST_FOR_EACH (node, &server->peers) {
        struct peer *peer = LIST_ENTRY(node, struct peer, node);
        if (peer->len == len && memcmp(&peer->address, address, len) == 0)
            return peer;
    }
    struct peer *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return NULL;
    *peer = (struct peer){.server = server, .address = *address, .len = len};
    list_init(&peer->connections);
    list_append(&server->peers, &peer->node);
    uv_timer_init(fibers_loop(server->pg->fibers), &peer->timer);
    peer->timer.data = peer;
    return peer;
}

void peer_join(struct connection *connection)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getpeername(PQsocket(connection->conn), (struct sockaddr *)&address, &len) == 0)
        connection->peer = peer_find(connection->server, &address, len);
    if (connection->peer)
        list_append(&connection->peer->connections, &connection->of_peer);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void peer_quit(struct connection *connection)
{
    struct peer *peer = connection->peer;
    if (!peer)
        return;
    connection->peer = NULL;
    list_remove(&connection->of_peer);
    if (!list_empty(&peer->connections))
        return;
    probe_end(peer);
    list_remove(&peer->node);
    uv_close((uv_handle_t *)&peer->timer, on_timer_closed);
}
