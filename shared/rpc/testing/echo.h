/* echo: a service to test the runtime with; see echo.proto. */
#ifndef PEK_SHARED_RPC_TESTING_ECHO_H
#define PEK_SHARED_RPC_TESTING_ECHO_H

#include "echo.rpc.h"
#include "shared/rpc/rpc.h"

/* What the handlers did. `data` of rpc_host_add. */
struct echo_log {
    size_t handled;        /* handlers that began */
    size_t waiting;        /* handlers inside Wait or at the end of Count */
    size_t cancelled;      /* waits that a cancellation ended */
    size_t had;            /* objects that the caller of Read had */
    size_t sent;           /* messages of Count that were taken by the stream */
    enum status last_wait; /* how the last wait ended */
    struct fiber_event changed;
};

extern const struct testing_echo echo_handlers;

#endif
