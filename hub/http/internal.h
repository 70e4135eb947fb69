/* What the files of hub/http share. Private.
 *
 * Who owns what: h2o owns a connection's socket from h2o_accept to on_socket_close, and a h2o_req_t until it
 * disposes of it, which may be before or after our handler returns. Between the two stands a `struct cell` in
 * the request's pool: whichever side ends first clears the other's pointer.
 */
#ifndef PEK_HUB_HTTP_INTERNAL_H
#define PEK_HUB_HTTP_INTERNAL_H

#include <h2o.h>
#include <uv.h>

#include "hub/http/addresses.h"
#include "hub/http/head.h"
#include "hub/http/http.h"
#include "shared/base/buffer.h"
#include "shared/base/list.h"

#define HTTP_LINGER_MS 2000
#define HTTP_LINGERING_MAX 256
#define HTTP_REQUESTS_POOLED_MAX 64
#define HTTP_STREAM_BYTES_MAX (16u * 1024 * 1024) /* one http_stream_write */
#define HTTP_ADDED_HEADERS_MAX 32
#define HTTP_LISTEN_BACKLOG 1024

struct pollfd;

struct http_server {
    struct fibers *fibers;
    uv_loop_t *loop;
    void (*handler)(void *arg, struct http_request *request);
    void *arg;
    struct head_limits head_limits;
    size_t connections_max;
    int64_t header_timeout_us, idle_timeout_us, write_stall_us;
    bool strict_transport;
    int port;

    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    uv_tcp_t listener;
    uv_timer_t sweep;
    struct http_tls_files *tls;
    bool listening, draining;
    size_t handles_open; /* libuv handles of this struct that are not closed yet */

    struct list conns;
    struct address_table addresses;
    uint64_t id_key[2], id_count;
    size_t conn_count, request_count;
    struct list lingering;
    size_t lingering_count;
    struct pollfd *polled;
    struct http_conn **polled_conns;
    size_t polled_cap;
    struct fiber_event changed; /* a connection or a request ended, for the drain */
    struct http_request *pooled;
    size_t pooled_count;
};

struct http_conn {
    uv_tcp_t tcp; /* first */
    struct http_server *server;
    struct list node;
    bool proxied; /* a trusted proxy's: `hold` is of the request on it, else of the connection */
    struct address_hold hold;
    h2o_socket_t *sock;           /* NULL once h2o closed it */
    struct http_request *request; /* whose handler runs, not yet answered in full */
    bool busy;                    /* between on_req and the end of the answer */
    bool served;                  /* a request was answered on it */
    bool vetted;                  /* the head of what is being read is all there and good */
    int64_t since_us;             /* idle since */
    int64_t reading_since_us;     /* 0: nothing of a request is there */
    int64_t body_since_us;
    size_t head_bytes;
    size_t stalled_bytes; /* waiting to be written when last looked at */
    int64_t stalled_since_us;
    h2o_socket_cb refused_read; /* h2o's callback, to close by after our own refusal */
    int linger_fd;
    char refusal[512];
    char peer[HTTP_ADDRESS_BYTES_MAX];
};

enum answer_state { ANSWER_NONE, ANSWER_STREAM, ANSWER_DONE };

/* In the h2o request's pool; ends with it. */
struct cell {
    h2o_generator_t generator; /* first */
    struct http_conn *conn;
    struct http_request *request; /* NULL once the handler returned */
    h2o_req_t *h2o;
    struct buffer out; /* what of a stream is on its way */
    bool in_flight, aborted;
};

struct http_request {
    struct http_server *server;
    struct cell *cell; /* NULL once h2o is done with the request */
    struct arena arena;
    struct cancel cancel;
    struct cancel_hook cancelled; /* wakes what waits for `written` */
    struct fiber_event written;
    struct http_request *next_pooled;
    struct slice method, raw_path, path, query, body, host, peer, id;
    struct head_header *headers;
    size_t header_count;
    struct http_header_pair added[HTTP_ADDED_HEADERS_MAX];
    size_t added_count;
    int64_t started_us;
    bool secure, forwarded, head_only;
    enum answer_state answer;
    int status_code;
    uint64_t sent_bytes;
};

/* error.c: the fixed JSON body of an error that is answered before there is a handler. */
size_t error_body(int code, const char *what, char *out, size_t cap);
const char *reason_phrase(int code);

/* request.c */
/* The client's address when a trusted proxy names one. */
bool forwarded_client(const struct http_server *server, const struct head *head,
                      struct address *ret_address, struct slice *ret_text);
/* Of a proxied connection, once a request: counts it for its client. False when that one has too much. */
#define HTTP_TOO_MANY_OF_ADDRESS "too many requests at a time from this address"
bool conn_hold_client(struct http_conn *conn, const struct head *head);
int on_request(h2o_handler_t *handler, h2o_req_t *h2o);
void request_pool_free(struct http_server *server);

/* reply.c */
void reply_error(struct http_request *request, int code, const char *what);
void on_setup_filter(h2o_filter_t *filter, h2o_req_t *h2o, h2o_ostream_t **slot);
void on_proceed(h2o_generator_t *generator, h2o_req_t *h2o);

/* sweep.c */
void on_sweep(uv_timer_t *timer);
/* Ends a connection in which h2o is reading. */
void conn_close_reading(struct http_conn *conn);
/* Makes every read and write on it fail, so that h2o closes it. */
void conn_break(struct http_conn *conn);
/* Keeps the socket open for a while after h2o closes it, so that the answer is not lost to a reset. */
void conn_linger(struct http_conn *conn);
void conn_lingering_begin(struct http_conn *conn);
void lingering_free(struct http_server *server);

/* server.c */
struct http_conn *conn_of(h2o_req_t *h2o);

/* tls.c */
PEK_MUST_CHECK enum status tls_new(struct http_server *server, const struct http_tls *options,
                                   struct fault *fault);
void tls_close(struct http_server *server); /* its watches */
void tls_free(struct http_server *server);

#endif
