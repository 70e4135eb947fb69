#include "hub/session/redis_socket.h"

#include <stdlib.h>

struct socket {
    redisAsyncContext *context;
    uv_poll_t poll;
    int events;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct socket *socket = poll->data;

    /* An error is found by reading and writing; the context may be gone after the first. */
    if (socket->context && (status < 0 || (events & UV_READABLE)))
        redisAsyncHandleRead(socket->context);
    if (socket->context && (status < 0 || (events & UV_WRITABLE)))
        redisAsyncHandleWrite(socket->context);
}

static void set_events(struct socket *socket, int events)
{
    if (socket->events == events)
        return;
    socket->events = events;
    if (events)
        uv_poll_start(&socket->poll, events, on_poll);
    else
        uv_poll_stop(&socket->poll);
}

static void add_read(void *arg)
{
    struct socket *socket = arg;
    set_events(socket, socket->events | UV_READABLE);
}

static void del_read(void *arg)
{
    struct socket *socket = arg;
    set_events(socket, socket->events & ~UV_READABLE);
}

static void add_write(void *arg)
{
    struct socket *socket = arg;
    set_events(socket, socket->events | UV_WRITABLE);
}

static void del_write(void *arg)
{
    struct socket *socket = arg;
    set_events(socket, socket->events & ~UV_WRITABLE);
}

static void socket_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void clean_up(void *arg)
{
    struct socket *socket = arg;

    socket->context = NULL;
    uv_close((uv_handle_t *)&socket->poll, socket_closed);
}

bool redis_socket_attach(redisAsyncContext *context, uv_loop_t *loop)
{
    struct socket *socket = calloc(1, sizeof(*socket));

    if (!socket)
        return false;
    if (uv_poll_init(loop, &socket->poll, context->c.fd)) {
        free(socket);
        return false;
    }
    socket->poll.data = socket;
    socket->context = context;
    context->ev.data = socket;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = clean_up;
    return true;
}
