/* h2_peer: a client of HTTP/2 by nghttp2, on the fixture's loop. For the tests of hub/http; one at a time. */
#ifndef PEK_HUB_HTTP_H2_PEER_H
#define PEK_HUB_HTTP_H2_PEER_H

#include <nghttp2/nghttp2.h>

#include "hub/http/fixture.h"

#define STREAMS 256

struct stream {
    int code;
    bool ended;
    uint32_t error;
    size_t body_len;
    char body[4096]; /* the beginning of it */
    size_t to_send;  /* of the request's body */
};

extern struct peer {
    struct client tcp;
    nghttp2_session *session;
    struct stream streams[STREAMS]; /* by id / 2 */
    bool goaway;
    uint32_t goaway_error;
    int32_t goaway_last;
    size_t goaways;
} peer;

/* `window` is what each of its streams takes at first. */
void peer_open(uint32_t window);
void peer_close(void);
void peer_send(void);
/* Sends and takes what there is; true, so that it stands in a condition. */
bool peer_turn(void);
#define PEER_UNTIL(condition) WAIT_FOR(peer_turn() && (condition))

nghttp2_nv field(const char *name, const char *value);
/* A GET of "/" without a body. */
struct stream *peer_get_from(const char *scheme, const char *authority);
/* With so many lines of that name. */
struct stream *peer_get_with(const char *name, size_t lines);
/* Its stream's id. */
int32_t peer_ask(const char *method, const char *path, size_t body_len, const char *name,
                 const char *value);
struct stream *peer_get(const char *path);
struct stream *stream_of(int32_t id);

#endif
