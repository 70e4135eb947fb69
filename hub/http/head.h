/* head: the head of an HTTP/1.1 request, read strictly. Private to hub/http. Pure: tested and fuzzed alone.
 *
 * Whatever two readers could take for two different requests is a way to smuggle one past a proxy, so nothing is
 * mended here: lines end in CR LF, names are tokens, the length of the body is said once, and so on (RFC 9112). What
 * it allows beyond the everyday: the absolute form of a target, whose authority then stands for Host (3.2.2), "*" of
 * OPTIONS (3.2.4), one empty line before the request (2.2), later minor versions (RFC 9110 2.5).
 */
#ifndef PEK_HUB_HTTP_HEAD_H
#define PEK_HUB_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/http/http.h"

struct head_header {
    struct slice name, value;
};

struct head {
    struct slice method;
    struct slice path;  /* begins with '/', or is "*" of OPTIONS */
    struct slice query; /* behind '?'; ptr NULL without one */
    struct slice host;
    int minor; /* of HTTP/1.x: 0 or 1 */
    bool chunked, keep_alive;
    bool expects_continue, expects_other;
    /* Of HTTP/2, and of a whole address: what it says of the connection. */
    enum head_scheme { SCHEME_NONE, SCHEME_HTTP, SCHEME_HTTPS, SCHEME_OTHER } scheme;
    uint64_t body_bytes; /* of Content-Length */
    struct head_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
};

struct head_limits {
    size_t line_bytes_max, header_bytes_max;
};

#define HEAD_LONG_ADDRESS "the address is too long"

/* How far a head that comes in pieces was looked at. Zeroed before each head. */
struct head_scan {
    size_t looked_bytes, line_start, lines;
    bool
        is_long; /* its first line is longer than line_bytes_max: refused with 414 when the head is read */
};

/* Looks for the end of the head in `bytes`, its beginning as far as it is here; a further call goes on where the last
 * one stopped, so that a head costs O(bytes) however it comes. 0, with `ret_len` the bytes of the head or 0 when more
 * is needed; or the HTTP code to refuse with: 400, 414, 431, and why. A line that is too long is read on to the end of the head, as far as
 * header_bytes_max: what the client accepts comes behind it. */
int head_find(struct head_scan *scan, struct slice bytes, const struct head_limits *limits,
              size_t *ret_len, const char **ret_what);
/* 0, or the HTTP code to refuse with: 400, 431. `bytes` is a whole head as head_find told; `ret_head` points into it
 * and is filled in part when it fails. */
int head_parse(struct slice bytes, struct head *ret_head, const char **ret_what);

/* Cuts "/path?query" of any version of HTTP into path and query; false when it is none. */
bool head_take_target(struct head *head, struct slice target);

#endif
