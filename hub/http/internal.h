/* What the files of hub/http share: the server, its connections, their requests. Private.
 *
 *     server.c     listening, drain, the end                 sweep.c    time limits, ten times a second
 *     conn.c       one TCP connection, with or without TLS: bytes in, one write a turn out
 *     h1.c  h2.c   the two protocols: from bytes to requests, from answers to bytes (struct protocol)
 *     request.c    a request and its fiber                   reply.c    its answer
 *
 * Who owns what: a connection owns its buffers and its protocol's state, and lives until libuv has closed its handle.
 * A request lives until its handler has returned and its connection is done with it, whichever comes last: `conn` is
 * NULL from the moment that there is nobody to answer, `running` is false from the handler's return.
 */
#ifndef PEK_HUB_HTTP_INTERNAL_H
#define PEK_HUB_HTTP_INTERNAL_H

#include <assert.h>

#include <openssl/ssl.h>
#include <uv.h>

#include "hub/http/addresses.h"
#include "hub/http/chunks.h"
#include "hub/http/field.h"
#include "hub/http/gzip.h"
#include "hub/http/head.h"
#include "hub/http/http.h"
#include "shared/base/buffer.h"
#include "shared/base/list.h"

#define HTTP_READ_BYTES 65536
/* What may wait to be sent before a protocol makes no more of it. */
#define HTTP_OUT_BYTES 65536
/* So much the kernel takes of a connection's answers before it sends it. */
#define HTTP_UNSENT_BYTES (2 * HTTP_OUT_BYTES)
/* A larger buffer is given back as soon as it is empty. */
#define BUFFER_BYTES_KEPT (2 * HTTP_OUT_BYTES)
#define HTTP_OUT_BYTES_MAX (64u * 1024 * 1024)
/* Requests that come before the one ahead of them is answered. */
#define HTTP_PIPELINE_BYTES_MAX 65536
#define HTTP_LINGER_MS 2000
#define HTTP_LINGER_BYTES_MAX (32u * 1024 * 1024)
#define HTTP_REQUESTS_POOLED_MAX 64
#define HTTP_STREAM_BYTES_MAX (16u * 1024 * 1024) /* one http_stream_write */
#define HTTP_ADDED_HEADERS_MAX 32
#define HTTP_ANSWER_HEADERS_MAX 64
#define HTTP_LISTEN_BACKLOG 1024
#define HTTP_DATE_BYTES 32

struct h2;
struct protocol;

/* ---- server -------------------------------------------------------------------------------------- */

struct http_server {
    struct fibers *fibers;
    uv_loop_t *loop;
    void (*handler)(void *arg, struct http_request *request);
    void *arg;
    struct head_limits head_limits;
    size_t connections_max, body_bytes_max;
    int64_t header_timeout_us, idle_timeout_us, write_stall_us;
    struct {
        size_t streams_max, large_bodies_max;
        int64_t frame_us;     /* what one odd frame costs, as time */
        int64_t credit_us;    /* what a connection has at most */
        int64_t reset_frames; /* odd frames that a reset is worth */
    } http2;
    bool strict_transport;
    int port;

    uv_tcp_t listener;
    uv_timer_t sweep;
    struct fibers_hook flush; /* sends what the turn has made */
    struct http_tls_files *tls;
    SSL_CTX *tls_context; /* NULL: plain */
    bool listening, draining;
    size_t
        handles_open; /* libuv handles of this struct and of connections that are not closed yet */

    struct list conns, dirty; /* dirty: have something to send or to go on with */
    struct address_table addresses;
    uint64_t id_key[2], id_count;
    size_t conn_count, request_count;
    uint64_t refused_count, shed_count;
    struct fiber_event changed; /* a connection or a request ended, for the drain */
    struct http_request *pooled;
    size_t pooled_count;
    struct gzip *gzip;
    int64_t date_s;
    char date[HTTP_DATE_BYTES];        /* of date_s, as the Date header has it */
    char read_bytes[HTTP_READ_BYTES];  /* of whoever's turn it is to read */
    char clear_bytes[HTTP_READ_BYTES]; /* the same without TLS */
};

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
struct slice server_date(struct http_server *server);
void server_hook(struct fibers_hook *hook);

/* ---- connection ---------------------------------------------------------------------------------- */

enum conn_state {
    CONN_OPEN,
    CONN_ENDING, /* nothing is read into requests any more; closes when all is sent */
    CONN_LINGERING, /* all is sent; what still comes is thrown away, so that no reset overtakes the answer */
    CONN_CLOSED,
};

enum h1_state { H1_HEAD, H1_LENGTH, H1_CHUNKS, H1_BUSY };

struct h1 {
    enum h1_state state;
    struct head_scan scan;
    struct chunks chunks;
    uint64_t left_bytes;          /* of a body with a length */
    struct http_request *request; /* from its head to its answer */
    struct slice unsent;          /* of a static body: what is not in `out` yet */
    bool keep_alive, chunked, old, refused;
};

