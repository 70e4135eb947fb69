/* The life of an incoming call, whichever way it came. See README.md for who owns it when. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "shared/base/clock.h"
#include "shared/rpc/fault_wire.h"
#include "shared/rpc/incoming.h"
#include "shared/rpc/queue.h"

#define HOST_UNARY_MAX_DEFAULT 2048
#define HOST_STREAM_MAX_DEFAULT 4096
#define HOST_DEADLINE_DEFAULT_MS 30000

struct rpc_host {
    struct fibers *fibers;
    struct rpc_host_options options;
    struct deadlines *deadlines;
    struct rpc_entry **entries; /* sorted by path */
    size_t entry_count;
    const struct rpc_service **services;
    size_t service_count;
    size_t unary_open;
    size_t stream_open;
    uint64_t trace_seed; /* trace ids of callers that bring none: unique, not secret */
    uint64_t trace_count;
};

/* ---- the host ---- */

enum status rpc_host_new(struct fibers *fibers, const struct rpc_host_options *options,
                         struct rpc_host **ret_host)
{
    struct rpc_host *host = calloc(1, sizeof(*host));
    if (!host)
        return STATUS_RESOURCE_EXHAUSTED;
    host->fibers = fibers;
    if (options)
        host->options = *options;
    if (!host->options.realm)
        host->options.realm = "";
    if (!host->options.unary_max)
        host->options.unary_max = HOST_UNARY_MAX_DEFAULT;
    if (!host->options.stream_max)
        host->options.stream_max = HOST_STREAM_MAX_DEFAULT;
    if (!host->options.deadline_default_ms)
        host->options.deadline_default_ms = HOST_DEADLINE_DEFAULT_MS;
    enum status status = STATUS_UNAVAILABLE;
    if (getentropy(&host->trace_seed, sizeof(host->trace_seed)) == 0)
        status = deadlines_new(fibers_loop(fibers), &host->deadlines);
    if (status != STATUS_OK) {
        free(host);
        return status;
    }
    *ret_host = host;
    return STATUS_OK;
}

struct rpc_host *rpc_host_free(struct rpc_host *host)
{
    if (!host)
        return NULL;
    assert(rpc_host_open_calls(host) == 0);
    deadlines_free(host->deadlines);
    for (size_t i = 0; i < host->entry_count; i++)
        free(host->entries[i]);
    free(host->entries);
    free(host->services);
    free(host);
    return NULL;
}

size_t rpc_host_open_calls(const struct rpc_host *host)
{
    return host->unary_open + host->stream_open;
}

void rpc_host_wait(const struct rpc_host *host)
{
    while (rpc_host_open_calls(host) > 0)
        fiber_sleep_ms(1);
}

size_t rpc_host_open_streams(const struct rpc_host *host)
{
    return host->stream_open;
}

size_t rpc_host_entry_count(const struct rpc_host *host)
{
    return host->entry_count;
}

const struct rpc_entry *rpc_host_entry(const struct rpc_host *host, size_t index)
{
    return host->entries[index];
}

const struct rpc_host_options *rpc_host_limits(const struct rpc_host *host)
{
    return &host->options;
}

void rpc_host_each(const struct rpc_host *host,
                   void (*visit)(void *arg, const struct rpc_service *service), void *arg)
{
    for (size_t i = 0; i < host->service_count; i++)
        visit(arg, host->services[i]);
}

