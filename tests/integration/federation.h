/* federation: a whole hub in this process, and realms that do what a test tells them.
 *
 *     federation_open(&f, (const char *[]){"--straggler-ms=200ms", NULL});
 *     struct answer answer = federation_get(&f, "/api/v1/groups");
 *     …
 *     federation_close(&f);
 *
 * The hub is hub_open's, configured as an operator would, on a real PostgreSQL, behind its HTTP port; the realms `a`,
 * `b` and `c` are rude workers behind gRPC ports. All on one loop, which turns while the test waits. Everything
 * fails the test (cmocka) that does not go as it must.
 */
#ifndef PEK_TESTS_INTEGRATION_FEDERATION_H
#define PEK_TESTS_INTEGRATION_FEDERATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "hub/commands.h"
#include "hub/config.h"
#include "hub/hub.h"
#include "shared/base/buffer.h"
#include "shared/base/clock.h"
#include "tests/chaos/rude_worker.h"
#include "tests/support/pg_cluster.h"

#define FEDERATION_REALMS 3
#define FEDERATION_WAIT_MS 30000
#define FEDERATION_ARGS_MAX 32

struct federation {
    uv_loop_t loop;
    uv_timer_t tick;
    struct fibers *fibers;
    struct rpc_runtime *runtime;
    struct rude_worker *a, *b, *c; /* of `realms` */
    struct rude_worker realms[FEDERATION_REALMS];
    struct config config;
    struct hub_config values;
    struct hub *hub;
    char cookie[2048]; /* "pek_session=…", of whoever logged in last */
    /* Of the test: what else there is beside the three, to be ended when the hub has stopped; in a fiber. */
    void (*also_stop)(struct federation *f);
    void (*also_close)(struct federation *f); /* the same after that, in no fiber */
    void *arg;
    bool stopped;
    int64_t give_up_us; /* while it is waited for the hub to stop */
};

extern struct pg_cluster *federation_cluster;
/* PEM of the hub's private key; the same for all hubs of the binary. */
extern char federation_key_path[128];

/* For cmocka's group setup and teardown: a cluster with the hub's tables, and a key. */
int federation_setup(void **state);
int federation_teardown(void **state);

/* Empty tables, the users alice and bob, polite realms without items, alice logged in. `args`, which ends with
 * NULL, go to the hub's command line after the fixture's own. */
void federation_open(struct federation *f, const char *const *args);
/* The same in two steps: between them the test opens what it adds, on the loop and fibers that are there now.
 * `instances`: "d=127.0.0.1:4711", or "". */
void federation_begin(struct federation *f);
void federation_open_hub(struct federation *f, const char *instances, const char *const *args);
void federation_close(struct federation *f);
/* The same in two steps, for a hub that stops of itself; what hub_close answered. */
void federation_wait_for_stop(struct federation *f);
bool federation_close_stopped(struct federation *f);

/* Turns the loop until the condition holds. */
#define FEDERATION_WAIT_FOR(f, condition)                                                          \
    for (int64_t until_us = deadline_after_ms(FEDERATION_WAIT_MS); !(condition);) {                \
        if (clock_monotonic_us() > until_us)                                                       \
            fail_msg("not within %d ms: %s", FEDERATION_WAIT_MS, #condition);                      \
        uv_run(&(f)->loop, UV_RUN_ONCE);                                                           \
    }

/* ---- the browser -------------------------------------------------------------------------------- */

/* One request on a connection of its own. */
struct exchange {
    int fd;
    struct buffer in; /* as it came */
    bool ended;
};

struct answer {
    int code;          /* 0 when there was none */
    bool whole;        /* it came to the end that its head promised */
    struct buffer raw; /* owned */
    struct buffer body;
    const char *text; /* the body, NUL-terminated; never NULL */
};

/* `headers` are whole lines, each ending in CRLF; `body` NULL: none. The cookie is sent unless the headers have one. */
struct exchange federation_send(struct federation *f, const char *verb, const char *path,
                                const char *headers, const char *body);
/* Takes what is there; true at the end of the connection. */
bool exchange_take(struct exchange *exchange);
bool exchange_has(const struct exchange *exchange, const char *text);
/* Goes away without waiting. */
void exchange_close(struct exchange *exchange);
/* Waits for the end. */
struct answer federation_receive(struct federation *f, struct exchange *exchange);
void answer_free(struct answer *answer);

struct answer federation_ask(struct federation *f, const char *verb, const char *path,
                             const char *headers, const char *body);
struct answer federation_get(struct federation *f, const char *path);
void federation_log_in(struct federation *f, const char *user);

#define JSON_BODY "Content-Type: application/json\r\n"
#define NDJSON "Accept: application/x-ndjson\r\n"
#define EVENTS "Accept: text/event-stream\r\n"

/* ---- what an answer says ------------------------------------------------------------------------ */

bool answer_has(const struct answer *answer, const char *text);
/* "a/k1 b/k1 a/k2": realm and id of each group in it, in their order; in `ret_text`, which is returned. */
const char *answer_groups(const struct answer *answer, char *ret_text, size_t bytes);
/* The string behind "name":" the last time it occurs; "" when it does not. */
const char *answer_string(const struct answer *answer, const char *name, char *ret_text,
                          size_t bytes);

#endif
