/* http: the hub's server of HTTP/1.1 and HTTP/2.
 *
 * A server listens on one address and runs `handler` on a fiber of its own for each request, after the whole
 * body is there. The request is valid until its handler returns; the bytes its slices point at live as long.
 * A handler answers exactly once: http_reply, or http_stream_begin … http_stream_end; one that returns
 * without is answered 500. When the client goes away first, `cancel` fires, writes answer CANCELLED and a
 * reply goes nowhere: the handler need not know. All on the loop thread.
 *
 * HTTP/2 is spoken by those that ask for it by ALPN, and in clear to trusted proxies and this machine; a handler need
 * not know. A JSON body from HTTP_GZIP_BYTES_MIN on goes out compressed when the client takes gzip, has no etag and was not
 * asked for by another site's page (README.md has the reason).
 *
 * Refused before the handler runs (400 and the connection closed, unless said): what request smuggling is
 * made of (two lengths, a length and chunks, an encoding other than chunked, HTTP/1.1 without Host, or two,
 * lines that end in LF alone, folded headers, chunks that are not to the letter), a target that is neither a path nor an
 * http URI nor "*" of OPTIONS, control characters; 408 headers
 * or body that come too slowly, 413 a body too long, 415 a body with a Content-Encoding, 414 a request line too long, 431 headers too long, 503
 * when no fiber is free or there are too many connections, 429 when a client behind a trusted proxy, or one of HTTP/2, has too many
 * requests at a time, 503 a body where too much waits for its address. `x-policy-hint` and, unless the peer is a trusted
 * proxy, forwarding headers are taken out.
 *
 * Every answer carries nosniff, a referrer policy, a content security policy that forbids framing, and
 * x-request-id; a header of the same name from the handler replaces the default. Making a server sets SIGPIPE
 * to be ignored, unless the program handles it.
 */
#ifndef PEK_HUB_HTTP_HTTP_H
#define PEK_HUB_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/fiber/fiber.h"

#define HTTP_BODY_BYTES_MAX (1024u * 1024)
#define HTTP_LINE_BYTES_MAX 8192
#define HTTP_HEADER_BYTES_MAX 32768
#define HTTP_HEADERS_MAX 100
#define HTTP_CONNECTIONS_MAX 10000
#define HTTP_CONNECTIONS_PER_ADDRESS_MAX 200
#define HTTP_HELD_BYTES_MAX                                                                        \
    (256u * 1024 * 1024) /* that wait for clients: bodies to be whole, answers to be taken */
#define HTTP_HEADER_TIMEOUT_MS 10000
#define HTTP_IDLE_TIMEOUT_MS 60000
#define HTTP_WRITE_STALL_MS 30000
#define HTTP_BODY_RATE_MIN 500 /* bytes a second, over each HTTP_HEADER_TIMEOUT_MS */
#define HTTP_ARENA_BYTES_MAX (8u * 1024 * 1024) /* per request */
#define HTTP_ADDRESS_BYTES_MAX 64
#define HTTP_REQUEST_ID_BYTES_MAX 64
#define HTTP_TLS_MESSAGES_MAX                                                                      \
    16 /* of a handshake that is over: a key lasts for 2^24 records (RFC 8446 5.5) */
#define HTTP2_STREAMS_MAX 100     /* at a time on a connection */
#define HTTP2_LARGE_BODIES_MAX 4  /* of these, sending a body beyond 64 KiB */
#define HTTP2_CONTINUATIONS_MAX 8 /* frames of one header block */
#define HTTP2_RESETS_MAX                                                                           \
    200 /* of streams at once, when there are no odd frames: each is worth five of those */
#define HTTP2_ODD_FRAMES_MAX                                                                       \
    1000 /* at once: frames that bring nothing (pings, settings, empty data, …), then so many a second */
#define HTTP2_ODD_FRAMES_PER_S 100
#define HTTP_GZIP_BYTES_MIN 1024          /* shorter JSON is not worth it */
#define HTTP_GZIP_BYTES_MAX (256u * 1024) /* longer takes too long on the loop: ask for NDJSON */
#define HTTP_STRICT_TRANSPORT "max-age=31536000" /* a year */