const struct rpc_entry *rpc_host_find(const struct rpc_host *host, struct slice path)
{
    size_t low = 0;
    size_t high = host->entry_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_compare(slice_str(host->entries[middle]->method->path), path);
        if (order == 0)
            return host->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct rpc_method *rpc_host_method(const struct rpc_host *host, struct slice path)
{
    const struct rpc_entry *entry = rpc_host_find(host, path);
    return entry ? entry->method : NULL;
}

void rpc_host_new_trace_id(struct rpc_host *host, char ret_hex[33])
{
    snprintf(ret_hex, 33, "%016" PRIx64 "%016" PRIx64, host->trace_seed, ++host->trace_count);
}

/* ---- adding services ---- */

/* Whether the guard has to decide it, beyond who calls. */
static bool access_needs_authorize(const struct rpc_access *access)
{
    return access->kind != RPC_ACCESS_PUBLIC && access->kind != RPC_ACCESS_AUTHENTICATED;
}

static enum status method_check_access(const struct rpc_host *host, const struct rpc_method *method,
                                       struct fault *fault)
{
    if (method->access_count == 0)
        return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL, "%s has no access rule",
                         method->path);
    for (size_t i = 0; i < method->access_count; i++) {
        const struct rpc_access *access = &method->access[i];
        if (access->kind == RPC_ACCESS_NONE)
            return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL, "%s has an empty access rule",
                             method->path);
        if (access->kind == RPC_ACCESS_PUBLIC && method->access_count > 1)
            return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                             "%s is public and has other access rules as well", method->path);
        if (access->kind == RPC_ACCESS_POLICY && !access->field)
            return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                             "%s has an access rule that names no policy", method->path);
        if (access->field && !access->target)
            return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                             "%s: no way to read the field %s of its access rule", method->path,
                             access->field);
        if (access->kind != RPC_ACCESS_PUBLIC && !host->options.interceptor.authenticate)
            return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                             "%s needs a caller, and the host cannot authenticate any",
                             method->path);
        if (access_needs_authorize(access) && !host->options.interceptor.authorize)
            return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                             "%s has an access rule that the host cannot decide", method->path);
    }
    return STATUS_OK;
}

static enum status method_check(const struct rpc_host *host, const struct rpc_method *method,
                                const void *ops, struct fault *fault)
{
    enum status status = method_check_access(host, method, fault);
    if (status != STATUS_OK)
        return status;
    if (rpc_host_find(host, slice_str(method->path)))
        return fault_set(fault, STATUS_ALREADY_EXISTS, NULL, "%s was added before", method->path);
    if (!method->dispatch || !method->implemented || !method->implemented(ops))
        return fault_set(fault, STATUS_UNIMPLEMENTED, NULL, "%s has no handler", method->path);
    if (!rpc_type_is_bounded(method->request) || !rpc_type_is_bounded(method->response))
        return fault_set(fault, STATUS_FAILED_PRECONDITION, NULL,
                         "%s uses a message that is recursive or nested deeper than %d",
                         method->path, RPC_NESTING_MAX);
    return STATUS_OK;
}

static int entry_compare(const void *a, const void *b)
{
    const struct rpc_entry *const *left = a;
    const struct rpc_entry *const *right = b;
    return strcmp((*left)->method->path, (*right)->method->path);
}

static struct rpc_entry *entry_new(struct rpc_host *host, const struct rpc_method *method,
                                   const void *ops, void *data)
{
    struct rpc_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    *entry = (struct rpc_entry){.host = host, .method = method, .ops = ops, .data = data};
    for (size_t i = 0; i < method->access_count; i++) {
        entry->is_public |= method->access[i].kind == RPC_ACCESS_PUBLIC;
        /* Also where anybody may call: a request may be meant for somebody else. */
        entry->is_authorized |= method->access[i].kind != RPC_ACCESS_PUBLIC &&
                                host->options.interceptor.authorize != NULL;
    }
    return entry;
}

enum status rpc_host_add(struct rpc_host *host, const struct rpc_service *service, const void *ops,
                         void *data, struct fault *fault)
{
    for (size_t i = 0; i < service->method_count; i++) {
        enum status status = method_check(host, &service->methods[i], ops, fault);
        if (status != STATUS_OK)
            return status;
    }
    size_t count = host->entry_count + service->method_count;
    struct rpc_entry **entries = realloc(host->entries, (count + 1) * sizeof(struct rpc_entry *));
    if (!entries)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    host->entries = entries;
    const struct rpc_service **services =
        realloc(host->services, (host->service_count + 1) * sizeof(const struct rpc_service *));
    if (!services)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    host->services = services;
    for (size_t i = 0; i < service->method_count; i++) {
        entries[host->entry_count + i] = entry_new(host, &service->methods[i], ops, data);
        if (!entries[host->entry_count + i]) {
            while (i-- > 0)
                free(entries[host->entry_count + i]);
            return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
        }
    }
    host->entry_count = count;
    qsort(entries, count, sizeof(struct rpc_entry *), entry_compare);
    services[host->service_count++] = service;
    return STATUS_OK;
}

