/* Replaces hub/http for hub/api: a request is a struct, and its answer is kept. */
#include "tests/simulation/browser.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/clock.h"

#define TEXT_BYTES_MAX (16u << 20)
/* RELIABILITY: every answer before its deadline and this; a client's going away is noticed at once, since nothing takes time here. */
#define LATE_US (200 * INT64_C(1000))
#define GONE_US (100 * INT64_C(1000))

void browser_init(struct http_request *request, struct world *world, struct user *user)
{
    *request = (struct http_request){.world = world,
                                     .user = user,
                                     .number = ++world->request_count,
                                     .method = "GET",
                                     .accept = "",
                                     .body = ""};
    snprintf(request->id, sizeof(request->id), "r%" PRIu64, request->number);
    snprintf(request->trace, sizeof(request->trace), "00-%032" PRIx64 "-%016" PRIx64 "-00",
             request->number, request->number);
    arena_init(&request->arena, HTTP_ARENA_BYTES_MAX);
    buffer_init(&request->text, TEXT_BYTES_MAX);
}

void browser_done(struct http_request *request)
{
    arena_done(&request->arena);
    buffer_done(&request->text);
}

struct http_request *browser_find(struct world *world, uint64_t number)
{
    LIST_FOR_EACH (node, &world->requests) {
        struct http_request *request = LIST_ENTRY(node, struct http_request, node);
        if (request->number == number)
            return request;
    }
    return NULL;
}

/* ---- asking -------------------------------------------------------------------------------------- */

struct leaving {
    struct world *world;
    uint64_t number;
    int64_t after_ms;
};

static void leave(void *arg)
{
    struct leaving leaving = *(struct leaving *)arg;

    free(arg);
    fiber_sleep_ms(leaving.after_ms);
    struct http_request *request = browser_find(leaving.world, leaving.number);
    if (!request)
        return;
    world_log(leaving.world, "the client of request %" PRIu64 " goes away", leaving.number);
    request->left_us = clock_monotonic_us();
    cancel_fire(&request->cancel);
}

static void judge(struct http_request *request)
{
    struct world *world = request->world;
    int64_t now_us = clock_monotonic_us();
    size_t behind = 0;

    if (request->streams && !request->ended && !request->aborted && !request->left_us)
        world_blame(world, "request %" PRIu64 ": a stream without an end", request->number);
    if (request->answers != 1 && !request->left_us)
        world_blame(world, "request %" PRIu64 " has %u answers", request->number, request->answers);
    if (now_us > request->cancel.deadline_us + LATE_US)
        world_blame(world, "request %" PRIu64 " is answered %" PRId64 " ms too late",
                    request->number, (now_us - request->cancel.deadline_us) / 1000);
    if (request->left_us && now_us > request->left_us + GONE_US)
        world_blame(world, "request %" PRIu64 " goes on for %" PRId64 " ms without its client",
                    request->number, (now_us - request->left_us) / 1000);
    for (size_t i = 0; i < world->realm_count; i++)
        behind += realm_calls_of(&world->realms[i], request->number);
    if (behind > 0)
        world_blame(world, "request %" PRIu64 " leaves %zu calls behind", request->number, behind);
}

void browser_ask(struct http_request *request)
{
    struct world *world = request->world;

    cancel_init(&request->cancel, DEADLINE_NONE);
    request->started_us = clock_monotonic_us();
    list_append(&world->requests, &request->node);
    world_log(world, "%s sends request %" PRIu64 ": %s %s?%.60s %s", request->user->id,
              request->number, request->method, request->path, request->query, request->accept);
    if (request->leaves_after_ms > 0) {
        struct leaving *leaving = malloc(sizeof(*leaving));
        if (!leaving)
            abort();
        *leaving = (struct leaving){world, request->number, request->leaves_after_ms};
        world_go(world, leave, leaving);
    }
    api_handle(&world->api, request);
    buffer_append_char(&request->text, '\0');
    request->ended_us = clock_monotonic_us();
    list_remove(&request->node);
    world->answers++;
    world_log(world, "request %" PRIu64 " has its answer: %d %.*s", request->number, request->code,
              (int)request->text.len, request->text.ptr);
    judge(request);
}