/* ---- server ------------------------------------------------------------------------------------ */

struct http_server;
struct http_request;

/* PEM files; read again when they change. `on_reload` (may be NULL) is told then, with NULL or with what is
 * wrong with the new ones: the old stay in use. */
struct http_tls {
    const char *certificate_path, *key_path;
    void (*on_reload)(void *arg, const struct fault *problem);
    void *arg;
};

/* 0 or NULL takes the default named above. Everything is copied. */
struct http_options {
    const char *listen; /* "127.0.0.1:8080", "[::1]:0"; port 0 picks one */
    bool listen_shared; /* with other servers; see listen_bind */
    size_t body_bytes_max;
    size_t line_bytes_max;
    size_t header_bytes_max;
    size_t connections_max;
    size_t connections_per_address_max; /* see hub/http/addresses.h */
    size_t held_bytes_max;              /* the same */
    int64_t
        header_timeout_ms; /* from the first byte of a request, or the connection, to its headers' end */
    int64_t idle_timeout_ms; /* between two requests */
    int64_t write_stall_ms;  /* a client that takes nothing for so long is closed */
    size_t http2_streams_max;
    size_t http2_large_bodies_max;
    size_t http2_odd_frames_max;
    size_t http2_odd_frames_per_s;
    size_t
        http2_resets_max; /* at most http2_odd_frames_max: one costs so many of those as go into it */
    const struct http_tls *tls; /* NULL: plain */
    /* Browsers are told to come by HTTPS only from now on (HTTP_STRICT_TRANSPORT); with TLS here, or at a proxy. */
    bool strict_transport;
    /* IP addresses of peers whose x-forwarded-for, x-forwarded-proto and x-request-id are believed, and whose
     * connections count for nobody. `forwarded` (RFC 7239) is not read: a proxy sets one of the two, and passes on
     * what a client wrote into the other. */
    const char *const *trusted_proxies;
    size_t trusted_proxy_count;
};

PEK_MUST_CHECK enum status http_server_new(struct fibers *fibers,
                                           const struct http_options *options,
                                           void (*handler)(void *arg, struct http_request *request),
                                           void *arg, struct http_server **ret_server,
                                           struct fault *fault);
int http_server_port(const struct http_server *server);
size_t http_server_connections(const struct http_server *server);
size_t http_server_requests(const struct http_server *server); /* with a running handler */
/* Connections that were refused since the start: too many of all or of an address, or no memory. */
uint64_t http_server_refused(const struct http_server *server);
/* Bytes that wait for clients, and how many requests and connections they have cost since the start. */
size_t http_server_held_bytes(const struct http_server *server);
uint64_t http_server_shed(const struct http_server *server);
/* In a fiber: stops accepting, lets running requests finish with Connection: close, closes idle connections.
 * At `deadline_us` the requests still running are cancelled and closed, and waited for: what a handler waits for heeds that, or,
 * as a COMMIT does not, has a deadline. OK when none was, else DEADLINE_EXCEEDED. */
enum status http_server_drain(struct http_server *server, int64_t deadline_us);
/* After a drain. Runs the loop until its own handles are closed: not from a
 * fiber or a callback of the loop. Takes NULL, returns NULL. */
struct http_server *http_server_free(struct http_server *server);

/* ---- request ----------------------------------------------------------------------------------- */

struct slice http_method(const struct http_request *request);
/* As sent, up to the query: for routing, which decodes each variable once. Begins with '/', but for the "*" of OPTIONS. */
struct slice http_raw_path(const struct http_request *request);
/* Percent-decoded once, for naming a file. Empty when the path must never reach one: a "." or ".." segment,
 * an encoded '/' or '\', NUL or other control character, an invalid escape or UTF-8. */
struct slice http_path(const struct http_request *request);
/* What follows '?', as sent; empty when there is none. */
struct slice http_query(const struct http_request *request);
struct slice http_body(const struct http_request *request);
/* `name` in any case. The n-th header line of that name; empty (ptr NULL) when there are no more. The lines of a list that
 * the hub reads (accept, accept-encoding, content-encoding, if-match, if-none-match, x-forwarded-for) are one, joined with commas. */