/* ---- one call ---- */

void rpc_ctx_init(struct rpc_ctx *ctx, const struct rpc_transport *transport)
{
    *ctx = (struct rpc_ctx){.transport = transport};
    arena_init(&ctx->arena, RPC_ARENA_BYTES_MAX);
    arena_init(&ctx->scratch, RPC_ARENA_BYTES_MAX);
    ctx->stream.ctx = ctx;
}

void rpc_ctx_done(struct rpc_ctx *ctx)
{
    assert(ctx->state == RPC_CTX_IDLE);
    arena_done(&ctx->arena);
    arena_done(&ctx->scratch);
}

static size_t *ctx_open_count(const struct rpc_ctx *ctx)
{
    struct rpc_host *host = ctx->entry->host;
    return ctx->entry->method->server_streaming ? &host->stream_open : &host->unary_open;
}

static bool ctx_deadline_passed(const struct rpc_ctx *ctx)
{
    return ctx->cancel.deadline_us != DEADLINE_NONE &&
           clock_monotonic_us() >= ctx->cancel.deadline_us;
}

/* The status of a call that cannot go on, or OK. */
static enum status ctx_alive(const struct rpc_ctx *ctx)
{
    if (ctx_deadline_passed(ctx))
        return STATUS_DEADLINE_EXCEEDED;
    return cancel_status(&ctx->cancel);
}

/* Everything before the handler, in the order that the header promises. */
static enum status ctx_prepare(struct rpc_ctx *ctx, ProtobufCMessage **ret_request)
{
    const struct rpc_entry *entry = ctx->entry;
    const struct rpc_interceptor *interceptor = &entry->host->options.interceptor;
    const struct rpc_method *method = entry->method;
    enum status status = ctx_alive(ctx);
    if (status == STATUS_OK && !entry->is_public)
        status = interceptor->authenticate(interceptor->arg, ctx, &ctx->principal);
    ctx->cancel.user = ctx->principal.user;
    if (status != STATUS_OK)
        return status;

    size_t bytes_max =
        method->request_bytes_max ? method->request_bytes_max : RPC_REQUEST_BYTES_MAX;
    struct slice bytes = rpc_message_bytes(&ctx->request);
    if (bytes.len > bytes_max)
        return fault_set_reason(&ctx->fault, STATUS_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", NULL,
                                "the request has %zu bytes, at most %zu are taken", bytes.len,
                                bytes_max);
    ProtobufCMessage *request = NULL;
    status = rpc_decode(method->request, bytes, &ctx->arena, &request, &ctx->fault);
    if (status == STATUS_OK && entry->is_authorized)
        status = interceptor->authorize(interceptor->arg, ctx, request);
    if (status == STATUS_OK)
        status = ctx_alive(ctx); /* both may have waited */
    if (status == STATUS_OK)
        status = shown_by_mask(&ctx->shown, method, request, &ctx->arena, &ctx->fault);
    if (status == STATUS_OK)
        *ret_request = request;
    return status;
}

/* Runs the handler; a unary one that went well leaves its answer in `ret_answer`. */
static enum status ctx_handle(struct rpc_ctx *ctx, const ProtobufCMessage *request,
                              grpc_slice *ret_answer)
{
    const struct rpc_entry *entry = ctx->entry;
    const struct rpc_method *method = entry->method;
    if (method->server_streaming)
        return method->dispatch(entry->ops, ctx, request, NULL, &ctx->stream);
    ProtobufCMessage *response = arena_alloc(&ctx->arena, method->response->sizeof_message);
    if (!response)
        return STATUS_RESOURCE_EXHAUSTED;
    protobuf_c_message_init(method->response, response);
    enum status status = method->dispatch(entry->ops, ctx, request, response, NULL);
    if (status == STATUS_OK && method->kept && rpc_caller_has(ctx, shown_etag(response)))
        status = shown_kept(&ctx->shown, method, &ctx->arena);
    if (status == STATUS_OK && rpc_encode(shown_of(&ctx->shown, response), ret_answer) != STATUS_OK)
        return rpc_fail(ctx, STATUS_RESOURCE_EXHAUSTED, "the answer is too large");
    return status;
}

