/* redis_socket: a hiredis connection on a libuv loop. Internal to hub/session.
 *
 * hiredis brings an adapter for libuv, which does nothing when libuv reports an error on the socket, so that a
 * refused connection is never heard of. This one lets hiredis read and write then, and so find the error.
 */
#ifndef PEK_HUB_SESSION_REDIS_SOCKET_H
#define PEK_HUB_SESSION_REDIS_SOCKET_H

#include <stdbool.h>

#include <hiredis/async.h>
#include <uv.h>

/* The socket is let go of when hiredis frees the context. False without memory. */
bool redis_socket_attach(redisAsyncContext *context, uv_loop_t *loop);

#endif
