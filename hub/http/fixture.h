/* fixture: a server in this process and a client with raw sockets, on one loop. For the tests of hub/http. */
#ifndef PEK_HUB_HTTP_FIXTURE_H
#define PEK_HUB_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <uv.h>

#include "hub/http/http.h"
#include "shared/base/buffer.h"
#include "shared/base/clock.h"

#define WAIT_MS 20000

extern uv_loop_t loop;
extern struct fibers *fibers;
extern struct http_server *server;

/* What handlers tell the tests. */
struct seen {
    size_t started, ended, cancelled;
    size_t stream_written;
    enum status stream_status;
    bool release; /* set by a test: /wait goes on */
};
extern struct seen seen;

/* What /static and, as a copy, /large answer: more than any kernel takes at once. */
#define STATIC_BYTES (16u * 1024 * 1024)
extern char static_body[STATIC_BYTES];

int setup(void **state);
int teardown(void **state);
/* The handler of every test; what it does is chosen by the path. */
void handle(void *arg, struct http_request *request);
void start(struct http_options options);

struct drain {
    bool done;
    enum status status;
    int64_t deadline_us;
};
extern struct drain drain;
void begin_drain(int64_t ms);

#define WAIT_FOR(condition)                                                                        \
    for (int64_t until_us = deadline_after_ms(WAIT_MS); !(condition);) {                           \
        if (clock_monotonic_us() > until_us)                                                       \
            fail_msg("not within %d ms: %s", WAIT_MS, #condition);                                 \
        uv_run(&loop, UV_RUN_ONCE);                                                                \
    }

struct client {
    int fd;
    struct buffer in;
    bool ended; /* the server closed */
    bool reset;
};

struct client client_open(void);
void client_close(struct client *client);
void client_send(struct client *client, struct slice text);
/* What has arrived; false when nothing has. */
bool client_take(struct client *client);
/* All of it; true at the end. */
bool client_take_all(struct client *client);
bool client_has(const struct client *client, const char *text);
size_t client_count(const struct client *client, const char *text);
/* One request on a connection of its own; reads to the end. */
struct client ask(struct slice text);
void assert_answer(struct slice request, const char *first);

#define READ_UNTIL(client, text)                                                                   \
    WAIT_FOR(client_has(client, text) || (!client_take(client) && (client)->ended));               \
    if (!client_has(client, text))                                                                 \
    fail_msg("\"%s\" is not in: %.*s", text, (int)(client)->in.len, (client)->in.ptr)

#define READ_TO_END(client) WAIT_FOR(client_take_all(client))

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_CLOSE(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

#endif