/* A fault that says what the status says, with a public text whatever the handler left. */
static void ctx_settle_outcome(struct rpc_ctx *ctx, enum status status)
{
    if (status == STATUS_OK) {
        ctx->fault = (struct fault){.status = STATUS_OK};
        return;
    }
    if (status == STATUS_CANCELLED && ctx_deadline_passed(ctx))
        status = STATUS_DEADLINE_EXCEEDED;
    if (ctx->fault.status == status && ctx->fault.text[0] != '\0')
        return;
    fault_set(&ctx->fault, status, NULL, "%s", rpc_status_text(status));
    /* What no rule of a handler refused was in the way of something else: a lock, a line. */
    if (status == STATUS_ABORTED || status == STATUS_RESOURCE_EXHAUSTED)
        fault_set_retry(&ctx->fault, RPC_RETRY_AFTER_MS);
}

/* From the outcome in ctx->fault to the end. */
static void ctx_answer(struct rpc_ctx *ctx, const grpc_slice *answer)
{
    const struct rpc_interceptor *interceptor = &ctx->entry->host->options.interceptor;
    ctx->state = RPC_CTX_ANSWERED;
    deadlines_remove(ctx->entry->host->deadlines, &ctx->deadline);
    ctx->transport->end(ctx, &ctx->fault, answer);
    span_end_call(&ctx->span, slice_str(ctx->entry->method->path), ctx->fault.status,
                  slice_str(ctx->entry->host->options.realm));
    if (interceptor->finished)
        interceptor->finished(interceptor->arg, ctx, &ctx->fault,
                              clock_monotonic_us() - ctx->started_us);
    assert(list_empty(&ctx->cancel.hooks));
    grpc_slice_unref(ctx->request);
    arena_reset(&ctx->arena);
    arena_reset(&ctx->scratch);
    ctx->state = RPC_CTX_IDLE;
    if (ctx->ret_released)
        *ctx->ret_released = true;
    ctx->transport->release(ctx);
}

static void ctx_run(void *arg)
{
    struct rpc_ctx *ctx = arg;
    size_t *open_count = ctx_open_count(ctx);
    ProtobufCMessage *request = NULL;
    grpc_slice answer = grpc_empty_slice();
    enum status status = ctx_prepare(ctx, &request);
    if (status == STATUS_OK)
        status = ctx_handle(ctx, request, &answer);
    ctx_settle_outcome(ctx, status);
    bool answers = ctx->fault.status == STATUS_OK && !ctx->entry->method->server_streaming;
    (*open_count)--;
    ctx_answer(ctx, answers ? &answer : NULL);
}

static void ctx_deadline_fired(struct deadline *deadline)
{
    struct rpc_ctx *ctx =
        (struct rpc_ctx *)(void *)((char *)deadline - offsetof(struct rpc_ctx, deadline));
    cancel_fire(&ctx->cancel);
}

static void ctx_begin_span(struct rpc_ctx *ctx)
{
    struct tracer *tracer = ctx->entry->host->options.tracer;
    ctx->span.tracer = NULL;
    if (!tracer)
        return; /* nearly always */
    tracer_begin(tracer, rpc_metadata(ctx, "traceparent", 0), SPAN_SERVER, &ctx->span);
    if (ctx->span.tracer)
        ctx->cancel.span = &ctx->span;
}

static void ctx_reset(struct rpc_ctx *ctx)
{
    const struct rpc_host *host = ctx->entry->host;
    int64_t deadline_us = ctx->deadline_us;
    if (deadline_us == DEADLINE_NONE)
        deadline_us = deadline_after_ms(host->options.deadline_default_ms);
    assert(ctx->state == RPC_CTX_IDLE);
    ctx->state = RPC_CTX_RUNNING;
    cancel_init(&ctx->cancel, deadline_us);
    ctx->deadline = (struct deadline){.at_us = deadline_us, .passed = ctx_deadline_fired};
    ctx->room = (struct fiber_event){0};
    ctx->principal = (struct principal){0};
    ctx->fault = (struct fault){.status = STATUS_OK};
    ctx->shown = (struct shown){0};
    ctx->attached = NULL;
    ctx->trace_id[0] = '\0';
    memset(ctx->certificate_sha256, 0, sizeof(ctx->certificate_sha256));
    ctx->ret_released = NULL;
    ctx->started_us = clock_monotonic_us();
    ctx_begin_span(ctx);
}