struct http_conn {
    uv_tcp_t tcp; /* first */
    uv_write_t write;
    struct http_server *server;
    struct list node, dirty;
    const struct protocol *protocol;
    SSL *ssl;
    struct slice ssl_in;         /* encrypted, for OpenSSL to take */
    unsigned ssl_messages;       /* of the handshake, since it was over */
    struct buffer in;            /* what came and could not be taken yet */
    struct buffer out;           /* to be sent, in clear */
    struct buffer cipher;        /* the same encrypted; TLS only */
    struct buffer wire;          /* being sent; nobody else's */
    size_t wire_sent, out_taken; /* of wire, by the kernel; of out, by OpenSSL */
    enum conn_state state;
    bool reading, writing, linger, said_goodbye;
    bool shaken; /* the TLS handshake is over */
    bool
        proxied; /* a trusted proxy's: each request counts for its client, and not the connection */
    bool trusted;             /* its peer may speak HTTP/2 in clear */
    bool served;              /* a request was answered on it */
    struct address_hold hold; /* of a proxied one: of the client whose answer is not all sent yet */
    int64_t since_us;         /* idle, or lingering, since */
    int64_t reading_since_us; /* 0: nothing of a head is there */
    size_t stalled_bytes;     /* waiting to be written when last looked at */
    int stalled_unacked;      /* and in the kernel, not acknowledged; -1: not looked at */
    size_t lingered_bytes;
    int64_t stalled_since_us;
    struct h1 h1;
    struct h2 *h2;
    char peer[HTTP_ADDRESS_BYTES_MAX];
};

/* What a protocol does for a connection and its requests. None of it may be called from within another connection's
 * callbacks; all of it may end the connection. */
struct answer;
struct protocol {
    /* Bytes came; those that it cannot take yet it keeps in conn->in. */
    void (*take)(struct http_conn *conn, struct slice bytes);
    /* Goes on with what had to wait, and fills conn->out. At the end of a turn; nothing is being written then. */
    void (*fill)(struct http_conn *conn);
    /* All of conn->out is with the kernel. */
    void (*written)(struct http_conn *conn);
    /* The connection is gone: lets go of its requests. */
    void (*gone)(struct http_conn *conn);
    /* The client will send no more. */
    void (*input_ended)(struct http_conn *conn);
    /* Ten times a second: lets the holds know what waits for the client, and ends what has to give way. */
    void (*weigh)(struct http_conn *conn);
    /* Ten times a second, while it is open. */
    void (*tick)(struct http_conn *conn, int64_t now_us);
    /* Makes the answer's head, and its body when it is whole. */
    void (*begin)(struct http_request *request, const struct answer *answer);
    /* Of a stream: bytes, once those before are taken. */
    void (*write)(struct http_request *request, struct slice bytes);
    bool (*taken)(const struct http_request *request);
    void (*end)(struct http_request *request);
    void (*abort)(struct http_request *request);
};
extern const struct protocol h1_protocol, h2_protocol;

void on_connection(uv_stream_t *listener, int status);
static inline bool conn_is_open(const struct http_conn *conn)
{
    return conn->state == CONN_OPEN;
}
/* Something is to be sent or gone on with at the end of this turn. */
void conn_due(struct http_conn *conn);
/* Closes when all is sent. `linger` waits for what the client is still sending, so that it sees the answer. */
void conn_end(struct http_conn *conn, bool linger);
/* At once. */
void conn_close(struct http_conn *conn);
void conn_pause(struct http_conn *conn);
void conn_resume(struct http_conn *conn);
/* Sends what the turn has made. */
void conn_flush(struct http_conn *conn);
/* What the kernel has of what was written, and the client has not acknowledged. */
int conn_unacknowledged(const struct http_conn *conn);
/* The memory of its buffers, without its requests; and of the kernel's, where it takes no more. */
size_t conn_held_bytes(const struct http_conn *conn);
/* Gives back the memory of buffers that are empty. */
void conn_slim(struct http_conn *conn);
int conn_fd(const struct http_conn *conn);

/* h2.c */
PEK_MUST_CHECK enum status h2_begin(struct http_conn *conn);
void h2_free(struct http_conn *conn);
bool h2_is_preface(
    struct slice bytes); /* begins as a client of HTTP/2 does, as far as it is there */
void h2_drain(struct http_conn *conn);

/* ---- request ------------------------------------------------------------------------------------- */

enum answer_state { ANSWER_NONE, ANSWER_STREAM, ANSWER_DONE };

