/* head: the head of a request as it stands on the wire, judged and cut into lines. Private to hub/http.
 *
 * libh2o parses requests leniently (a bare LF, two lengths of which it takes the first, a length beside
 * chunks). Whatever two parsers could read in two ways is a way to smuggle a request past a proxy, so the head
 * is read a second time here, strictly, before anything is made of it.
 */
#ifndef PEK_HUB_HTTP_HEAD_H
#define PEK_HUB_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "hub/http/http.h"

struct head_header {
    struct slice name, value;
};

struct head {
    struct slice method, target;
    int minor; /* of HTTP/1.x */
    struct head_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    struct slice host;
    bool has_body;
};

struct head_limits {
    size_t line_bytes_max, header_bytes_max;
};

/* Bytes of the head at the start of `bytes` with its blank line; 0 when it is not all there. */
size_t head_length(struct slice bytes);
/* 0, or the HTTP code to refuse with: 400, 414, 431; `ret_what` then says why. `bytes` is the whole head;
 * `ret_head` points into it. */
int head_parse(struct slice bytes, const struct head_limits *limits, struct head *ret_head,
               const char **ret_what);
/* Of a head that is not all there: whether it is too long already. */
int head_judge_partial(struct slice bytes, const struct head_limits *limits, const char **ret_what);

/* `name` in any case. */
bool name_is(struct slice name, const char *lower);
/* The next cookie of that name in what is left of a Cookie header; false when there is none. */
bool cookie_find(struct slice *rest, const char *name, struct slice *ret_value);
/* Quality 0…1000 that an Accept header gives `type`; 1000 without header (ptr NULL). */
int accept_quality(struct slice header, const char *type);

#endif
