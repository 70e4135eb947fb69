/* echo: a service to test the runtime with; see echo.proto. */
#ifndef PEK_SHARED_RPC_TESTING_ECHO_H
#define PEK_SHARED_RPC_TESTING_ECHO_H

#include "echo.pb-c.h"
#include "shared/rpc/rpc.h"

typedef Pek__Testing__Text echo_text;

struct echo_ops {
    enum status (*say)(struct rpc_ctx *ctx, const echo_text *request, echo_text *response);
    enum status (*say_guarded)(struct rpc_ctx *ctx, const echo_text *request, echo_text *response);
    enum status (*say_open)(struct rpc_ctx *ctx, const echo_text *request, echo_text *response);
    enum status (*fail)(struct rpc_ctx *ctx, const Pek__Testing__FailRequest *request,
                        echo_text *response);
    enum status (*wait)(struct rpc_ctx *ctx, const echo_text *request, echo_text *response);
    enum status (*count)(struct rpc_ctx *ctx, const Pek__Testing__CountRequest *request,
                         struct rpc_stream *stream);
};

extern const struct rpc_service echo_service;

/* What the handlers of echo_ops did. `data` of rpc_host_add. */
struct echo_log {
    size_t handled;       /* handlers that began */
    size_t waiting;       /* handlers inside Wait or at the end of Count */
    size_t cancelled;     /* waits that a cancellation ended */
    size_t sent;          /* messages of Count that were taken by the stream */
    enum status last_wait; /* how the last wait ended */
    struct fiber_event changed;
};

extern const struct echo_ops echo_handlers;

#endif