/* ---- the names of hub/http/http.h: the request ---------------------------------------------------- */

struct slice http_method(const struct http_request *request)
{
    return slice_str(request->method);
}

struct slice http_raw_path(const struct http_request *request)
{
    return slice_str(request->path);
}

struct slice http_query(const struct http_request *request)
{
    return slice_str(request->query);
}

struct slice http_body(const struct http_request *request)
{
    return slice_str(request->body);
}

struct slice http_header(const struct http_request *request, const char *name, size_t n)
{
    if (n == 0 && strcmp(name, "traceparent") == 0)
        return slice_str(request->trace);
    return n == 0 && strcmp(name, "last-event-id") == 0 ? slice_str(request->last_event)
                                                        : (struct slice){0};
}

struct slice http_cookie(const struct http_request *request, const char *name, size_t n)
{
    return n == 0 && strcmp(name, API_COOKIE) == 0 ? slice_str(request->user->cookie)
                                                   : (struct slice){0};
}

struct slice http_host(const struct http_request *request)
{
    (void)request;
    return SLICE_LIT("hub");
}

bool http_is_secure(const struct http_request *request)
{
    (void)request;
    return false;
}

struct slice http_request_id(const struct http_request *request)
{
    return slice_str(request->id);
}

bool http_content_is(const struct http_request *request, const char *type)
{
    (void)request;
    return strcmp(type, "application/json") == 0;
}

int http_accept(const struct http_request *request, const char *const *types, size_t type_count)
{
    for (size_t i = 0; i < type_count; i++)
        if (strcmp(request->accept, types[i]) == 0)
            return (int)i;
    return 0;
}

struct cancel *http_cancel(struct http_request *request)
{
    return &request->cancel;
}

void http_set_deadline(struct http_request *request, int64_t deadline_us)
{
    request->cancel.deadline_us = deadline_us;
}

struct arena *http_arena(struct http_request *request)
{
    return &request->arena;
}

int64_t http_started_us(const struct http_request *request)
{
    return request->started_us;
}

/* ---- the answer ---------------------------------------------------------------------------------- */

void http_add_header(struct http_request *request, const char *name, struct slice value)
{
    if (strcmp(name, "federation-incomplete") == 0)
        snprintf(request->incomplete, sizeof(request->incomplete), "%.*s", SLICE_ARG(value));
}

void http_reply(struct http_request *request, int status_code,
                const struct http_header_pair *headers, size_t header_count, struct slice body)
{
    (void)headers;
    (void)header_count;
    request->answers++;
    request->code = status_code;
    buffer_append_slice(&request->text, body);
}

enum status http_stream_begin(struct http_request *request, int status_code,
                              const struct http_header_pair *headers, size_t header_count)
{
    http_reply(request, status_code, headers, header_count, slice_make("", 0));
    request->streams = true;
    return request->cancel.cancelled ? STATUS_CANCELLED : STATUS_OK;
}

enum status http_stream_write(struct http_request *request, struct slice bytes)
{
    struct fiber_event never = {0};

    if (request->reads_slowly && !request->cancel.cancelled) {
        /* Until the connection has taken what was written before. */
        int64_t taken_us = deadline_after_ms(random_between(&request->world->random, 0, 3000));
        int64_t deadline_us = request->cancel.deadline_us;
        if (taken_us < deadline_us)
            request->cancel.deadline_us = taken_us;
        (void)!fiber_event_wait_cancel(&never, &request->cancel);
        request->cancel.deadline_us = deadline_us;
    }
    enum status status = cancel_status(&request->cancel);
    if (!status)
        buffer_append_slice(&request->text, bytes);
    return status;
}

void http_stream_end(struct http_request *request)
{
    request->ended = true;
}

void http_stream_abort(struct http_request *request)
{
    request->aborted = true;
}

int http_status_code(const struct http_request *request)
{
    return request->code;
}