struct slice http_header(const struct http_request *request, const char *name, size_t n);
/* Value of the n-th cookie of that name, quotes taken off; ptr NULL when there are no more. A browser may send several:
 * of other paths, or set by a sibling domain. Whoever asks takes the one that proves itself. */
#define HTTP_COOKIES_OF_A_NAME_MAX 4 /* behind these nobody looks */
struct slice http_cookie(const struct http_request *request, const char *name, size_t n);
/* Host header as sent. */
struct slice http_host(const struct http_request *request);
/* Without port; what a trusted proxy said it is, else the socket's. */
struct slice http_peer(const struct http_request *request);
/* Came over TLS, here or at a trusted proxy. */
bool http_is_secure(const struct http_request *request);
/* Somebody says that it came through a proxy, whether that is believed or not. */
bool http_is_forwarded(const struct http_request *request);
/* The client's x-request-id where it is well formed, else a new one; [A-Za-z0-9_.-]+. It names a request in logs, and proves
 * nothing. */
struct slice http_request_id(const struct http_request *request);
/* Content-Type is `type`, with no charset other than UTF-8. */
bool http_content_is(const struct http_request *request, const char *type);
/* Of the media types "application/json" … listed, the index of the one Accept likes best (the first when it
 * says nothing or likes several alike); -1 when it accepts none. */
int http_accept(const struct http_request *request, const char *const *types, size_t type_count);
/* How much the client wants `coding` ("gzip", "br") for the answer: 0, not at all or less than none, to 1000. */
int http_encoding(const struct http_request *request, const char *coding);
/* Fires when the client goes away (noticed within HTTP_GONE_NOTICE_MS; also when it closes only its sending
 * side) or the drain's deadline passes. Its deadline is DEADLINE_NONE and the handler's to set, and to set again: a handler whose time
 * is up moves it for the last line of its answer. The server has no deadline of its own for a request that is handled, and takes this
 * one anew for each write; only write_stall_ms ends a write besides. */
struct cancel *http_cancel(struct http_request *request);
/* Its deadline, also for a write that waits now. */
void http_set_deadline(struct http_request *request, int64_t deadline_us);
#define HTTP_GONE_NOTICE_MS 100
/* Lives until the handler returns. */
struct arena *http_arena(struct http_request *request);
int64_t http_started_us(const struct http_request *request); /* monotonic */

/* ---- answer ------------------------------------------------------------------------------------ */

/* Header values must be free of CR, LF and NUL: such a header is left out. */
struct http_header_pair {
    struct slice name, value; /* name in lower case */
};

/* For whatever answer follows; before it. Copied. Repeats are kept (set-cookie). */
void http_add_header(struct http_request *request, const char *name, struct slice value);
/* `headers` besides those added; content-length is set here. Copies body and headers. A HEAD request and
 * the statuses 204 and 304 get no body. */
void http_reply(struct http_request *request, int status_code,
                const struct http_header_pair *headers, size_t header_count, struct slice body);
/* The same of bytes that stay where they are, unchanged, until http_server_free: sent from there, as they are, and never copied
 * as a whole. */
void http_reply_static(struct http_request *request, int status_code,
                       const struct http_header_pair *headers, size_t header_count,
                       struct slice body);
/* A body that is made piece by piece. CANCELLED when the client is gone. */
PEK_MUST_CHECK enum status http_stream_begin(struct http_request *request, int status_code,
                                             const struct http_header_pair *headers,
                                             size_t header_count);
/* Copies the bytes; sleeps first until the connection has taken those of the write before: backpressure, with
 * the next bytes in the making while the last are on their way. CANCELLED when the client is gone or took
 * nothing for write_stall_ms, DEADLINE_EXCEEDED at the deadline of http_cancel: then none of the bytes were taken, those of the
 * writes before still go out, and the same may be written again once the deadline was moved. */
PEK_MUST_CHECK enum status http_stream_write(struct http_request *request, struct slice bytes);
/* Sleeps until everything is taken. */
void http_stream_end(struct http_request *request);
/* Closes the connection without the final chunk, so that the client sees that something is missing. */
void http_stream_abort(struct http_request *request);
/* 0 before an answer began, else its code. */
int http_status_code(const struct http_request *request);

#endif