struct http_request {
    struct http_server *server;
    struct http_conn *conn; /* NULL: nobody to answer */
    const struct protocol *protocol;
    struct arena arena;
    struct cancel cancel;
    struct cancel_hook cancelled; /* wakes what waits for `written` */
    struct fiber_event written;
    struct http_request *next_pooled;
    struct slice method, path, raw_path, query, host, peer, id;
    struct head_header *headers;
    size_t header_count;
    struct buffer body;
    struct http_header_pair added[HTTP_ADDED_HEADERS_MAX];
    size_t added_count;
    struct address_hold hold; /* of a client behind a trusted proxy, or of HTTP/2 */
    int64_t started_us;
    int64_t body_since_us;    /* its rate was judged last; 0: the body is all there */
    size_t body_judged_bytes; /* of it, that were there then */
    bool secure, forwarded, head_only, running;
    enum answer_state answer;
    int status_code;

    /* HTTP/2 */
    struct list node, waiting; /* of its connection; waiting for leave to send a large body */
    int32_t stream_id;
    struct head *head; /* until it is complete */
    size_t head_bytes;
    bool granted, ended, headers_done, refused;
    int64_t lingering_since_us; /* 0: not; it was answered, and its body still comes */
    uint64_t unconsumed_bytes;  /* of the body, that the client may not send anew yet */
    struct buffer out;          /* of the answer's body; empty where that is static */
    struct slice unsent;        /* of `out`, or of the static body */
    size_t stalled_bytes;
    int64_t stalled_since_us;
};

/* NULL without memory. Not running; the protocol's until request_start. */
struct http_request *request_new(struct http_conn *conn, const struct protocol *protocol);
/* Takes over what the head says; its slices stay valid as long as the request. 0, or the code to refuse with. */
int request_take_head(struct http_request *request, const struct head *head, const char **ret_what);
/* Runs the handler; it is all there. False when no fiber is free: nothing has run then. */
bool request_start(struct http_request *request);
/* The connection is done with it, or gone: nothing of it may be used by the protocol afterwards. */
void request_let_go(struct http_request *request);
/* What waits for its client. What its handler makes meanwhile is bounded elsewhere, and not the client's doing. */
size_t request_held_bytes(const struct http_request *request);
/* Gives back the memory of buffers that are empty, which may be another client's from before. */
void request_slim(struct http_request *request);
/* Keeps the memory of a small one. */
void buffer_empty(struct buffer *buffer);
void request_pool_free(struct http_server *server);

/* ---- answer -------------------------------------------------------------------------------------- */

/* Everything but the body of a stream. Points at what the caller of http_reply gave. */
struct answer {
    int code;
    struct http_header_pair headers[HTTP_ANSWER_HEADERS_MAX]; /* names in lower case */
    size_t header_count;
    bool whole;     /* `body` is all of it; else a stream */
    bool no_body;   /* 204 and 304: no content-length either */
    bool head_only; /* content-length of the body, but not the body */
    bool is_static; /* `body` outlives the connection: it is not copied */
    struct slice body;
};

/* Adds the defaults that every answer has. */
void answer_add_defaults(const struct http_server *server, struct answer *answer);
/* The error that is answered before there is a handler; `body` holds it. `request` is NULL while nothing is known of it. */
#define ERROR_BODY_BYTES_MAX 512
void answer_error(const struct http_server *server, const struct http_request *request, int code,
                  const char *what, char body[ERROR_BODY_BYTES_MAX], struct answer *ret_answer);
void reply_error(struct http_request *request, int code, const char *what);

/* error.c: the fixed body of an error that is answered before there is a handler: JSON, or a page for whoever opens an address in a
 * browser. `what` has no characters that either would have to escape. */
size_t error_body(int code, const char *what, char *out, size_t cap);
size_t error_page(int code, const char *what, char *out, size_t cap);
const char *reason_phrase(int code);

/* sweep.c */
#define HELD_TOO_MUCH "too much waits for this address already"
/* So many bytes wait for the client of `hold`. True when it has to give way: that is counted. */
bool sweep_weigh(struct http_server *server, struct address_hold *hold, size_t bytes);
void on_sweep(uv_timer_t *timer);
/* For the protocols: a connection on which nothing is going on is closed when its time is up. */
void sweep_idle(struct http_conn *conn, int64_t now_us);
/* True when the body comes too slowly. */
bool sweep_body_is_slow(struct http_request *request, int64_t now_us);

/* tls.c */
PEK_MUST_CHECK enum status tls_new(struct http_server *server, const struct http_tls *options,
                                   struct fault *fault);
void tls_close(struct http_server *server); /* its watches */
void tls_free(struct http_server *server);
/* A connection's own part: false without memory. */
bool tls_accept(struct http_conn *conn);
/* Encrypted bytes came: what is in them goes to the protocol. */
void tls_take(struct http_conn *conn, struct slice bytes);
/* Encrypts from conn->out into conn->cipher, HTTP_OUT_BYTES at a time or so. */
void tls_encrypt(struct http_conn *conn);
void tls_say_goodbye(struct http_conn *conn);

#endif
