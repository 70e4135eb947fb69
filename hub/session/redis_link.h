/* redis_link: one connection that speaks Redis' protocol, by a unix socket, TCP or TLS. Internal to hub/session.
 *
 * hiredis reads and writes the protocol; libuv and OpenSSL carry it, since hiredis 0.14 has no TLS. What is sent before the
 * connection is made waits for it. A link that failed ends once, with a reason, and then only waits to be closed. Loop thread.
 */
#ifndef PEK_HUB_SESSION_REDIS_LINK_H
#define PEK_HUB_SESSION_REDIS_LINK_H

#include <stdbool.h>

#include <hiredis/hiredis.h>
#include <openssl/ssl.h>
#include <uv.h>

#include "shared/base/fault.h"

#define REDIS_LINK_BYTES_MAX ((size_t)1 << 20) /* of what is not sent yet, and of one answer */
#define REDIS_REASON_BYTES_MAX 384

struct redis_link;

struct redis_link_events {
    void *arg;
    /* Both may close the link, any link. */
    void (*on_reply)(void *arg, struct redis_link *link, const redisReply *reply);
    void (*on_end)(void *arg, struct redis_link *link, const char *reason);
};

/* The certificates of a link; "" for no certificate of one's own, and for the authorities of the system. */
struct redis_tls {
    const char *ca, *certificate, *key;
};
/* INVALID_ARGUMENT when a file is none, with OpenSSL's words and the setting's name. Reads the disk. */
PEK_MUST_CHECK enum status redis_tls_context(const struct redis_tls *tls, SSL_CTX **ret_context,
                                             struct fault *fault);

/* To `address`, or with NULL to the unix socket `host`. `context` NULL for no TLS; the server's certificate must be for
 * `host`. NULL when nothing could even be tried. */
struct redis_link *redis_link_open(uv_loop_t *loop, const struct sockaddr *address,
                                   const char *host, SSL_CTX *context,
                                   const struct redis_link_events *events);
/* No event follows; the loop lets go of it in its next turns. Takes NULL, returns NULL. */
struct redis_link *redis_link_close(struct redis_link *link);
/* Never waits, and tells nothing before the loop turns. False when nothing was sent: too much waits, or it ended. */
bool redis_link_send(struct redis_link *link, int argc, const char **argv, const size_t *lens);

#endif
