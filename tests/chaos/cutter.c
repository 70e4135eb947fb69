#include "tests/chaos/cutter.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define BACKLOG 16

/* The two ends of one connection. */
struct pair {
    struct list node;
    struct cutter *cutter;
    uv_tcp_t client, server;
    uv_connect_t connecting;
    unsigned open; /* handles not closed yet */
    bool closing;
};

struct chunk {
    uv_write_t write;
    char bytes[];
};

static void on_closed(uv_handle_t *handle)
{
    struct pair *pair = handle->data;
    if (--pair->open == 0)
        free(pair);
}

static void pair_close(struct pair *pair)
{
    if (pair->closing)
        return;
    pair->closing = true;
    list_remove(&pair->node);
    /* A reset where the kernel can, else a close. */
    if (uv_tcp_close_reset(&pair->client, on_closed))
        uv_close((uv_handle_t *)&pair->client, on_closed);
    if (uv_tcp_close_reset(&pair->server, on_closed))
        uv_close((uv_handle_t *)&pair->server, on_closed);
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *ret_room)
{
    (void)handle;
    *ret_room = uv_buf_init(malloc(size), (unsigned)size);
}

static void on_written(uv_write_t *write, int failed)
{
    (void)failed; /* the reader of that end will see it, too */
    free(write);
}

static void hand_on(uv_stream_t *to, const char *bytes, size_t len)
{
    struct chunk *chunk = malloc(sizeof(*chunk) + len);
    if (!chunk)
        return;
    memcpy(chunk->bytes, bytes, len);
    uv_buf_t buf = uv_buf_init(chunk->bytes, (unsigned)len);
    if (uv_write(&chunk->write, to, &buf, 1, on_written))
        free(chunk);
}

static void on_read(uv_stream_t *from, ssize_t len, const uv_buf_t *buf)
{
    struct pair *pair = from->data;
    bool answers = from == (uv_stream_t *)&pair->server;
    if (len < 0)
        pair_close(pair);
    else if (answers && pair->cutter->loses_answers)
        pair->cutter->lost_bytes += (size_t)len;
    else if (len > 0)
        hand_on((uv_stream_t *)(answers ? &pair->client : &pair->server), buf->base, (size_t)len);
    free(buf->base);
}

static void on_connected(uv_connect_t *connect, int failed)
{
    struct pair *pair = connect->data;
    if (pair->closing)
        return;
    if (failed || uv_read_start((uv_stream_t *)&pair->server, on_room, on_read) ||
        uv_read_start((uv_stream_t *)&pair->client, on_room, on_read))
        pair_close(pair);
}

static void on_connection(uv_stream_t *listener, int failed)
{
    struct cutter *cutter = listener->data;
    struct sockaddr_in address;
    struct pair *pair = failed ? NULL : calloc(1, sizeof(*pair));
    if (!pair)
        return;
    pair->cutter = cutter;
    pair->open = 2;
    uv_tcp_init(cutter->loop, &pair->client);
    uv_tcp_init(cutter->loop, &pair->server);
    pair->client.data = pair->server.data = pair->connecting.data = pair;
    list_append(&cutter->pairs, &pair->node);
    uv_ip4_addr("127.0.0.1", cutter->target_port, &address);
    if (uv_accept(listener, (uv_stream_t *)&pair->client) ||
        uv_tcp_connect(&pair->connecting, &pair->server,
                       (const struct sockaddr *)(const void *)&address, on_connected))
        pair_close(pair);
}

enum status cutter_open(struct cutter *cutter, uv_loop_t *loop, int target_port)
{
    struct sockaddr_in address;
    int len = sizeof(address);
    *cutter = (struct cutter){.loop = loop, .target_port = target_port};
    list_init(&cutter->pairs);
    uv_tcp_init(loop, &cutter->listener);
    cutter->listener.data = cutter;
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_tcp_bind(&cutter->listener, (const struct sockaddr *)(const void *)&address, 0) ||
        uv_listen((uv_stream_t *)&cutter->listener, BACKLOG, on_connection) ||
        uv_tcp_getsockname(&cutter->listener, (struct sockaddr *)(void *)&address, &len)) {
        uv_close((uv_handle_t *)&cutter->listener, NULL);
        return STATUS_UNAVAILABLE;
    }
    cutter->port = ntohs(address.sin_port);
    return STATUS_OK;
}

void cutter_cut(struct cutter *cutter)
{
    struct list *node;
    while ((node = list_first(&cutter->pairs)))
        pair_close(LIST_ENTRY(node, struct pair, node));
}

void cutter_close(struct cutter *cutter)
{
    cutter_cut(cutter);
    uv_close((uv_handle_t *)&cutter->listener, NULL);
}