void rpc_host_start(struct rpc_ctx *ctx)
{
    struct rpc_host *host = ctx->entry->host;
    bool streaming = ctx->entry->method->server_streaming;
    size_t *open_count = ctx_open_count(ctx);
    ctx_reset(ctx);
    enum status status = STATUS_RESOURCE_EXHAUSTED;
    if (*open_count < (streaming ? host->options.stream_max : host->options.unary_max)) {
        bool released = false;
        /* Taken back below, before this frame is gone. */
        ctx->ret_released = &released; // cppcheck-suppress autoVariables
        (*open_count)++;
        status = fiber_go(host->fibers, ctx_run, ctx);
        if (status == STATUS_OK) {
            if (released)
                return;
            ctx->ret_released = NULL;
            if (deadlines_add(host->deadlines, &ctx->deadline) != STATUS_OK)
                cancel_fire(&ctx->cancel);
            ctx->transport->suspended(ctx);
            return;
        }
        ctx->ret_released = NULL;
        (*open_count)--;
    }
    fault_set_reason(&ctx->fault, STATUS_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", NULL,
                     "too many %s are open", streaming ? "streams" : "calls");
    fault_set_retry(&ctx->fault, RPC_RETRY_AFTER_MS);
    ctx_answer(ctx, NULL);
}

/* ---- what a handler sees ---- */

struct arena *rpc_arena(struct rpc_ctx *ctx)
{
    return &ctx->arena;
}

struct arena *rpc_scratch(struct rpc_ctx *ctx)
{
    return &ctx->scratch;
}

const struct principal *rpc_principal(const struct rpc_ctx *ctx)
{
    return &ctx->principal;
}

struct cancel *rpc_cancel(struct rpc_ctx *ctx)
{
    return &ctx->cancel;
}

const struct rpc_method *rpc_method(const struct rpc_ctx *ctx)
{
    return ctx->entry->method;
}

void *rpc_data(const struct rpc_ctx *ctx)
{
    return ctx->entry->data;
}

void rpc_attach(struct rpc_ctx *ctx, void *guard_data)
{
    ctx->attached = guard_data;
}

void *rpc_attached(const struct rpc_ctx *ctx)
{
    return ctx->attached;
}

struct fault *rpc_fault(struct rpc_ctx *ctx)
{
    return &ctx->fault;
}

struct slice rpc_metadata(const struct rpc_ctx *ctx, const char *key, size_t n)
{
    struct slice wanted = slice_str(key);
    for (size_t i = 0; i < ctx->pair_count; i++)
        if (slice_equal(ctx->pairs[i].key, wanted) && n-- == 0)
            return ctx->pairs[i].value;
    return (struct slice){0};
}

bool rpc_caller_has(const struct rpc_ctx *ctx, const char *etag)
{
    const struct rpc_method *method = ctx->entry->method;
    return method->kept && !method->server_streaming && etag && etag[0] &&
           slice_equal_str(rpc_metadata(ctx, RPC_IF_NONE_MATCH, 0), etag);
}

enum status rpc_fail(struct rpc_ctx *ctx, enum status status, const char *format, ...)
{
    char text[FAULT_TEXT_BYTES_MAX + 8]; /* too long for a fault, so that it cuts at a character */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return fault_set(&ctx->fault, status, NULL, "%s", text);
}

enum status rpc_fail_field(struct rpc_ctx *ctx, enum status status, const char *field,
                           const char *format, ...)
{
    char text[FAULT_TEXT_BYTES_MAX + 8]; /* too long for a fault, so that it cuts at a character */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return fault_set(&ctx->fault, status, field, "%s", text);
}
