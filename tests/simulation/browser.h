/* browser: a client's request, handed to api_handle, and what it was given. browser.c has the functions of hub/http/http.h that hub/api
 * uses. */
#ifndef PEK_TESTS_SIMULATION_BROWSER_H
#define PEK_TESTS_SIMULATION_BROWSER_H

#include "hub/http/http.h"
#include "tests/simulation/world.h"

#define QUERY_BYTES 8192

struct http_request {
    struct list node; /* in the world's requests, while it runs */
    struct world *world;
    struct user *user;
    uint64_t number;
    const char *method, *path, *accept, *body,
        *last_event; /* the last: NULL or the header Last-Event-ID */
    char query[QUERY_BYTES];
    char id[NAME_BYTES], trace[64];
    bool reads_slowly;
    int64_t leaves_after_ms; /* the client goes away; 0: it does not */
    struct arena arena;
    struct cancel cancel;
    int64_t started_us, ended_us, left_us;
    /* What each realm was asked on its behalf. */
    struct asked {
        uint64_t question; /* a hash of the last */
        unsigned tries, renewals, unavailable;
    } asked[REALMS_MAX];
    /* The answer. */
    int code;
    unsigned answers;
    bool streams, ended, aborted;
    char incomplete[QUERY_BYTES]; /* the header Federation-Incomplete */
    struct buffer text;
};

/* In a fiber: asks, and waits for the answer. Judges what must hold of any: one answer, in time, and nothing left behind. */
void browser_ask(struct http_request *request);
void browser_init(struct http_request *request, struct world *world, struct user *user);
void browser_done(struct http_request *request);
/* NULL when it does not run. */
struct http_request *browser_find(struct world *world, uint64_t number);

#endif
