/* What h2.c (the connection) and h2_stream.c (requests and answers on it) share. Private to these two. */
#ifndef PEK_HUB_HTTP_H2_INTERNAL_H
#define PEK_HUB_HTTP_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "hub/http/frames.h"
#include "hub/http/internal.h"

#define H2_WINDOW_BYTES 65535 /* of a stream, until it has leave for more: the protocol's default */
#define H2_CONNECTION_WINDOW_BYTES (1 << 20)
#define H2_SMALL_DATA_BYTES 16
#define H2_DATA_CREDIT                                                                             \
    2 /* frames that a client may send for each DATA frame that it takes: its window updates */
#define H2_HEADER_OVERHEAD_BYTES 32 /* a field, as RFC 9113 6.5.2 counts it */
#define H2_SWOLLEN 4
#define H2_RESETS_KEPT 128
#define H2_THROWN_BYTES                                                                            \
    65536 /* of bodies that were answered early: thrown away for the price of an odd frame */
#define H2_PRIORITY_BYTES 5 /* the payload of a PRIORITY frame */

struct h2 {
    struct http_conn *conn;
    nghttp2_session *session;
    struct list requests; /* that have a stream */
    struct list waiting;  /* for leave to send a large body */
    size_t granted_count;
    int64_t credit_us,
        charged_us;           /* what is left for odd frames, as time; when it was reckoned last */
    int64_t headers_since_us; /* 0: no header block is half there */
    struct frames frames;     /* what has come, up to the last byte */
    int32_t last_stream_id;
    int32_t resets[H2_RESETS_KEPT]; /* streams that we reset last */
    size_t reset_count;
    uint64_t thrown_bytes;
    bool noticed, said_goaway;
    bool over; /* it is told to go away, and not listened to any more */
};

struct http_request *h2_request(struct h2 *h2, int32_t stream_id);
/* Takes from what the connection may spend on frames that bring nothing; below 0 it is told to go away. */
void h2_charge(struct h2 *h2, int64_t cost);
/* GOAWAY, and the end of everything on it. */
void h2_terminate(struct h2 *h2, uint32_t error);

/* h2_stream.c */
int h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg);
int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                 size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg);
/* The header block is all there; `whole` when no body follows. */
void h2_take_head(struct http_request *request, bool whole);
/* Answers with an error; what still comes of the request is thrown away. Nothing has been answered yet. */
void h2_refuse(struct http_request *request, int code, const char *what);
int h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                    nghttp2_data_source *source, void *arg);
void h2_begin_answer(struct http_request *request, const struct answer *answer);
void h2_write(struct http_request *request, struct slice bytes);
bool h2_taken(const struct http_request *request);
void h2_end(struct http_request *request);
void h2_abort(struct http_request *request);

#endif
